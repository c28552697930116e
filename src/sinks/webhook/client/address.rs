//! Which addresses an endpoint may be reached at: none of a special range, unless its network is allowed by name.
//!
//! The ranges are those of IANA's special-purpose registries for IPv4 and IPv6, multicast, what is reserved, and the addresses at which clouds
//! give their machines credentials. What carries an IPv4 address inside (mapped, translated, tunnelled) is judged by that too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Addresses that tell who asks them secrets. A wider network does not let them in: only they themselves do, as `169.254.169.254/32`.
const METADATA: [IpAddr; 10] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), // AWS, Azure, Google, DigitalOcean, OpenStack
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),   // AWS, credentials of containers
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),  // AWS, credentials of EKS pods
    IpAddr::V4(Ipv4Addr::new(169, 254, 42, 42)),   // Scaleway
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)), // Alibaba
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),     // Oracle
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),   // Azure, in the midst of public addresses
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)), // AWS
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)), // AWS, credentials of EKS pods
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)), // Google
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

#[cfg(test)]
mod tests {
    use super::*;

    /// IANA's special-purpose registries, multicast, and what else is not of the public Internet.
    const SPECIAL: &[&str] = &[
        // IPv4
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.0.0/29",
        "192.0.0.8/32",
        "192.0.0.9/32",
        "192.0.0.10/32",
        "192.0.0.170/31",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "255.255.255.255/32",
        // IPv6
        "::/128",
        "::1/128",
        "64:ff9b:1::/48",
        "100::/64",
        "100:0:0:1::/64",
        "2001::/23",
        "2001::/32",
        "2001:1::1/128",
        "2001:1::2/128",
        "2001:1::3/128",
        "2001:2::/48",
        "2001:3::/32",
        "2001:4:112::/48",
        "2001:10::/28",
        "2001:20::/28",
        "2001:30::/28",
        "2001:db8::/32",
        "2002::/16",
        "2620:4f:8000::/48",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
        // Not in the registries, and not given to anybody.
        "::/8",
        "200::/7",
        "400::/6",
        "4000::/3",
        "6000::/3",
        "8000::/3",
        "a000::/3",
        "c000::/3",
        "e000::/4",
        "f000::/5",
        "f800::/6",
        "fe00::/9",
    ];

    /// Addresses of the Internet, among them the neighbours of special ranges.
    const PUBLIC: &[&str] = &[
        "1.0.0.0",
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.15",
        "168.63.129.17",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "191.255.255.255",
        "192.0.1.0",
        "192.0.1.255",
        "192.0.3.0",
        "192.31.195.255",
        "192.31.197.0",
        "192.52.192.255",
        "192.52.194.0",
        "192.88.98.255",
        "192.88.100.0",
        "192.167.255.255",
        "192.169.0.0",
        "192.175.47.255",
        "192.175.49.0",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "198.51.101.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "2000::",
        "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:200::",
        "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:db9::",
        "2001:4860:4860::8888",
        "2003::",
        "2620:4f:7fff:ffff:ffff:ffff:ffff:ffff",
        "2620:4f:8001::",
        "2a00:1450::1",
        "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "3fff:1000::",
        "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ];

    /// Where clouds give their machines credentials.
    const CREDENTIALS: [&str; 10] = [
        "100.100.100.200",
        "168.63.129.16",
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "169.254.42.42",
        "192.0.0.192",
        "fd00:ec2::23",
        "fd00:ec2::254",
        "fd20:ce::254",
    ];

    /// Forms of IPv6 that carry an address of IPv4, as `{}`, and whether they are as good as that one.
    const CARRIERS: &[(&str, bool)] = &[
        ("::ffff:{}", true),
        ("64:ff9b::{}", true),
        ("::{}", false),
        ("::ffff:0:{}", false),
        ("64:ff9b:1::{}", false),
        ("2002:{}::1", false),
        ("2001:0:1:2:3:4:{}", false),
    ];

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap_or_else(|_| panic!("{text} is no address"))
    }

    fn guard(allow: &[&str]) -> Guard {
        Guard::new(&allow.iter().map(|net| net.parse().unwrap()).collect::<Vec<_>>())
    }

