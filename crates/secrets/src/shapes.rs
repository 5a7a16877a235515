//! The answers that are ours and not of the documented model, each as its JSON is. Both sides of the wire read and say
//! them here; none of them holds a plaintext.

use serde::{Deserialize, Serialize};

use crate::action::Actions;
use crate::location::Place;
use crate::model::SecretType;
use crate::timestamp::Timestamp;

/// An application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// Its id.
    pub id: String,
    /// Its name; never null.
    pub name: String,
    /// Its description; never null, `""` where there is none.
    pub description: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// One version of a collection, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionSummary {
    /// Its number.
    pub version: u64,
    /// When it was written.
    pub created_at: Timestamp,
    /// Who wrote it.
    pub created_by: String,
    /// How many secrets it has.
    pub secrets: u64,
}

/// What differs between two versions of a collection: places, never values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// The one version.
    pub from: u64,
    /// The other.
    pub to: u64,
    /// Only in `to`.
    pub added: Vec<Place>,
    /// Only in `from`.
    pub removed: Vec<Place>,
    /// In both, and given a value in between.
    pub changed: Vec<Place>,
    /// In both, untouched.
    pub same: Vec<Place>,
}

/// An API key, without its token. What is absent is null on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its id, which the token names too.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub can: Actions,
    /// The one application it is for; for all where there is none.
    pub application_id: Option<String>,
    /// The one collection it is for; for all where there is none.
    pub collection_id: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it ends; never where there is no time.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// An audit record, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// The number of its ledger.
    pub ledger: u32,
    /// Its place in that ledger.
    pub seq: u64,
    /// When it was recorded.
    pub time: Timestamp,
    /// Who did it.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// The application it was done to.
    pub application_id: Option<String>,
    /// The collection it was done to.
    pub collection_id: Option<String>,
    /// The version that was read or written.
    pub version: Option<u64>,
    /// How it ended.
    pub result: String,
    /// What names it, within one generation and beyond.
    pub receipt: String,
}

/// What a delivery would hold: types, locations and lengths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline {
    /// The version.
    pub version: u64,
    /// Its secrets, in their order.
    pub secrets: Vec<OutlineSecret>,
}

/// One secret of an [`Outline`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutlineSecret {
    /// `env` or `file`.
    #[serde(rename = "type")]
    pub secret_type: SecretType,
    /// The name of the variable, or the path of the file.
    pub location: String,
    /// The length of its value in bytes.
    pub bytes: u64,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Items<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What to ask the next page with; left out on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// The body of an answer that refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A sentence for people.
    pub error: String,
    /// A word for programs.
    pub code: String,
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;

    use super::*;

    /// It says exactly this, and reads it back as itself.
    fn check<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(shape: &T, expected: &str) {
        let said = serde_json::to_string(shape).expect("JSON");
        assert_eq!(said, expected);
        assert_eq!(&serde_json::from_str::<T>(&said).expect("it reads back"), shape);
    }

    fn place(secret_type: SecretType, location: &str) -> Place {
        Place::parse(secret_type, location).expect("a legal location")
    }

    fn then() -> Timestamp {
        Timestamp::parse("2024-01-02T03:04:05Z").expect("a moment")
    }

    #[test]
    fn an_absent_part_of_a_key_is_null() {
        let key = ApiKey {
            id: "abcdefghijkl".into(),
            name: "ci".into(),
            can: crate::action::Role::Runner.actions(),
            application_id: Some("app".into()),
            collection_id: None,
            created_at: then(),
            expires_at: Some(then()),
            last_used_at: None,
            revoked_at: None,
        };
        check(
            &key,
            r#"{"id":"abcdefghijkl","name":"ci","can":["list","deliver"],"application_id":"app","collection_id":null,"created_at":"2024-01-02T03:04:05Z","expires_at":"2024-01-02T03:04:05Z","last_used_at":null,"revoked_at":null}"#,
        );
    }

    #[test]
    fn a_place_is_its_type_and_its_location() {
        let diff = Diff {
            from: 1,
            to: 2,
            added: vec![place(SecretType::Env, "A"), place(SecretType::File, "/a \"b\"/ü")],
            removed: Vec::new(),
            changed: Vec::new(),
            same: vec![place(SecretType::File, "A")],
        };
        check(
            &diff,
            r#"{"from":1,"to":2,"added":[{"type":"env","location":"A"},{"type":"file","location":"/a \"b\"/ü"}],"removed":[],"changed":[],"same":[{"type":"file","location":"A"}]}"#,
        );
        for bad in
            [r#"{"type":"env","location":"9A"}"#, r#"{"type":"ENV","location":"A"}"#, r#"{"type":"env"}"#]
        {
            assert!(serde_json::from_str::<Place>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_other_shapes_say_what_is_documented() {
        check(
            &Application {
                id: "app".into(),
                name: "n".into(),
                description: String::new(),
                created_at: then(),
                updated_at: then(),
            },
            r#"{"id":"app","name":"n","description":"","created_at":"2024-01-02T03:04:05Z","updated_at":"2024-01-02T03:04:05Z"}"#,
        );
        check(
            &VersionSummary { version: 3, created_at: then(), created_by: "owner:1000".into(), secrets: 2 },
            r#"{"version":3,"created_at":"2024-01-02T03:04:05Z","created_by":"owner:1000","secrets":2}"#,
        );
        check(
            &AuditEntry {
                ledger: 1,
                seq: 7,
                time: then(),
                actor: "owner:1000".into(),
                action: "collection.deliver".into(),
                application_id: Some("app".into()),
                collection_id: Some("c".into()),
                version: None,
                result: "ok".into(),
                receipt: "g.1.7".into(),
            },
            r#"{"ledger":1,"seq":7,"time":"2024-01-02T03:04:05Z","actor":"owner:1000","action":"collection.deliver","application_id":"app","collection_id":"c","version":null,"result":"ok","receipt":"g.1.7"}"#,
        );
        check(
            &Outline {
                version: 1,
                secrets: vec![OutlineSecret { secret_type: SecretType::Env, location: "A".into(), bytes: 5 }],
            },
            r#"{"version":1,"secrets":[{"type":"env","location":"A","bytes":5}]}"#,
        );
        check(&Problem { error: "e".into(), code: "invalid".into() }, r#"{"error":"e","code":"invalid"}"#);
    }

    #[test]
    fn the_last_page_has_no_token() {
        check(&Items { items: vec![1, 2], next_page_token: None }, r#"{"items":[1,2]}"#);
        check(
            &Items { items: vec![1], next_page_token: Some("t".into()) },
            r#"{"items":[1],"next_page_token":"t"}"#,
        );
    }
}
