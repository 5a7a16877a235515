//! Whose address a request comes from: the other end of its connection, or whom a trusted proxy names. It believes no
//! header of anybody else, and decides nothing about the address.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// No connection: a router that is asked directly.
    Unknown,
    Peer(SocketAddr),
    /// As a trusted proxy says.
    Forwarded(IpAddr),
}

/// The addresses that one household or office has: what one of them does is counted for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Block(IpAddr);

impl Source {
    pub(crate) fn of(peer: Option<SocketAddr>, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let Some(peer) = peer else { return Self::Unknown };
        if !is_trusted(peer.ip(), trusted) {
            return Self::Peer(peer);
        }
        forwarded(headers, trusted).map_or(Self::Peer(peer), Self::Forwarded)
    }

    pub(crate) fn block(&self) -> Option<Block> {
        match self {
            Self::Unknown => None,
            Self::Peer(peer) => Some(Block::of(peer.ip())),
            Self::Forwarded(address) => Some(Block::of(*address)),
        }
    }
}

/// As it stands in the log and in audit records. A proxy names no port.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown"),
            Self::Peer(peer) => peer.fmt(f),
            Self::Forwarded(address) => address.fmt(f),
        }
    }
}

impl Block {
    /// The /24 of an IPv4 address, the /56 of an IPv6 address: what a provider gives to one customer at least.
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & (!0 << 8)).into(),
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (!0 << 72)).into(),
        })
    }
}

pub(crate) fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|net| net.contains(&address.to_canonical()))
}

/// Each proxy appends whom it heard from, so only the end is to be believed: it is read from there, over the proxies that
/// are trusted, to the first that is not. None where it does not say that in addresses alone.
fn forwarded(headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let mut farthest = None;
    for line in headers.get_all(FORWARDED_FOR).iter().rev() {
        for said in line.to_str().ok()?.rsplit(',') {
            let address = parse(said.trim())?.to_canonical();
            farthest = Some(address);
            if !is_trusted(address, trusted) {
                return farthest;
            }
        }
    }
    farthest
}

/// An address; some proxies write a port behind it.
fn parse(said: &str) -> Option<IpAddr> {
    said.parse().or_else(|_| said.parse::<SocketAddr>().map(|address| address.ip())).ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn only_a_trusted_proxy_says_who_asks() {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().expect("a net"));
        let check = |peer: &str, lines: &[&'static str], expected: &str| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED_FOR, HeaderValue::from_static(line));
            }
            let peer = SocketAddr::new(address(peer), 7);
            assert_eq!(Source::of(Some(peer), &headers, &trusted).to_string(), expected, "{lines:?}");
        };
        check("192.0.2.1", &["203.0.113.9"], "192.0.2.1:7");
        check("10.1.1.1", &[], "10.1.1.1:7");
        check("10.1.1.1", &["203.0.113.9"], "203.0.113.9");
        check("fd00::1", &["2001:db8::9"], "2001:db8::9");
        check("::ffff:10.1.1.1", &["::ffff:203.0.113.9"], "203.0.113.9");
        // What stands left of the first stranger is what that stranger says.
        check("10.1.1.1", &["198.51.100.1, 203.0.113.9,10.2.2.2"], "203.0.113.9");
        check("10.1.1.1", &["198.51.100.1", "203.0.113.9", " 10.2.2.2 "], "203.0.113.9");
        check("10.1.1.1", &["10.3.3.3, 10.2.2.2"], "10.3.3.3");
        check("10.1.1.1", &["nonsense, 203.0.113.9"], "203.0.113.9");
        check("10.1.1.1", &["203.0.113.9:80"], "203.0.113.9");
        check("10.1.1.1", &["[2001:db8::9]:80"], "2001:db8::9");
        for malformed in ["", "unknown", "203.0.113.9, unknown", "203.0.113.9:x", "203.0.113.9,", "\u{7f}"] {
            let line = HeaderValue::from_bytes(malformed.as_bytes());
            let headers = line.map(|line| HeaderMap::from_iter([(FORWARDED_FOR, line)])).unwrap_or_default();
            let peer = SocketAddr::new(address("10.1.1.1"), 7);
            assert_eq!(Source::of(Some(peer), &headers, &trusted), Source::Peer(peer), "{malformed:?}");
        }
    }

    #[test]
    fn a_block_is_what_one_customer_has() {
        let check = |one: &str, other: &str, same| {
            assert_eq!(Block::of(address(one)) == Block::of(address(other)), same, "{one} and {other}");
        };
        check("192.0.2.1", "192.0.2.254", true);
        check("192.0.2.1", "192.0.3.1", false);
        check("192.0.2.1", "::ffff:192.0.2.7", true);
        check("2001:db8:0:12::1", "2001:db8:0:1234::", false);
        check("2001:db8:0:1200::1", "2001:db8:0:12ff:ffff::", true);
        check("::1", "127.0.0.1", false);
    }
}
