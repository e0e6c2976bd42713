//! What people may do at a server that is started: from the command line or a network file.
//!
//! An admin key comes from a file, never from the command line, where every user of the machine
//! could read it.

use std::path::Path;

use ltn::{NodeBuilder, Permissions};

use crate::args::RightsArgs;
use crate::settings;
use crate::trouble::Trouble;

/// No key file is longer: it is one line.
const KEY_FILE_BYTES_MAX: u64 = 4 * 1024;

/// The builder with the rights that were asked for.
pub(crate) fn with_rights(builder: NodeBuilder, args: &RightsArgs) -> Result<NodeBuilder, Trouble> {
    let newcomers = args.newcomers.as_deref().map(|text| {
        settings::newcomers(text)
            .map_err(|why| Trouble::usage(format!("--newcomers {text}: {why}")))
    });
    given(builder, newcomers.transpose()?, args.admin_key_file.as_deref())
}

/// The builder with what stands in a network file.
pub(crate) fn given(
    builder: NodeBuilder,
    newcomers: Option<Permissions>,
    key_file: Option<&Path>,
) -> Result<NodeBuilder, Trouble> {
    let builder = match newcomers {
        Some(newcomers) => builder.newcomers(newcomers),
        None => builder,
    };
    match key_file {
        Some(file) => Ok(builder.admin_key(line_in(file, "admin key")?)),
        None => Ok(builder),
    }
}

/// What stands in a file that nobody else can read: its first and only line, a `what`.
pub(crate) fn line_in(file: &Path, what: &str) -> Result<String, Trouble> {
    let name = file.display();
    let broken = |error: std::io::Error| {
        Trouble::failed(format!("the {what} file {name} cannot be read: {error}"))
    };
    let facts = std::fs::metadata(file).map_err(broken)?;
    if is_open_to_others(&facts) {
        let text = format!("the {what} file {name} can be read by other users of this machine");
        return Err(Trouble::failed(text).hint(format!("chmod 600 {name}")));
    }
    if facts.len() > KEY_FILE_BYTES_MAX {
        return Err(Trouble::failed(format!("the {what} file {name} is too long for one line")));
    }
    let text = std::fs::read_to_string(file).map_err(broken)?;
    let line = text.trim_end_matches(['\r', '\n']);
    if line.is_empty() || line.contains(['\r', '\n']) {
        let text = format!("the {what} file {name} has to hold one line, the {what}");
        return Err(Trouble::failed(text));
    }
    Ok(line.to_owned())
}

#[cfg(unix)]
fn is_open_to_others(facts: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    facts.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
const fn is_open_to_others(_: &std::fs::Metadata) -> bool {
    false
}
