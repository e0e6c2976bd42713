//! Logs as files: lines, rotation, and names that stay in their directory.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::notice::NoticeKind;

/// A directory of one test, gone with it.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("ltn-log-file-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // A directory that stays behind spoils no test.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn notice(number: u64, text: &str) -> Notice {
    Notice {
        number,
        time: UNIX_EPOCH + Duration::from_millis(1_500),
        kind: NoticeKind::Message,
        from: Some("/sub1".to_owned()),
        text: text.to_owned(),
    }
}

fn numbers(path: &Path) -> Vec<u64> {
    let text = fs::read_to_string(path).unwrap();
    let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    text.lines().map(|text| line(text)["number"].as_u64().unwrap()).collect()
}

#[test]
fn a_line_is_one_json_object_whatever_is_in_it() {
    let line = json(&notice(7, "say \"hi\"\\ ä\n{"));
    assert_eq!(
        line,
        "{\"time\":\"1970-01-01T00:00:01.500Z\",\"number\":7,\"kind\":\"message\",\
         \"from\":\"/sub1\",\"text\":\"say \\\"hi\\\"\\\\ ä\\n{\"}\n"
    );
    let own = json(&Notice { from: None, ..notice(8, "x") });
    assert!(!own.contains("from"), "{own}");
}

#[test]
fn a_log_goes_on_where_it_was() {
    let directory = Directory::new();
    let path = directory.file("log");
    LogFile::open(&path, FILE_BYTES_MAX).unwrap().write(&[notice(1, "a")]).unwrap();
    let mut again = LogFile::open(&path, FILE_BYTES_MAX).unwrap();
    again.write(&[notice(2, "b"), notice(3, "c")]).unwrap();
    again.write(&[]).unwrap();
    assert_eq!(numbers(&path), [1, 2, 3]);
}

#[test]
fn a_full_file_becomes_an_older_one_and_the_oldest_goes() {
    let directory = Directory::new();
    let path = directory.file("log");
    let two_lines = 2 * json(&notice(1, "a")).len() as u64;
    let mut log = LogFile::open(&path, two_lines).unwrap();
    let all: Vec<Notice> = (1..=9).map(|number| notice(number, "a")).collect();
    log.write(&all[..5]).unwrap();
    assert_eq!(numbers(&path), [5]);
    log.write(&all[5..]).unwrap();
    assert_eq!(directory.names(), ["log", "log.1", "log.2", "log.3"]);
    assert_eq!(numbers(&path), [9]);
    assert_eq!(numbers(&directory.file("log.1")), [7, 8]);
    assert_eq!(numbers(&directory.file("log.3")), [3, 4]);
}

#[test]
fn a_line_that_is_larger_than_a_file_has_one_for_itself() {
    let directory = Directory::new();
    let path = directory.file("log");
    let mut log = LogFile::open(&path, 10).unwrap();
    log.write(&[notice(1, "a"), notice(2, "b")]).unwrap();
    assert_eq!((numbers(&directory.file("log.1")), numbers(&path)), (vec![1], vec![2]));
}

#[test]
fn a_log_is_stored_once_under_one_name() {
    let directory = Directory::new();
    store(&directory.0, "monday.jsonl", &[notice(1, "a"), notice(2, "b")]).unwrap();
    let error = store(&directory.0, "monday.jsonl", &[]).unwrap_err();
    assert!(error.contains("already"), "{error}");
    assert_eq!(numbers(&directory.file("monday.jsonl")), [1, 2]);
    assert!(store(&directory.file("nowhere"), "x", &[]).is_err());
}

#[test]
fn a_name_leads_nowhere() {
    let directory = Directory::new();
    let long = "x".repeat(NAME_BYTES_MAX + 1);
    for bad in [
        "", ".", "..", "../x", "/etc/x", "a/b", "a\\b", "..\\x", "C:x", "x:stream", ".hidden",
        "-x", "a..b", "x.", "a b", "nul", "COM1.txt", "x\0", "ä", "x\n", &long,
    ] {
        let error = store(&directory.0, bad, &[]).unwrap_err();
        assert!(error.contains("not by path"), "{bad}: {error}");
    }
    assert!(directory.names().is_empty());
    for good in ["log", "sub1-2026-01-01.jsonl", "COMMON", "_x", "COM10"] {
        store(&directory.0, good, &[]).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn logs_are_the_owners_own_and_links_are_not_followed() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let directory = Directory::new();
    store(&directory.0, "log", &[]).unwrap();
    let mode = fs::metadata(directory.file("log")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    symlink(directory.file("elsewhere"), directory.file("link")).unwrap();
    assert!(store(&directory.0, "link", &[]).is_err());
    assert!(!directory.file("elsewhere").exists());
}
