//! A change of a collection, read from and said as the two documented requests: PUT, the whole list, and PATCH,
//! operations. What a mask stands for is not known here: it is only told apart from a value.

use std::borrow::Cow;

use zeroize::Zeroizing;

use super::{RequestError, check_texts, check_type, read_secrets, read_text};
use super::{settle_new, settle_place, settle_secret};
use crate::id::CollectionId;
use crate::json::{Document, Node, write_escaped, write_exactly, write_list};
use crate::limits::Limits;
use crate::location::Place;
use crate::mask::Mask;
use crate::model::{Secret, say_secret};
use crate::value::SecretValue;

/// What a client gives as a value where a value is already stored: a new one, or the mask it was shown.
#[derive(Debug)]
pub enum Written {
    /// A new value.
    Value(SecretValue),
    /// A mask: the stored value stays, if this is its current mask.
    Mask(Mask),
}

impl Written {
    fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Value(value) => value.expose().into(),
            Self::Mask(mask) => mask.to_string().into(),
        }
    }
}

/// One operation of a PATCH.
#[derive(Debug)]
pub enum Operation {
    /// A secret that must not exist yet.
    Create(Place, SecretValue),
    /// A secret that must exist.
    Update(Place, Written),
    /// A secret that may exist.
    Delete(Place),
}

impl Operation {
    /// The operation that creates this secret.
    ///
    /// # Errors
    /// [`RequestError`]; a mask is refused here.
    pub fn create(secret: Secret<SecretValue>, limits: Limits) -> Result<Self, RequestError> {
        settle_new(secret, limits).map(|(place, value)| Self::Create(place, value))
    }

    /// The operation that gives this secret another value, or keeps it where the value is its mask.
    ///
    /// # Errors
    /// [`RequestError`], which names the place and the rule.
    pub fn update(secret: Secret<SecretValue>, limits: Limits) -> Result<Self, RequestError> {
        settle_secret(secret, limits).map(|(place, written)| Self::Update(place, written))
    }

    /// The place it is about.
    #[must_use]
    pub fn place(&self) -> &Place {
        match self {
            Self::Create(place, _) | Self::Update(place, _) | Self::Delete(place) => place,
        }
    }

    fn read(node: &Node<'_>, limits: Limits) -> Result<Self, RequestError> {
        let fields = node.object()?;
        let kind = fields.required("op")?.word(Kind::WORDS, Kind::parse)?;
        check_type(&fields)?;
        match kind {
            Kind::Create => Self::create(Secret::of(&fields)?, limits),
            Kind::Update => Self::update(Secret::of(&fields)?, limits),
            Kind::Delete => {
                let secret_type = fields.aliased("type", "secret_type")?.secret_type()?;
                settle_place(secret_type, &fields.required("location")?.text()?).map(Self::Delete)
            }
        }
    }

