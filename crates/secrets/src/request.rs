//! What a client asks for, with every rule that can be judged without the stored state settled for good: ids,
//! locations, types, values, masks where none may be, places given twice, limits. A new collection is here, a change
//! in `update`.

mod update;

use zeroize::Zeroizing;

use crate::id::{CollectionId, IdError};
use crate::json::{Document, Fields, JsonError, JsonRule, Node, write_escaped, write_exactly, write_list};
use crate::limits::Limits;
use crate::location::{LocationError, Place};
use crate::mask::Mask;
use crate::model::{Secret, SecretType, say_secret};
use crate::set::{Secrets, SetError};
use crate::token::shown;
use crate::value::{SecretValue, ValueError};

pub use update::{Change, Operation, Update, Verb, Written};

/// What was said, in the documented form, before any rule: every part may be absent.
#[derive(Debug, Default)]
pub struct Draft {
    /// The collection's id (`id` or `collection_id`).
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// Its secrets.
    pub secrets: Option<Vec<Secret<SecretValue>>>,
}

impl Draft {
    /// Reads one of the three documented forms: one secret, an array of secrets, or a (partial) collection.
    /// `application_id`, `created_at`, `updated_at` and unknown fields are ignored; null means absent.
    ///
    /// # Errors
    /// [`JsonError`] with the path and the rule; never a value.
    pub fn read(document: &Document<'_>) -> Result<Self, JsonError> {
        let root = document.root();
        if root.is_list() {
            return Ok(Self { secrets: Some(read_secrets(&root)?), ..Self::default() });
        }
        let fields = root.object()?;
        if fields.optional("location").is_some() || fields.optional("value").is_some() {
            return Ok(Self { secrets: Some(vec![read_secret(&root)?]), ..Self::default() });
        }
        Self::read_collection(document)
    }

    /// Reads a (partial) collection, which is what the body of a request is, and no other form.
    ///
    /// # Errors
    /// [`JsonError`] with the path and the rule; never a value.
    pub fn read_collection(document: &Document<'_>) -> Result<Self, JsonError> {
        let fields = document.root().object()?;
        let id = match read_text(&fields, "id")? {
            Some(id) => Some(id),
            None => read_text(&fields, "collection_id")?,
        };
        Ok(Self {
            id,
            name: read_text(&fields, "name")?,
            description: read_text(&fields, "description")?,
            secrets: fields.unless_null("secrets").map(|node| read_secrets(&node)).transpose()?,
        })
    }
}

/// A text that may be absent or null, which are the same.
pub(crate) fn read_text(fields: &Fields<'_>, name: &str) -> Result<Option<String>, JsonError> {
    fields.unless_null(name).map(|node| node.text()).transpose()
}

fn read_secrets(node: &Node<'_>) -> Result<Vec<Secret<SecretValue>>, JsonError> {
    node.list()?.iter().map(read_secret).collect()
}

fn read_secret(node: &Node<'_>) -> Result<Secret<SecretValue>, JsonError> {
    let fields = node.object()?;
    check_type(&fields)?;
    Secret::of(&fields)
}

/// The documented class lets `type` win over `secret_type`. Where a secret is to be stored and the two disagree,
/// nobody can say which was meant.
fn check_type(fields: &Fields<'_>) -> Result<(), JsonError> {
    match (fields.optional("type"), fields.unless_null("secret_type")) {
        (Some(name), Some(alias)) if name.secret_type()? != alias.secret_type()? => {
            Err(alias.error(JsonRule::Disagrees))
        }
        _ => Ok(()),
    }
}

/// A collection to be created. Its rules hold.
#[derive(Debug)]
pub struct NewCollection {
    /// The id asked for; made by the strongroom when absent.
    pub id: Option<CollectionId>,
    /// The name; the id where none was given.
    pub name: Option<String>,
    /// The description; `""` where none was given.
    pub description: String,
    /// The secrets; at least one.
    pub secrets: Secrets<SecretValue>,
}

impl NewCollection {
    /// Settles every rule of a draft.
    ///
    /// # Errors
    /// [`RequestError`], which names the place and the rule and never a value.
    pub fn settle(draft: Draft, limits: Limits) -> Result<Self, RequestError> {
        let id = draft.id.as_deref().map(CollectionId::parse).transpose()?;
        check_texts(draft.name.as_deref(), draft.description.as_deref())?;
        let secrets = draft.secrets.unwrap_or_default();
        if secrets.is_empty() {
            return Err(RequestError::NoSecrets);
        }
        let entries =
            secrets.into_iter().map(|secret| settle_new(secret, limits)).collect::<Result<_, _>>()?;
        Ok(Self {
            id,
            name: draft.name,
            description: draft.description.unwrap_or_default(),
            secrets: Secrets::settle(entries, limits)?,
        })
    }

