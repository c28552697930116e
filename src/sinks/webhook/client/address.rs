//! Which addresses an endpoint may be reached at: none of a special range, unless its network is allowed by name.
//!
//! The ranges are those of IANA's special-purpose registries for IPv4 and IPv6, multicast, what is reserved, and the addresses at which clouds
//! give their machines credentials. What carries an IPv4 address inside (mapped, translated, tunnelled) is judged by that too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Addresses that tell who asks them secrets. A wider network does not let them in: only they themselves do, as `169.254.169.254/32`.
const METADATA: [IpAddr; 6] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), // AWS, Azure, Google, DigitalOcean, OpenStack
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),   // AWS, credentials of containers
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)), // Alibaba
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),     // Oracle
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),   // Azure, in the midst of public addresses
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)), // AWS
];

/// IPv4: first address, length of the prefix, what it is.
const V4: [([u8; 4], u8, &str); 18] = [
    ([0, 0, 0, 0], 8, "this network (RFC 791)"),
    ([10, 0, 0, 0], 8, "private (RFC 1918)"),
    ([100, 64, 0, 0], 10, "shared by a provider's customers (RFC 6598)"),
    ([127, 0, 0, 0], 8, "loopback"),
    ([169, 254, 0, 0], 16, "link-local (RFC 3927)"),
    ([172, 16, 0, 0], 12, "private (RFC 1918)"),
    ([192, 0, 0, 0], 24, "for protocols (RFC 6890)"),
    ([192, 0, 2, 0], 24, "for documentation (RFC 5737)"),
    ([192, 31, 196, 0], 24, "AS112 (RFC 7535)"),
    ([192, 52, 193, 0], 24, "AMT (RFC 7450)"),
    ([192, 88, 99, 0], 24, "6to4 relays (RFC 7526)"),
    ([192, 168, 0, 0], 16, "private (RFC 1918)"),
    ([192, 175, 48, 0], 24, "AS112 (RFC 7534)"),
    ([198, 18, 0, 0], 15, "for benchmarks (RFC 2544)"),
    ([198, 51, 100, 0], 24, "for documentation (RFC 5737)"),
    ([203, 0, 113, 0], 24, "for documentation (RFC 5737)"),
    ([224, 0, 0, 0], 4, "multicast"),
    ([240, 0, 0, 0], 4, "reserved or broadcast (RFC 1112)"),
];

/// IPv6: first groups of 16 bits, length of the prefix, what it is. What is outside of 2000::/3 is no unicast of the Internet anyway.
const V6: [([u16; 4], u8, &str); 12] = [
    ([0x64, 0xff9b, 1, 0], 48, "translation within a network (RFC 8215)"),
    ([0, 0, 0, 0], 8, "loopback, unspecified or reserved (RFC 4291)"),
    ([0x100, 0, 0, 0], 64, "discarded (RFC 6666)"),
    ([0x2001, 0, 0, 0], 23, "for protocols (RFC 2928)"),
    ([0x2001, 0xdb8, 0, 0], 32, "for documentation (RFC 3849)"),
    ([0x2002, 0, 0, 0], 16, "6to4 (RFC 3056)"),
    ([0x2620, 0x4f, 0x8000, 0], 48, "AS112 (RFC 7534)"),
    ([0x3fff, 0, 0, 0], 20, "for documentation (RFC 9637)"),
    ([0x5f00, 0, 0, 0], 16, "segments of routing (RFC 9602)"),
    ([0xfc00, 0, 0, 0], 7, "private (RFC 4193)"),
    ([0xfe80, 0, 0, 0], 9, "link-local or site-local (RFC 4291, RFC 3879)"),
    ([0xff00, 0, 0, 0], 8, "multicast"),
];

/// What lets addresses pass, or not.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    allow: Vec<IpNet>,
}

impl Guard {
    /// Only addresses of the public Internet, and those of `allow`.
    pub fn new(allow: &[IpNet]) -> Self {
        Self { allow: allow.iter().map(|net| plain(*net)).collect() }
    }

    /// Whether `address` may be connected to.
    pub fn allows(&self, address: IpAddr) -> bool {
        self.judge(address).is_ok()
    }

    /// Whether `address` is of a network that is allowed by name.
    pub fn names(&self, address: IpAddr) -> bool {
        self.allow.iter().any(|net| net.contains(&address.to_canonical()))
    }

    /// Whether `address` may be connected to.
    ///
    /// # Errors
    /// What it is, for people, when it may not.
    pub fn judge(&self, address: IpAddr) -> Result<(), &'static str> {
        let address = address.to_canonical();
        if METADATA.contains(&address) {
            let named = self.allow.contains(&IpNet::from(address));
            return if named { Ok(()) } else { Err("where a cloud keeps credentials; only the address itself can be allowed") };
        }
        if let Some(kind) = special(address)
            && !self.names(address)
        {
            return Err(kind);
        }
        match address {
            IpAddr::V6(outer) => embedded(outer).map_or(Ok(()), |inner| self.judge(IpAddr::V4(inner))),
            IpAddr::V4(_) => Ok(()),
        }
    }
}

/// A network of IPv4 addresses that are mapped to IPv6, as one of IPv4.
fn plain(net: IpNet) -> IpNet {
    let IpNet::V6(wide) = net else { return net };
    let inner = wide.addr().to_ipv4_mapped().zip(wide.prefix_len().checked_sub(96));
    inner.and_then(|(address, length)| Ipv4Net::new(address, length).ok()).map_or(net, IpNet::V4)
}

/// What an address is that is not one of the public Internet.
fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => {
            let within =
                |&&(first, length, _): &&([u8; 4], u8, _)| Ipv4Net::new(first.into(), length).is_ok_and(|net| net.contains(&address));
            V4.iter().find(within).map(|(_, _, kind)| *kind)
        }
        IpAddr::V6(address) => {
            let within = |&&([a, b, c, d], length, _): &&([u16; 4], u8, _)| {
                Ipv6Net::new(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), length).is_ok_and(|net| net.contains(&address))
            };
            if is_nat64(address) {
                return None; // It stands for the address inside, and for nothing else.
            }
            let listed = V6.iter().find(within).map(|(_, _, kind)| *kind);
            let is_unicast = matches!(address.segments(), [0x2000..=0x3fff, ..]);
            listed.or_else(|| (!is_unicast).then_some("not of the public Internet"))
        }
    }
}

/// 64:ff9b::/96 of RFC 6052.
fn is_nat64(address: Ipv6Addr) -> bool {
    matches!(address.segments(), [0x64, 0xff9b, 0, 0, 0, 0, _, _])
}

/// The IPv4 address to which one of IPv6 leads in the end.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let joined = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        // Loopback and unspecified are themselves, and no IPv4 address.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        // Compatible; translated (RFC 2765); NAT64.
        [0, 0, 0, 0, 0, 0, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(joined(high, low))
        }
        [0x64, 0xff9b, 1, _, _, _, high, low] => Some(joined(high, low)),
        // 6to4.
        [0x2002, high, low, ..] => Some(joined(high, low)),
        // Teredo: the client's, inverted.
        [0x2001, 0, _, _, _, _, high, low] => Some(joined(!high, !low)),
        _ => None,
    }
}
