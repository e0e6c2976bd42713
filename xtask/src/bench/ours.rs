//! This product at the same work, through its public interface alone, in the open mode.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use ltn::{Address, Client, DataStream, MainServer, Node, NodeId, SubServer, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::compare::{Contestant, Samples};

/// What the requestable that sends its argument back is called.
const ECHO: &str = "echo";
/// When nothing came for so long, nothing more comes.
const SILENCE: Duration = Duration::from_millis(250);
/// Some port that is free.
const ANY_PORT: u16 = 0;

async fn main_server() -> Result<Node> {
    let builder = MainServer::builder().open().port(ANY_PORT).without_data_socket();
    Ok(builder.start().await?)
}

async fn sub_server(name: &str, above: &Node) -> Result<Node> {
    let builder = SubServer::builder(name).open().port(ANY_PORT).without_data_socket();
    joined(builder.start().await?, above).await
}

async fn client(name: &str, above: &Node) -> Result<Node> {
    joined(Client::builder(name).open().start().await?, above).await
}

async fn joined(node: Node, above: &Node) -> Result<Node> {
    node.connect(&address(above)?).await?;
    Ok(node)
}

fn address(server: &Node) -> Result<Address> {
    server.address().context("a server has an address")
}

async fn echo_at(node: &Node) -> Result<()> {
    node.handle(ECHO, |question| async move { Ok(question.argument) }).await?;
    Ok(())
}

/// Somebody who asks and somebody who answers, and the servers in between.
pub(super) struct Asking {
    asker: Node,
    answerer: NodeId,
    argument: Value,
    /// Everybody, those above first.
    nodes: Vec<Node>,
}

impl Asking {
    /// A client that asks its server.
    pub(super) async fn near(payload_bytes: usize) -> Result<Self> {
        let main = main_server().await?;
        let asker = client("asker", &main).await?;
        Self::between(asker.clone(), &main, vec![main.clone(), asker], payload_bytes).await
    }

    /// A client below one sub-server that asks a client below another.
    pub(super) async fn far(payload_bytes: usize) -> Result<Self> {
        let main = main_server().await?;
        let (left, right) = (sub_server("left", &main).await?, sub_server("right", &main).await?);
        let asker = client("asker", &left).await?;
        let answerer = client("answerer", &right).await?;
        let nodes = vec![main, left, right, asker.clone(), answerer.clone()];
        Self::between(asker, &answerer, nodes, payload_bytes).await
    }

    async fn between(
        asker: Node,
        answerer: &Node,
        nodes: Vec<Node>,
        payload_bytes: usize,
    ) -> Result<Self> {
        echo_at(answerer).await?;
        let argument = Value::Bytes(vec![0x5a; payload_bytes]);
        Ok(Self { asker, answerer: answerer.id(), argument, nodes })
    }

    async fn ask(asker: &Node, answerer: NodeId, argument: &Value) -> Result<()> {
        let answer = asker.request(answerer, ECHO, argument.clone()).await?;
        anyhow::ensure!(answer == *argument, "another value came back");
        Ok(())
    }

    /// Stops everybody, those below first.
    pub(super) async fn stop(self) {
        for node in self.nodes.iter().rev() {
            node.shutdown().await;
        }
    }
}

/// One request at a time.
pub(super) struct OneRequest(pub(super) Asking);

impl Contestant for OneRequest {
    async fn round(&mut self, length: Duration) -> Result<Vec<f64>> {
        let Asking { asker, answerer, argument, .. } = &self.0;
        let mut samples = Samples::new(length);
        while samples.wants_more() {
            let start = Instant::now();
            Asking::ask(asker, *answerer, argument).await?;
            samples.push(start);
        }
        Ok(samples.p50_and_p99())
    }
}

/// So many callers at once, each with one request at a time.
pub(super) struct ManyRequests {
    pub(super) asking: Asking,
    pub(super) in_flight: usize,
}

impl Contestant for ManyRequests {
    async fn round(&mut self, length: Duration) -> Result<Vec<f64>> {
        let start = Instant::now();
        let mut callers = JoinSet::new();
        for _ in 0..self.in_flight {
            let (asker, answerer) = (self.asking.asker.clone(), self.asking.answerer);
            let argument = self.asking.argument.clone();
            callers.spawn(async move {
                let mut done = 0_u64;
                while start.elapsed() < length {
                    Asking::ask(&asker, answerer, &argument).await?;
                    done += 1;
                }
                anyhow::Ok(done)
            });
        }
        let mut done = 0;
        while let Some(caller) = callers.join_next().await {
            done += caller??;
        }
        Ok(vec![done as f64 / start.elapsed().as_secs_f64()])
    }
}

/// A client that sends messages to its server without acknowledgement.
pub(super) struct Casting {
    sender: Node,
    receiver: Node,
    message: Bytes,
    delivered: Arc<AtomicU64>,
}

