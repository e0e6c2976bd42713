//! `ltn report`: how the last roll call ended, also where the main server did not live to tell.

use ltn::{StateError, Target, Value, inspect_state};

use crate::args::ReportArgs;
use crate::commands::roll_call;
use crate::commands::visit::{Asking, Order, visiting};
use crate::output::{Output, readable};
use crate::trouble::{Ending, Trouble};

pub(crate) async fn perform(args: &ReportArgs) -> Result<Ending, Trouble> {
    let beside = args.visit.state.as_ref().filter(|_| args.visit.to.is_none());
    if let Some(directory) = beside {
        match inspect_state(directory) {
            Ok(view) => return tell(Output::new(args.visit.json), view.report.as_ref()),
            // Its owner runs, and tells it himself.
            Err(StateError::InUse { .. }) => {}
            Err(error) => return Err(Trouble::state(&error)),
        }
    }
    let order = Order {
        target: if beside.is_some() { Target::Parent } else { Target::Root },
        shown: "the server".to_owned(),
        command: "s.report".to_owned(),
        arguments: Vec::new(),
    };
    visiting(&args.visit, "ltn report", async |visitor| {
        let value = visitor.order(&order, Asking::First).await?;
        tell(visitor.output, Some(&value))
    })
    .await
}

/// The report, and in words what is not known.
fn tell(output: Output, report: Option<&Value>) -> Result<Ending, Trouble> {
    let Some(report) = report else {
        return Err(Trouble::usage("this node has led no roll call that it remembers"));
    };
    let Some(entries) = roll_call::of_value(report) else {
        output.say(&readable(report));
        return Ok(Ending::Unknown);
    };
    output.roll_call(&entries, &roll_call::table(&entries));
    if let Some(text) = report.get("text") {
        output.remark(&text.to_string());
    }
    Ok(roll_call::ending(&entries))
}
