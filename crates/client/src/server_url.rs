//! Where a strongroom is served, as one parsed value: a scheme, a host, a port and nothing else. No request is made
//! here, and no name is looked up.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Whether plain HTTP is acceptable to a host that is not this machine itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainHttp {
    /// No: plain HTTP goes to `localhost`, `127.0.0.0/8` and `::1` only.
    OnLoopbackOnly,
    /// Yes: whoever sits between may read the API key and every value, and may change them.
    ExposingKeyAndValues,
}

/// The address of a server: `https://HOST[:PORT]`, or `http://HOST[:PORT]` where that is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    secure: bool,
    // Invariant: lower-case host (in brackets if IPv6) that needs no escaping anywhere in a URL
    // (`a_server_is_a_scheme_a_host_and_a_port`).
    host: String,
    port: u16,
    loopback: bool,
}

impl ServerUrl {
    /// Parses an address. A path other than `/`, a query, a fragment and a user's name are refused: a token must go
    /// exactly where the URL reads as if it went.
    ///
    /// # Errors
    /// [`ServerUrlError`], which repeats the host at most: a URL may hold a password.
    pub fn parse(text: &str, plain: PlainHttp) -> Result<Self, ServerUrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(ServerUrlError::Scheme)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(ServerUrlError::Scheme),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains('@') {
            return Err(ServerUrlError::UserInfo);
        }
        if authority.contains(['/', '?', '#']) {
            return Err(ServerUrlError::MoreThanAHost);
        }
        let (host, port) = split_port(authority)?;
        let host = host.to_ascii_lowercase();
        let loopback = is_loopback(&host).ok_or(ServerUrlError::Host)?;
        if !secure && !loopback && plain == PlainHttp::OnLoopbackOnly {
            return Err(ServerUrlError::PlainHttp { host });
        }
        let port = match port {
            None if secure => 443,
            None => 80,
            Some(port) => parse_port(port).ok_or(ServerUrlError::Port)?,
        };
        Ok(Self { secure, host, port, loopback })
    }

    /// Whether it is this machine itself.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// Whether the way to it is encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.secure
    }

    /// `HOST:PORT`, as errors name it.
    pub(crate) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host)?;
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => Ok(()),
            (_, port) => write!(f, ":{port}"),
        }
    }
}

/// The host (with its brackets) and the text after its colon.
fn split_port(authority: &str) -> Result<(&str, Option<&str>), ServerUrlError> {
    let end = match authority.strip_prefix('[') {
        Some(inner) => inner.find(']').ok_or(ServerUrlError::Host)? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at(end);
    match rest.strip_prefix(':') {
        Some(port) => Ok((host, Some(port))),
        None if rest.is_empty() => Ok((host, None)),
        None => Err(ServerUrlError::Host),
    }
}

fn parse_port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

/// Whether a host is this machine; `None` when it is no host. A spelling that only some resolvers read as a number
/// (`127.1`, `0x7f.1`) counts as a name, and thus as somewhere else.
fn is_loopback(host: &str) -> Option<bool> {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<Ipv6Addr>().ok().map(|address| address.is_loopback());
    }
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return Some(address.is_loopback());
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let named = host.strip_suffix('.').unwrap_or(host);
    (named.len() <= 253 && named.split('.').all(is_label)).then(|| host == "localhost")
}

