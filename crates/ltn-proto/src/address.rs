//! Where a node can be reached, as a text that only the carrier understands.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::text::is_unseen;

/// The address of a listener: `127.0.0.1:4000` for TCP, anything a carrier understands otherwise.
///
/// Two spellings of one TCP address are equal here (`localhost:4000` is `127.0.0.1:4000`), so that
/// "is this my own address?" can be answered by comparing.
///
/// ```
/// use ltn_proto::Address;
/// assert_eq!(Address::new("localhost:4000"), Address::new("127.0.0.1:4000"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(String);

/// The longest address that is stored or sent, in bytes: a DNS name and a port.
pub const ADDRESS_BYTES_MAX: usize = 262;

impl Address {
    /// An address as it was given, without characters that are not seen. Texts beyond
    /// [`ADDRESS_BYTES_MAX`] are cut: nobody can be reached at such an address, and dialing it will
    /// say so.
    #[must_use]
    pub fn new(text: &str) -> Self {
        // Others tell their addresses, and lists show them.
        let seen = text.chars().filter(|c| !is_unseen(*c)).take(ADDRESS_BYTES_MAX + 1);
        let mut text = seen.collect::<String>().trim().to_ascii_lowercase();
        if text.len() > ADDRESS_BYTES_MAX {
            let cut = (0..=ADDRESS_BYTES_MAX).rev().find(|&i| text.is_char_boundary(i));
            text.truncate(text[..cut.unwrap_or(0)].trim_end().len());
        }
        if let Some(port) = text.strip_prefix("localhost:") {
            text = format!("{}:{port}", Ipv4Addr::LOCALHOST);
        }
        Self(text)
    }

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The IP address and port, where it is a TCP address by number.
    #[must_use]
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        self.0.parse().ok()
    }

    /// The host alone, as lists show it.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.rsplit_once(':').map_or(self.0.as_str(), |(host, _)| host)
    }

    /// Do both name the same listener? All loopback spellings with the same port do.
    #[must_use]
    pub fn same_listener(&self, other: &Self) -> bool {
        match (self.socket_addr(), other.socket_addr()) {
            (Some(a), Some(b)) => a.port() == b.port() && same_host(a.ip(), b.ip()),
            _ => self == other,
        }
    }
}

fn same_host(a: IpAddr, b: IpAddr) -> bool {
    let is_here = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
    a == b || (is_here(a) && is_here(b))
}

impl From<SocketAddr> for Address {
    fn from(addr: SocketAddr) -> Self {
        Self(addr.to_string())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hostile input found both: a space before the cut made two addresses of one, and nothing
    /// took out what steers a terminal.
    #[test]
    fn an_address_is_the_same_when_it_is_told_on() {
        let long = format!("{} x", "a".repeat(ADDRESS_BYTES_MAX - 1));
        for text in [long.as_str(), "host\u{1b}[31m:4000", " a\u{202e}:1 ", "\0 b:2"] {
            let address = Address::new(text);
            assert_eq!(Address::new(address.as_str()), address, "{text:?}");
            assert!(!address.as_str().contains(is_unseen), "{address:?}");
        }
        assert_eq!(Address::new("\u{200b}localhost:7"), Address::new("127.0.0.1:7"));
    }
}
