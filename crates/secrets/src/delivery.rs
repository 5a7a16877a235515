//! A delivery as both sides of the wire say it: what is asked for, what is handed over, and how the run that took it
//! ended. What a delivery is allowed to be is decided elsewhere.

use serde::Serialize;
use zeroize::Zeroizing;

use crate::json::{Document, JsonError, JsonRule, Node, write_escaped, write_exactly, write_list};
use crate::limits::Limits;
use crate::model::{Secret, SecretsCollectionSummary, say_secret};
use crate::request::{RequestError, settle_new};
use crate::set::Secrets;
use crate::value::SecretValue;

/// What is asked of `POST …/deliveries`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DeliveryRequest {
    /// Which version; the newest where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// What for: `as` on the wire.
    #[serde(rename = "as")]
    pub purpose: Purpose,
    /// What the client says about the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunClaimText>,
}

/// What a delivery is for. It decides which action is needed and what the audit record says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// To run a program with the values.
    #[default]
    Run,
    /// To look at the values.
    Reveal,
    /// To plan: types, locations and lengths, and no value.
    Plan,
}

/// What a client says about the run that it fetches a delivery for: a claim, kept and never used to decide.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RunClaimText {
    /// The machine.
    pub host: String,
    /// The user on it.
    pub user: String,
    /// The command.
    pub command: String,
    /// The isolation level, 0 to 4, where it is known already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<u8>,
}

impl DeliveryRequest {
    /// Reads a request. Null means absent; unknown fields are ignored.
    ///
    /// # Errors
    /// [`JsonError`] with the path and the rule.
    pub fn read(document: &Document<'_>) -> Result<Self, JsonError> {
        let fields = document.root().object()?;
        let version = fields.unless_null("version").map(|node| node.number(1..=u64::MAX)).transpose()?;
        let purpose = fields.unless_null("as").map(|node| Purpose::read(&node)).transpose()?;
        let run = fields.unless_null("run").map(|node| RunClaimText::read(&node)).transpose()?;
        Ok(Self { version, purpose: purpose.unwrap_or_default(), run })
    }
}

impl Purpose {
    fn read(node: &Node<'_>) -> Result<Self, JsonError> {
        node.word(r#""run", "reveal" or "plan""#, |word| match word {
            "run" => Some(Self::Run),
            "reveal" => Some(Self::Reveal),
            "plan" => Some(Self::Plan),
            _ => None,
        })
    }
}

impl RunClaimText {
    fn read(node: &Node<'_>) -> Result<Self, JsonError> {
        let fields = node.object()?;
        let level = fields.unless_null("level").map(|node| small(&node, 0, 4)).transpose()?;
        Ok(Self {
            host: fields.required("host")?.text()?,
            user: fields.required("user")?.text()?,
            command: fields.required("command")?.text()?,
            level,
        })
    }
}

fn small(node: &Node<'_>, least: u8, most: u8) -> Result<u8, JsonError> {
    let number = node.number(least.into()..=most.into())?;
    Ok(u8::try_from(number).unwrap_or(most))
}

/// What is handed over: the plaintexts of one version, and the receipt of its record.
#[derive(Debug)]
pub struct Delivered {
    /// The collection.
    pub summary: SecretsCollectionSummary,
    /// Its version.
    pub version: u64,
    /// What names the audit record. It is no capability.
    pub receipt: String,
    /// The secrets, in their order.
    pub secrets: Secrets<SecretValue>,
}

impl Delivered {
    /// Reads what a strongroom handed over. The rules of locations, values and sets are judged again, since what comes
    /// of it leads to a file system; limits are not, they were the other side's business.
    ///
    /// # Errors
    /// [`RequestError`], which names the place and the rule and never a value.
    pub fn read(document: &Document<'_>) -> Result<Self, RequestError> {
        let fields = document.root().object()?;
        let secrets = fields.required("secrets")?.list()?;
        let secrets = secrets.iter().map(|node| settle_new(Secret::read(node)?, Limits::ANY));
        let secrets = secrets.collect::<Result<_, _>>()?;
        Ok(Self {
            summary: SecretsCollectionSummary::of(&fields)?,
            version: fields.required("version")?.number(1..=u64::MAX)?,
            receipt: read_receipt(&fields.required("receipt")?)?,
            secrets: Secrets::settle(secrets, Limits::ANY)?,
        })
    }

    /// Its JSON **with the plaintext in it**, in a buffer of its exact size that is wiped when dropped: the documented
    /// collection, and `version` and `receipt` beside it.
    #[must_use]
    pub fn to_plain_json(&self) -> Zeroizing<String> {
        let version = self.version.to_string();
        write_exactly(|push| {
            push("{");
            self.summary.say(push);
            push(",\"version\":");
            push(&version);
            push(",\"receipt\":");
            write_escaped(&self.receipt, push);
            push(",\"secrets\":");
            write_list(self.secrets.entries(), push, |(place, value), push| {
                push("{");
                say_secret(place.secret_type(), place.location(), Some(value.expose()), push);
                push("}");
            });
            push("}");
        })
    }
}