    /// An address of IPv4 in a form of IPv6.
    fn carried(form: &str, inner: &str) -> IpAddr {
        let octets = inner.parse::<Ipv4Addr>().unwrap().octets();
        // Teredo's is inverted.
        let [a, b, c, d] = if form.starts_with("2001:") { octets.map(|octet| !octet) } else { octets };
        address(&form.replace("{}", &format!("{a:02x}{b:02x}:{c:02x}{d:02x}")))
    }

    #[test]
    fn special_ranges_are_refused_from_end_to_end_unless_they_are_allowed() {
        for text in SPECIAL {
            let net: IpNet = text.parse().unwrap();
            for address in [net.network(), net.broadcast()] {
                assert!(!guard(&[]).allows(address), "{address} of {text}");
                // What carries an address is judged by that as well.
                let carries = matches!(address, IpAddr::V6(address) if embedded(address).is_some());
                assert!(carries || guard(&[text]).allows(address), "{address} of {text}");
                assert!(!guard(&["8.8.8.8/32", "2a00::/16"]).allows(address), "{address} of {text}");
            }
        }
    }

    #[test]
    fn addresses_of_the_internet_are_allowed() {
        for text in PUBLIC {
            assert!(guard(&[]).allows(address(text)), "{text}: {:?}", guard(&[]).judge(address(text)));
        }
    }

    #[test]
    fn an_address_of_ipv4_is_judged_alike_in_whatever_it_is_carried() {
        let inner = |text: &&&str| text.parse::<Ipv4Addr>().is_ok();
        let special = SPECIAL.iter().filter_map(|net| net.split_once('/').map(|(first, _)| first)).collect::<Vec<_>>();
        for (form, is_as_good) in CARRIERS {
            for text in special.iter().filter(inner) {
                let outer = carried(form, text);
                assert!(!guard(&[]).allows(outer), "{outer}");
                // The one network is not enough, both are.
                assert!(is_as_good | !guard(&[&format!("{text}/32")]).allows(outer), "{outer}");
                assert!(guard(&[&format!("{text}/32"), &format!("{outer}/128")]).allows(outer), "{outer}");
            }
            for text in PUBLIC.iter().filter(inner) {
                let outer = carried(form, text);
                assert_eq!(guard(&[]).allows(outer), *is_as_good, "{outer}");
                assert!(guard(&[&format!("{outer}/128")]).allows(outer), "{outer}");
            }
        }
    }

    #[test]
    fn a_carrier_that_is_allowed_carries_nothing_that_is_not() {
        for (net, carrier) in [("2002::/16", "2002:{}::1"), ("64:ff9b::/96", "64:ff9b::{}"), ("::/0", "::ffff:{}")] {
            assert!(!guard(&[net]).allows(carried(carrier, "10.0.0.1")), "{net}");
            assert!(guard(&[net, "10.0.0.0/8"]).allows(carried(carrier, "10.0.0.1")), "{net}");
        }
    }

    #[test]
    fn a_network_of_mapped_addresses_is_one_of_ipv4() {
        let guard = guard(&["::ffff:10.0.0.0/104"]);
        assert!(guard.allows(address("10.1.2.3")) && guard.allows(address("::ffff:10.1.2.3")));
        assert!(!guard.allows(address("127.0.0.1")));
    }

    #[test]
    fn where_clouds_keep_credentials_only_the_address_itself_lets_in() {
        for metadata in CREDENTIALS.map(address) {
            let bits = if metadata.is_ipv4() { 32 } else { 128 };
            assert!(!guard(&[]).allows(metadata), "{metadata}");
            for wide in [0, 8, bits - 1] {
                assert!(!guard(&[&format!("{metadata}/{wide}")]).allows(metadata), "{metadata}/{wide}");
            }
            assert!(guard(&[&format!("{metadata}/{bits}")]).allows(metadata), "{metadata}");
        }
        assert!(!guard(&["0.0.0.0/0", "::/0"]).allows(address("::ffff:169.254.169.254")));
    }

    #[test]
    fn a_refusal_says_what_the_address_is() {
        for (text, kind) in [
            ("127.0.0.1", "loopback"),
            ("10.1.2.3", "private"),
            ("::1", "loopback"),
            ("fd12::1", "private"),
            ("fe80::1", "link-local"),
            ("ff02::1", "multicast"),
            ("64:ff9b::127.0.0.1", "loopback"),
            ("8000::1", "not of the public Internet"),
        ] {
            let told = guard(&[]).judge(address(text)).unwrap_err();
            assert!(told.contains(kind), "{text}: {told}");
        }
    }
}
