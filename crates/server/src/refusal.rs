//! Every way to be refused: one table from the errors of the other rooms to a status, a word and a sentence. No sentence
//! holds a value, a name or a description, and what is not there is said without its id, so that a stranger's and nobody's
//! collection are refused in the same bytes.

use std::borrow::Cow;
use std::error::Error;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use strongroom_custody::{
    Absent, ApplicationError, AuthenticateError, CommitError, CreateError, Denied, EndError, Fault, KeyError,
    ReadError, RepeatError, StoreError, UpdateError,
};
use strongroom_secrets::{IdError, JsonError, Problem, RequestError};

use crate::budget::Spent;
use crate::envelope::RequestId;
use crate::head;
use crate::rates::TooOften;

type Sentence = Cow<'static, str>;
type Cause = Box<dyn Error + Send + Sync>;

/// Noted with an answer for the counts: the word of its refusal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RefusedAs(pub(crate) &'static str);

/// A request that is refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    sentence: Sentence,
    /// After how many seconds repeating it, as it is, may help and does no harm.
    retry_after: Option<u64>,
    /// Whether the connection ends with it: what follows could be read in two ways.
    closes: bool,
    /// What is logged and told to nobody.
    cause: Option<Cause>,
}

const INTERNAL: &str = "internal error";

impl Refusal {
    fn of(status: StatusCode, code: &'static str, sentence: impl Into<Sentence>) -> Self {
        Self { status, code, sentence: sentence.into(), retry_after: None, closes: false, cause: None }
    }

    /// Nothing but asking differently helps.
    pub(crate) fn invalid(sentence: impl Into<Sentence>) -> Self {
        Self::of(StatusCode::BAD_REQUEST, "invalid", sentence)
    }

    /// Whatever is wrong with a key, its holder is told this.
    pub(crate) fn unauthenticated() -> Self {
        let sentence = "this needs a valid API key: send Authorization: Bearer and the key";
        Self::of(StatusCode::UNAUTHORIZED, "unauthenticated", sentence)
    }

    /// A head that another reader on the way may have read otherwise.
    pub(crate) fn two_readings(sentence: &'static str) -> Self {
        Self { closes: true, ..Self::invalid(sentence) }
    }

    pub(crate) fn forbidden(sentence: impl Into<Sentence>) -> Self {
        Self::of(StatusCode::FORBIDDEN, "forbidden", sentence)
    }

