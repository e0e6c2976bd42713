//! Which port a server takes: a number, a list, or "the next free one".
//!
//! Knows how such an expression is written and tries its ports one by one; what is bound, and by
//! which carrier, is not its business.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use ltn_proto::Address;

use crate::carrier::{Acceptor, Carriers};

/// How many ports "the next free one" looks at before it gives up: more than any one machine runs
/// servers, few enough to say no at once.
const SEARCH_PORTS_MAX: u16 = 256;
/// The most ports that a list may name.
const LIST_PORTS_MAX: usize = 64;

/// A port expression.
///
/// `4000` or `=4000` is exactly that port, `>4000` is 4000 or the next free one above, `<3999` is
/// 3999 or the next free one below, `4000,4010,4020` the first free one of these, `4000-4010` the
/// first free one from 4000 to 4010, and `0` whatever the system gives.
///
/// Where servers are looked for, the same expressions say where: all ports at which a server that
/// was started with this expression could be.
///
/// ```
/// use ltn::PortExpr;
/// assert_eq!(">4000".parse(), Ok(PortExpr::FromUpwards(4000)));
/// assert_eq!("4000, 4010".parse(), Ok(PortExpr::FirstOf(vec![4000, 4010])));
/// assert!("4000+".parse::<PortExpr>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortExpr {
    /// This one.
    Exactly(u16),
    /// The first free one of these.
    FirstOf(Vec<u16>),
    /// This one or the next free one above.
    FromUpwards(u16),
    /// This one or the next free one below.
    FromDownwards(u16),
    /// The first free one from the first to the second, both included.
    Between(u16, u16),
}

impl PortExpr {
    /// The ports to try, in this order: first the one of the last time, if it is among them. Port
    /// 0 means "any" and is only ever tried when it is named.
    pub(crate) fn candidates(&self, last: Option<u16>) -> Vec<u16> {
        let mut ports = self.ports();
        if let Some(last) = last.filter(|last| ports == [0] || ports.contains(last)) {
            ports.retain(|port| *port != last);
            ports.insert(0, last);
        }
        ports
    }

    fn ports(&self) -> Vec<u16> {
        match self {
            Self::Exactly(port) => vec![*port],
            Self::FirstOf(ports) => ports.clone(),
            Self::FromUpwards(port) => {
                (*port..=port.saturating_add(SEARCH_PORTS_MAX - 1)).collect()
            }
            Self::FromDownwards(port) => {
                let lowest = port.saturating_sub(SEARCH_PORTS_MAX - 1).max(1);
                (lowest..=*port).rev().collect()
            }
            Self::Between(first, last) => (*first..=*last).collect(),
        }
    }
}

impl fmt::Display for PortExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(port) => write!(f, "{port}"),
            Self::FirstOf(ports) => {
                let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
                f.write_str(&ports.join(","))
            }
            Self::FromUpwards(port) => write!(f, ">{port}"),
            Self::FromDownwards(port) => write!(f, "<{port}"),
            Self::Between(first, last) => write!(f, "{first}-{last}"),
        }
    }
}

/// A text that is no port expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no port expression: write 4000, >4000, <3999, 4000,4010 or 4000-4010")]
pub struct BadPortExpr(String);

impl FromStr for PortExpr {
    type Err = BadPortExpr;

    fn from_str(text: &str) -> Result<Self, BadPortExpr> {
        let bad = || BadPortExpr(text.chars().take(64).collect());
        // `parse` alone would take `+4000`, which looks like an expression of another kind.
        let number = |digits: &str| {
            let digits = digits.trim();
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse::<u16>().ok().filter(|_| plain).ok_or_else(bad)
        };
        let from = |digits: &str| number(digits).and_then(|p| (p > 0).then_some(p).ok_or_else(bad));
        let trimmed = text.trim();
        if let Some(port) = trimmed.strip_prefix('>') {
            from(port).map(Self::FromUpwards)
        } else if let Some(port) = trimmed.strip_prefix('<') {
            from(port).map(Self::FromDownwards)
        } else if trimmed.contains(',') {
            let ports: Vec<u16> = trimmed.split(',').map(number).collect::<Result<_, _>>()?;
            (ports.len() <= LIST_PORTS_MAX).then_some(Self::FirstOf(ports)).ok_or_else(bad)
        } else if let Some((first, last)) = trimmed.split_once('-') {
            let (first, last) = (from(first)?, from(last)?);
            (first <= last).then_some(Self::Between(first, last)).ok_or_else(bad)
        } else {
            number(trimmed.strip_prefix('=').unwrap_or(trimmed)).map(Self::Exactly)
        }
    }
}

