//! One request and what comes of it: what is sent, what may be sent a second time, and what each failure means. It knows
//! no operation; those are in the files beside it.

use std::io;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use strongroom_secrets::Problem;
use ureq::Body;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, EXPECT, IF_MATCH, LOCATION, RETRY_AFTER};
use ureq::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use zeroize::Zeroizing;

use crate::answer::{Answer, Unread, read_whole, request_id};
use crate::client::Client;
use crate::connection::WHOLE;
use crate::error::ClientError;
use crate::transport::{NotConnected, NotThisMachine};

/// How often a request is sent at most.
const MOST_TRIES: usize = 3;

/// How long is waited between tries, all in all.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// From this size on a body waits until the server asks for it. A refusal then comes before the values have left, and
/// is not lost in the reset of a connection that nobody read to its end.
const ASKED_FOR_FROM: usize = 32 * 1024;

/// The longest sentence of a server that is passed on.
const LONGEST_MESSAGE: usize = 1000;

/// A request to be made.
pub(crate) struct Ask {
    method: Method,
    path: String,
    if_match: Option<u64>,
    body: Option<Zeroizing<String>>,
    second: Second,
}

/// What a second arrival of the same request does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Second {
    /// Nothing new: it reads, or says what was said.
    Harmless,
    /// Nothing: the server knows it by the key that both carry, and answers what it did the first time.
    Recognised,
    /// The same once more.
    Harmful,
}

impl Ask {
    /// Reads at a path, which is made of parsed ids and may carry a query.
    pub(crate) fn read(path: String) -> Self {
        Self { method: Method::GET, path, if_match: None, body: None, second: Second::Harmless }
    }

    /// Changes something at a path: with a key of its own, so that it happens once however often it is sent.
    pub(crate) fn write(method: Method, path: String) -> Self {
        Self { method, path, if_match: None, body: None, second: Second::Recognised }
    }

    /// With this JSON.
    pub(crate) fn with(self, body: Zeroizing<String>) -> Self {
        Self { body: Some(body), ..self }
    }

    /// Only if the collection stands at this version.
    pub(crate) fn at_version(self, version: Option<u64>) -> Self {
        Self { if_match: version, ..self }
    }

    /// Though its method is that of a write, a second arrival changes nothing, and it takes no key.
    pub(crate) fn repeatable(self) -> Self {
        Self { second: Second::Harmless, ..self }
    }

    /// It is never sent twice, and takes no key: its answer may hold what is given out once.
    pub(crate) fn once(self) -> Self {
        Self { second: Second::Harmful, ..self }
    }
}

/// A try that gave no answer worth having.
struct Miss {
    error: ClientError,
    again: Again,
}

/// Whether the same request may be sent again.
enum Again {
    No,
    /// If a second arrival changes nothing, and after this time at the earliest.
    IfRepeatable(Duration),
    /// In any case: nothing was sent.
    Yes,
}

impl Client {
    /// Asks, and asks again where that can help and cannot harm.
    pub(crate) fn ask(&self, ask: &Ask) -> Result<Answer<'_>, ClientError> {
        let key = if ask.second == Second::Recognised { Some(self.new_key()?) } else { None };
        // Of the first try whose outcome nobody knows.
        let mut unknown = None;
        let failed = match self.try_often(ask, key.as_ref(), &mut unknown) {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        // What became of an earlier try is not said by a later one that did not get as far.
        Err(unknown.filter(|_| !is_verdict(&failed)).unwrap_or(failed))
    }

