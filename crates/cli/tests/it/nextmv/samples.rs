//! The secrets that go in, chosen for what other services have lost or changed on the way. Deliberately nothing that
//! strongroom refuses: what is refused is the client's script.

use serde_json::{Value, json};

/// A secret as it must be stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sample {
    kind: String,
    location: String,
    value: String,
}

impl Sample {
    fn env(location: impl Into<String>, value: impl Into<String>) -> Self {
        Self { kind: "env".to_owned(), location: location.into(), value: value.into() }
    }

    fn file(location: impl Into<String>, value: impl Into<String>) -> Self {
        Self { kind: "file".to_owned(), location: location.into(), value: value.into() }
    }

    /// Where it belongs, and how long it is.
    pub(super) fn place(&self) -> String {
        format!("{} {} of {} bytes", self.kind, self.location, self.value.len())
    }

    /// In the documented form.
    pub(super) fn to_json(&self) -> Value {
        json!({"type": self.kind, "location": self.location, "value": self.value})
    }

    /// From the documented form; a field that is missing or no text is an empty one, and will differ.
    pub(super) fn from_json(secret: &Value) -> Self {
        let text = |field: &str| secret[field].as_str().unwrap_or_default().to_owned();
        Self { kind: text("type"), location: text("location"), value: text("value") }
    }
}

/// What a collection begins with.
pub(super) fn first() -> Vec<Sample> {
    let pem =
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIFAKEFAKEFAKE+/=\n-----END PRIVATE KEY-----\n";
    let controls: String = ('\u{1}'..='\u{1f}').chain(['\u{7f}', '\u{85}', '\u{2028}', '\u{2029}']).collect();
    vec![
        Sample::env("QUOTED", r#"a "double", a 'single', a `back` quote and a \n"#),
        Sample::env("DOLLARS", "$HOME ${HOME} $(id) $$ %PATH% #not a comment"),
        Sample::env("MULTI_LINE", "CLOUD_KEY = 1\nCLOUD_SECRET = 2\n\n[DEFAULT_PARAMETERS]\nverbosity = 0"),
        Sample::env("TRAILING", "a line\n"),
        Sample::env("BLANKS", " \t around \t "),
        Sample::env("EMPTY", ""),
        Sample::env("ACCENTS", "pässwörd-日本語-e\u{301}"),
        Sample::env("EMOJI", "🔑 👩\u{200d}👩\u{200d}👧"),
        Sample::env("MARKED", "\u{feff}after a byte order mark"),
        Sample::env("CONTROLS", controls),
        Sample::env("STARS", "********"),
        Sample::env("OF_1024", "x".repeat(1024)),
        Sample::env("OVER_1024", format!("{}é", "x".repeat(1023))),
        Sample::env("KEY_OF_TESTS", "a variable whose value says = and ; and |"),
        Sample::file("gurobi.lic", "# a comment\r\nWLSACCESSID=00000000-fake\r\nLICENSEID=1234567\r\n"),
        Sample::file("keys/id.pem", pem),
        Sample::file("ends-at-once.txt", "without a newline"),
        Sample::file("empty.txt", ""),
        Sample::file(".pgpass", "host:5432:db:user:fake\\:pass\\\\word\n"),
        Sample::file("/mnt/secrets/config.json", "{\"absolute\": true}\n"),
        Sample::file("licences/acme.lic", "FEATURE PTS MOSEKLM 11 \\\n\t\"SIGN=fake\"\n"),
        Sample::file("schlüssel/ключ.txt", "under a name that is not ASCII"),
        Sample::file("OF_1024", "a file where a variable has the same location"),
        Sample::file("large.bin", "0123456789abcdef".repeat(4096)),
    ]
}

/// What is added to a collection.
pub(super) fn extra() -> Vec<Sample> {
    vec![Sample::env("ADDED", "first line\r\nlast line\r\n")]
}

/// What takes the place of everything: places kept with other values and with the same, others moved to where they collide
/// with what goes, and new ones.
pub(super) fn replaced() -> Vec<Sample> {
    let mut secrets: Vec<Sample> = first().into_iter().skip(10).take(4).collect();
    secrets.extend([
        Sample::env("QUOTED", "other \"quotes\"\n"),
        Sample::env("EMPTY", "no longer empty"),
        Sample::env("NEW", "new"),
        Sample::file("/licences/acme.lic", "the same path, said otherwise\n"),
        Sample::file("gurobi.lic/now/a/folder", "below what was a file"),
        Sample::file(".pgpass", ""),
    ]);
    secrets
}

/// One of these with another value.
pub(super) fn rotated() -> Vec<Sample> {
    vec![Sample::env("NEW", "rotated\n")]
}

/// As many as a collection may have.
pub(super) fn hundred(prefix: &str) -> Vec<Sample> {
    (0..100).map(|number| Sample::env(format!("{prefix}_{number}"), format!("{prefix} {number}\n"))).collect()
}

/// These secrets, those of the same places taking over.
pub(super) fn overlaid(secrets: &[Sample], by: &[Sample]) -> Vec<Sample> {
    let stays =
        |one: &&Sample| !by.iter().any(|new| (&new.kind, &new.location) == (&one.kind, &one.location));
    secrets.iter().filter(stays).chain(by).cloned().collect()
}
