//! What the document says of each route beside what its row in the URL table says: under the handler's name, its
//! purpose, the parameters of its query, its bodies, and how it may refuse for reasons of its own.

use serde_json::{Value, json};

use super::codes::Code;
use super::schemas;
use crate::metrics::MEDIA_TYPE;

/// What is told of a route.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    pub(super) summary: &'static str,
    pub(super) query: &'static [&'static str],
    pub(super) body: Option<Body>,
    pub(super) answer: Answers,
    pub(super) refusals: &'static [Code],
    /// Whether `If-Match` is refused although there is a version: what is restored has none yet.
    pub(super) unconditional: bool,
}

/// The body of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Body {
    pub(super) schema: &'static str,
    pub(super) required: bool,
}

/// How a route answers what it has done.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answers {
    /// With this.
    Json(&'static str),
    /// With this, and the version that it has.
    AtVersion(&'static str),
    /// That the client has the version already.
    NotModified,
    /// With the summary of a collection, and the version that was made.
    Written,
    /// With the document that this is.
    Document,
    /// With counts, which are not JSON.
    Metrics,
    /// Not with anything.
    Nothing,
}

impl Answers {
    pub(super) fn status(self) -> u16 {
        match self {
            Self::Json(_) | Self::AtVersion(_) | Self::Written | Self::Document | Self::Metrics => 200,
            Self::Nothing => 204,
            Self::NotModified => 304,
        }
    }

    pub(super) fn description(self) -> &'static str {
        match self {
            Self::Json(_) | Self::AtVersion(_) | Self::Written | Self::Document | Self::Metrics => "OK",
            Self::Nothing => "Done",
            Self::NotModified => "The client has this version already",
        }
    }

    pub(super) fn header(self) -> Option<&'static str> {
        match self {
            Self::AtVersion(_) | Self::NotModified => Some("ETag"),
            Self::Written => Some("Strongroom-Version"),
            Self::Json(_) | Self::Document | Self::Metrics | Self::Nothing => None,
        }
    }

    pub(super) fn content(self) -> Option<(&'static str, Value)> {
        match self {
            Self::Json(schema) | Self::AtVersion(schema) => Some(("application/json", schemas::of(schema))),
            Self::Written => Some(("application/json", schemas::of("Summary"))),
            Self::Document => Some(("application/json", json!({"type": "object"}))),
            Self::Metrics => Some((MEDIA_TYPE, json!({"type": "string"}))),
            Self::Nothing | Self::NotModified => None,
        }
    }
}

const fn told(summary: &'static str, answer: Answers) -> Told {
    Told { summary, query: &[], body: None, answer, refusals: &[], unconditional: false }
}

impl Told {
    const fn takes(self, schema: &'static str) -> Self {
        Self { body: Some(Body { schema, required: true }), ..self }
    }

    const fn may_take(self, schema: &'static str) -> Self {
        Self { body: Some(Body { schema, required: false }), ..self }
    }

    const fn query(self, query: &'static [&'static str]) -> Self {
        Self { query, ..self }
    }

    const fn refuses(self, refusals: &'static [Code]) -> Self {
        Self { refusals, ..self }
    }

    const fn unconditionally(self) -> Self {
        Self { unconditional: true, ..self }
    }
}

use Answers::{AtVersion, Document, Json, Metrics, Nothing, Written};

pub(crate) mod applications {
    use super::*;

    pub(crate) const fn create() -> Told {
        told("Make an application", Json("Application")).takes("NewApplication").refuses(&[Code::Exists])
    }

    pub(crate) const fn list() -> Told {
        told("List applications: an array, or pages where they are asked for", Json("Applications"))
            .query(&["pagereturn", "pagetoken"])
    }

    pub(crate) const fn show() -> Told {
        told("Show an application", Json("Application"))
    }

    pub(crate) const fn update() -> Told {
        told("Change an application's name and description", Json("Application")).takes("ApplicationChange")
    }

    pub(crate) const fn delete() -> Told {
        told("Delete an application with its collections", Nothing).query(&["purge"])
    }

