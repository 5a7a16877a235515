//! The documented model of the Nextmv Cloud API: the same names, the same aliases, the same never-null rules. What is
//! stricter (locations, limits, masks) is a rule that comes after the model: `location`, `set` and `request`.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::json::{Fields, JsonError, Node, write_escaped, write_exactly, write_list};
use crate::timestamp::Timestamp;
use crate::value::SecretValue;

/// How a secret reaches a program: as a variable of its environment, or as a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Secret<V> {
    /// `env` or `file`; `secret_type` is accepted in its place.
    #[serde(rename = "type", alias = "secret_type")]
    pub secret_type: SecretType,
    /// The name of the variable, or the path of the file; byte for byte as it was given.
    pub location: String,
    /// What must appear there.
    pub value: V,
}

/// What may be listed of a collection: everything but its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretsCollectionSummary {
    /// Its id; `collection_id` is accepted in its place.
    #[serde(alias = "collection_id")]
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
#[derive(Debug, Clone, Serialize, Deserialize)]
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
        Self::of(&node.object()?)
    }

    /// Reads a secret of its fields.
    pub(crate) fn of(fields: &Fields<'_>) -> Result<Self, JsonError> {
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

    /// Reads a summary of the fields that hold it, perhaps beside others.
    pub(crate) fn of(fields: &Fields<'_>) -> Result<Self, JsonError> {
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
        write_exactly(|push| {
            push("{");
            self.summary.say(push);
            push(",\"secrets\":");
            write_list(&self.secrets, push, |secret, push| {
                push("{");
                say_secret(secret.secret_type, &secret.location, Some(secret.value.expose()), push);
                push("}");
            });
            push("}");
        })
    }
}

impl SecretsCollectionSummary {
    /// Writes its fields, without braces.
    pub(crate) fn say(&self, push: &mut dyn FnMut(&str)) {
        let Self { id, application_id, name, description, created_at, updated_at } = self;
        let (created_at, updated_at) = (created_at.to_string(), updated_at.to_string());
        let fields = [
            ("\"id\":", id),
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
    }
}

/// Writes the fields of a secret, without braces; a secret that is only named has no value.
pub(crate) fn say_secret(
    secret_type: SecretType,
    location: &str,
    value: Option<&str>,
    push: &mut dyn FnMut(&str),
) {
    push("\"type\":\"");
    push(secret_type.as_str());
    push("\",\"location\":");
    write_escaped(location, push);
    if let Some(value) = value {
        push(",\"value\":");
        write_escaped(value, push);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_collection_reads_under_either_name() {
        for (id, secret_type) in [("id", "type"), ("collection_id", "secret_type")] {
            let json = format!(
                r#"{{"{id}":"c","application_id":"a","name":"n","description":"","created_at":"2024-01-02","updated_at":"2024-01-02","secrets":[{{"{secret_type}":"file","location":"/a","value":"mask"}}]}}"#
            );
            let read: SecretsCollection<String> = serde_json::from_str(&json).expect(&json);
            assert_eq!(
                (read.summary.id.as_str(), read.summary.created_at.to_string().as_str()),
                ("c", "2024-01-02T00:00:00Z")
            );
            let Secret { secret_type, location, value } = &read.secrets[0];
            assert_eq!((*secret_type, location.as_str(), value.as_str()), (SecretType::File, "/a", "mask"));
        }
    }
}
