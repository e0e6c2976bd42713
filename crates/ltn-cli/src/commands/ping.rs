//! `ltn ping`: round trips to a node, over as many servers as lie between.

use std::time::{Duration, Instant};

use ltn::{Selector, Target, Value};

use crate::args::PingArgs;
use crate::commands::many::{self, Deed};
use crate::commands::visit::{Visitor, visiting};
use crate::console;
use crate::trouble::{Ending, Trouble};

/// The pause between two pings.
const PAUSE: Duration = Duration::from_millis(200);

pub(crate) async fn perform(args: &PingArgs) -> Result<Ending, Trouble> {
    let whom = console::selector(&args.target)?;
    visiting(&args.visit, "ltn ping TARGET", async |visitor| match whom {
        Selector::One(target) => ping_one(visitor, args, target).await,
        many @ Selector::Many(_) => {
            let gather = visitor.node.gather(many).within(visitor.timeout());
            let begun = gather.request("PING", Value::Null).await;
            many::tell(visitor, Deed { shown: &args.target, what: "the ping" }, begun).await
        }
    })
    .await
}

async fn ping_one(visitor: &Visitor, args: &PingArgs, target: Target) -> Result<Ending, Trouble> {
    // Finding the way is not part of the round trip.
    let found = visitor.within(visitor.node.locate(target)).await;
    let found = found.map_err(|error| Trouble::talk(&args.target, "the ping", &error))?;
    let mut times = Vec::new();
    let mut last_error = None;
    for number in 1..=args.count {
        if number > 1 {
            tokio::time::sleep(PAUSE).await;
        }
        let start = Instant::now();
        let reply = visitor.node.request_within(visitor.timeout(), found.id, "PING", Value::Null);
        match reply.await {
            Ok(_) => {
                times.push(start.elapsed());
                one(visitor, &args.target, number, start.elapsed());
            }
            Err(error) => {
                let trouble = Trouble::talk(&args.target, &format!("ping {number}"), &error);
                visitor.output.remark(&trouble.what);
                last_error = Some(trouble);
            }
        }
    }
    match last_error {
        Some(trouble) if times.is_empty() => Err(trouble),
        lost => {
            summary(visitor, &args.target, args.count, &times);
            Ok(if lost.is_none() { Ending::All } else { Ending::Some })
        }
    }
}

fn one(visitor: &Visitor, target: &str, number: u32, time: Duration) {
    visitor.output.tell(
        &[
            ("target", target.into()),
            ("number", Value::from(i64::from(number))),
            ("round_trip_ms", Value::from(milliseconds(time))),
        ],
        &format!("{target} answered in {:.3} ms", milliseconds(time)),
    );
}

fn summary(visitor: &Visitor, target: &str, sent: u32, times: &[Duration]) {
    let (Some(least), Some(most)) = (times.iter().min(), times.iter().max()) else { return };
    let mut sorted = times.to_vec();
    sorted.sort();
    let middle = sorted[sorted.len() / 2];
    visitor.output.tell(
        &[
            ("target", target.into()),
            ("sent", Value::from(i64::from(sent))),
            ("answered", times.len().into()),
            ("least_ms", milliseconds(*least).into()),
            ("median_ms", milliseconds(middle).into()),
            ("most_ms", milliseconds(*most).into()),
        ],
        &format!(
            "{} of {sent} answered; least {:.3}, median {:.3}, most {:.3} ms",
            times.len(),
            milliseconds(*least),
            milliseconds(middle),
            milliseconds(*most)
        ),
    );
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
