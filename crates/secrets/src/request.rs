//! What a client asks for, with every rule that can be judged without the stored state settled for good: ids,
//! locations, types, values, masks where none may be, places given twice, limits.

use crate::id::{CollectionId, IdError};
use crate::json::{Document, JsonError, Node};
use crate::limits::Limits;
use crate::location::{LocationError, Place};
use crate::mask::Mask;
use crate::model::Secret;
use crate::set::{Secrets, SetError};
use crate::value::{SecretValue, ValueError};

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
            return Ok(Self { secrets: Some(vec![Secret::read(&root)?]), ..Self::default() });
        }
        let text = |name| fields.unless_null(name).map(|node| node.text()).transpose();
        let id = match text("id")? {
            Some(id) => Some(id),
            None => text("collection_id")?,
        };
        Ok(Self {
            id,
            name: text("name")?,
            description: text("description")?,
            secrets: fields.unless_null("secrets").map(|node| read_secrets(&node)).transpose()?,
        })
    }
}

fn read_secrets(node: &Node<'_>) -> Result<Vec<Secret<SecretValue>>, JsonError> {
    node.list()?.iter().map(Secret::read).collect()
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
        let entries = secrets
            .into_iter()
            .map(|secret| match settle_secret(secret, limits)? {
                (place, Written::Value(value)) => Ok((place, value)),
                (place, Written::Mask(_)) => Err(RequestError::MaskInNew { place }),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            id,
            name: draft.name,
            description: draft.description.unwrap_or_default(),
            secrets: Secrets::settle(entries, limits)?,
        })
    }
}

/// What a client gives as a value where a value is already stored: a new one, or the mask it was shown.
#[derive(Debug)]
pub enum Written {
    /// A new value.
    Value(SecretValue),
    /// A mask: the stored value stays, if this is its current mask.
    Mask(Mask),
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
        match settle_secret(secret, limits)? {
            (place, Written::Value(value)) => Ok(Self::Create(place, value)),
            (place, Written::Mask(_)) => Err(RequestError::MaskInNew { place }),
        }
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
        let nothing = matches!(&secrets, None | Some(Change::Operations(_)))
            && !matches!(&secrets, Some(Change::Operations(list)) if !list.is_empty());
        if name.is_none() && description.is_none() && nothing {
            return Err(RequestError::NothingAsked);
        }
        Ok(Self { name, description, secrets })
    }
}

fn settle_secret(secret: Secret<SecretValue>, limits: Limits) -> Result<(Place, Written), RequestError> {
    let Secret { secret_type, location, value } = secret;
    let place = match Place::parse(secret_type, &location) {
        Ok(place) => place,
        Err(error) => {
            return Err(RequestError::Location { secret_type: secret_type.as_str(), location, error });
        }
    };
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

fn check_texts(name: Option<&str>, description: Option<&str>) -> Result<(), RequestError> {
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
    #[error("the {field} is refused: it has {bytes} bytes and the limit is {limit}, without NUL")]
    Text { field: &'static str, bytes: usize, limit: usize },
}

#[cfg(test)]
mod tests {
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
        check(r#"{"secrets":[]}"#, "at least one secret");
        check(r#"{"value": hunter2}"#, "this is not JSON");
        check("", "this is not JSON");
        check("1", "must be an object");
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