impl From<u16> for PortExpr {
    fn from(port: u16) -> Self {
        Self::Exactly(port)
    }
}

/// No port of an expression could be had.
#[derive(Debug, thiserror::Error)]
#[error("no free port: {tried}: {source}")]
pub(crate) struct PortError {
    /// What was tried, in words.
    pub(crate) tried: String,
    /// What the system said last.
    pub(crate) source: io::Error,
}

/// Binds the first port of the expression that is free at this IP address; the one of the `last`
/// time comes first.
pub(crate) async fn bind(
    carriers: &Carriers,
    ip: IpAddr,
    expression: &PortExpr,
    last: Option<u16>,
) -> Result<Box<dyn Acceptor>, PortError> {
    let mut error = io::Error::new(io::ErrorKind::InvalidInput, "the list names no port");
    let mut tried = Vec::new();
    for port in expression.candidates(last) {
        tried.push(port);
        match carriers.listen(&Address::from(SocketAddr::new(ip, port))).await {
            Ok(acceptor) => return Ok(acceptor),
            Err(failed) => {
                // A port that is taken, or that only the system's own servers may have, says
                // nothing about the next one; any other error would come again.
                let next_may_do = matches!(
                    failed.kind(),
                    io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied
                );
                error = failed;
                if !next_may_do {
                    break;
                }
            }
        }
    }
    Err(PortError { tried: in_words(ip, &tried), source: error })
}

/// Where others reach a listener that was bound to this address: one that listens everywhere is
/// reached at the first address of this machine that others can reach, if it has any.
pub(crate) fn reachable(bound: &Address) -> Address {
    hints(bound).into_iter().next().unwrap_or_else(|| bound.clone())
}

/// All addresses where a listener may be reached, the likeliest first.
pub(crate) fn hints(bound: &Address) -> Vec<Address> {
    let Some(socket) = bound.socket_addr().filter(|at| at.ip().is_unspecified()) else {
        return vec![bound.clone()];
    };
    // Without a list of interfaces this machine alone is left.
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let is_far = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local(),
        IpAddr::V6(ip) => socket.is_ipv6() && !ip.is_loopback() && !ip.is_unicast_link_local(),
    };
    let mut found: Vec<IpAddr> =
        interfaces.iter().map(if_addrs::Interface::ip).filter(is_far).collect();
    found.sort_by_key(IpAddr::is_ipv6);
    found.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
    found.into_iter().map(|ip| Address::from(SocketAddr::new(ip, socket.port()))).collect()
}

