//! The list of what is measured, with its goals, and the run through it.

use std::process::{Command, Stdio};

use anyhow::Result;
use clap::ValueEnum;
use tokio::runtime::{Builder, Runtime};

use super::compare::{Contestant, Figure, Row, Unit, compare};
use super::{Arguments, Work, crowd, floor, listing, ours, table};
use crate::shell;

/// What a request carries.
const REQUEST_BYTES: u32 = 64;
/// What a one-way message carries.
const MESSAGE_BYTES: u32 = 128;
/// How many requests are under way where there are many.
const IN_FLIGHT: usize = 64;
/// How many relays three servers are: below one, the root, below the other.
const SERVERS_BETWEEN: usize = 3;
/// How many clients each server of a list has.
const CLIENTS_EACH: usize = 10;
/// How long a stream is.
const STREAM_BYTES: usize = 256 * 1024 * 1024;
/// How many threads there are; the figures in docs/benchmarks.md are for two.
const THREADS: usize = 2;

const fn figure(name: &'static str, unit: Unit, goal: Option<f64>) -> Figure {
    Figure { name, unit, goal }
}

/// Nobody: for what this product cannot do, or shall not be measured at.
struct Nobody;

impl Contestant for Nobody {
    async fn round(&mut self, _: std::time::Duration) -> Result<Vec<f64>> {
        anyhow::bail!("nobody works here")
    }
}

/// Measures what was asked for and prints it.
pub(super) fn measure(arguments: Arguments) -> Result<()> {
    if let Some(to) = arguments.crowd_to {
        return crowd::be_the_crowd(to);
    }
    if arguments.hang_up {
        return crowd::hang_up();
    }
    let works = chosen(&arguments);
    let rows = run(runtime(arguments.pinned)?, works.clone(), &arguments)?;
    if arguments.json {
        table::print_json(arguments.pinned, &rows);
    } else {
        let title = if arguments.pinned { "pinned to one core" } else { "on two threads" };
        table::print(title, &rows);
    }
    if !arguments.pinned {
        measure_pinned(&works, &arguments)?;
        if !arguments.json {
            let typed = std::env::args().skip(1).collect::<Vec<_>>();
            println!("\nagain with: cargo xtask {}", typed.join(" "));
        }
    }
    Ok(())
}

fn chosen(arguments: &Arguments) -> Vec<Work> {
    if arguments.works.is_empty() {
        Work::value_variants().to_vec()
    } else {
        arguments.works.clone()
    }
}

fn runtime(pinned: bool) -> Result<Runtime> {
    let threads = if pinned { 1 } else { THREADS };
    Ok(Builder::new_multi_thread().worker_threads(threads).enable_all().build()?)
}

fn run(runtime: Runtime, works: Vec<Work>, arguments: &Arguments) -> Result<Vec<Row>> {
    let (seconds, with_ours) = (arguments.seconds, !arguments.floors_only);
    // The callers run where the `main` of an ordinary program runs, beside the workers.
    runtime.block_on(async move {
        let bench = Bench { seconds, with_ours };
        let mut rows = Vec::new();
        for work in works {
            eprintln!("measuring {work:?}");
            rows.extend(bench.work(work).await?);
        }
        Ok(rows)
    })
}

/// Round trips are mostly wake-ups of another core; pinned to one they show the work itself.
fn measure_pinned(works: &[Work], arguments: &Arguments) -> Result<()> {
    let is_round_trip = |work: &&Work| matches!(work, Work::Request | Work::RequestFar);
    let round_trips = works.iter().filter(is_round_trip);
    let names: Vec<_> = round_trips.filter_map(ValueEnum::to_possible_value).collect();
    let taskset = Command::new("taskset").arg("--version").stdout(Stdio::null()).status();
    if names.is_empty() || !taskset.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", "0"]).arg(std::env::current_exe()?).args(["bench", "--pinned"]);
    command.args(["--seconds", &arguments.seconds.to_string()]);
    command.args(arguments.json.then_some("--json"));
    command.args(arguments.floors_only.then_some("--floors-only"));
    command.args(names.iter().map(clap::builder::PossibleValue::get_name));
    shell::run(&mut command)
}

struct Bench {
    seconds: f64,
    with_ours: bool,
}

impl Bench {
    async fn work(&self, work: Work) -> Result<Vec<Row>> {
        match work {
            Work::Request => self.request("request 64 B", 0, 1.4).await,
            Work::RequestFar => {
                self.request("request over three servers", SERVERS_BETWEEN, 1.3).await
            }
            Work::Flight => self.flight("64 in flight", 0).await,
            Work::FlightFar => {
                self.flight("64 in flight over three servers", SERVERS_BETWEEN).await
            }
            Work::OneWay => self.one_way().await,
            Work::Connect => self.connect().await,
            Work::Stream => self.stream().await,
            Work::Listing => self.listing().await,
            Work::Crowd => self.crowd().await,
        }
    }