    /// Whether it is the key that is refused.
    pub(crate) fn is_of_the_key(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    pub(crate) fn is_forbidden(&self) -> bool {
        self.status == StatusCode::FORBIDDEN
    }

    pub(crate) fn route_not_found() -> Self {
        Self::of(
            StatusCode::NOT_FOUND,
            "route_not_found",
            "there is nothing at this path; it is taken as it is, to the byte",
        )
    }

    pub(crate) fn method_not_allowed() -> Self {
        let sentence = "this path does not take this method; the header Allow names those that it takes";
        Self::of(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", sentence)
    }

    pub(crate) fn no_application() -> Self {
        Self::of(StatusCode::NOT_FOUND, "application_not_found", "there is no such application")
    }

    pub(crate) fn no_collection() -> Self {
        let sentence = "the application has no such secrets collection";
        Self::of(StatusCode::NOT_FOUND, "collection_not_found", sentence)
    }

    pub(crate) fn no_version() -> Self {
        let sentence = "the secrets collection has no such version; its versions list those that are kept";
        Self::of(StatusCode::NOT_FOUND, "version_not_found", sentence)
    }

    pub(crate) fn no_key() -> Self {
        Self::of(StatusCode::NOT_FOUND, "key_not_found", "there is no such API key")
    }

    /// No `Retry-After` here: clients would send the same body again, once for each of their retries.
    ///
    /// Contract: `too-large-is-not-repeated`.
    pub(crate) fn too_large(limit: u64) -> Self {
        let sentence = format!(
            "the body has more than {limit} bytes, which is the limit here; send a large change as several PATCHes"
        );
        Self::of(StatusCode::PAYLOAD_TOO_LARGE, "too_large", sentence)
    }

    pub(crate) fn too_slow() -> Self {
        let sentence =
            "the body did not arrive in time; send it faster, or a large change as several PATCHes";
        Self::of(StatusCode::REQUEST_TIMEOUT, "too_slow", sentence)
    }

    pub(crate) fn unsupported_media_type() -> Self {
        let sentence = "a body is read as application/json in UTF-8, without Content-Encoding";
        Self::of(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", sentence)
    }

    /// A panic: its message is not looked at.
    pub(crate) fn panicked() -> Self {
        Self::of(StatusCode::INTERNAL_SERVER_ERROR, "internal", INTERNAL)
    }

    /// The answer to whoever asks whether anything can be done now.
    /// It is asked again and again, by anybody: the log is for the write that failed.
    pub(crate) fn not_ready(fault: Fault) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, cause: None, ..fault.into() }
    }

    /// Refused for now; nothing was done.
    fn busy(sentence: &'static str) -> Self {
        Self { retry_after: Some(1), ..Self::of(StatusCode::SERVICE_UNAVAILABLE, "busy", sentence) }
    }

    pub(crate) fn too_many_at_once() -> Self {
        Self::busy(
            "this server works on as many requests as it may, and nothing was done; repeat in a moment",
        )
    }

    pub(crate) fn stopping() -> Self {
        Self::busy("this server is stopping, and nothing was done; repeat in a moment")
    }

    /// What cannot be recorded is not done.
    fn unrecorded() -> Self {
        let sentence = "no audit record can be written now, so nothing was done";
        let refused = Self::of(StatusCode::SERVICE_UNAVAILABLE, "audit_unavailable", sentence);
        Self { retry_after: Some(1), ..refused }
    }

    fn conflict(code: &'static str, sentence: impl Into<Sentence>) -> Self {
        Self::of(StatusCode::CONFLICT, code, sentence)
    }

    fn internal(cause: impl Into<Cause>) -> Self {
        Self::panicked().because(cause)
    }

    fn because(self, cause: impl Into<Cause>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    /// The answer. What caused it is logged here, once, under the request's id.
    pub(crate) fn answer(self, id: &RequestId) -> Response {
        if let Some(cause) = &self.cause {
            tracing::error!(request_id = id.as_str(), cause = chain(cause.as_ref()), "a request failed");
        }
        let error = match self.status {
            StatusCode::INTERNAL_SERVER_ERROR => {
                format!("{}; the server's log says why under {}", self.sentence, id.as_str())
            }
            _ => self.sentence.into_owned(),
        };
        let problem = Problem { error, code: self.code.to_owned() };
        let body = serde_json::to_vec(&problem).expect("strings are JSON");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        response.extensions_mut().insert(RefusedAs(self.code));
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.closes {
            headers.insert(header::CONNECTION, head::CLOSE);
        }
        response
    }
}

/// An error and what caused it, in one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        next = cause.source();
    }
    line
}

// The table. Every variant is named: a new one does not compile until somebody says what its caller is told.

impl From<Absent> for Refusal {
    fn from(absent: Absent) -> Self {
        match absent {
            Absent::Application(_) => Self::no_application(),
            Absent::Collection { .. } => Self::no_collection(),
            Absent::Version { .. } => Self::no_version(),
        }
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Action(_) | Denied::Scope => Self::forbidden(denied.to_string()),
            Denied::Key => Self::unauthenticated(),
            Denied::Absent(absent) => absent.into(),
        }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Contended(_) | Fault::Repeated => Self::conflict("conflict", fault.to_string()),
            Fault::Store(StoreError::Busy(_) | StoreError::Abandoned) => {
                Self::busy("the database is busy, and nothing was done; repeat in a moment").because(fault)
            }
            Fault::Store(StoreError::DiskFull(_) | StoreError::ReadOnly(_) | StoreError::Broken(_))
            | Fault::Commit(CommitError::Refused(_)) => Self::unrecorded().because(fault),
            Fault::Store(StoreError::Damaged { .. } | StoreError::Unexpected(_)) => Self::internal(fault),
            // Not to be repeated blindly: it may have been done.
            Fault::Commit(CommitError::Unknown(_)) => Self::of(
                StatusCode::SERVICE_UNAVAILABLE,
                "outcome_unknown",
                "nobody knows whether this was done; look before you repeat it",
            )
            .because(fault),
            Fault::Integrity { .. } | Fault::Seal(_) | Fault::Record(_) => Self::internal(fault),
        }
    }
}

