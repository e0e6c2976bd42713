//! `ltn run`: one command at one node.

use ltn::Value;

use crate::args::RunArgs;
use crate::commands::roll_call;
use crate::commands::visit::{Asking, Order, Visitor, visiting};
use crate::console;
use crate::trouble::{Ending, Trouble};

pub(crate) async fn perform(args: &RunArgs) -> Result<Ending, Trouble> {
    let order = order_of(args)?;
    visiting(&args.visit, "ltn run TARGET 's.info()'", async |visitor| {
        let value = visitor.order(&order, asking(args.yes)).await?;
        Ok(report(visitor, &order.shown, &value))
    })
    .await
}

/// What `--yes` means.
pub(crate) const fn asking(yes: bool) -> Asking {
    if yes { Asking::Skipped } else { Asking::First }
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

fn order_of(args: &RunArgs) -> Result<Order, Trouble> {
    let (command, arguments) = if args.command.contains('(') {
        if !args.arguments.is_empty() {
            return Err(Trouble::usage(format!(
                "`{}` has its arguments in brackets, and more stand behind it",
                args.command
            )));
        }
        console::command(&args.command)?
    } else {
        let arguments = args.arguments.iter().map(|word| console::argument(word)).collect();
        (args.command.clone(), arguments)
    };
    let target = console::target(&args.target)?;
    Ok(Order { target, shown: args.target.clone(), command, arguments })
}