    fn say(&self, push: &mut dyn FnMut(&str)) {
        let (begin, value) = match self {
            Self::Create(_, value) => (r#"{"op":"create","#, Some(value.expose().into())),
            Self::Update(_, written) => (r#"{"op":"update","#, Some(written.text())),
            Self::Delete(_) => (r#"{"op":"delete","#, None),
        };
        push(begin);
        say_secret(self.place().secret_type(), self.place().location(), value.as_deref(), push);
        push("}");
    }
}

enum Kind {
    Create,
    Update,
    Delete,
}

impl Kind {
    const WORDS: &str = r#""create", "update" or "delete""#;

    fn parse(word: &str) -> Option<Self> {
        match word {
            "create" => Some(Self::Create),
            "update" => Some(Self::Update),
            "delete" => Some(Self::Delete),
            _ => None,
        }
    }
}

/// How the secrets of a collection change.
#[derive(Debug)]
pub enum Change {
    /// These are all: what is not listed is deleted.
    Replace(Vec<(Place, Written)>),
    /// These operations, all or nothing, judged on the final state.
    Operations(Vec<Operation>),
}

impl Change {
    /// The change to exactly these secrets.
    ///
    /// # Errors
    /// [`RequestError`]; an empty list is refused, since no client means "delete all" by it.
    pub fn replace(secrets: Vec<Secret<SecretValue>>, limits: Limits) -> Result<Self, RequestError> {
        if secrets.is_empty() {
            return Err(RequestError::NoSecrets);
        }
        secrets.into_iter().map(|s| settle_secret(s, limits)).collect::<Result<_, _>>().map(Self::Replace)
    }

    /// The change by these operations.
    ///
    /// # Errors
    /// [`RequestError::TwoOperations`] when two are about one place.
    pub fn operations(operations: Vec<Operation>) -> Result<Self, RequestError> {
        let mut places: Vec<&Place> = operations.iter().map(Operation::place).collect();
        places.sort();
        if let Some(pair) = places.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(RequestError::TwoOperations { place: pair[0].clone() });
        }
        Ok(Self::Operations(operations))
    }
}

/// What is to change in a collection. Absent parts stay.
#[derive(Debug, Default)]
pub struct Update {
    /// A new name.
    pub name: Option<String>,
    /// A new description; `""` clears it.
    pub description: Option<String>,
    /// A change of the secrets.
    pub secrets: Option<Change>,
}

impl Update {
    /// Settles the rules of an update.
    ///
    /// # Errors
    /// [`RequestError`] for a name or description that is too long or holds a NUL, and when nothing would change.
    pub fn settle(
        name: Option<String>,
        description: Option<String>,
        secrets: Option<Change>,
    ) -> Result<Self, RequestError> {
        check_texts(name.as_deref(), description.as_deref())?;
        // No operations are no change of the secrets.
        let secrets = secrets.filter(|change| !matches!(change, Change::Operations(list) if list.is_empty()));
        if name.is_none() && description.is_none() && secrets.is_none() {
            return Err(RequestError::NothingAsked);
        }
        Ok(Self { name, description, secrets })
    }

    /// Reads a PUT: `secrets`, where it is there, is the whole list. Old clients send the whole collection as they got
    /// it, so `application_id`, `created_at`, `updated_at` and unknown fields are ignored; null means absent.
    ///
    /// # Errors
    /// [`RequestError`], which names the path or the place and the rule and never a value.
    pub fn read_put(
        document: &Document<'_>,
        path: &CollectionId,
        limits: Limits,
    ) -> Result<Self, RequestError> {
        let fields = document.root().object()?;
        for name in ["id", "collection_id"] {
            if read_text(&fields, name)?.is_some_and(|id| id != path.as_str()) {
                return Err(RequestError::OtherId);
            }
        }
        let secrets = match fields.unless_null("secrets") {
            Some(node) => Some(Change::replace(read_secrets(&node)?, limits)?),
            None => None,
        };
        Self::settle(read_text(&fields, "name")?, read_text(&fields, "description")?, secrets)
    }

    /// Reads a PATCH: `operations` change the secrets. Null means absent; unknown fields are ignored, except `secrets`,
    /// which must not seem to have been taken.
    ///
    /// # Errors
    /// [`RequestError`], which names the path or the place and the rule and never a value.
    pub fn read_patch(document: &Document<'_>, limits: Limits) -> Result<Self, RequestError> {
        let fields = document.root().object()?;
        if fields.unless_null("secrets").is_some() {
            return Err(RequestError::SecretsInPatch);
        }
        let secrets = match fields.unless_null("operations") {
            Some(node) => {
                let operations = node.list()?;
                let operations = operations.iter().map(|node| Operation::read(node, limits));
                Some(Change::operations(operations.collect::<Result<_, _>>()?)?)
            }
            None => None,
        };
        Self::settle(read_text(&fields, "name")?, read_text(&fields, "description")?, secrets)
    }

    /// Its request: a list of all secrets is said as PUT, everything else as PATCH. The JSON has **the plaintext in
    /// it** and lies in a buffer of its exact size that is wiped when dropped.
    #[must_use]
    pub fn to_json(&self) -> (Verb, Zeroizing<String>) {
        let verb = match self.secrets {
            Some(Change::Replace(_)) => Verb::Put,
            Some(Change::Operations(_)) | None => Verb::Patch,
        };
        (verb, write_exactly(|push| self.say(push)))
    }

    fn say(&self, push: &mut dyn FnMut(&str)) {
        push("{");
        let mut comma = "";
        for (key, text) in [("\"name\":", &self.name), ("\"description\":", &self.description)] {
            if let Some(text) = text {
                push(comma);
                push(key);
                write_escaped(text, push);
                comma = ",";
            }
        }
        match &self.secrets {
            Some(Change::Replace(secrets)) => {
                push(comma);
                push("\"secrets\":");
                write_list(secrets, push, |(place, written), push| {
                    push("{");
                    say_secret(place.secret_type(), place.location(), Some(&written.text()), push);
                    push("}");
                });
            }
            Some(Change::Operations(operations)) => {
                push(comma);
                push("\"operations\":");
                write_list(operations, push, Operation::say);
            }
            None => {}
        }
        push("}");
    }
}

/// With which method an update is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// The secrets given are all.
    Put,
    /// What is not given stays.
    Patch,
}

impl Verb {
    /// The method's name in HTTP.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Put => "PUT",
            Self::Patch => "PATCH",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::model::SecretType;