impl From<AuthenticateError> for Refusal {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Refused => Self::unauthenticated(),
            AuthenticateError::Fault(fault) => fault.into(),
        }
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Absent(absent) => absent.into(),
            ReadError::Denied(denied) => denied.into(),
            ReadError::Fault(fault) => fault.into(),
        }
    }
}

impl From<CreateError> for Refusal {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Absent(absent) => absent.into(),
            CreateError::Denied(denied) => denied.into(),
            CreateError::Exists { .. } => Self::conflict("exists", error.to_string()),
            CreateError::Fault(fault) => fault.into(),
        }
    }
}

impl From<UpdateError> for Refusal {
    fn from(error: UpdateError) -> Self {
        let sentence = error.to_string();
        match error {
            UpdateError::Absent(absent) => absent.into(),
            UpdateError::Denied(denied) => denied.into(),
            UpdateError::NotAtVersion { .. } => {
                Self::of(StatusCode::PRECONDITION_FAILED, "not_at_version", sentence)
            }
            UpdateError::Contended => Self::conflict("conflict", sentence),
            UpdateError::AlreadyThere(_) => Self::conflict("already_there", sentence),
            UpdateError::NotThere(_) => Self::conflict("not_there", sentence),
            UpdateError::StaleMask(_) => Self::conflict("stale_mask", sentence),
            UpdateError::ForeignMask(_) | UpdateError::Set(_) => Self::invalid(sentence),
            UpdateError::Fault(fault) => fault.into(),
        }
    }
}

impl From<ApplicationError> for Refusal {
    fn from(error: ApplicationError) -> Self {
        match error {
            ApplicationError::Absent(absent) => absent.into(),
            ApplicationError::Denied(denied) => denied.into(),
            ApplicationError::Exists(_) => Self::conflict("exists", error.to_string()),
            ApplicationError::Fault(fault) => fault.into(),
        }
    }
}

impl From<RepeatError> for Refusal {
    fn from(error: RepeatError) -> Self {
        match error {
            RepeatError::OtherRequest => {
                Self::of(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_mismatch", error.to_string())
            }
            RepeatError::Gone => Self::of(StatusCode::GONE, "gone", error.to_string()),
            RepeatError::Absent(absent) => absent.into(),
            RepeatError::Denied(denied) => denied.into(),
            RepeatError::Fault(fault) => fault.into(),
        }
    }
}

impl From<KeyError> for Refusal {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Absent(absent) => absent.into(),
            KeyError::Denied(denied) => denied.into(),
            KeyError::NoSuchKey => Self::no_key(),
            KeyError::Beyond(_) | KeyError::Above(_) => Self::forbidden(error.to_string()),
            KeyError::Expired | KeyError::Name => Self::invalid(error.to_string()),
            KeyError::Fault(fault) => fault.into(),
        }
    }
}

impl From<EndError> for Refusal {
    fn from(error: EndError) -> Self {
        match error {
            EndError::NoSuchDelivery => {
                Self::of(StatusCode::NOT_FOUND, "delivery_not_found", "there is no such delivery of this key")
            }
            EndError::Denied(denied) => denied.into(),
            EndError::Fault(fault) => fault.into(),
        }
    }
}

/// What was refused as a location or an id may be a value in the wrong place: it is not repeated.
impl From<RequestError> for Refusal {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Id(error) => error.into(),
            RequestError::Location { secret_type, error, .. } => {
                Self::invalid(format!("the location of a secret of type {secret_type} is refused: {error}"))
            }
            other => Self::invalid(other.to_string()),
        }
    }
}

impl From<IdError> for Refusal {
    fn from(IdError { kind, .. }: IdError) -> Self {
        Self::invalid(format!("the id of the {kind} is refused: {}", IdError::RULE))
    }
}

impl From<JsonError> for Refusal {
    fn from(error: JsonError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<TooOften> for Refusal {
    fn from(TooOften(wait): TooOften) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let sentence =
            "this came too often, and nothing was done; repeat it after the seconds in Retry-After";
        let refused = Self::of(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", sentence);
        Self { retry_after: Some(seconds.max(1)), ..refused }
    }
}

impl From<Spent> for Refusal {
    fn from(_: Spent) -> Self {
        Self::busy("the bodies of other requests fill the memory that is kept for them; repeat in a moment")
    }
}

#[cfg(test)]
impl Refusal {
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn sentence(&self) -> &str {
        &self.sentence
    }
}
