//! `ltn run`: one command at one node, or at many.

use ltn::{Selector, Value, Whom};

use crate::args::{RunArgs, VisitArgs};
use crate::commands::many::{self, Deed};
use crate::commands::roll_call;
use crate::commands::visit::{Asking, Order, Visitor, visiting};
use crate::console;
use crate::settings;
use crate::trouble::{Ending, Trouble};

pub(crate) async fn perform(args: &RunArgs) -> Result<Ending, Trouble> {
    let (command, arguments) = command_of(args)?;
    let asking = asking(args.yes, &args.visit)?;
    let target = match console::selector(&args.target)? {
        Selector::One(target) => target,
        many @ Selector::Many(_) => {
            let what = (Deed { shown: &args.target, what: &command }, arguments);
            return visiting(&args.visit, "ltn run TARGET 's.info()'", async |visitor| {
                let ended = many::order(visitor, Whom::Fitting(many), what, asking).await;
                ended.map(|(ending, _)| ending)
            })
            .await;
        }
    };
    let order = Order { target, shown: args.target.clone(), command, arguments };
    visiting(&args.visit, "ltn run TARGET 's.info()'", async |visitor| {
        let value = visitor.order(&order, asking).await?;
        Ok(report(visitor, &order.shown, &value))
    })
    .await
}

/// What `--yes` means, which is only taken where somebody said in which network.
pub(crate) fn asking(yes: bool, visit: &VisitArgs) -> Result<Asking, Trouble> {
    if yes { settings::check_named(visit).map(|()| Asking::Skipped) } else { Ok(Asking::First) }
}

/// Shows the result of a command; a roll call decides how it ended.
pub(crate) fn report(visitor: &Visitor, from: &str, value: &Value) -> Ending {
    match roll_call::of_value(value) {
        Some(entries) => {
            visitor.output.roll_call(&entries, &roll_call::table(&entries));
            roll_call::ending(&entries)
        }
        None => {
            visitor.output.value(from, value);
            Ending::All
        }
    }
}

/// What to run, with what.
fn command_of(args: &RunArgs) -> Result<(String, Vec<Value>), Trouble> {
    if args.command.contains('(') {
        if !args.arguments.is_empty() {
            return Err(Trouble::usage(format!(
                "`{}` has its arguments in brackets, and more stand behind it",
                args.command
            )));
        }
        console::command(&args.command)
    } else {
        let arguments = args.arguments.iter().map(|word| console::argument(word)).collect();
        Ok((args.command.clone(), arguments))
    }
}
