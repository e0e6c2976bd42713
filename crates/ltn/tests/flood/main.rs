//! A crowd of strangers at the door of a network with members: those who are inside do not notice,
//! those who belong inside still get in, and nothing of the crowd stays in memory.
//!
//! This is a test program of its own, because it measures the memory of its whole process, members
//! and strangers included. How long members wait for answers meanwhile is printed, not judged:
//! `cargo test --workspace --all-features --release --test flood -- --nocapture`.
#![expect(clippy::unwrap_used, reason = "a step that fails ends the story where it happened")]
#![expect(clippy::print_stderr, reason = "the figures are for who looks for them")]

mod crowd;
mod memory;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ltn::{Address, Client, Credentials, Event, MainServer, Network, Node, Role, join_network};
use tokio::task::JoinSet;

const MEMBERS: usize = 100;
/// Each member asks this often.
const PAUSE: Duration = Duration::from_millis(100);
/// What the whole process may grow by while a crowd is there.
const GROWTH_MAX: usize = 64 * 1024 * 1024;
/// What a second crowd may add to what the first one needed. Allocators keep what they had for the
/// next time, so this shows that the first one's was given back.
const LEFT_MAX: usize = 8 * 1024 * 1024;
/// No step takes longer than this, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

async fn member(network: &Network, name: &str, by: &Address) -> Credentials {
    let hints = std::slice::from_ref(by);
    let invite = network.invite(Role::Client, Some(name), hints).await.unwrap();
    join_network(&invite, &[]).await.unwrap()
}

/// Comes in, as often as it has to be tried.
async fn client(credentials: &Credentials, to: &Address) -> Node {
    let node = Client::builder("").member(credentials).start().await.unwrap();
    while let Err(why) = node.connect(to).await {
        eprintln!("not yet: {why}");
    }
    node
}

/// Asks again and again until the sign to stop; says how long each answer took.
async fn ask(node: Node, stop: Arc<AtomicBool>) -> Vec<Duration> {
    let mut took = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        let answer = node.request("/", "level", ()).await;
        assert!(answer.is_ok(), "a member was not answered: {answer:?}");
        took.push(start.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    took
}

/// All members ask while this is done; says what 99 of 100 answers took at the most.
async fn while_asking(members: &[Node], work: impl Future<Output = ()>) -> Duration {
    let stop = Arc::new(AtomicBool::new(false));
    let mut asking = JoinSet::new();
    for node in members {
        asking.spawn(ask(node.clone(), Arc::clone(&stop)));
    }
    work.await;
    stop.store(true, Ordering::Relaxed);
    let mut took: Vec<Duration> = asking.join_all().await.into_iter().flatten().collect();
    took.sort();
    assert!(took.len() >= members.len(), "every member was answered");
    took[took.len() * 99 / 100]
}

/// The crowd comes and goes while all members ask and a late one comes in. Says how much memory was
/// in use at the most.
async fn crowd_comes(members: &[Node], late: &Credentials, at: &Address) -> usize {
    let peak = memory::Peak::watch();
    let (late, at) = (late.clone(), at.clone());
    let crowded = while_asking(members, async move {
        let enters = async {
            let start = Instant::now();
            let node = client(&late, &at).await;
            (node, start.elapsed())
        };
        let all = async { tokio::join!(crowd::come(at.socket_addr().unwrap()), enters) };
        let (came, (node, took)) = tokio::time::timeout(PATIENCE, all)
            .await
            .expect("the crowd has an end, and a member gets through it");
        eprintln!("{came}; a late member came through it in {took:?}");
        node.shutdown().await;
    });
    eprintln!("99 of 100 answers within {:?}, in the crowd", crowded.await);
    peak.stop()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_strangers_costs_members_nothing_and_leaves_nothing_behind() {
    let network = Network::make().unwrap();
    let main = MainServer::builder().port(0).without_data_socket().root_of(&network);
    let main = main.start().await.unwrap();
    main.offer("level", 40).await.unwrap();
    let at = main.address().unwrap();
    let mut members = Vec::new();
    for number in 0..MEMBERS {
        let credentials = member(&network, &format!("lamp{number}"), &at).await;
        members.push(client(&credentials, &at).await);
    }
    let late = member(&network, "late", &at).await;
    let mut events: Vec<_> = members.iter().map(Node::events).collect();

    let calm = async { tokio::time::sleep(Duration::from_secs(3)).await };
    let undisturbed = while_asking(&members, calm).await;
    eprintln!("99 of 100 answers within {undisturbed:?}, undisturbed");
    let before = memory::used();
    let first = crowd_comes(&members, &late, &at).await;
    assert!(first < before + GROWTH_MAX, "it grew from {before} to {first} bytes");
    let second = crowd_comes(&members, &late, &at).await;
    assert!(second < first + LEFT_MAX, "it grew from {first} to {second} bytes");
    eprintln!("memory: {before} bytes, at the most {first} in the crowd, {second} in another one");

    for events in &mut events {
        while let Ok(event) = events.try_recv() {
            assert!(!matches!(event, Event::Disconnected { .. }), "a member was lost: {event:?}");
        }
    }
    main.shutdown().await;
}
