//! The only way between two namespaces: a relay that carries the bytes of TCP connections as its
//! weather says. What is stalled is not lost, as with a cut that TCP bridges.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::space::Space;

/// Pieces that are on their way at one time, each way of a connection.
const PIECES_MAX: usize = 256;
const PIECE_BYTES: usize = 16 * 1024;
/// How often somebody who is stalled looks whether he still is.
const LOOK: Duration = Duration::from_millis(5);

/// What the way between two nodes is like.
#[derive(Debug, Default)]
pub(crate) struct Weather {
    /// Nothing arrives at the one who listens.
    pub(crate) up_stalled: AtomicBool,
    /// Nothing arrives at the one who dialed.
    pub(crate) down_stalled: AtomicBool,
    /// How long everything is on its way, each way, in milliseconds.
    pub(crate) delay: AtomicU64,
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy)]
enum Way {
    Up,
    Down,
}

impl Weather {
    fn is_stalled(&self, way: Way) -> bool {
        match way {
            Way::Up => self.up_stalled.load(Ordering::Relaxed),
            Way::Down => self.down_stalled.load(Ordering::Relaxed),
        }
    }
}

/// In the one namespace, listens where the other one's node listens, and carries to there.
pub(crate) fn lay(from: Arc<Space>, to: Arc<Space>, port: u16, weather: Arc<Weather>) {
    let (ready, is_ready) = sync_channel(0);
    thread::spawn(move || {
        from.enter().expect("the namespace was just made");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is free");
        // The one who waits for it may have given up.
        let _ = ready.send(());
        for near in listener.incoming().flatten() {
            let (to, weather) = (Arc::clone(&to), Arc::clone(&weather));
            thread::spawn(move || carry(near, &to, port, &weather));
        }
    });
    is_ready.recv_timeout(Duration::from_secs(30)).expect("the relay listens");
}

fn carry(near: TcpStream, to: &Space, port: u16, weather: &Arc<Weather>) {
    // A connection that cannot be made ends here, and the dialer sees that it does.
    if to.enter().is_err() {
        return;
    }
    let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return };
    for stream in [&near, &far] {
        // Without it the relay would add delays of its own.
        let _ = stream.set_nodelay(true);
    }
    let (Ok(near_too), Ok(far_too)) = (near.try_clone(), far.try_clone()) else { return };
    let weather_too = Arc::clone(weather);
    let up = thread::spawn(move || flow(near, far, Way::Up, &weather_too));
    flow(far_too, near_too, Way::Down, weather);
    // It carries until its own end.
    let _ = up.join();
}

/// Carries one way until either end is over.
fn flow(mut from: TcpStream, to: TcpStream, way: Way, weather: &Arc<Weather>) {
    let (sender, pieces): (SyncSender<(Instant, Vec<u8>)>, _) = sync_channel(PIECES_MAX);
    let for_writer = Arc::clone(weather);
    let writer = thread::spawn(move || write(to, &pieces, way, &for_writer));
    let mut buffer = vec![0; PIECE_BYTES];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let delay = Duration::from_millis(weather.delay.load(Ordering::Relaxed));
        if sender.send((Instant::now() + delay, buffer[..count].to_vec())).is_err() {
            break;
        }
    }
    drop(sender);
    // It writes what is left, unless its end is over.
    let _ = writer.join();
}

fn write(mut to: TcpStream, pieces: &Receiver<(Instant, Vec<u8>)>, way: Way, weather: &Weather) {
    for (due, piece) in pieces {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        while weather.is_stalled(way) {
            thread::sleep(LOOK);
        }
        if to.write_all(&piece).is_err() {
            break;
        }
    }
    // The end of a connection does not pass a stalled way either.
    while weather.is_stalled(way) {
        thread::sleep(LOOK);
    }
    // The other end may be gone already.
    let _ = to.shutdown(Shutdown::Both);
}