    /// Its JSON **with the plaintext in it**, in a buffer of its exact size that is wiped when dropped.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<String> {
        write_exactly(|push| {
            push("{");
            for (key, text) in
                [("\"id\":", self.id.as_ref().map(CollectionId::as_str)), ("\"name\":", self.name.as_deref())]
            {
                if let Some(text) = text {
                    push(key);
                    write_escaped(text, push);
                    push(",");
                }
            }
            push("\"description\":");
            write_escaped(&self.description, push);
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

/// A secret with a value of its own.
pub(crate) fn settle_new(
    secret: Secret<SecretValue>,
    limits: Limits,
) -> Result<(Place, SecretValue), RequestError> {
    match settle_secret(secret, limits)? {
        (place, Written::Value(value)) => Ok((place, value)),
        (place, Written::Mask(_)) => Err(RequestError::MaskInNew { place }),
    }
}

fn settle_secret(secret: Secret<SecretValue>, limits: Limits) -> Result<(Place, Written), RequestError> {
    let Secret { secret_type, location, value } = secret;
    let place = settle_place(secret_type, &location)?;
    if Mask::shapes(value.expose()) {
        return match Mask::parse(value.expose()) {
            Some(mask) => Ok((place, Written::Mask(mask))),
            None => Err(RequestError::NotAMask { place }),
        };
    }
    match check_value(&value, limits) {
        Ok(()) => Ok((place, Written::Value(value))),
        Err(error) => Err(RequestError::Value { place, error }),
    }
}

fn settle_place(secret_type: SecretType, location: &str) -> Result<Place, RequestError> {
    Place::parse(secret_type, location).map_err(|error| RequestError::Location {
        secret_type: secret_type.as_str(),
        location: shown(location),
        error,
    })
}

fn check_value(value: &SecretValue, limits: Limits) -> Result<(), ValueError> {
    if value.expose().contains('\0') {
        return Err(ValueError::Nul);
    }
    if value.len() as u64 > limits.bytes() {
        return Err(ValueError::TooLong { bytes: value.len(), limit: limits.bytes() });
    }
    Ok(())
}

const LONGEST_NAME: usize = 1024;
const LONGEST_DESCRIPTION: usize = 16 * 1024;

pub(crate) fn check_texts(name: Option<&str>, description: Option<&str>) -> Result<(), RequestError> {
    let texts = [("name", name, LONGEST_NAME), ("description", description, LONGEST_DESCRIPTION)];
    for (field, text, limit) in texts {
        let text = text.unwrap_or_default();
        if text.len() > limit || text.contains('\0') {
            return Err(RequestError::Text { field, bytes: text.len(), limit });
        }
    }
    Ok(())
}

/// Why a request is refused before the stored state is looked at. It may name a type, a location, an id and a limit;
/// never a value, a name or a description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // each variant's sentence is its documentation
pub enum RequestError {
    #[error(transparent)]
    Json(#[from] JsonError),
    #[error(transparent)]
    Id(#[from] IdError),
    #[error("the location of {secret_type}:{location:?} is refused: {error}")]
    Location { secret_type: &'static str, location: String, error: LocationError },
    #[error("{place} is refused: {error}")]
    Value { place: Place, error: ValueError },
    #[error("{place} is refused: its value is a mask, and a new secret needs a value of its own")]
    MaskInNew { place: Place },
    #[error("{place} is refused: its value begins like a mask but is none; masks are never stored")]
    NotAMask { place: Place },
    #[error(transparent)]
    Set(#[from] SetError),
    #[error("{place} is named by two operations; one request changes a secret once")]
    TwoOperations { place: Place },
    #[error("a collection needs at least one secret; give one")]
    NoSecrets,
    #[error("nothing to change: give a name, a description or secrets")]
    NothingAsked,
    #[error("the id in the body is not the id in the path; leave it out, an id cannot be changed")]
    OtherId,
    #[error("a PATCH changes secrets by operations; give operations, or PUT the whole list of secrets")]
    SecretsInPatch,
    #[error("a key needs at least one action")]
    NoActions,
    #[error("a collection_id needs the application_id that it belongs to")]
    CollectionAlone,
    #[error("the {field} is refused: it has {bytes} bytes and the limit is {limit}, without NUL")]
    Text { field: &'static str, bytes: usize, limit: usize },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn draft(json: &str) -> Result<Draft, RequestError> {
        Ok(Draft::read(&Document::parse(json.as_bytes())?)?)
    }

    fn create(json: &str) -> Result<NewCollection, RequestError> {
        NewCollection::settle(draft(json)?, Limits::NEXTMV)
    }

    #[test]
    fn three_forms_say_secrets() {
        let one = r#"{"type":"env","location":"A","value":"v"}"#;
        for form in [one.to_owned(), format!("[{one}]"), format!(r#"{{"id":"c","secrets":[{one}]}}"#)] {
            let new = create(&form).expect(&form);
            assert_eq!(new.secrets.entries().len(), 1, "{form}");
            assert_eq!(new.secrets.entries()[0].1.expose(), "v");
        }
    }

    #[test]
    fn each_refusal_names_place_and_rule_and_never_a_value() {
        fn check(json: &str, part: &str) {
            let sentence = create(json).map(|_| ()).expect_err(json).to_string();
            assert!(sentence.contains(part), "{json}\n{sentence}");
            assert!(!sentence.contains("hunter2"), "{sentence}");
        }
        let secret = |kind: &str, location: &str, value: &str| {
            format!(r#"{{"type":"{kind}","location":"{location}","value":"{value}"}}"#)
        };
        check(&secret("ENV", "A", "hunter2"), "type must be \"env\" or \"file\"");
        check(&secret("env", "9A", "hunter2"), "may not begin with a digit");
        check(&secret("file", "../hunter", "hunter2"), "part . or ..");
        check(&secret("env", "A", "hunter2\\u0000"), "env:A is refused: the value contains a NUL byte");
        check(&secret("env", "A", &"hunter2".repeat(150)), "has 1050 bytes, and the limit is 1024");
        check(&secret("env", "A", "strongroom-masked:hunter2"), "begins like a mask");
        check(
            &secret("env", "A", "strongroom-masked:aaaaaaaaaaaaaaaa:00000000000000000000000000000000"),
            "its value is a mask",
        );
        check(&format!("[{0},{0}]", secret("env", "A", "hunter2")), "env:A is given twice");
        check(
            &format!("[{},{}]", secret("file", "a", "hunter2"), secret("file", "a/b", "hunter2")),
            "below the file file:a",
        );
        check(
            r#"{"id":"a/b","secrets":[{"type":"env","location":"A","value":"hunter2"}]}"#,
            "collection id \"a/b\"",
        );
        check(r#"{"type":"env","location":"A","value":["hunter2"]}"#, "value must be a string");
        check(r#"{"type":"env","location":"A","value":null}"#, "value must be a string");
        check(r#"{"secrets":[{"type":"env","value":"hunter2"}]}"#, "secrets.0.location is missing");
        check(r#"{"type":"env","location":"A","value":"hunter2","value":"hunter2"}"#, "this key twice");
        check(r#"{"type":"env","location":"A","value":"hunter2\ud83d"}"#, "surrogate");
        check(
            r#"{"type":"env","secret_type":"file","location":"A","value":"hunter2"}"#,
            "secret_type says something else",
        );
        check(r#"{"secrets":[]}"#, "at least one secret");
        check(r#"{"value": hunter2}"#, "this is not JSON");
        check("", "this is not JSON");
        check("1", "must be an object");
    }

    #[test]
    fn a_new_collection_is_said_in_the_documented_form() {
        let said = |json: &str| create(json).expect(json).to_json().to_string();
        let secret = r#"{"type":"env","location":"A","value":"a\"\u0001é"}"#;
        assert_eq!(
            said(&format!(r#"{{"secrets":[{secret}],"description":"d","name":"n","collection_id":"c"}}"#)),
            format!(r#"{{"id":"c","name":"n","description":"d","secrets":[{secret}]}}"#),
        );
        assert_eq!(said(secret), format!(r#"{{"description":"","secrets":[{secret}]}}"#));
    }

    proptest! {
        #[test]
        fn a_new_collection_that_is_said_reads_back(
            id in proptest::option::of("[a-z0-9]{1,9}"),
            name in proptest::option::of("[^\0]{0,9}"),
            description in "[^\0]{0,9}",
            values in prop::collection::vec("[^\0]{0,20}", 1..5),
        ) {
            let secrets = values.into_iter().enumerate().map(|(i, value)| Secret {
                secret_type: if i % 2 == 0 { SecretType::Env } else { SecretType::File },
                location: format!("L{i}"),
                value: SecretValue::from(Zeroizing::new(value)),
            });
            let draft =
                Draft { id, name, description: Some(description), secrets: Some(secrets.collect()) };
            let new = NewCollection::settle(draft, Limits::NEXTMV).expect("its rules hold");
            let json = new.to_json();
            prop_assert_eq!(json.capacity(), json.len());
            let read = create(&json).expect("what we say is what we read");
            prop_assert_eq!((&read.id, &read.name, &read.description), (&new.id, &new.name, &new.description));
            let pairs = |new: &NewCollection| -> Vec<(Place, String)> {
                new.secrets.entries().iter().map(|(p, v)| (p.clone(), v.expose().to_owned())).collect()
            };
            prop_assert_eq!(pairs(&read), pairs(&new));
        }
    }

    #[test]
    fn an_update_must_ask_for_something() {
        assert!(Update::settle(Some("n".into()), None, None).is_ok());
        assert!(Update::settle(None, Some(String::new()), None).is_ok());
        let empty = Change::operations(Vec::new()).expect("no place twice");
        assert!(matches!(Update::settle(None, None, Some(empty)), Err(RequestError::NothingAsked)));
        assert!(matches!(Update::settle(None, None, None), Err(RequestError::NothingAsked)));
    }

    #[test]
    fn one_request_changes_a_secret_once() {
        let place = || Place::parse(crate::SecretType::Env, "A").expect("a name");
        let twice = vec![Operation::Delete(place()), Operation::Delete(place())];
        assert!(matches!(Change::operations(twice), Err(RequestError::TwoOperations { .. })));
    }
}
