//! An API key that is asked for. Whether the one who asks may have it made is decided elsewhere.

use serde::ser::Error as _;
use serde::{Serialize, Serializer};

use crate::action::{Action, Actions};
use crate::id::{ApplicationId, CollectionId};
use crate::json::{Document, JsonError, Node};
use crate::request::{RequestError, check_texts, read_text};
use crate::timestamp::Timestamp;

/// A key to be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewKey {
    /// Its name.
    pub name: String,
    /// What it may do; at least one action.
    pub can: Actions,
    /// The one application it is for; for all where there is none.
    pub application_id: Option<ApplicationId>,
    /// The one collection of that application it is for; for all where there is none.
    pub collection_id: Option<CollectionId>,
    /// When it ends.
    #[serde(skip_serializing_if = "Expiry::is_usual")]
    pub expires_at: Expiry,
}

/// When a key ends. `null` on the wire is never; [`Expiry::Usual`] is left out there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// Nobody said: in 90 days, or with the key that makes it, whichever comes first.
    Usual,
    /// Not by itself.
    Never,
    /// From this moment on it is no longer valid.
    At(Timestamp),
}

impl Expiry {
    fn is_usual(&self) -> bool {
        *self == Self::Usual
    }
}

impl Serialize for Expiry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Usual => Err(S::Error::custom("the usual end is said by leaving it out")),
            Self::Never => serializer.serialize_none(),
            Self::At(time) => time.serialize(serializer),
        }
    }
}

impl NewKey {
    /// Reads and settles a request. Unknown fields are ignored.
    ///
    /// # Errors
    /// [`RequestError`], which names the field and the rule.
    pub fn read(document: &Document<'_>) -> Result<Self, RequestError> {
        let fields = document.root().object()?;
        let name = fields.required("name")?.text()?;
        check_texts(Some(&name), None)?;
        let can = read_actions(&fields.required("can")?)?;
        if can.is_empty() {
            return Err(RequestError::NoActions);
        }
        let application_id =
            read_text(&fields, "application_id")?.as_deref().map(ApplicationId::parse).transpose()?;
        let collection_id =
            read_text(&fields, "collection_id")?.as_deref().map(CollectionId::parse).transpose()?;
        if collection_id.is_some() && application_id.is_none() {
            return Err(RequestError::CollectionAlone);
        }
        let expires_at = match fields.optional("expires_at") {
            None => Expiry::Usual,
            Some(node) if node.is_null() => Expiry::Never,
            Some(node) => Expiry::At(node.time()?),
        };
        Ok(Self { name, can, application_id, collection_id, expires_at })
    }
}

fn read_actions(node: &Node<'_>) -> Result<Actions, JsonError> {
    const WORDS: &str = r#""list", "write", "deliver", "reveal", "manage" or "audit""#;
    node.list()?.iter().map(|word| word.word(WORDS, |word| Action::parse(word).ok())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Role;

    fn read(json: &str) -> Result<NewKey, RequestError> {
        NewKey::read(&Document::parse(json.as_bytes())?)
    }

    #[test]
    fn a_key_that_is_asked_for_reads_back() {
        fn check(json: &str) {
            assert_eq!(serde_json::to_string(&read(json).expect(json)).expect("JSON"), json);
        }
        check(r#"{"name":"n","can":["list"],"application_id":null,"collection_id":null,"expires_at":null}"#);
        check(
            r#"{"name":"","can":["list","deliver"],"application_id":"app","collection_id":"c","expires_at":"2024-01-02T03:04:05Z"}"#,
        );
    }

    #[test]
    fn a_key_ends_as_usual_unless_something_else_is_said() {
        let short = read(r#"{"name": "n", "can": ["deliver", "list", "list"], "other": 1}"#).expect("a key");
        assert_eq!(short.can, Role::Runner.actions());
        assert_eq!(short.expires_at, Expiry::Usual);
        assert!(!serde_json::to_string(&short).expect("JSON").contains("expires_at"));
        let never = read(r#"{"name": "n", "can": ["list"], "expires_at": null}"#).expect("a key");
        assert_eq!(never.expires_at, Expiry::Never);
    }

    #[test]
    fn a_key_that_cannot_be_is_refused() {
        fn check(json: &str, part: &str) {
            let sentence = read(json).map(|_| ()).expect_err(json).to_string();
            assert!(sentence.contains(part), "{json}\n{sentence}");
            assert!(!sentence.contains("hunter2"), "{sentence}");
        }
        check(r#"{"can": ["list"]}"#, "name is missing");
        check(r#"{"name": null, "can": ["list"]}"#, "name must be a string");
        check(r#"{"name": "n\u0000", "can": ["list"]}"#, "the name is refused");
        check(r#"{"name": "n"}"#, "can is missing");
        check(r#"{"name": "n", "can": []}"#, "at least one action");
        check(r#"{"name": "n", "can": "list"}"#, "can must be an array");
        check(r#"{"name": "n", "can": ["list", "hunter2"]}"#, "can.1 must be \"list\"");
        check(r#"{"name": "n", "can": [null]}"#, "can.0 must be");
        check(r#"{"name": "n", "can": ["list"], "application_id": "a/b"}"#, "application id");
        check(
            r#"{"name": "n", "can": ["list"], "application_id": "a", "collection_id": ""}"#,
            "collection id",
        );
        check(r#"{"name": "n", "can": ["list"], "collection_id": "c"}"#, "needs the application_id");
        check(r#"{"name": "n", "can": ["list"], "expires_at": "hunter2"}"#, "expires_at must be a date");
        check(r#"{"name": "n", "can": ["list"], "expires_at": ""}"#, "expires_at must be a date");
        check(r#"{"name": "n", "can": ["list"], "can": ["audit"]}"#, "this key twice");
        check("[]", "must be an object");
    }
}