    const MASK: &str = "strongroom-masked:aaaaaaaaaaaaaaaa:00000000000000000000000000000000";

    fn put(json: &str) -> Result<Update, RequestError> {
        let path = CollectionId::parse("c").expect("an id");
        Update::read_put(&Document::parse(json.as_bytes())?, &path, Limits::NEXTMV)
    }

    fn patch(json: &str) -> Result<Update, RequestError> {
        Update::read_patch(&Document::parse(json.as_bytes())?, Limits::NEXTMV)
    }

    /// What was read, said again.
    fn said(update: &Update) -> (Verb, Value) {
        let (verb, json) = update.to_json();
        assert_eq!(json.capacity(), json.len(), "measured, then filled");
        (verb, serde_json::from_str(&json).expect("what we say is JSON"))
    }

    #[test]
    fn a_put_is_the_whole_collection_as_old_clients_send_it() {
        fn check(json: &Value, expected: (Verb, Value)) {
            assert_eq!(said(&put(&json.to_string()).expect("a PUT")), expected, "{json}");
        }
        let secret = json!({"type": "env", "location": "A", "value": "v"});
        check(
            &json!({
                "id": "c", "application_id": 7, "name": "n", "description": "", "created_at": "never",
                "updated_at": null, "secrets": [secret], "operations": 1, "other": {}
            }),
            (Verb::Put, json!({"name": "n", "description": "", "secrets": [secret]})),
        );
        check(
            &json!({"name": null, "description": null, "secrets": [
                {"secret_type": "file", "location": "/a", "value": MASK},
                {"type": "env", "secret_type": "env", "location": "a", "value": ""},
            ]}),
            (
                Verb::Put,
                json!({"secrets": [
                    {"type": "file", "location": "/a", "value": MASK},
                    {"type": "env", "location": "a", "value": ""},
                ]}),
            ),
        );
        // Nothing but texts changes no secret, whatever the method was.
        check(&json!({"id": null, "name": "n", "secrets": null}), (Verb::Patch, json!({"name": "n"})));
        check(&json!({"collection_id": "c", "description": ""}), (Verb::Patch, json!({"description": ""})));
    }

