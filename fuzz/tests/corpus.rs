//! Every file of the corpus is tried on its target: what was found once stays found.

use std::fs;
use std::path::{Path, PathBuf};

use ltn_fuzz::{TARGETS, Target, recorded};
use ltn_proto::Kind;
use ltn_proto::sim::Mutant;

fn folder(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}

fn files(target: &Target) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder(target)).expect("each target has a folder in `corpus/`");
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.expect("it can be listed").path()).collect();
    files.sort();
    files
}

#[test]
fn every_target_comes_to_its_end_with_every_file_of_its_corpus() {
    for target in TARGETS {
        let files = files(&target);
        assert!(files.len() >= 5, "{} has {} files only", target.name, files.len());
        for file in files {
            let data = fs::read(&file).expect("it can be read");
            let tried = std::panic::catch_unwind(|| (target.run)(&data));
            assert!(tried.is_ok(), "{} broke on {}", target.name, file.display());
        }
    }
}

#[test]
fn no_folder_of_the_corpus_is_without_a_target() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for entry in fs::read_dir(corpus).expect("there is a corpus") {
        let name = entry.expect("it can be listed").file_name();
        assert!(Target::named(name.to_str().expect("a plain name")).is_some(), "{name:?}");
    }
}

/// Recordings of an older wire would stop at the first hello and try nothing behind it.
#[test]
fn what_honest_minds_say_gets_through_to_the_program() {
    let heard = recorded().into_iter().filter(|(_, tape)| ltn_fuzz::is_heard(tape)).count();
    assert!(heard >= 6, "only {heard} recordings reach the program");
}

/// A sequence in which nothing is run would try nothing behind the first word.
#[test]
fn what_an_admin_gives_is_run_in_sequences_of_the_corpus() {
    let files = files(&Target::named("commands").expect("it is there"));
    let sequences = files.iter().map(|file| fs::read(file).expect("it can be read"));
    let run = sequences.filter(|data| ltn_fuzz::commands_played(data, None).ran > 0).count();
    assert!(run >= 8, "only {run} sequences run anything");
}

/// What never arrives is never changed either.
#[test]
fn goodbyes_and_copies_of_the_audit_log_arrive_in_sequences_of_the_corpus() {
    let files = files(&Target::named("commands").expect("it is there"));
    let sequences = files.iter().map(|file| fs::read(file).expect("it can be read"));
    let heard: Vec<_> =
        sequences.map(|data| ltn_fuzz::commands_played(&data, None).heard).collect();
    for kind in [Kind::ORDER, Kind::ORDER_GO, Kind::ORDER_REPORT, Kind::FAREWELL, Kind::AUDIT] {
        let times = heard.iter().filter(|heard| heard.contains(&kind.0)).count();
        assert!(times >= 3, "{kind:?} arrives in {times} sequences");
    }
}

/// Promises that hold whatever is done would be none.
#[test]
fn a_mind_that_lacks_a_defence_is_caught_by_sequences_of_the_corpus() {
    let files = files(&Target::named("commands").expect("it is there"));
    for mutant in [Mutant::NoNonceCheck, Mutant::NoProofCheck] {
        let caught = files.iter().filter(|file| {
            let data = fs::read(file).expect("it can be read");
            std::panic::catch_unwind(|| ltn_fuzz::commands_played(&data, Some(mutant))).is_err()
        });
        assert!(caught.count() >= 1, "{mutant:?} got away");
    }
}

/// After the wire has changed: `LTN_RECORD=1 cargo test --package ltn-fuzz --all-features`.
#[test]
fn recordings_are_in_the_corpus() {
    let targets = ["members", "strangers"].map(|name| Target::named(name).expect("it is there"));
    for (name, tape) in recorded() {
        for target in targets {
            let file = folder(&target).join(format!("recorded-{name}"));
            if std::env::var_os("LTN_RECORD").is_some() {
                fs::create_dir_all(folder(&target)).expect("it can be made");
                fs::write(&file, &tape).expect("it can be written");
            }
            (target.run)(&tape);
            assert!(file.exists(), "{} is missing: record anew", file.display());
        }
    }
}