    fn try_often(
        &self,
        ask: &Ask,
        key: Option<&HeaderValue>,
        unknown: &mut Option<ClientError>,
    ) -> Result<Answer<'_>, ClientError> {
        let mut pauses = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(200))
            .with_max_times(MOST_TRIES - 1)
            .with_jitter()
            .build();
        let mut waited = Duration::ZERO;
        loop {
            let Miss { error, again } = match self.once(ask, key) {
                Ok(answer) => return Ok(answer),
                Err(miss) => miss,
            };
            if matches!(error, ClientError::OutcomeUnknown { .. }) {
                unknown.get_or_insert(error.clone());
            }
            let earliest = match again {
                Again::IfRepeatable(earliest) if ask.second != Second::Harmful => earliest,
                Again::Yes => Duration::ZERO,
                Again::IfRepeatable(_) | Again::No => return Err(error),
            };
            let Some(pause) = pauses.next().map(|pause| pause.max(earliest)) else { return Err(error) };
            waited += pause;
            if waited > LONGEST_WAIT {
                return Err(error);
            }
            tracing::debug!(%error, ?pause, "asking again");
            (self.pause)(pause);
        }
    }

    /// A key by which the server knows this request: nobody's before.
    fn new_key(&self) -> Result<HeaderValue, ClientError> {
        let mut random = [0; 16];
        let filled = rustls::crypto::aws_lc_rs::default_provider().secure_random.fill(&mut random);
        filled.map_err(|_| self.insecure("this system gives no random bytes").error)?;
        let key: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(HeaderValue::try_from(key).expect("hex digits are visible ASCII"))
    }

    fn once(&self, ask: &Ask, key: Option<&HeaderValue>) -> Result<Answer<'_>, Miss> {
        let response = self.send(ask, key).map_err(|error| self.unanswered(ask, error))?;
        tracing::debug!(method = %ask.method, path = %ask.path, status = %response.status(), "answered");
        self.receive(ask, response)
    }

    fn send(&self, ask: &Ask, key: Option<&HeaderValue>) -> Result<Response<Body>, ureq::Error> {
        let uri: Uri = format!("{}{}", self.url, ask.path).parse().map_err(ureq::http::Error::from)?;
        let mut request =
            Request::builder().method(&ask.method).uri(uri).header(AUTHORIZATION, self.bearer.clone());
        if let Some(version) = ask.if_match {
            request = request.header(IF_MATCH, format!("\"{version}\""));
        }
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key.clone());
        }
        let Some(body) = &ask.body else {
            return match ask.method {
                Method::GET | Method::DELETE => self.agent.run(request.body(())?),
                _ => self.agent.run(request.body(&[][..])?),
            };
        };
        request = request.header(CONTENT_TYPE, "application/json");
        if body.len() >= ASKED_FOR_FROM {
            request = request.header(EXPECT, "100-continue");
        }
        self.agent.run(request.body(body.as_bytes())?)
    }

    fn receive(&self, ask: &Ask, response: Response<Body>) -> Result<Answer<'_>, Miss> {
        let (head, body) = response.into_parts();
        if head.status.is_redirection() {
            return Err(self.redirected(head.status, &head.headers));
        }
        let body = read_whole(body).map_err(|unread| match unread {
            Unread::TooLarge => self.unlike("more than any answer may have"),
            Unread::Lost(error) => self.lost(ask, &error),
        })?;
        if head.status.is_success() {
            return Ok(Answer::new(self, &head.headers, body));
        }
        Err(self.refused(ask, head.status, &head.headers, &body))
    }

    fn redirected(&self, status: StatusCode, headers: &HeaderMap) -> Miss {
        let Some(place) = headers.get(LOCATION).and_then(|place| place.to_str().ok()) else {
            return self.unlike("a redirect to nowhere");
        };
        // A query or a user's name may hold what is no business of a log.
        let place = place.split(['?', '#']).next().unwrap_or_default();
        let place = match place.split_once('@') {
            Some((_, rest)) => format!("…@{rest}"),
            None => place.to_owned(),
        };
        let error = ClientError::Redirected {
            server: self.url.authority(),
            status: status.as_u16(),
            place: self.printable(&place, 200),
        };
        Miss { error, again: Again::No }
    }

    fn refused(&self, ask: &Ask, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Miss {
        let busy = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let again = if busy { after(headers) } else { Again::No };
        let problem = serde_json::from_slice::<Problem>(body).ok().filter(|problem| is_word(&problem.code));
        let Some(Problem { error, code }) = problem else {
            let what = format!("status {} and an error that is not a strongroom's", status.as_u16());
            // Something between may have passed the request on and lost the answer.
            return if status.is_server_error() && ask.second != Second::Harmless {
                let reason = format!("{} answered with {what}", self.url.authority());
                let again = if busy { again } else { Again::IfRepeatable(Duration::ZERO) };
                Miss { error: ClientError::OutcomeUnknown { reason, request_id: None }, again }
            } else {
                Miss { again, ..self.unlike(&what) }
            };
        };
        let request_id = request_id(headers);
        let message = self.printable(&error, LONGEST_MESSAGE);
        if code == "outcome_unknown" {
            let error = ClientError::OutcomeUnknown { reason: message, request_id };
            // A read that is answered so is answered by something odd.
            let again = if ask.second == Second::Recognised { again } else { Again::No };
            return Miss { error, again };
        }
        let error = ClientError::Refused { status: status.as_u16(), code, message, request_id };
        Miss { error, again }
    }

    /// No answer came, and this is why.
    fn unanswered(&self, ask: &Ask, error: ureq::Error) -> Miss {
        match error {
            ureq::Error::Other(inner) if inner.is::<NotConnected>() => {
                let NotConnected(error) = *inner.downcast().expect("just asked");
                self.unconnected(error)
            }
            ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => {
                self.unlike("something that is not HTTP")
            }
            error => self.lost(ask, &error),
        }
    }

    /// Nothing was sent.
    fn unconnected(&self, error: ureq::Error) -> Miss {
        let reason = match error {
            ureq::Error::Io(error) => match tls_error(&error) {
                Some(error) => return self.untrusted(error),
                None if is_break(&error) => {
                    return Miss { error: self.unreachable(words(&error)), again: Again::Yes };
                }
                None => words(&error),
            },
            // What the system's verifier says when there is not one certificate to begin with.
            ureq::Error::Rustls(rustls::Error::General(_)) => {
                return self.insecure(
                    "this system has no CA certificates; name the CA's certificate with --ca-cert",
                );
            }
            ureq::Error::Rustls(error) => return self.untrusted(&error),
            ureq::Error::HostNotFound => "its name cannot be looked up".to_owned(),
            ureq::Error::Timeout(_) => "no connection came about in time".to_owned(),
            ureq::Error::ConnectProxyFailed(_) => "the proxy does not connect to it".to_owned(),
            ureq::Error::Other(inner) if inner.is::<NotThisMachine>() => NotThisMachine.to_string(),
            _ => "the connection failed".to_owned(),
        };
        Miss { error: self.unreachable(reason), again: Again::No }
    }

    fn unreachable(&self, reason: String) -> ClientError {
        ClientError::Unreachable { server: self.url.authority(), reason }
    }

    fn untrusted(&self, error: &rustls::Error) -> Miss {
        use rustls::CertificateError::{BadSignature, Expired, ExpiredContext, NotValidForName};
        use rustls::CertificateError::{
            NotValidForNameContext, NotValidYet, NotValidYetContext, UnknownIssuer,
        };
        let reason = match error {
            // The signature is bad where a CA of the same name, perhaps an older one, is trusted.
            rustls::Error::InvalidCertificate(UnknownIssuer | BadSignature) => {
                "no CA that is trusted here signed its certificate; name the CA's certificate with --ca-cert"
            }
            rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
                "its certificate is for another name"
            }
            rustls::Error::InvalidCertificate(Expired | ExpiredContext { .. }) => {
                "its certificate has expired"
            }
            rustls::Error::InvalidCertificate(NotValidYet | NotValidYetContext { .. }) => {
                "its certificate is not valid yet; is the clock right?"
            }
            rustls::Error::InvalidMessage(_) => "it does not speak TLS; is it served by http://?",
            other => &self.printable(&other.to_string(), 200),
        };
        self.insecure(reason)
    }

    fn insecure(&self, reason: &str) -> Miss {
        let error = ClientError::Tls { server: self.url.authority(), reason: reason.to_owned() };
        Miss { error, again: Again::No }
    }

    /// The connection ended after something was sent, and before the answer was complete.
    fn lost(&self, ask: &Ask, error: &ureq::Error) -> Miss {
        let (reason, again) = match error {
            ureq::Error::Timeout(_) => {
                (format!("no complete answer within {} s", WHOLE.as_secs()), Again::No)
            }
            ureq::Error::Io(error) => (words(error), Again::IfRepeatable(Duration::ZERO)),
            _ => ("the answer broke off".to_owned(), Again::IfRepeatable(Duration::ZERO)),
        };
        if ask.second == Second::Harmless {
            return Miss { error: self.unreachable(reason), again };
        }
        let reason = format!("{}: {reason}", self.url.authority());
        Miss { error: ClientError::OutcomeUnknown { reason, request_id: None }, again }
    }

    /// What answered is no strongroom.
    fn unlike(&self, what: &str) -> Miss {
        Miss { error: self.not_strongroom(what), again: Again::No }
    }
}

/// Whether a refusal says that the request was not carried out before either: it knew the key and found nothing, or says
/// itself what became of it. Who was not let in is told nothing.
fn is_verdict(error: &ClientError) -> bool {
    matches!(error, ClientError::Refused { status: 400..500, .. })
        && !matches!(error, ClientError::Refused { status: 401 | 403 | 408 | 429, .. })
}

/// When a busy server wants to be asked again. A date would need a clock, and a wait of unknown length is not begun.
fn after(headers: &HeaderMap) -> Again {
    let Some(value) = headers.get(RETRY_AFTER) else { return Again::IfRepeatable(Duration::ZERO) };
    let seconds = value.to_str().ok().and_then(|text| text.parse().ok());
    seconds.map_or(Again::No, |seconds| Again::IfRepeatable(Duration::from_secs(seconds)))
}

/// A word for programs, such as `not_at_version`.
fn is_word(code: &str) -> bool {
    (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn is_break(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, UnexpectedEof};
    matches!(
        error.kind(),
        ConnectionRefused | ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof
    )
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "the connection is refused; nothing listens there".to_owned(),
        _ if is_break(error) => "the connection broke".to_owned(),
        kind => kind.to_string(),
    }
}