impl Casting {
    pub(super) async fn new(payload_bytes: usize) -> Result<Self> {
        let receiver = main_server().await?;
        let sender = client("sender", &receiver).await?;
        let inbox = receiver.messages().context("nobody else took the messages")?;
        let delivered = Arc::new(AtomicU64::new(0));
        tokio::spawn(count(inbox, delivered.clone()));
        Ok(Self { sender, receiver, message: vec![0x5a; payload_bytes].into(), delivered })
    }

    /// Waits until nothing more comes; since when that is.
    async fn until_silent(&self) -> Instant {
        let mut last = (self.delivered.load(Ordering::Relaxed), Instant::now());
        while last.1.elapsed() < SILENCE {
            tokio::time::sleep(SILENCE / 50).await;
            let delivered = self.delivered.load(Ordering::Relaxed);
            if delivered != last.0 {
                last = (delivered, Instant::now());
            }
        }
        last.1
    }

    /// Stops both.
    pub(super) async fn stop(self) {
        self.sender.shutdown().await;
        self.receiver.shutdown().await;
    }
}

async fn count(mut inbox: mpsc::Receiver<ltn::Message>, delivered: Arc<AtomicU64>) {
    let mut messages = Vec::new();
    loop {
        let count = inbox.recv_many(&mut messages, 1_024).await;
        if count == 0 {
            return;
        }
        messages.clear();
        delivered.fetch_add(count as u64, Ordering::Relaxed);
    }
}

impl Contestant for Casting {
    async fn round(&mut self, length: Duration) -> Result<Vec<f64>> {
        let to = self.receiver.id();
        let before = self.delivered.load(Ordering::Relaxed);
        let start = Instant::now();
        let mut sent = 0_u64;
        while start.elapsed() < length {
            self.sender.cast(to, self.message.clone()).await?;
            sent += 1;
        }
        let end = self.until_silent().await;
        let delivered = self.delivered.load(Ordering::Relaxed) - before;
        let seconds = (end - start).as_secs_f64();
        let lost = sent.saturating_sub(delivered) as f64 / sent as f64;
        Ok(vec![delivered as f64 / seconds, lost])
    }
}

/// A client that connects, registers and leaves, again and again.
pub(super) struct Joining {
    server: Node,
    made: u64,
}

impl Joining {
    pub(super) async fn new() -> Result<Self> {
        Ok(Self { server: main_server().await?, made: 0 })
    }

    /// Stops the server.
    pub(super) async fn stop(self) {
        self.server.shutdown().await;
    }
}

impl Contestant for Joining {
    async fn round(&mut self, length: Duration) -> Result<Vec<f64>> {
        let server = address(&self.server)?;
        let mut samples = Samples::new(length);
        while samples.wants_more() {
            self.made += 1;
            // Making the client with its key is not part of the work, nor is stopping it.
            let client = Client::builder(&format!("client{}", self.made)).open().start().await?;
            let start = Instant::now();
            client.connect(&server).await?;
            samples.push(start);
            client.shutdown().await;
        }
        Ok(samples.p50_and_p99())
    }
}

/// A client that opens streams to its server; it reads each to its end, which checks length and
/// digest, and reports.
pub(super) struct Streaming {
    sender: Node,
    receiver: Node,
    piece: Vec<u8>,
    total_bytes: usize,
    arrived: mpsc::Receiver<usize>,
}

impl Streaming {
    pub(super) async fn new(total_bytes: usize, piece_bytes: usize) -> Result<Self> {
        let receiver = main_server().await?;
        let sender = client("sender", &receiver).await?;
        let streams = receiver.incoming_streams().context("nobody else took the streams")?;
        let (report, arrived) = mpsc::channel(1);
        tokio::spawn(receive(streams, piece_bytes, report));
        Ok(Self { sender, receiver, piece: vec![0x5a; piece_bytes], total_bytes, arrived })
    }

    /// Stops both.
    pub(super) async fn stop(self) {
        self.sender.shutdown().await;
        self.receiver.shutdown().await;
    }
}

async fn receive(
    mut streams: mpsc::Receiver<DataStream>,
    piece_bytes: usize,
    report: mpsc::Sender<usize>,
) -> Result<()> {
    let mut buffer = vec![0; piece_bytes];
    while let Some(mut stream) = streams.recv().await {
        let mut total = 0;
        loop {
            match stream.read(&mut buffer).await? {
                0 => break,
                bytes => total += bytes,
            }
        }
        report.send(total).await?;
    }
    Ok(())
}

impl Contestant for Streaming {
    /// One stream, from its opening to the last byte, however long it takes.
    async fn round(&mut self, _: Duration) -> Result<Vec<f64>> {
        let start = Instant::now();
        let mut stream = self.sender.open_stream(self.receiver.id()).await?;
        for _ in 0..self.total_bytes / self.piece.len() {
            stream.write_all(&self.piece).await?;
        }
        stream.shutdown().await?;
        let arrived = self.arrived.recv().await.context("the receiver went away")?;
        anyhow::ensure!(arrived == self.total_bytes, "{arrived} bytes arrived");
        Ok(vec![self.total_bytes as f64 / start.elapsed().as_secs_f64()])
    }
}
