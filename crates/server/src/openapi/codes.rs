//! The words that refusals carry for programs, each with its status and what it means. The sentences beside them are
//! `refusal`'s, and nobody should read those with a program.

macro_rules! codes {
    ($($status:literal $code:ident $word:literal $meaning:literal;)*) => {
        /// A word of a refusal. In the order of their statuses.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Code {
            $($code),*
        }

        impl Code {
            pub(crate) const EVERY: &[Self] = &[$(Self::$code),*];

            pub(crate) const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $word),*
                }
            }

            pub(crate) const fn status(self) -> u16 {
                match self {
                    $(Self::$code => $status),*
                }
            }

            pub(super) const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$code => $meaning),*
                }
            }
        }
    };
}

codes! {
    400 Invalid "invalid" "the request breaks a rule, which the sentence names";
    401 Unauthenticated "unauthenticated" "there is no valid API key";
    403 Forbidden "forbidden" "the API key is valid and may not do this";
    404 RouteNotFound "route_not_found" "there is nothing at this path";
    404 ApplicationNotFound "application_not_found" "there is no such application for this key";
    404 CollectionNotFound "collection_not_found" "there is no such collection for this key";
    404 VersionNotFound "version_not_found" "the collection has no such version";
    404 KeyNotFound "key_not_found" "there is no such API key for this key";
    404 DeliveryNotFound "delivery_not_found" "this key took no such delivery";
    405 MethodNotAllowed "method_not_allowed" "the path does not take the method";
    408 TooSlow "too_slow" "the body did not arrive in time";
    409 Conflict "conflict" "somebody else changed it at the same time";
    409 Exists "exists" "the id is in use";
    409 AlreadyThere "already_there" "a secret that was to be created exists";
    409 NotThere "not_there" "a secret that was to be updated does not exist";
    409 StaleMask "stale_mask" "a mask stands for a value that was replaced";
    410 Gone "gone" "this was done, and what it made is no longer there";
    412 NotAtVersion "not_at_version" "the collection is not at the version that If-Match names";
    413 TooLarge "too_large" "the body is larger than the limit, which the sentence names";
    415 UnsupportedMediaType "unsupported_media_type" "the body is not application/json in UTF-8";
    422 IdempotencyMismatch "idempotency_mismatch" "another request was sent with this Idempotency-Key";
    429 TooManyRequests "too_many_requests" "this came too often; repeat it after Retry-After";
    500 Internal "internal" "the server's log says why, under the id of the request";
    503 Busy "busy" "nothing was done; repeat it after Retry-After";
    503 AuditUnavailable "audit_unavailable" "nothing was done, because no record of it can be written now";
    503 NotReady "internal" "the server's log says why it is not ready";
    503 OutcomeUnknown "outcome_unknown" "nobody knows whether it was done; look before you repeat it";
}

impl Code {
    /// What is missing where the path has this name.
    pub(super) fn of_absent(id: &str) -> Self {
        match id {
            "app" => Self::ApplicationNotFound,
            "id" => Self::CollectionNotFound,
            "version" => Self::VersionNotFound,
            "key" => Self::KeyNotFound,
            "receipt" => Self::DeliveryNotFound,
            _ => Self::RouteNotFound,
        }
    }
}
