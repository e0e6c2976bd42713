//! `ltn invite` and `ltn replace`: one line that lets one machine in.

use std::time::Duration;

use fast_qr::QRBuilder;
use ltn::Value;

use crate::args::{InviteArgs, ReplaceArgs};
use crate::commands::members::in_secret;
use crate::output::Output;
use crate::settings;
use crate::trouble::{Ending, Trouble};

pub(crate) async fn perform(args: &InviteArgs) -> Result<Ending, Trouble> {
    let text = |value: &Option<String>| Value::from(value.as_deref().unwrap_or_default());
    let name = args.name.as_deref().map(settings::name).transpose()?;
    let arguments = vec![
        args.role.as_str().into(),
        name.map_or_else(String::new, |name| name.to_string()).into(),
        text(&args.under),
        seconds(settings::span(&args.ttl)?),
        args.admin.into(),
    ];
    let (output, value) = in_secret(&args.visit, "ltn invite", ("s.invite", arguments)).await?;
    show(output, &value, !args.no_qr)
}

pub(crate) async fn replace(args: &ReplaceArgs) -> Result<Ending, Trouble> {
    let arguments = vec![args.member.as_str().into(), seconds(settings::span(&args.ttl)?)];
    let (output, value) = in_secret(&args.visit, "ltn replace", ("s.replace", arguments)).await?;
    show(output, &value, !args.no_qr)
}

/// A time as commands take it.
pub(crate) fn seconds(time: Duration) -> Value {
    Value::from(time.as_secs().max(1))
}

fn show(output: Output, value: &Value, picture: bool) -> Result<Ending, Trouble> {
    let line = value.get("line").and_then(Value::as_text).unwrap_or_default();
    output.map(value, line);
    if picture && output.is_for_people() {
        // Capitals take less room in a QR code, and an invite does not mind.
        if let Ok(code) = QRBuilder::new(line.to_ascii_uppercase()).build() {
            output.remark(&code.to_str());
        }
        output.remark(
            "It is good once; who has it may join. On the other machine `ltn join` asks for it.",
        );
    }
    let remarks = value.get("remarks").and_then(Value::as_list).unwrap_or_default();
    remarks.iter().filter_map(Value::as_text).for_each(|remark| output.remark(remark));
    let addresses = value.get("addresses").and_then(Value::as_list).unwrap_or_default();
    if addresses.is_empty() {
        output.remark(
            "The main server has not run yet, so the line names no address: join with --to ADDR.",
        );
    }
    Ok(Ending::All)
}
