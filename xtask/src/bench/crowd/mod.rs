//! Members that ask their server while a crowd of strangers comes: to nobody, to somebody else on
//! the same machine, to the server itself.
//!
//! The crowd is that of `crates/ltn/tests/flood`, in a process of its own. What it costs at another
//! door, where each is hung up on, is what the machine itself costs: on two cores members and
//! strangers share them. The three circumstances take turns, so that a noisy machine is noisy to
//! all. This file has the members and the figures, `elsewhere.rs` the other processes.

mod elsewhere;
#[path = "../../../../crates/ltn/tests/flood/crowd.rs"]
mod strangers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ltn::{Address, Client, Credentials, MainServer, Network, Node, Role, join_network};
use tokio::task::JoinSet;

use super::compare::{Figure, ROUNDS, Row, Samples, Unit, median_of};
pub(super) use elsewhere::{be_the_crowd, hang_up};

/// So many members are connected and ask.
const MEMBERS: u32 = 100;
/// Each member asks this often.
const PAUSE: Duration = Duration::from_millis(100);
/// One more member comes in so long after the one before has left.
const ENTERS: Duration = Duration::from_millis(200);
/// How long one round is, with or without a crowd; each crowd is gone by then.
const ROUND: Duration = Duration::from_secs(9);
/// What members may wait with a crowd at the door, as a multiple of what they wait without one.
const GOAL: f64 = 2.0;

/// A server, its members, and one who comes while a crowd is there.
struct Household {
    main: Node,
    at: Address,
    members: Vec<Node>,
    late: Credentials,
}

impl Household {
    async fn new() -> Result<Self> {
        let network = Network::make()?;
        let main = MainServer::builder().port(0).without_data_socket().root_of(&network);
        let main = main.start().await?;
        main.offer("level", 40).await?;
        let at = main.address().context("a server has an address")?;
        let mut members = Vec::new();
        for number in 0..MEMBERS {
            let credentials = credentials(&network, &format!("lamp{number}"), &at).await?;
            members.push(enter(&credentials, &at).await?);
        }
        let late = credentials(&network, "late", &at).await?;
        Ok(Self { main, at, members, late })
    }

    /// What members wait for their answers, p50 and p99, and how long one takes to come in.
    async fn round(&self, crowd_at: Option<SocketAddr>) -> Result<Vec<f64>> {
        let crowd = crowd_at.map(elsewhere::send_crowd);
        let stop = Arc::new(AtomicBool::new(false));
        let mut asking = JoinSet::new();
        for (node, number) in self.members.iter().zip(0..) {
            asking.spawn(ask(node.clone(), PAUSE / MEMBERS * number, Arc::clone(&stop)));
        }
        let (start, mut entering) = (Instant::now(), Samples::new(ROUND));
        while start.elapsed() < ROUND {
            tokio::time::sleep(ENTERS).await;
            let comes = Instant::now();
            let node = enter(&self.late, &self.at).await?;
            entering.push(comes);
            node.shutdown().await;
        }
        stop.store(true, Ordering::Relaxed);
        let mut answers = Samples::new(ROUND);
        while let Some(asked) = asking.join_next().await {
            answers.add(asked??);
        }
        if let Some(crowd) = crowd {
            crowd.await??;
        }
        let mut figures = answers.p50_and_p99();
        figures.extend(entering.p50_and_p99());
        Ok(figures)
    }

    async fn stop(self) {
        for node in self.members {
            node.shutdown().await;
        }
        self.main.shutdown().await;
    }
}

async fn credentials(network: &Network, name: &str, by: &Address) -> Result<Credentials> {
    let hints = std::slice::from_ref(by);
    let invite = network.invite(Role::Client, Some(name), hints).await?;
    Ok(join_network(&invite, &[]).await?)
}

/// Comes in, as often as it has to be tried.
async fn enter(credentials: &Credentials, to: &Address) -> Result<Node> {
    let node = Client::builder("").member(credentials).start().await?;
    while node.connect(to).await.is_err() {}
    Ok(node)
}

/// Asks again and again until the sign to stop; members do not all ask at the same moment.
async fn ask(node: Node, later: Duration, stop: Arc<AtomicBool>) -> Result<Vec<Duration>> {
    tokio::time::sleep(later).await;
    let mut took = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        node.request("/", "level", ()).await.context("a member was not answered")?;
        took.push(start.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    Ok(took)
}

/// All three in turns, after a warm-up of each.
pub(super) async fn measure() -> Result<Vec<Row>> {
    let household = Household::new().await?;
    let other = elsewhere::OtherDoor::open()?;
    let door = household.at.socket_addr().context("it listens with TCP")?;
    let mut rounds = [None, Some(other.address()), Some(door)].map(|at| (at, Vec::new()));
    for round in 0..=ROUNDS {
        for (at, figures) in &mut rounds {
            let of_round = household.round(*at).await?;
            if round > 0 {
                figures.push(of_round);
            }
        }
    }
    household.stop().await;
    let [calm, elsewhere, here] = rounds.map(|(_, figures)| figures);
    let rows = [
        rows("calm, then a crowd elsewhere", &calm, &elsewhere, None),
        rows("calm, then a crowd at the door", &calm, &here, Some(GOAL)),
        rows("a crowd elsewhere, then here", &elsewhere, &here, None),
    ];
    Ok(rows.into_iter().flatten().collect())
}

fn rows(work: &'static str, before: &[Vec<f64>], then: &[Vec<f64>], goal: Option<f64>) -> Vec<Row> {
    let figures = [("p50", None), ("p99", goal), ("enter, p50", None), ("enter, p99", None)];
    let row = |(number, (name, goal))| Row {
        work,
        figure: Figure { name, unit: Unit::Seconds, goal },
        floor: median_of(before, number).unwrap_or(0.0),
        ours: median_of(then, number),
    };
    (0..).zip(figures).map(row).collect()
}
