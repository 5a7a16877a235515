//! What can go wrong between a client and a strongroom, one variant for each thing that the caller can do about it. No
//! variant carries a value, a token or a body.

/// Why an operation gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The strongroom refused; its own sentence says why.
    #[error("{message} ({code}{})", of_request(request_id.as_deref()))]
    Refused {
        /// The status of the answer.
        status: u16,
        /// The word for programs.
        code: String,
        /// The sentence for people: printable, and of bounded length.
        message: String,
        /// What the server's log names the request by.
        request_id: Option<String>,
    },
    /// There was no answer, and nothing was changed by asking.
    #[error("{server} cannot be reached: {reason}")]
    Unreachable {
        /// `HOST:PORT`.
        server: String,
        /// The cause.
        reason: String,
    },
    /// There is no connection that would be safe to talk over.
    #[error("no secure connection to {server}: {reason}")]
    Tls {
        /// `HOST:PORT`.
        server: String,
        /// The cause, and what helps.
        reason: String,
    },
    /// The given CA certificates are none.
    #[error("the CA certificates are refused: {reason}; give a PEM file with one or more certificates")]
    CaCert {
        /// The cause.
        reason: String,
    },
    /// The server sends its callers elsewhere; nothing was sent there.
    #[error(
        "{server} answered {status} and points to {place}, which is not followed; give the strongroom's own URL"
    )]
    Redirected {
        /// `HOST:PORT`.
        server: String,
        /// The status of the answer.
        status: u16,
        /// Where it points: without query, printable, and of bounded length.
        place: String,
    },
    /// What answered does not answer as a strongroom does.
    #[error("{server} answered with {what}; is this the URL of a strongroom, of about this release?")]
    NotStrongroom {
        /// `HOST:PORT`.
        server: String,
        /// What came, in our words.
        what: String,
    },
    /// The request may have been carried out: its answer is lost, or the strongroom itself cannot tell.
    #[error(
        "whether this happened is not known ({reason}{}): look whether it did, then repeat",
        of_request(request_id.as_deref())
    )]
    OutcomeUnknown {
        /// The cause.
        reason: String,
        /// What the server's log names the request by.
        request_id: Option<String>,
    },
    /// The text is not a receipt, so there is nothing to ask about it.
    #[error("this is no receipt: one is written like 1-abcdefgh.0.42")]
    NotAReceipt,
}

fn of_request(id: Option<&str>) -> String {
    id.map(|id| format!(", request {id}")).unwrap_or_default()
}