    pub(crate) const fn restore() -> Told {
        told("Bring a deleted application back, with its collections", Json("Application"))
            .refuses(&[Code::Exists])
    }
}

pub(crate) mod secrets {
    use super::*;

    pub(crate) const fn create() -> Told {
        told("Make a secrets collection", Written).takes("NewCollection").refuses(&[Code::Exists])
    }

    pub(crate) const fn list() -> Told {
        told("List secrets collections: all, or pages where they are asked for", Json("Summaries"))
            .query(&["pagereturn", "pagetoken"])
    }

    pub(crate) const fn show() -> Told {
        told("Show a secrets collection, its values masked", AtVersion("Collection"))
    }

    pub(crate) const fn replace() -> Told {
        told("Change a secrets collection: secrets that are not listed are deleted", Written)
            .takes("CollectionPut")
            .refuses(&[Code::StaleMask])
    }

    pub(crate) const fn change() -> Told {
        told("Change a secrets collection by operations, all of them or none", Written)
            .takes("CollectionPatch")
            .refuses(&[Code::AlreadyThere, Code::NotThere, Code::StaleMask])
    }

    pub(crate) const fn delete() -> Told {
        told("Delete a secrets collection", Nothing).query(&["purge"])
    }

    pub(crate) const fn versions() -> Told {
        told("List the versions that are kept", Json("Versions"))
    }

    pub(crate) const fn show_version() -> Told {
        told("Show one version, its values masked", AtVersion("Collection"))
    }

    pub(crate) const fn diff() -> Told {
        told("Say which secrets differ between two versions, and no value", Json("Diff"))
            .query(&["from", "to"])
            .refuses(&[Code::VersionNotFound])
    }

    pub(crate) const fn rollback() -> Told {
        told("Make a version with the contents of an older one", Written)
            .takes("Rollback")
            .refuses(&[Code::VersionNotFound])
    }

    pub(crate) const fn restore() -> Told {
        told("Bring back the collection of this id that was deleted last", Written)
            .refuses(&[Code::Exists])
            .unconditionally()
    }
}

pub(crate) mod deliveries {
    use super::*;

    pub(crate) const fn release() -> Told {
        told("Take a collection with its values; the record of it is durable first", Json("Released"))
            .may_take("DeliveryRequest")
            .refuses(&[Code::VersionNotFound])
    }

    pub(crate) const fn end() -> Told {
        told("Say how the run that took a delivery ended; the first word stands", Json("Noted")).takes("End")
    }
}

pub(crate) mod keys {
    use super::*;

    pub(crate) const fn create() -> Told {
        told("Make an API key; its token is answered this once", Json("NewKeyMade"))
            .takes("NewKey")
            .refuses(&[Code::ApplicationNotFound, Code::CollectionNotFound])
    }

    pub(crate) const fn list() -> Told {
        told("List API keys", Json("Keys")).query(&["pagetoken"])
    }

    pub(crate) const fn revoke() -> Told {
        told("Revoke an API key", Nothing)
    }
}

pub(crate) mod audit {
    use super::*;

    pub(crate) const fn list() -> Told {
        told("List audit records, oldest first", Json("AuditRecords"))
            .query(&["application_id", "collection_id", "pagetoken"])
            .refuses(&[Code::ApplicationNotFound, Code::CollectionNotFound])
    }
}

pub(crate) mod metrics {
    use super::*;

    pub(crate) const fn show() -> Told {
        told(
            "What the server counts of itself, as OpenMetrics text, for a key that is bound to no application",
            Metrics,
        )
    }
}

pub(crate) mod health {
    use super::*;

    pub(crate) const fn is_alive() -> Told {
        told("Whether the process answers", Json("Health"))
    }

    pub(crate) const fn is_ready() -> Told {
        told("Whether the database answers and takes what is written", Json("Health")).refuses(&[
            Code::AuditUnavailable,
            Code::NotReady,
            Code::OutcomeUnknown,
        ])
    }
}

pub(crate) mod openapi {
    use super::*;

    pub(crate) const fn show() -> Told {
        told("This document", Document)
    }
}