    #[test]
    fn a_put_that_nobody_can_mean_is_refused() {
        fn check(json: &str, part: &str) {
            let sentence = put(json).map(|_| ()).expect_err(json).to_string();
            assert!(sentence.contains(part), "{json}\n{sentence}");
            assert!(!sentence.contains("hunter2"), "{sentence}");
        }
        check(r#"{"id": "hunter2", "name": "n"}"#, "not the id in the path");
        check(r#"{"id": "C", "name": "n"}"#, "not the id in the path");
        check(r#"{"id": "c", "collection_id": "d", "name": "n"}"#, "not the id in the path");
        check(r#"{"id": 1, "name": "n"}"#, "id must be a string");
        check(r#"{"name": ["hunter2"]}"#, "name must be a string");
        check(r#"{"description": {"a": "hunter2"}}"#, "description must be a string");
        check(r#"{"name": "n\u0000"}"#, "the name is refused");
        check(r#"{"secrets": []}"#, "at least one secret");
        check(r#"{"name": "n", "secrets": []}"#, "at least one secret");
        check(
            r#"{"secrets": {"type": "env", "location": "A", "value": "hunter2"}}"#,
            "secrets must be an array",
        );
        check(r#"{"secrets": [null]}"#, "secrets.0 must be an object");
        check(
            r#"{"secrets": [{"type": "env", "location": "A", "value": null}]}"#,
            "secrets.0.value must be a string",
        );
        check(
            r#"{"secrets": [{"type": "env", "secret_type": "file", "location": "A", "value": "hunter2"}]}"#,
            "secrets.0.secret_type says something else",
        );
        check(
            r#"{"secrets": [{"type": "env", "location": "A", "value": "strongroom-masked:hunter2"}]}"#,
            "begins like a mask",
        );
        check(r#"{"name": "n", "name": "n"}"#, "this key twice");
        check("{}", "nothing to change");
        check(r#"{"name": null, "other": 1}"#, "nothing to change");
        check(r#"[{"type": "env", "location": "A", "value": "hunter2"}]"#, "the JSON must be an object");
        check(r#""hunter2""#, "the JSON must be an object");
    }

    #[test]
    fn a_refusal_names_the_beginning_of_a_long_location() {
        let secret = json!({"type": "env", "location": "x".repeat(10_000) + "-", "value": "v"});
        let error = put(&json!({"secrets": [secret]}).to_string()).map(|_| ()).expect_err("no name");
        assert!(error.to_string().len() < 250, "{error}");
    }

    #[test]
    fn a_patch_is_operations_in_their_order() {
        fn check(json: &Value, expected: &Value) {
            let update = patch(&json.to_string()).expect("a PATCH");
            assert_eq!(said(&update), (Verb::Patch, expected.clone()), "{json}");
        }
        let operations = json!([
            {"op": "update", "type": "file", "location": "b/c", "value": MASK},
            {"op": "create", "type": "env", "location": "A", "value": "v"},
            {"op": "update", "type": "env", "location": "B", "value": ""},
            {"op": "delete", "type": "file", "location": "A"},
        ]);
        check(&json!({"operations": operations}), &json!({"operations": operations}));
        check(
            &json!({"name": "n", "description": "", "operations": operations, "id": "other"}),
            &json!({"name": "n", "description": "", "operations": operations}),
        );
        check(
            &json!({"operations": [{"op": "delete", "secret_type": "env", "location": "A", "value": 7}]}),
            &json!({"operations": [{"op": "delete", "type": "env", "location": "A"}]}),
        );
        check(&json!({"name": "n", "description": null, "operations": null}), &json!({"name": "n"}));
        check(&json!({"description": "", "operations": [], "secrets": null}), &json!({"description": ""}));
    }

    #[test]
    fn a_patch_that_nobody_can_mean_is_refused() {
        fn check(json: &str, part: &str) {
            let sentence = patch(json).map(|_| ()).expect_err(json).to_string();
            assert!(sentence.contains(part), "{json}\n{sentence}");
            assert!(!sentence.contains("hunter2"), "{sentence}");
        }
        check(r#"{"operations": []}"#, "nothing to change");
        check("{}", "nothing to change");
        check(r#"{"operations": {}}"#, "operations must be an array");
        check(r#"{"operations": ["hunter2"]}"#, "operations.0 must be an object");
        check(r#"{"name": "n", "secrets": [{"value": "hunter2"}]}"#, "PUT the whole list");
        check(r#"{"name": 1}"#, "name must be a string");
        check("[]", "must be an object");
        check(
            r#"{"operations": [{"op": "create", "type": "env", "location": "A", "value": "hunter2"},
                {"op": "delete", "type": "env", "location": "A"}]}"#,
            "env:A is named by two operations",
        );
    }

    #[test]
    fn an_operation_that_is_none_is_refused() {
        fn check(fields: &str, part: &str) {
            let json = format!(r#"{{"operations": [{{{fields}}}]}}"#);
            let sentence = patch(&json).map(|_| ()).expect_err(fields).to_string();
            assert!(sentence.contains(part), "{fields}\n{sentence}");
            assert!(!sentence.contains("hunter2"), "{sentence}");
        }
        for op in [r#""hunter2""#, r#""Create""#, "null", "1", "[]"] {
            let fields = format!(r#""op": {op}, "type": "env", "location": "A", "value": "v""#);
            check(&fields, r#"operations.0.op must be "create", "update" or "delete""#);
        }
        check(r#""type": "env", "location": "A", "value": "hunter2""#, "operations.0.op is missing");
        check(r#""op": "create", "type": "env", "location": "A""#, "operations.0.value is missing");
        check(r#""op": "update", "type": "env", "location": "A""#, "operations.0.value is missing");
        check(r#""op": "update", "type": "env", "location": "A", "value": null"#, "must be a string");
        check(r#""op": "delete", "type": "env""#, "operations.0.location is missing");
        check(r#""op": "delete", "location": "A""#, "operations.0.type is missing");
        check(r#""op": "delete", "type": "env", "location": "9A""#, "may not begin with a digit");
        check(
            r#""op": "delete", "type": "env", "secret_type": "file", "location": "A""#,
            "operations.0.secret_type says something else",
        );
        let valued = |op: &str, value: &str| {
            format!(r#""op": "{op}", "type": "env", "location": "A", "value": "{value}""#)
        };
        check(&valued("create", MASK), "its value is a mask");
        check(&valued("update", "strongroom-masked:hunter2"), "begins like a mask");
        check(&valued("update", &"hunter2".repeat(150)), "1050 bytes");
    }

    fn place() -> impl Strategy<Value = Place> {
        fn parse(secret_type: SecretType, location: &str) -> Place {
            Place::parse(secret_type, location).expect("a legal location")
        }
        prop_oneof![
            "[A-Za-z_][A-Za-z0-9_]{0,6}".prop_map(|name| parse(SecretType::Env, &name)),
            "(/|\\./)?[a-z\"é ]{1,4}(/[a-z]{1,3})?".prop_map(|path| parse(SecretType::File, &path)),
        ]
    }

    fn value() -> impl Strategy<Value = SecretValue> {
        "[^\0]{0,30}".prop_map(|text| SecretValue::from(Zeroizing::new(text)))
    }

    fn written() -> impl Strategy<Value = Written> {
        prop_oneof![
            value().prop_map(Written::Value),
            Just(()).prop_map(|()| Written::Mask(Mask::parse(MASK).expect("a mask"))),
        ]
    }

    fn operation() -> impl Strategy<Value = Operation> {
        prop_oneof![
            (place(), value()).prop_map(|(place, value)| Operation::Create(place, value)),
            (place(), written()).prop_map(|(place, written)| Operation::Update(place, written)),
            place().prop_map(Operation::Delete),
        ]
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            prop::collection::vec((place(), written()), 1..5).prop_map(Change::Replace),
            prop::collection::vec(operation(), 1..5)
                .prop_filter_map("two operations on one place", |list| Change::operations(list).ok()),
        ]
    }

    proptest! {
        #[test]
        fn an_update_that_is_said_reads_back(
            name in proptest::option::of("[^\0]{0,9}"),
            description in proptest::option::of("[^\0]{0,9}"),
            secrets in change(),
        ) {
            let update = Update { name, description, secrets: Some(secrets) };
            let (verb, json) = update.to_json();
            let read = if verb == Verb::Put { put(&json) } else { patch(&json) };
            let again = read.expect("what we say is what we read").to_json();
            prop_assert_eq!((verb, &*json), (again.0, &*again.1));
        }
    }
}