/// Why a text is no address of a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerUrlError {
    /// Neither `https://` nor `http://`.
    #[error("a server is written https://HOST[:PORT]; this begins neither with https:// nor with http://")]
    Scheme,
    /// A name or a password before the host.
    #[error("a server's URL holds no user name and no password: the API key says who is calling")]
    UserInfo,
    /// A path, a query or a fragment.
    #[error(
        "a server's URL ends with its host and port: a strongroom is served at the root, without path or query"
    )]
    MoreThanAHost,
    /// Not a name and not an IP address.
    #[error("the host of the server's URL is neither a name nor an IP address (IPv6 in brackets)")]
    Host,
    /// Not 1 to 65535.
    #[error("the port of the server's URL is a number from 1 to 65535")]
    Port,
    /// Plain HTTP to another machine.
    #[error(
        "plain http:// to {host} would show the API key and every value to whoever listens; use https://"
    )]
    PlainHttp {
        /// The host.
        host: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: Result<&str, ServerUrlError>) {
        let parsed = ServerUrl::parse(input, PlainHttp::OnLoopbackOnly).map(|url| url.to_string());
        assert_eq!(parsed.as_deref(), expected.as_ref().map(|text| *text), "{input}");
    }

    #[test]
    fn a_server_is_a_scheme_a_host_and_a_port() {
        use ServerUrlError::{Host, MoreThanAHost, Port, Scheme, UserInfo};
        check("https://strongroom.example", Ok("https://strongroom.example"));
        check("https://strongroom.example/", Ok("https://strongroom.example"));
        check("HTTPS://Strongroom.Example:8443", Ok("https://strongroom.example:8443"));
        check("https://a.example:443", Ok("https://a.example"));
        check("https://10.0.0.1:1", Ok("https://10.0.0.1:1"));
        check("https://[2001:DB8::1]:8443", Ok("https://[2001:db8::1]:8443"));
        for bad in ["", "a.example", "a.example:443", "ftp://a.example", "//a.example", "unix:///run/s"] {
            check(bad, Err(Scheme));
        }
        for bad in ["https://me@a.example", "https://me:hunter2@a.example", "https://a.example@b.example/x"] {
            check(bad, Err(UserInfo));
        }
        for bad in
            ["https://a/b", "https://a//", "https://a?b", "https://a#b", "https://a/?b", "https://a/b/"]
        {
            check(bad, Err(MoreThanAHost));
        }
        let long = format!("https://{}", "a.".repeat(200));
        for bad in [
            "https://",
            "https:///",
            "https://:443",
            "https://a b",
            "https://a\\b",
            "https://a\r\nX: y",
            "https://ü.example",
            "https://a..b",
            "https://[::1",
            "https://[::1]x",
            "https://[fe80::1%eth0]",
            "https://[127.0.0.1]",
            "https://a%2eb",
            &long,
        ] {
            check(bad, Err(Host));
        }
        for bad in
            ["https://a:", "https://a:0", "https://a:65536", "https://a:+1", "https://a:1:2", "https://a:x"]
        {
            check(bad, Err(Port));
        }
    }

    #[test]
    fn plain_http_goes_to_this_machine_only() {
        check("http://localhost:7878", Ok("http://localhost:7878"));
        check("http://LOCALHOST", Ok("http://localhost"));
        check("http://127.0.0.1:7878/", Ok("http://127.0.0.1:7878"));
        check("http://127.255.1.2:80", Ok("http://127.255.1.2"));
        check("http://[::1]:7878", Ok("http://[::1]:7878"));
        for host in [
            "a.example",
            "localhost.example",
            "localhost.",
            "127.1",
            "2130706433",
            "0x7f000001",
            "10.0.0.1",
            "0.0.0.0",
            "[::]",
            "[::ffff:127.0.0.1]",
            "127.0.0.1.example",
        ] {
            let url = format!("http://{host}:7878");
            check(&url, Err(ServerUrlError::PlainHttp { host: host.to_owned() }));
            let exposed =
                ServerUrl::parse(&url, PlainHttp::ExposingKeyAndValues).expect("the risk was named");
            assert!(!exposed.is_loopback() && !exposed.is_https(), "{url}");
        }
    }

    #[test]
    fn no_error_repeats_a_password() {
        for url in ["https://me:hunter2@a.example", "hunter2://a", "https://a/hunter2", "http://a:hunter2"] {
            let error = ServerUrl::parse(url, PlainHttp::OnLoopbackOnly).expect_err(url);
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }
}
