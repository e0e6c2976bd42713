//! TCP, the carrier of every running network.
//!
//! Small frames leave at once (no Nagle), and a peer whose machine has vanished is noticed within
//! the lease even while data is under way to it. Knows addresses of the form `host:port`.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ltn_proto::{Address, DialError};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream, lookup_host};

use super::{Acceptor, BoxFuture, Carried, Carrier, DialFailure, Reach};

/// How often the system asks a silent peer before it gives it up.
const KEEPALIVE_RETRIES: u32 = 3;

/// The TCP carrier.
#[derive(Debug)]
pub(crate) struct Tcp {
    lease: Duration,
    reach: Reach,
}

impl Tcp {
    /// TCP whose connections the system gives up after `lease` without a sign of the other end.
    pub(crate) const fn new(lease: Duration, reach: Reach) -> Self {
        Self { lease, reach }
    }

    async fn reach(&self, to: &Address) -> Result<Carried, DialFailure> {
        let mut last = DialFailure::new(DialError::NoServer, format!("nobody is called {to}"));
        for target in resolve(to, self.reach).await? {
            match connect(target, self.lease).await {
                Ok(carried) => return Ok(carried),
                Err(failure) => last = failure,
            }
        }
        Err(last)
    }
}

impl Carrier for Tcp {
    fn listen<'a>(&'a self, at: &'a Address) -> BoxFuture<'a, io::Result<Box<dyn Acceptor>>> {
        Box::pin(async move {
            let listener = TcpListener::bind(at.as_str()).await?;
            let address = listener.local_addr()?;
            Ok(Box::new(TcpAcceptor { listener, address, lease: self.lease }) as Box<dyn Acceptor>)
        })
    }

    fn dial<'a>(&'a self, to: &'a Address) -> BoxFuture<'a, Result<Carried, DialFailure>> {
        Box::pin(self.reach(to))
    }
}

#[derive(Debug)]
struct TcpAcceptor {
    listener: TcpListener,
    address: SocketAddr,
    lease: Duration,
}

impl Acceptor for TcpAcceptor {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Carried>> {
        Box::pin(async move {
            let (stream, remote) = self.listener.accept().await?;
            carried(stream, remote, self.lease)
        })
    }

    fn address(&self) -> Address {
        Address::from(self.address)
    }
}

fn carried(stream: TcpStream, remote: SocketAddr, lease: Duration) -> io::Result<Carried> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    socket.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(lease)
            .with_interval((lease / KEEPALIVE_RETRIES).max(Duration::from_secs(1)))
            .with_retries(KEEPALIVE_RETRIES),
    )?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(lease))?;
    let ip = remote.ip().to_canonical();
    let origin = (!ip.is_loopback()).then_some(ip);
    Ok(Carried { stream: Box::new(stream), remote: remote.to_string(), origin })
}

/// The addresses behind a text, all of them fit to be dialed.
async fn resolve(to: &Address, reach: Reach) -> Result<Vec<SocketAddr>, DialFailure> {
    let unsuited = |why: &str| {
        DialFailure::new(DialError::Unsuited, format!("the address `{to}` cannot be used: {why}"))
    };
    let (host, port) = to.as_str().rsplit_once(':').ok_or_else(|| unsuited("it has no port"))?;
    match port.parse::<u16>() {
        Ok(0) | Err(_) => return Err(unsuited("its port is no number from 1 to 65535")),
        Ok(_) => {}
    }
    let plain =
        |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']' | '%');
    if host.is_empty() || !host.chars().all(plain) {
        return Err(unsuited("its host is none"));
    }
    let found = lookup_host(to.as_str()).await.map_err(|error| {
        DialFailure::new(DialError::NoServer, format!("`{host}` cannot be found: {error}"))
    })?;
    let found: Vec<SocketAddr> = found.collect();
    match found.iter().find_map(|addr| misfit(addr.ip(), reach)) {
        Some(why) => Err(unsuited(why)),
        None => Ok(found),
    }
}

fn misfit(ip: IpAddr, reach: Reach) -> Option<&'static str> {
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    if ip.is_unspecified() {
        Some("it stands for every address of a machine")
    } else if ip.is_multicast() || broadcast {
        Some("it stands for many machines")
    } else if reach == Reach::ThisMachine && !ip.is_loopback() {
        // The open mode lets in whoever knocks; so nothing of it leaves this machine, not even a
        // dial that a command asked for.
        Some("the open mode does not leave this machine")
    } else {
        None
    }
}

