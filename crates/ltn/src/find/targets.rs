//! Where to look: addresses times ports, and the addresses of this machine.
//!
//! What the mode allows is checked here, before anybody is dialed. Dials nobody.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ltn_proto::Address;

use super::FindError;
use crate::carrier::Reach;
use crate::port::PortExpr;

/// The most addresses with a port that one search looks at: a subnet with all ports that "the next
/// free one" goes through.
pub(super) const TARGETS_MAX: usize = 65_536;

/// Addresses and ports, each with each.
#[derive(Debug)]
pub(super) struct Targets {
    ips: Vec<IpAddr>,
    ports: Vec<u16>,
}

impl Targets {
    /// Each of these addresses at each of these ports, in this order; what is named twice counts
    /// once.
    pub(super) fn new(
        mut ips: Vec<IpAddr>,
        ports: &PortExpr,
        reach: Reach,
    ) -> Result<Self, FindError> {
        // Nothing of the open mode leaves this machine, not even a search.
        let outside = ips.iter().find(|ip| !ip.to_canonical().is_loopback());
        if let (Some(ip), Reach::ThisMachine) = (outside, reach) {
            return Err(FindError::NotLoopback(*ip));
        }
        let mut numbers = ports.candidates(None);
        if numbers.contains(&0) {
            return Err(FindError::AnyPort(ports.clone()));
        }
        let mut seen = HashSet::new();
        ips.retain(|ip| seen.insert(*ip));
        let mut seen = HashSet::new();
        numbers.retain(|port| seen.insert(*port));
        let max = TARGETS_MAX;
        if ips.len().saturating_mul(numbers.len()) > max {
            return Err(FindError::TooMany { addresses: ips.len(), ports: numbers.len(), max });
        }
        Ok(Self { ips, ports: numbers })
    }

    /// The likeliest port at every address first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Address> + Send + '_ {
        let at = |port: u16| self.ips.iter().map(move |ip| SocketAddr::new(*ip, port));
        self.ports.iter().flat_map(move |port| at(*port)).map(Address::from)
    }

    pub(super) fn len(&self) -> usize {
        self.ips.len() * self.ports.len()
    }

    pub(super) fn contains(&self, address: &Address) -> bool {
        address
            .socket_addr()
            .is_some_and(|at| self.ips.contains(&at.ip()) && self.ports.contains(&at.port()))
    }
}

/// May this address be knocked at?
pub(super) fn is_in_reach(address: &Address, reach: Reach) -> bool {
    let is_near = |ip: IpAddr| reach == Reach::Everywhere || ip.is_loopback();
    address.socket_addr().is_some_and(|at| is_near(at.ip()) && at.port() != 0)
}

/// The loopback addresses that servers have unless told otherwise.
pub(super) const fn this_machine() -> [IpAddr; 2] {
    [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]
}

/// All addresses of the subnets of this machine: those around its own addresses, in the open mode
/// around its loopback addresses only.
pub(super) fn own_subnets(reach: Reach) -> Result<Vec<IpAddr>, FindError> {
    let interfaces =
        if_addrs::get_if_addrs().map_err(|error| FindError::NoInterfaces(error.to_string()))?;
    let own = interfaces
        .iter()
        .map(if_addrs::Interface::ip)
        .filter(|ip| ip.is_loopback() == (reach == Reach::ThisMachine));
    Ok(own.flat_map(around).collect())
}

/// The 254 addresses of the /24 of this one; of IPv6, whose subnets nobody can search, itself.
fn around(ip: IpAddr) -> Vec<IpAddr> {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            (1..=254).map(|last| Ipv4Addr::new(a, b, c, last).into()).collect()
        }
        IpAddr::V6(_) => vec![ip],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Reach = Reach::ThisMachine;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_address_is_looked_at_once_with_the_likeliest_port_first() {
        let ips = vec![ip("127.0.0.1"), ip("::1"), ip("127.0.0.1")];
        let targets = Targets::new(ips, &PortExpr::FirstOf(vec![4000, 4010, 4000]), HERE).unwrap();
        let all: Vec<String> = targets.iter().map(|address| address.to_string()).collect();
        assert_eq!(all, ["127.0.0.1:4000", "[::1]:4000", "127.0.0.1:4010", "[::1]:4010"]);
        assert_eq!(targets.len(), 4);
        assert!(targets.contains(&Address::new("[::1]:4010")));
        assert!(!targets.contains(&Address::new("[::1]:4011")));
    }

    #[test]
    fn the_open_mode_looks_at_no_other_machine() {
        for other in ["192.0.2.1", "0.0.0.0", "::", "224.0.0.251", "::ffff:192.0.2.1"] {
            let refused =
                Targets::new(vec![ip("127.0.0.1"), ip(other)], &PortExpr::Exactly(4000), HERE);
            assert_eq!(refused.unwrap_err(), FindError::NotLoopback(ip(other)));
        }
        assert!(!is_in_reach(&Address::new("192.0.2.1:4000"), HERE));
        assert!(!is_in_reach(&Address::new("somewhere:4000"), HERE));
        assert!(is_in_reach(&Address::new("localhost:4000"), HERE));
        assert!(own_subnets(HERE).unwrap().iter().all(IpAddr::is_loopback));
    }

    #[test]
    fn the_own_subnet_has_254_addresses() {
        assert_eq!(around(ip("127.0.0.1")).len(), 254);
        assert!(own_subnets(HERE).unwrap().contains(&ip("127.0.0.254")));
        assert_eq!(around(ip("::1")), [ip("::1")]);
    }

    #[test]
    fn more_than_the_most_is_refused_before_anybody_is_dialed() {
        let all = PortExpr::Between(1, 65_535);
        assert_eq!(Targets::new(vec![ip("127.0.0.1")], &all, HERE).unwrap().len(), 65_535);
        let two = Targets::new(vec![ip("127.0.0.1"), ip("::1")], &all, HERE).unwrap_err();
        assert_eq!(two, FindError::TooMany { addresses: 2, ports: 65_535, max: TARGETS_MAX });
        let any = Targets::new(vec![ip("127.0.0.1")], &PortExpr::Exactly(0), HERE).unwrap_err();
        assert_eq!(any, FindError::AnyPort(PortExpr::Exactly(0)));
    }
}
