//! Servers that announce themselves, and hearing of them: mDNS and DNS-SD (RFC 6762 and 6763).
//!
//! This is the only file that knows mdns-sd. What is heard here is a hint of an address and nothing
//! more: anybody may say anything, so whoever uses a hint knocks there first. An announcement holds
//! the port, the mode and the version of the wire; its name is a number that means nothing, made
//! anew at each start. Servers of the open mode are announced, and listened for, on the loopback
//! interface alone.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ltn_proto::Address;
use mdns_sd::{IfKind, ResolvedService, ServiceDaemon, ServiceEvent, ServiceInfo};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::tls::random_bytes;

/// The kind of service, as DNS-SD names it.
const SERVICE: &str = "_ltn._tcp.local.";
/// The version of the wire that is announced.
const VERSION: &str = "1";
/// The mode that is announced.
const MODE: &str = "open";
/// Hints that are taken in one search: anybody may announce any number.
const HINTS_MAX: usize = 64;
/// How long a farewell may take.
const FAREWELL_TIME: Duration = Duration::from_secs(1);

/// Announcing or listening was not possible.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct DiscoveryError(String);

impl From<mdns_sd::Error> for DiscoveryError {
    fn from(error: mdns_sd::Error) -> Self {
        Self(error.to_string())
    }
}

/// A server that is announced, until [`Self::end`].
pub(crate) struct Announcement {
    daemon: ServiceDaemon,
}

impl Announcement {
    /// Announces that a server of the open mode listens here.
    pub(crate) fn start(at: SocketAddr) -> Result<Self, DiscoveryError> {
        let daemon = loopback_daemon()?;
        let number: [u8; 8] = random_bytes().map_err(|error| DiscoveryError(error.to_string()))?;
        let instance = format!("{:016x}", u64::from_be_bytes(number));
        let host = format!("{instance}.local.");
        let facts = [("v", VERSION), ("mode", MODE)];
        let mut service =
            ServiceInfo::new(SERVICE, &instance, &host, at.ip(), at.port(), &facts[..])?;
        // Nobody else has this number: asking around first would only take time.
        service.set_requires_probe(false);
        daemon.register(service)?;
        Ok(Self { daemon })
    }

    /// Takes the announcement back.
    pub(crate) async fn end(self) {
        let Ok(done) = self.daemon.shutdown() else { return };
        // Whoever does not hear the farewell knocks in vain, once.
        let _ = spawn_blocking(move || done.recv_timeout(FAREWELL_TIME)).await;
    }
}

/// Hints of where servers are, while they come in. Dropping it ends the listening.
pub(crate) struct Hints {
    daemon: ServiceDaemon,
    heard: mpsc::Receiver<Address>,
}

impl Hints {
    /// Asks who is there, and listens for so long.
    pub(crate) fn listen(window: Duration) -> Result<Self, DiscoveryError> {
        let daemon = loopback_daemon()?;
        let events = daemon.browse(SERVICE)?;
        let (sender, heard) = mpsc::channel(HINTS_MAX);
        spawn_blocking(move || {
            let end = Instant::now() + window;
            let mut left = HINTS_MAX;
            // An error means that the time is over, or that nobody wants to know any more.
            while let Ok(event) = events.recv_deadline(end) {
                let ServiceEvent::ServiceResolved(service) = event else { continue };
                for address in hints_of(&service) {
                    if left == 0 || sender.try_send(address).is_err() {
                        return;
                    }
                    left -= 1;
                }
            }
        });
        Ok(Self { daemon, heard })
    }

    /// The next hint; none when the time is over. Safe to drop half-way.
    pub(crate) async fn next(&mut self) -> Option<Address> {
        self.heard.recv().await
    }
}

impl Drop for Hints {
    fn drop(&mut self) {
        // It ends with the process at the latest.
        let _ = self.daemon.shutdown();
    }
}

/// The addresses in an announcement, if it speaks of a server that we could join.
fn hints_of(service: &ResolvedService) -> Vec<Address> {
    let says = |key, value| service.get_property_val_str(key) == Some(value);
    if !says("v", VERSION) || !says("mode", MODE) || service.port == 0 {
        return Vec::new();
    }
    let ips = service.addresses.iter().map(mdns_sd::ScopedIp::to_ip_addr);
    ips.filter(|ip| ip.is_loopback())
        .map(|ip| Address::from(SocketAddr::new(ip, service.port)))
        .collect()
}

/// A responder that speaks and listens on the loopback interface only. The first thing it does is
/// to leave all others; until then it has said nothing.
fn loopback_daemon() -> Result<ServiceDaemon, DiscoveryError> {
    let daemon = ServiceDaemon::new()?;
    daemon.disable_interface(IfKind::All)?;
    daemon.enable_interface(vec![IfKind::LoopbackV4, IfKind::LoopbackV6])?;
    Ok(daemon)
}