/// A receipt becomes part of a path when the run has ended.
fn read_receipt(node: &Node<'_>) -> Result<String, JsonError> {
    let is_receipt = |text: &str| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
    };
    node.word("a receipt", |text| is_receipt(text).then(|| text.to_owned()))
}

/// How the run that took a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// The program exited with this code.
    Exit(u8),
    /// This signal ended the program.
    Signal(u8),
    /// There was no program: strongroom refused, or could not.
    Refused(RefusedBy),
}

/// What a run was stopped by before its program began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RefusedBy {
    /// A file could not be put where it must be.
    Files,
    /// A namespace could not be had.
    Namespace,
    /// The program could not be executed.
    Exec,
    /// The kernel's limits on arguments and environment.
    Limits,
}

impl End {
    /// Reads `{"exit": N}`, `{"signal": N}` or `{"refused": WORD}`. Null means absent; unknown fields are ignored.
    ///
    /// # Errors
    /// [`JsonError`] with the path and the rule.
    pub fn read(document: &Document<'_>) -> Result<Self, JsonError> {
        let root = document.root();
        let fields = root.object()?;
        let given = ["exit", "signal", "refused"].map(|name| fields.unless_null(name));
        match &given {
            [Some(code), None, None] => small(code, 0, u8::MAX).map(Self::Exit),
            [None, Some(signal), None] => small(signal, 1, 64).map(Self::Signal),
            [None, None, Some(word)] => RefusedBy::read(word).map(Self::Refused),
            _ => Err(root.error(JsonRule::Word("an object with one of exit, signal and refused"))),
        }
    }
}