async fn connect(target: SocketAddr, lease: Duration) -> Result<Carried, DialFailure> {
    let stream = TcpStream::connect(target).await.map_err(|error| failure(target, &error))?;
    // A dial of a free local port can meet itself: the system may give it that same port.
    if stream.local_addr().is_ok_and(|local| local == target) {
        return Err(DialFailure::new(DialError::NoServer, format!("nobody listens at {target}")));
    }
    carried(stream, target, lease).map_err(|error| failure(target, &error))
}

fn failure(target: SocketAddr, error: &io::Error) -> DialFailure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            DialFailure::new(DialError::NoServer, format!("nobody listens at {target}"))
        }
        io::ErrorKind::TimedOut => {
            DialFailure::new(DialError::Timeout, format!("no answer from {target}"))
        }
        _ => DialFailure::new(DialError::NoServer, format!("{target} is not reached: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const LEASE: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn bytes_go_both_ways_and_the_socket_is_set_up() {
        let tcp = Tcp::new(LEASE, Reach::ThisMachine);
        let mut acceptor = tcp.listen(&Address::new("127.0.0.1:0")).await.unwrap();
        let address = acceptor.address();
        let (dialed, accepted) = tokio::join!(tcp.dial(&address), acceptor.accept());
        let (mut near, mut far) = (dialed.unwrap(), accepted.unwrap());
        assert_eq!(near.remote, address.as_str());
        assert_eq!(far.origin, None, "loopback is not counted");
        near.stream.write_all(b"ping").await.unwrap();
        far.stream.write_all(b"pong").await.unwrap();
        let mut read = [0; 4];
        far.stream.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"ping");
        near.stream.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"pong");
    }

    #[tokio::test]
    async fn small_frames_are_not_held_back() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap();
        let stream = TcpStream::connect(target).await.unwrap();
        let fd = SockRef::from(&stream).try_clone().unwrap();
        let _carried = carried(stream, target, LEASE).unwrap();
        assert!(fd.tcp_nodelay().unwrap());
        assert!(fd.keepalive().unwrap());
    }

    #[tokio::test]
    async fn a_dropped_acceptor_frees_its_port() {
        let tcp = Tcp::new(LEASE, Reach::ThisMachine);
        let acceptor = tcp.listen(&Address::new("127.0.0.1:0")).await.unwrap();
        let address = acceptor.address();
        let taken = tcp.listen(&address).await.unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        drop(acceptor);
        tcp.listen(&address).await.unwrap();
    }

    #[tokio::test]
    async fn unsuited_addresses_are_told_apart_from_absent_servers() {
        let tcp = Tcp::new(LEASE, Reach::ThisMachine);
        for text in [
            "",
            "here",
            "127.0.0.1",
            "127.0.0.1:0",
            "127.0.0.1:http",
            "127.0.0.1:70000",
            ":4000",
            "0.0.0.0:4000",
            "[::]:4000",
            "224.0.0.1:4000",
            "255.255.255.255:4000",
            "a b:4000",
        ] {
            let failure = tcp.dial(&Address::new(text)).await.unwrap_err();
            assert_eq!(failure.why, DialError::Unsuited, "{text}: {failure}");
        }
        let free = tcp.listen(&Address::new("127.0.0.1:0")).await.unwrap().address();
        let failure = tcp.dial(&free).await.unwrap_err();
        assert_eq!(failure.why, DialError::NoServer);
        assert_eq!(failure.text, format!("nobody listens at {free}"));
    }

    /// Networks with members could be joined from everywhere and be reached from nowhere else: each
    /// dial was held to what the open mode may.
    #[test]
    fn members_dial_other_machines_and_open_nodes_do_not() {
        for text in ["192.0.2.7", "fe80::1", "10.0.0.1"] {
            let ip = text.parse().unwrap();
            assert_eq!(misfit(ip, Reach::Everywhere), None, "{text}");
            assert!(misfit(ip, Reach::ThisMachine).is_some(), "{text}");
        }
        for text in ["0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1"] {
            assert!(misfit(text.parse().unwrap(), Reach::Everywhere).is_some(), "{text}");
        }
    }
}
