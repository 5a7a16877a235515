//! A change that is sent twice under one `Idempotency-Key`, by a client that never saw the first answer: done once, and
//! answered again. What makes two requests one, and who may be told, is custody's to say.

use std::sync::Arc;

use axum::http::header;
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use strongroom_custody::{
    Access, Caller, Custodian, Everywhere, Manage, RepeatError, Repeatable, Repeated, Write,
};
use strongroom_secrets::Timestamp;

use crate::answer::{Answer, Answered};
use crate::applications;
use crate::body::Body;
use crate::proof::Within;
use crate::refusal::Refusal;

/// Of a route whose change may be sent twice: the URL table says which are.
pub(crate) trait Repeats {
    /// Leaves word of the change with it, so that a second one finds it.
    fn once(self, repeatable: Repeatable) -> Self;
}

impl Repeats for Access<Write> {
    fn once(self, repeatable: Repeatable) -> Self {
        self.repeatable(repeatable)
    }
}

impl Repeats for Access<Manage> {
    fn once(self, repeatable: Repeatable) -> Self {
        self.repeatable(repeatable)
    }
}

impl Repeats for Everywhere<Manage> {
    fn once(self, repeatable: Repeatable) -> Self {
        self.repeatable(repeatable)
    }
}

impl Repeats for Within<Write> {
    fn once(self, repeatable: Repeatable) -> Self {
        Self { access: self.access.repeatable(repeatable), ..self }
    }
}

/// One such change, for asking what became of it.
pub(crate) struct Earlier {
    custodian: Arc<Custodian>,
    caller: Caller,
    pub(crate) repeatable: Repeatable,
}

impl Earlier {
    pub(crate) fn of(
        custodian: &Arc<Custodian>,
        caller: Caller,
        key: &str,
        parts: &Parts,
        body: &Body,
    ) -> Self {
        let target = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let if_match = parts.headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok());
        let method = parts.method.as_str();
        let repeatable = custodian.repeatable(&caller, key, method, target, if_match, body.bytes());
        Self { custodian: Arc::clone(custodian), caller, repeatable }
    }

    /// What an earlier request is answered now; none where there was none.
    pub(crate) async fn answer(&self, now: Timestamp) -> Result<Option<Answer>, RepeatError> {
        let earlier = self.custodian.repeated(&self.caller, &self.repeatable, now).await?;
        Ok(earlier.map(|earlier| match earlier {
            Repeated::Written { summary, version } => Answer::written(&summary, version),
            Repeated::Application(application) => applications::shown(application),
            Repeated::Nothing => Answer::nothing(),
        }))
    }

    /// What a change is answered that was refused: another with the same key may have been accepted at the same moment,
    /// and is then what it was refused for.
    pub(crate) async fn or_refuse(&self, refusal: Refusal, now: Timestamp) -> Answered {
        match self.answer(now).await {
            Ok(Some(answer)) => Ok(answer),
            Err(error @ (RepeatError::OtherRequest | RepeatError::Gone)) => Err(error.into()),
            Ok(None) | Err(RepeatError::Absent(_) | RepeatError::Denied(_) | RepeatError::Fault(_)) => {
                Err(refusal)
            }
        }
    }
}