impl RefusedBy {
    fn read(node: &Node<'_>) -> Result<Self, JsonError> {
        node.word(r#""files", "namespace", "exec" or "limits""#, |word| match word {
            "files" => Some(Self::Files),
            "namespace" => Some(Self::Namespace),
            "exec" => Some(Self::Exec),
            "limits" => Some(Self::Limits),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::location::Place;
    use crate::model::SecretType;
    use crate::timestamp::Timestamp;

    fn request(json: &str) -> Result<DeliveryRequest, JsonError> {
        DeliveryRequest::read(&Document::parse(json.as_bytes())?)
    }

    fn end(json: &str) -> Result<End, JsonError> {
        End::read(&Document::parse(json.as_bytes())?)
    }

    fn delivered(json: &str) -> Result<Delivered, RequestError> {
        Delivered::read(&Document::parse(json.as_bytes())?)
    }

    #[test]
    fn a_delivery_is_for_a_run_unless_something_else_is_said() {
        fn check(json: &Value, expected: &Value) {
            let request = request(&json.to_string()).expect("a request");
            assert_eq!(&serde_json::to_value(&request).expect("JSON"), expected, "{json}");
        }
        check(&json!({}), &json!({"as": "run"}));
        check(&json!({"version": null, "as": null, "run": null, "other": 1}), &json!({"as": "run"}));
        for word in ["run", "reveal", "plan"] {
            let run = json!({"host": "h", "user": "u", "command": "c", "level": 2});
            let whole = json!({"version": 3, "as": word, "run": run});
            check(&whole, &whole);
        }
        let unknown = json!({"as": "run", "run": {"host": "", "user": "", "command": ""}});
        check(&unknown, &unknown);
    }

    #[test]
    fn a_delivery_that_cannot_be_is_refused() {
        fn check(json: &str, part: &str) {
            let sentence = request(json).map(|_| ()).expect_err(json).to_string();
            assert!(sentence.contains(part), "{json}\n{sentence}");
        }
        for version in ["0", "-1", "1.0", "1e3", "\"1\"", "[]", "18446744073709551616"] {
            check(&format!(r#"{{"version": {version}}}"#), "version must be a whole number from 1");
        }
        for purpose in ["\"Run\"", "\"\"", "\"deliver\"", "1", "[]"] {
            check(&format!(r#"{{"as": {purpose}}}"#), r#"as must be "run", "reveal" or "plan""#);
        }
        check(r#"{"run": {"host": "h", "user": "u"}}"#, "run.command is missing");
        check(r#"{"run": {"host": "h", "user": null, "command": "c"}}"#, "run.user must be a string");
        check(
            r#"{"run": {"host": "h", "user": "u", "command": "c", "level": 5}}"#,
            "run.level must be a whole",
        );
        check(r#"{"run": "h"}"#, "run must be an object");
        check("[]", "must be an object");
    }

    #[test]
    fn an_end_is_one_thing() {
        fn check(expected: End, json: &str) {
            assert_eq!(end(json), Ok(expected), "{json}");
            assert_eq!(serde_json::to_string(&expected).expect("JSON"), json);
        }
        check(End::Exit(0), r#"{"exit":0}"#);
        check(End::Exit(255), r#"{"exit":255}"#);
        check(End::Signal(9), r#"{"signal":9}"#);
        check(End::Refused(RefusedBy::Files), r#"{"refused":"files"}"#);
        check(End::Refused(RefusedBy::Namespace), r#"{"refused":"namespace"}"#);
        check(End::Refused(RefusedBy::Exec), r#"{"refused":"exec"}"#);
        check(End::Refused(RefusedBy::Limits), r#"{"refused":"limits"}"#);
        assert_eq!(end(r#"{"exit": 3, "signal": null}"#), Ok(End::Exit(3)));
        for bad in [
            "{}",
            r#"{"exit": 0, "signal": 9}"#,
            r#"{"exit": null}"#,
            r#"{"exit": 256}"#,
            r#"{"exit": -1}"#,
            r#"{"exit": true}"#,
            r#"{"signal": 0}"#,
            r#"{"signal": 65}"#,
            r#"{"refused": "Files"}"#,
            r#"{"refused": 1}"#,
            r#"{"ended": 1}"#,
            "0",
        ] {
            assert!(end(bad).is_err(), "{bad}");
        }
    }

    fn summary() -> SecretsCollectionSummary {
        let then = Timestamp::parse("2024-01-02T03:04:05Z").expect("a moment");
        SecretsCollectionSummary {
            id: "c".into(),
            application_id: "app".into(),
            name: "n".into(),
            description: String::new(),
            created_at: then,
            updated_at: then,
        }
    }

    fn secrets(values: &[String]) -> Secrets<SecretValue> {
        let entries = values.iter().enumerate().map(|(i, value)| {
            let secret_type = if i % 2 == 0 { SecretType::Env } else { SecretType::File };
            let place = Place::parse(secret_type, &format!("L{i}")).expect("a location");
            (place, SecretValue::from(Zeroizing::new(value.clone())))
        });
        Secrets::settle(entries.collect(), Limits::ANY).expect("its rules hold")
    }

    #[test]
    fn what_is_handed_over_is_the_documented_collection_and_more() {
        let secrets = secrets(&["hunter2".to_owned()]);
        let delivered = Delivered { summary: summary(), version: 3, receipt: "1a.1.7".into(), secrets };
        assert_eq!(
            &*delivered.to_plain_json(),
            r#"{"id":"c","application_id":"app","name":"n","description":"","created_at":"2024-01-02T03:04:05Z","updated_at":"2024-01-02T03:04:05Z","version":3,"receipt":"1a.1.7","secrets":[{"type":"env","location":"L0","value":"hunter2"}]}"#
        );
        assert!(!format!("{delivered:?}").contains("hunter2"));
    }

    #[test]
    fn the_limits_of_what_is_handed_over_are_those_of_the_other_side() {
        let mut many = vec!["x".repeat(100_000)];
        many.resize(300, String::new());
        let made = Delivered { summary: summary(), version: 1, receipt: "r".into(), secrets: secrets(&many) };
        let read = delivered(&made.to_plain_json()).expect("no limit of ours");
        assert_eq!(read.secrets.entries().len(), 300);
    }

    #[test]
    fn what_is_handed_over_is_judged_before_it_is_used() {
        fn check(secrets: &str, part: &str) {
            let json = format!(
                r#"{{"id":"c","application_id":"a","name":"n","description":"","created_at":0,"updated_at":0,"version":1,"receipt":"r","secrets":{secrets}}}"#
            );
            let sentence = delivered(&json).map(|_| ()).expect_err(secrets).to_string();
            assert!(sentence.contains(part), "{secrets}\n{sentence}");
            assert!(!sentence.contains("hunter2"), "{sentence}");
        }
        check(r#"[{"type":"file","location":"../x","value":"hunter2"}]"#, "part . or ..");
        check(r#"[{"type":"env","location":"A","value":"hunter2\u0000"}]"#, "NUL");
        check(r#"[{"type":"env","location":"A","value":7}]"#, "secrets.0.value must be a string");
        check(
            r#"[{"type":"file","location":"a","value":"hunter2"},{"type":"file","location":"a/b","value":""}]"#,
            "below the file",
        );
        check(
            r#"[{"type":"env","location":"A","value":"strongroom-masked:aaaaaaaaaaaaaaaa:00000000000000000000000000000000"}]"#,
            "is a mask",
        );
        assert!(matches!(delivered("{}"), Err(RequestError::Json(_))));
    }

    proptest! {
        #[test]
        fn what_is_handed_over_arrives_byte_for_byte(
            values in prop::collection::vec("[^\0]{0,20}", 0..30),
            version in 1..=u64::MAX,
        ) {
            let secrets = secrets(&values);
            let made = Delivered { summary: summary(), version, receipt: "1a.1.7".into(), secrets };
            let json = made.to_plain_json();
            prop_assert_eq!(json.capacity(), json.len());
            let read = delivered(&json).expect("what we say is what we read");
            prop_assert_eq!((&read.summary, read.version, &read.receipt), (&made.summary, version, &made.receipt));
            let read: Vec<&str> = read.secrets.entries().iter().map(|(_, value)| value.expose()).collect();
            prop_assert_eq!(read, values);
        }
    }
}