fn in_words(ip: IpAddr, tried: &[u16]) -> String {
    match tried {
        [] => format!("nothing was tried at {ip}"),
        [port] => format!("{} was tried", SocketAddr::new(ip, *port)),
        [first, .., last] => {
            format!("{} ports from {first} to {last} were tried at {ip}", tried.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use ltn_proto::Limits;

    use super::*;
    use crate::carrier::Reach;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn port_of(acceptor: &dyn Acceptor) -> u16 {
        acceptor.address().socket_addr().unwrap().port()
    }

    #[test]
    fn every_form_is_read_and_written_back() {
        for (text, expression) in [
            ("4000", PortExpr::Exactly(4000)),
            ("=4000", PortExpr::Exactly(4000)),
            (" 0 ", PortExpr::Exactly(0)),
            (">4000", PortExpr::FromUpwards(4000)),
            ("< 3999", PortExpr::FromDownwards(3999)),
            ("4000, 4010,4020", PortExpr::FirstOf(vec![4000, 4010, 4020])),
            ("4000 - 4010", PortExpr::Between(4000, 4010)),
        ] {
            let read: PortExpr = text.parse().unwrap();
            assert_eq!(read, expression);
            assert_eq!(read.to_string().parse(), Ok(expression));
        }
    }

    #[test]
    fn anything_else_is_an_error() {
        let long_list = vec!["1"; LIST_PORTS_MAX + 1].join(",");
        for text in [
            "",
            "=",
            ">",
            "x",
            "-1",
            "+4000",
            "65536",
            ">0",
            "<0",
            "4000,",
            "4000,x",
            "<>4",
            "4010-4000",
            "0-9",
            "4000-",
            "4000-4010-4020",
            &long_list,
        ] {
            assert!(text.parse::<PortExpr>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_search_ends_at_the_ends_of_the_range() {
        assert_eq!(PortExpr::FromUpwards(65_534).candidates(None), [65_534, 65_535]);
        assert_eq!(PortExpr::FromDownwards(3).candidates(None), [3, 2, 1]);
        assert_eq!(PortExpr::FromUpwards(4000).candidates(None).len(), 256);
        assert_eq!(PortExpr::FromDownwards(3999).candidates(None)[..2], [3999, 3998]);
        assert_eq!(PortExpr::Between(65_534, 65_535).candidates(None), [65_534, 65_535]);
    }

    #[test]
    fn the_port_of_the_last_time_comes_first_where_it_is_among_them() {
        assert_eq!(PortExpr::Exactly(0).candidates(Some(4_321)), [4_321, 0]);
        assert_eq!(PortExpr::Exactly(4_000).candidates(Some(4_321)), [4_000]);
        assert_eq!(PortExpr::FirstOf(vec![1, 2, 3]).candidates(Some(3)), [3, 1, 2]);
        assert_eq!(PortExpr::FromUpwards(4_000).candidates(Some(4_007))[..2], [4_007, 4_000]);
        assert_eq!(PortExpr::FromUpwards(4_000).candidates(Some(3_999))[0], 4_000);
    }

    #[tokio::test]
    async fn a_taken_port_leads_to_the_next_one_or_to_an_error_that_says_what_was_tried() {
        let carriers = Carriers::tcp(&Limits::default(), Reach::ThisMachine);
        let taken = bind(&carriers, HERE, &PortExpr::Exactly(0), None).await.unwrap();
        let port = port_of(&*taken);

        let above = bind(&carriers, HERE, &PortExpr::FromUpwards(port), None).await.unwrap();
        assert!(port_of(&*above) > port);
        let below = bind(&carriers, HERE, &PortExpr::FromDownwards(port), None).await.unwrap();
        assert!(port_of(&*below) < port);
        let list = PortExpr::FirstOf(vec![port, 0]);
        assert_ne!(port_of(&*bind(&carriers, HERE, &list, None).await.unwrap()), port);

        let error = bind(&carriers, HERE, &PortExpr::Exactly(port), None).await.unwrap_err();
        assert_eq!(error.tried, format!("127.0.0.1:{port} was tried"));
        assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
        let error =
            bind(&carriers, HERE, &PortExpr::FirstOf(vec![port; 2]), None).await.unwrap_err();
        assert_eq!(error.tried, format!("2 ports from {port} to {port} were tried at 127.0.0.1"));
    }

    #[tokio::test]
    async fn an_address_that_is_not_ours_is_no_reason_to_go_on() {
        let carriers = Carriers::tcp(&Limits::default(), Reach::ThisMachine);
        let elsewhere: IpAddr = "192.0.2.1".parse().unwrap();
        let error =
            bind(&carriers, elsewhere, &PortExpr::FromUpwards(4000), None).await.unwrap_err();
        assert_eq!(error.tried, "192.0.2.1:4000 was tried");
    }
}
