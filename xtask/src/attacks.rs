//! The attacks of `attacks.toml`: whether each has its test, and whether that test fails without
//! the defence.
//!
//! It takes a defence out of a copy of the sources and runs the test there. It does not know what
//! an attack means.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::shell;

/// The list.
pub(crate) const LIST: &str = "xtask/attacks.toml";

/// What can be said about it.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only attacks with this in their words or in the name of their test
    containing: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    attack: Vec<Attack>,
}

/// One thing that somebody may try.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attack {
    /// In words.
    pub(crate) what: String,
    /// The test that tries it.
    pub(crate) test: String,
    /// The test that shows what a mind without the defence is caught by.
    pub(crate) mutant: Option<String>,
    /// What takes the defence out; more than one where two stand behind one another.
    #[serde(default)]
    pub(crate) without: Vec<Change>,
}

/// What a build without a defence is made by.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    /// Where the defence stands.
    pub(crate) file: String,
    /// The defence.
    pub(crate) find: String,
    /// What stands there without it.
    replace: String,
}

/// Reads the list.
pub(crate) fn read(text: &str) -> Result<Vec<Attack>> {
    let list: List = toml::from_str(text).context(LIST)?;
    Ok(list.attack)
}

/// Takes out one defence after the other; fails if a test passes without it.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let root = shell::root()?;
    let copy = root.join("target/attacks/copy");
    let sources = sources(&root)?;
    copy_sources(&root, &copy, &sources)?;
    let mut survived = Vec::new();
    let mut tried = 0;
    for attack in read(&fs::read_to_string(root.join(LIST))?)? {
        let wanted = |part: &String| attack.what.contains(part) || attack.test.contains(part);
        if attack.without.is_empty() || !arguments.containing.iter().all(wanted) {
            continue;
        }
        tried += 1;
        let mut before = Vec::new();
        for Change { file, find, replace } in &attack.without {
            let path = copy.join(file);
            let text = fs::read_to_string(&path).with_context(|| file.clone())?;
            fs::write(&path, text.replacen(find, replace, 1))?;
            before.push((path, text));
        }
        let manifest = manifest_of(&attack.test, &copy, &sources)?;
        let result = fails(&copy, &manifest, &attack.test);
        // The other way round, where two changes were made in one file.
        for (path, text) in before.into_iter().rev() {
            fs::write(path, text)?;
        }
        let fails = result.with_context(|| format!("without the defence: {}", attack.what))?;
        println!("{}: {}", attack.what, if fails { "noticed" } else { "NOT NOTICED" });
        if !fails {
            survived.push(attack.test);
        }
    }
    anyhow::ensure!(tried > 0, "no attack has that in its words");
    anyhow::ensure!(survived.is_empty(), "pass without the defence: {}", survived.join(", "));
    println!("{tried} tests fail where their defence is missing");
    Ok(())
}

/// What is under version control.
fn sources(root: &Path) -> Result<Vec<String>> {
    let listed = Command::new("git").current_dir(root).args(["ls-files", "-z"]).output()?;
    anyhow::ensure!(listed.status.success(), "git lists the sources");
    let listed = String::from_utf8(listed.stdout)?;
    Ok(listed.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

/// Copies it, as it is now.
fn copy_sources(root: &Path, copy: &Path, sources: &[String]) -> Result<()> {
    for path in sources {
        let (from, to) = (root.join(path), copy.join(path));
        let text = fs::read(&from).with_context(|| path.to_owned())?;
        // What is the same stays untouched, so that cargo builds only what changed.
        if fs::read(&to).is_ok_and(|there| there == text) {
            continue;
        }
        let folder: PathBuf = to.parent().context("a file lies in a folder")?.to_owned();
        fs::create_dir_all(folder)?;
        fs::write(&to, text)?;
    }
    Ok(())
}

/// The manifest of the crate that has this test: nothing that builds on it is built for it.
fn manifest_of(test: &str, copy: &Path, sources: &[String]) -> Result<String> {
    let begins = format!("fn {test}(");
    let has_it = |path: &&String| {
        path.ends_with(".rs")
            && fs::read_to_string(copy.join(path)).is_ok_and(|text| text.contains(&begins))
    };
    let path = sources.iter().find(has_it).with_context(|| format!("no test `{test}`"))?;
    let folders = if path.starts_with("crates/") { 2 } else { 1 };
    let folder: Vec<&str> = path.split('/').take(folders).collect();
    Ok(format!("{}/Cargo.toml", folder.join("/")))
}

/// Does this test fail? It is an error if it cannot be built, or if there is none.
fn fails(copy: &Path, manifest: &str, test: &str) -> Result<bool> {
    let all = ["--manifest-path", manifest, "--all-features", "--tests"];
    // Nobody measures anything here, and an optimised mind takes longer to build than to run.
    let quick = ["--config", "profile.dev.package.ltn-proto.opt-level=0"];
    let cargo = |more: &[&str]| -> Result<Command> {
        let mut cargo = shell::cargo(&[&quick[..], &["test", "--quiet"], &all, more].concat())?;
        cargo.current_dir(copy).env("RUSTFLAGS", "--cap-lints=allow");
        Ok(cargo)
    };
    shell::run(&mut cargo(&["--no-run"])?)?;
    let mut run = cargo(&["--no-fail-fast", "--", test])?;
    let output = run.stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let counts = |word: &str| -> usize {
        let numbers = text.lines().filter(|line| line.starts_with("test result"));
        let parts = numbers.flat_map(|line| line.split([';', '.']));
        parts.filter_map(|part| part.trim().strip_suffix(word)?.trim().parse::<usize>().ok()).sum()
    };
    anyhow::ensure!(counts("passed") + counts("failed") > 0, "there is no test `{test}`");
    Ok(counts("failed") > 0)
}
