//! Hostile bytes, more of them than the ordinary test run tries: libFuzzer on the stable compiler.
//!
//! It knows how the driver is built and where corpora are. It does not know what a target does.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell;

/// The compiler counts which edges of the program an input passes; that is all that libFuzzer needs
/// (`clang`'s `-fsanitize-coverage=inline-8bit-counters,pc-table,trace-cmp`).
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Ccodegen-units=1 --cfg fuzzing";
/// Longer inputs find little that shorter ones do not.
const BYTES_MAX: usize = 4_096;
/// No input may take longer than this, in seconds, or more memory, in MiB.
const LIMITS: (u32, u32) = (5, 512);

/// Targets of which one input passes so many edges that libFuzzer, which weighs inputs by how rare
/// theirs are, is busier with that than with trying them.
const UNWEIGHED: [&str; 1] = ["commands"];

/// What can be said about it.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The targets; all of them if none is named
    targets: Vec<String>,
    /// How many inputs to try on each
    #[arg(long, default_value_t = 100_000)]
    runs: u64,
    /// Stop with each after so many seconds
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Put what passes new edges into the corpus, as few and as short inputs as possible
    #[arg(long)]
    keep: bool,
}

/// Tries them; what breaks a target is written to `target/fuzz/found/`, and fails the run.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let root = shell::root()?;
    let (corpus, work) = (root.join("fuzz/corpus"), root.join("target/fuzz"));
    let driver = build()?;
    let names =
        if arguments.targets.is_empty() { all(&corpus)? } else { arguments.targets.clone() };
    for name in names {
        let (grown, found) = (work.join("grown").join(&name), work.join("found").join(&name));
        std::fs::create_dir_all(&grown)?;
        std::fs::create_dir_all(&found)?;
        println!("{name}: {} inputs, {} s at the most", arguments.runs, arguments.seconds);
        let mut fuzz = Command::new(&driver);
        fuzz.env("LTN_FUZZ_TARGET", &name)
            .args([format!("-runs={}", arguments.runs), "-print_final_stats=1".to_owned()])
            .args([format!("-max_total_time={}", arguments.seconds), "-verbosity=0".to_owned()])
            .args([format!("-max_len={BYTES_MAX}"), format!("-timeout={}", LIMITS.0)])
            .args([format!("-rss_limit_mb={}", LIMITS.1)])
            .arg(format!("-artifact_prefix={}/", found.display()))
            .arg(format!("-entropic={}", u8::from(!UNWEIGHED.contains(&name.as_str()))))
            .args([&grown, &corpus.join(&name)]);
        shell::run(&mut fuzz).with_context(|| format!("{name}: see {}", found.display()))?;
        if arguments.keep {
            let mut merge = Command::new(&driver);
            merge
                .env("LTN_FUZZ_TARGET", &name)
                .args(["-merge=1", "-verbosity=0", &format!("-max_len={BYTES_MAX}")])
                .args([&corpus.join(&name), &grown]);
            shell::run(&mut merge)?;
        }
    }
    Ok(())
}

fn all(corpus: &std::path::Path) -> Result<Vec<String>> {
    let entries = corpus.read_dir().with_context(|| format!("reading {}", corpus.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn build() -> Result<PathBuf> {
    let target = shell::root()?.join("target/fuzz/build");
    let manifest = shell::root()?.join("fuzz/driver/Cargo.toml");
    let mut cargo = shell::cargo(&["build", "--quiet", "--release", "--manifest-path"])?;
    cargo.arg(manifest).arg("--target-dir").arg(&target);
    // Build scripts and the macros of the compiler's own process are not to be counted.
    cargo.args(["--target", &host()?]).env("RUSTFLAGS", COVERAGE);
    shell::run(&mut cargo).context("building the driver; it needs a C++ compiler")?;
    Ok(target.join(host()?).join("release/ltn-fuzz-driver"))
}

/// The machine that this compiler builds for.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("asking rustc for its host")?;
    let text = String::from_utf8(output.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc tells its host")
}
