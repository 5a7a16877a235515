//! The path of a key file as messages name it. Not a way to that file.

use std::fmt;
use std::path::Path;

const HIDDEN: &str = "(a path that is not shown)";
/// As many characters as a key has in base64url.
const KEY: usize = 43;

/// What may be printed of the path of a key file: somebody may have put the key itself where its path belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPath(
    // Invariant: never what looks like a key (`what_may_be_a_key_is_not_shown`).
    String,
);

impl From<&Path> for KeyPath {
    fn from(path: &Path) -> Self {
        let text = path.to_string_lossy();
        Self(if may_be_key(&text) { HIDDEN.to_owned() } else { text.into_owned() })
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl KeyPath {
    /// As one word of a shell line.
    pub(crate) fn shell_word(&self) -> String {
        let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%".contains(c);
        if self.0.chars().all(plain) {
            self.0.clone()
        } else {
            format!("'{}'", self.0.replace('\'', r"'\''"))
        }
    }
}

/// Rather one path too many than one key: a long name that is in truth none is hidden too.
fn may_be_key(text: &str) -> bool {
    let other = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_');
    text.contains("strongroom-root-key") || text.split(other).any(|run| run.len() >= KEY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_key_is_not_shown() {
        let check = |path: &str, shown: bool| {
            let named = KeyPath::from(Path::new(path));
            assert_eq!(named.to_string(), if shown { path } else { HIDDEN });
            assert_eq!(format!("{named:?}").contains(path), shown, "{path}");
        };
        let key = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdE";
        assert_eq!(key.len(), KEY);
        check("/etc/strongroom/room.key", true);
        check("/home/ada lovelace/keys/fd2c7e2e-4b8c-4e4e-9d3a-2f1f7f5f9a61/room.key", true);
        check(&format!("/etc/{}", &key[1..]), true);
        check(key, false);
        check(&format!("/srv/me/{key}"), false);
        check(&format!("/srv/me/{key}\n"), false);
        check(&format!("/srv/me/file:{key}=/x"), false);
        check(&format!("/srv/me/{key}x"), false);
        check("/srv/me/strongroom-root-key 1 00", false);
        check("strongroom-root-key", false);
    }

    #[test]
    fn a_path_is_one_word_for_a_shell() {
        let check = |path, expected| assert_eq!(KeyPath::from(Path::new(path)).shell_word(), expected);
        check("/home/ada/room.key", "/home/ada/room.key");
        check("/home/ada lovelace/k", "'/home/ada lovelace/k'");
        check("/it's/$(x)", r"'/it'\''s/$(x)'");
        check("strongroom-root-key", "'(a path that is not shown)'");
    }
}
