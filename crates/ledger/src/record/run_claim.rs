//! What a client says about the run that it fetches a delivery for. A claim, never checked, never used to
//! decide.

/// Host, user and command of a run, as the client says. Quoted, so that no claim can dress up as something
/// else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunClaim {
    // Invariant: each is what `quote_part` makes (`a_claim_that_is_not_quoted_is_refused`).
    host: String,
    user: String,
    command: String,
}

impl RunClaim {
    /// The longest that one part gets, in bytes, quoted.
    const MAX_PART: usize = 64;

    /// Quotes whatever the client sent: `[A-Za-z0-9._-]` stays, every other byte becomes `%XX`, and what does
    /// not fit into 64 bytes is cut off, never within an escape.
    pub fn quote(host: impl AsRef<[u8]>, user: impl AsRef<[u8]>, command: impl AsRef<[u8]>) -> Self {
        Self {
            host: quote_part(host.as_ref()),
            user: quote_part(user.as_ref()),
            command: quote_part(command.as_ref()),
        }
    }

    /// Takes parts that are quoted already.
    pub(super) fn parse(host: &[u8], user: &[u8], command: &[u8]) -> Option<Self> {
        Some(Self { host: parse_part(host)?, user: parse_part(user)?, command: parse_part(command)? })
    }

    /// The machine, quoted.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The user on that machine, quoted.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The command, quoted.
    pub fn command(&self) -> &str {
        &self.command
    }
}

fn quote_part(raw: &[u8]) -> String {
    let mut quoted = String::new();
    for byte in raw {
        let piece = match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' => char::from(*byte).to_string(),
            _ => format!("%{byte:02X}"),
        };
        if quoted.len() + piece.len() > RunClaim::MAX_PART {
            break;
        }
        quoted.push_str(&piece);
    }
    quoted
}

/// Quoted is what quoting its own meaning gives again: this refuses raw bytes, malformed escapes and needless
/// ones alike.
fn parse_part(quoted: &[u8]) -> Option<String> {
    let mut raw = Vec::new();
    let mut rest = quoted;
    while let Some((first, after)) = rest.split_first() {
        (raw, rest) = match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |digit: u8| char::from(digit).to_digit(16);
                raw.push(u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?);
                (raw, after)
            }
            _ => {
                raw.push(*first);
                (raw, after)
            }
        };
    }
    let canonical = quote_part(&raw);
    (canonical.as_bytes() == quoted).then_some(canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_quoted_and_cut_between_escapes() {
        fn check(raw: &[u8], expected: &str) {
            let claim = RunClaim::quote(raw, "", "");
            assert_eq!(claim.host(), expected);
            assert_eq!(RunClaim::parse(expected.as_bytes(), b"", b""), Some(claim));
        }
        check(b"", "");
        check(b"node-1.example_A", "node-1.example_A");
        check(b"python3 main.py", "python3%20main.py");
        check(b"50%", "50%25");
        check("caf\u{e9}".as_bytes(), "caf%C3%A9");
        check(b"\x1b[31m\r\n\0\xff", "%1B%5B31m%0D%0A%00%FF");
        check(&[b'a'; 65], &"a".repeat(64));
        check(&[&[b'a'; 61][..], b"/b"].concat(), &format!("{}%2F", "a".repeat(61)));
        check(&[&[b'a'; 62][..], b"/b"].concat(), &"a".repeat(62));
        check(&[&[b'a'; 63][..], b"/b"].concat(), &"a".repeat(63));
    }

    #[test]
    fn host_user_and_command_stay_apart() {
        let claim = RunClaim::quote("h", "u", "c");
        assert_eq!((claim.host(), claim.user(), claim.command()), ("h", "u", "c"));
    }

    #[test]
    fn a_claim_that_is_not_quoted_is_refused() {
        fn check(quoted: &[u8]) {
            assert_eq!(RunClaim::parse(b"h", quoted, b"c"), None, "{quoted:?}");
        }
        check(b"a b");
        check(b"%");
        check(b"%4");
        check(b"%2f");
        check(b"%41");
        check(b"%+1");
        check(b"%%20");
        check(b"\xff");
        check("\u{e9}".as_bytes());
        check(&[b'a'; 65]);
    }
}