    async fn asking(&self, relays: usize) -> Result<Option<ours::Asking>> {
        Ok(match (self.with_ours, relays) {
            (false, _) => None,
            (true, 0) => Some(ours::Asking::near(REQUEST_BYTES as usize).await?),
            (true, _) => Some(ours::Asking::far(REQUEST_BYTES as usize).await?),
        })
    }

    async fn request(&self, name: &'static str, relays: usize, goal: f64) -> Result<Vec<Row>> {
        let figures =
            [figure("p50", Unit::Seconds, Some(goal)), figure("p99", Unit::Seconds, None)];
        let mut floor = floor::RoundTrip::new(relays, REQUEST_BYTES).await?;
        let mut ours = self.asking(relays).await?.map(ours::OneRequest);
        let rows = compare(name, &figures, self.seconds, &mut floor, &mut ours).await?;
        if let Some(ours) = ours {
            ours.0.stop().await;
        }
        Ok(rows)
    }

    async fn flight(&self, name: &'static str, relays: usize) -> Result<Vec<Row>> {
        let figures = [figure("rate", Unit::PerSecond, Some(0.5))];
        let mut floor = floor::InFlight::new(relays, REQUEST_BYTES, IN_FLIGHT).await?;
        let asking = self.asking(relays).await?;
        let mut ours = asking.map(|asking| ours::ManyRequests { asking, in_flight: IN_FLIGHT });
        let rows = compare(name, &figures, self.seconds, &mut floor, &mut ours).await?;
        if let Some(ours) = ours {
            ours.asking.stop().await;
        }
        Ok(rows)
    }

    async fn one_way(&self) -> Result<Vec<Row>> {
        let rate = figure("delivered", Unit::PerSecond, None);
        let figures = [rate, figure("lost", Unit::Share, None)];
        let mut floor = floor::OneWay::new(MESSAGE_BYTES, floor::Writes::Batched).await?;
        let mut ours = None;
        if self.with_ours {
            ours = Some(ours::Casting::new(MESSAGE_BYTES as usize).await?);
        }
        let name = "one-way 128 B, batched writes";
        let mut rows = compare(name, &figures, self.seconds, &mut floor, &mut ours).await?;
        if let Some(ours) = ours {
            ours.stop().await;
        }
        let mut floor = floor::OneWay::new(MESSAGE_BYTES, floor::Writes::Single).await?;
        let name = "one-way 128 B, one write each";
        let nobody = &mut None::<Nobody>;
        let mut single = compare(name, &[rate], self.seconds, &mut floor, nobody).await?;
        // Ours is the same whatever it is compared with.
        if let (Some(single), Some(batched)) = (single.first_mut(), rows.first()) {
            single.ours = batched.ours;
        }
        rows.extend(single);
        Ok(rows)
    }

    async fn connect(&self) -> Result<Vec<Row>> {
        let figures = [figure("p50", Unit::Seconds, Some(2.5)), figure("p99", Unit::Seconds, None)];
        let mut floor = floor::Connecting::new().await?;
        let mut ours = None;
        if self.with_ours {
            ours = Some(ours::Joining::new().await?);
        }
        let name = "connect and register";
        let rows = compare(name, &figures, self.seconds, &mut floor, &mut ours).await?;
        if let Some(ours) = ours {
            ours.stop().await;
        }
        Ok(rows)
    }

    async fn listing(&self) -> Result<Vec<Row>> {
        let figures = [figure("p50", Unit::Seconds, Some(1.0))];
        let sizes = [("list of 10 x 10", 10, 1), ("list of 1,000 x 10", 1_000, 50)];
        let mut rows = Vec::new();
        for (name, servers, milliseconds) in sizes {
            let mut budget = listing::Budget(std::time::Duration::from_millis(milliseconds));
            let mut ours = None;
            if self.with_ours {
                ours = Some(listing::Listing::new(servers, CLIENTS_EACH).await?);
            }
            rows.extend(compare(name, &figures, self.seconds, &mut budget, &mut ours).await?);
            if let Some(ours) = ours {
                ours.stop().await;
            }
        }
        Ok(rows)
    }

    /// There is no floor of it: nothing bare has members.
    async fn crowd(&self) -> Result<Vec<Row>> {
        if self.with_ours { crowd::measure().await } else { Ok(Vec::new()) }
    }

    async fn stream(&self) -> Result<Vec<Row>> {
        let figures = [figure("rate", Unit::BytesPerSecond, Some(0.8))];
        let mut rows = Vec::new();
        for (name, piece) in [("256 MiB by 64 KiB", 64 * 1024), ("256 MiB by 1 MiB", 1024 * 1024)] {
            let mut floor = floor::Streaming::new(STREAM_BYTES, piece).await?;
            let mut ours = None;
            if self.with_ours {
                ours = Some(ours::Streaming::new(STREAM_BYTES, piece).await?);
            }
            rows.extend(compare(name, &figures, self.seconds, &mut floor, &mut ours).await?);
            if let Some(ours) = ours {
                ours.stop().await;
            }
        }
        Ok(rows)
    }
}
