//! `ltn move`: a server or client goes below another server.

use ltn::{MovePlan, NodeId, Target, Value};

use crate::args::MoveArgs;
use crate::commands::run::asking;
use crate::commands::visit::{Order, Visitor, visiting};
use crate::console;
use crate::settings;
use crate::trouble::{Ending, Trouble};

pub(crate) async fn perform(args: &MoveArgs) -> Result<Ending, Trouble> {
    let (node, under) = (console::target(&args.target)?, console::target(&args.under)?);
    let return_after = args.return_after.as_deref().map(settings::span).transpose()?;
    visiting(&args.visit, "ltn move NODE --under SERVER", async |visitor| {
        let node = find(visitor, node, &args.target).await?;
        let under = find(visitor, under, &args.under).await?;
        if args.dry_run {
            return rehearse(visitor, (node, under), &args.target).await;
        }
        let mut arguments = vec![Value::from(under.to_string())];
        arguments.extend(return_after.map(|time| Value::from(time.as_secs_f64())));
        let order = Order {
            target: Target::Id(node),
            shown: args.target.clone(),
            command: "move".to_owned(),
            arguments,
        };
        let moved = visitor.order(&order, asking(args.yes)).await?;
        let text = moved.get("text").and_then(Value::as_text).unwrap_or("moved");
        let path = moved.get("path").cloned().unwrap_or(Value::Null);
        let fields =
            [("moved", Value::from(true)), ("id", node.to_string().into()), ("path", path)];
        visitor.output.tell(&fields, text);
        Ok(Ending::All)
    })
    .await
}

async fn find(visitor: &Visitor, target: Target, shown: &str) -> Result<NodeId, Trouble> {
    let found = visitor.within(visitor.node.locate(target)).await;
    found.map(|found| found.id).map_err(|error| Trouble::talk(shown, "move", &error))
}

/// Says what would change.
async fn rehearse(
    visitor: &Visitor,
    (node, under): (NodeId, NodeId),
    shown: &str,
) -> Result<Ending, Trouble> {
    let plan = visitor.within(visitor.node.plan_move(node, under)).await;
    let plan = plan.map_err(|error| Trouble::talk(shown, "move", &error))?;
    visitor.output.tell(&fields(&plan), &words(&plan));
    Ok(Ending::All)
}

fn words(plan: &MovePlan) -> String {
    let width = plan.places.iter().map(|(from, _)| from.to_string().chars().count()).max();
    let width = width.unwrap_or(0);
    let line = |(from, to): &(ltn::NodePath, ltn::NodePath)| {
        let (from, layers) = (from.to_string(), (from.layer(), to.layer()));
        format!("{from:<width$}  ->  {to}  (layer {} -> {})", layers.0, layers.1)
    };
    let all = 1 + plan.servers + plan.clients;
    let more = all.saturating_sub(plan.places.len() as u64);
    let mut lines: Vec<String> = plan.places.iter().map(line).collect();
    lines.extend((more > 0).then(|| format!("and {more} more")));
    lines.extend(plan.name_reason.clone());
    let what = if all == 1 { "1 node".to_owned() } else { format!("{all} nodes") };
    lines.push(format!("{what} would move; nothing was done"));
    lines.join("\n")
}

fn fields(plan: &MovePlan) -> Vec<(&'static str, Value)> {
    let pair = |(from, to): &(ltn::NodePath, ltn::NodePath)| {
        let pair = [("before", from.to_string()), ("after", to.to_string())];
        Value::map(pair.map(|(key, path)| (key, Value::from(path))))
    };
    vec![
        ("moved", false.into()),
        ("id", plan.node.to_string().into()),
        ("under", plan.under.to_string().into()),
        ("places", Value::list(plan.places.iter().map(pair))),
        ("servers", plan.servers.into()),
        ("clients", plan.clients.into()),
        ("name_reason", plan.name_reason.clone().into()),
    ]
}
