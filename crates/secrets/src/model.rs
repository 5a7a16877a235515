//! The documented model of the Nextmv Cloud API: the same names, the same aliases, the same never-null rules. What is
//! stricter (locations, limits, masks) is a rule that comes after the model: `location`, `set` and `request`.

use serde::Serialize;
use zeroize::Zeroizing;

use crate::json::{Fields, JsonError, Node, write_escaped};
use crate::timestamp::Timestamp;
use crate::value::SecretValue;

/// How a secret reaches a program: as a variable of its environment, or as a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretType {
    /// An environment variable.
    Env,
    /// A file.
    File,
}

impl SecretType {
    /// Parses `env` or `file`; nothing else is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "env" => Some(Self::Env),
            "file" => Some(Self::File),
            _ => None,
        }
    }

    /// `env` or `file`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::File => "file",
        }
    }
}

/// A secret: what must appear (`value`), where (`location`), and how (`type`).
///
/// `V` is [`SecretValue`] where the plaintext is meant and [`crate::Mask`] where it must not be shown, so that an
/// answer which must be masked cannot be filled with plaintext by mistake.
#[derive(Debug, Serialize)]
pub struct Secret<V> {
    /// `env` or `file`; `secret_type` is accepted in its place.
    #[serde(rename = "type")]
    pub secret_type: SecretType,
    /// The name of the variable, or the path of the file; byte for byte as it was given.
    pub location: String,
    /// What must appear there.
    pub value: V,
}

/// What may be listed of a collection: everything but its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SecretsCollectionSummary {
    /// Its id; `collection_id` is accepted in its place.
    pub id: String,
    /// The application it belongs to.
    pub application_id: String,
    /// Its name; never null.
    pub name: String,
    /// Its description; never null, `""` where there is none.
    pub description: String,
    /// When the collection was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A named group of secrets that belongs to an application.
#[derive(Debug, Serialize)]
pub struct SecretsCollection<V> {
    /// The summary's fields stand beside `secrets`.
    #[serde(flatten)]
    pub summary: SecretsCollectionSummary,
    /// The secrets, in their order.
    pub secrets: Vec<Secret<V>>,
}

impl Secret<SecretValue> {
    /// Reads a secret as the documented class does.
    ///
    /// # Errors
    /// [`JsonError`] with the path and the rule; never a value.
    pub fn read(node: &Node<'_>) -> Result<Self, JsonError> {
        let fields = node.object()?;
        Ok(Self {
            secret_type: fields.aliased("type", "secret_type")?.secret_type()?,
            location: fields.required("location")?.text()?,
            value: fields.required("value")?.value()?,
        })
    }
}

impl SecretsCollectionSummary {
    /// Reads a summary as the documented class does: unknown fields are dropped.
    ///
    /// # Errors
    /// [`JsonError`] with the path and the rule.
    pub fn read(node: &Node<'_>) -> Result<Self, JsonError> {
        Self::of(&node.object()?)
    }

    fn of(fields: &Fields<'_>) -> Result<Self, JsonError> {
        Ok(Self {
            id: fields.aliased("id", "collection_id")?.text()?,
            application_id: fields.required("application_id")?.text()?,
            name: fields.required("name")?.text()?,
            description: fields.required("description")?.text()?,
            created_at: fields.required("created_at")?.time()?,
            updated_at: fields.required("updated_at")?.time()?,
        })
    }
}

impl SecretsCollection<SecretValue> {
    /// Reads a collection as the documented class does.
    ///
    /// # Errors
    /// [`JsonError`] with the path and the rule; never a value.
    pub fn read(node: &Node<'_>) -> Result<Self, JsonError> {
        let fields = node.object()?;
        Ok(Self {
            summary: SecretsCollectionSummary::of(&fields)?,
            secrets: fields
                .required("secrets")?
                .list()?
                .iter()
                .map(Secret::read)
                .collect::<Result<_, _>>()?,
        })
    }

    /// The documented JSON **with the plaintext in it**, in a buffer of its exact size that is wiped when dropped.
    #[must_use]
    pub fn to_plain_json(&self) -> Zeroizing<String> {
        let mut length = 0;
        self.say(&mut |piece| length += piece.len());
        let mut json = Zeroizing::new(String::with_capacity(length));
        self.say(&mut |piece| json.push_str(piece));
        json
    }

    fn say(&self, push: &mut impl FnMut(&str)) {
        let SecretsCollectionSummary { id, application_id, name, description, created_at, updated_at } =
            &self.summary;
        let (created_at, updated_at) = (created_at.to_string(), updated_at.to_string());
        let fields = [
            ("{\"id\":", id),
            (",\"application_id\":", application_id),
            (",\"name\":", name),
            (",\"description\":", description),
            (",\"created_at\":", &created_at),
            (",\"updated_at\":", &updated_at),
        ];
        for (key, text) in fields {
            push(key);
            write_escaped(text, push);
        }
        push(",\"secrets\":[");
        for (i, secret) in self.secrets.iter().enumerate() {
            push(if i == 0 { "{\"type\":\"" } else { ",{\"type\":\"" });
            push(secret.secret_type.as_str());
            push("\",\"location\":");
            write_escaped(&secret.location, push);
            push(",\"value\":");
            write_escaped(secret.value.expose(), push);
            push("}");
        }
        push("]}");
    }
}
