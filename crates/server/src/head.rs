//! What a request's head says beside who asks: under what condition, and whether it may come twice. What a change asks
//! for and we would not keep is refused, not ignored.

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use strongroom_secrets::VersionTag;

use crate::refusal::Refusal;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// What `Connection` says where a connection ends with its answer.
pub(crate) const CLOSE: HeaderValue = HeaderValue::from_static("close");
const LONGEST_KEY: usize = 255;

/// Under what conditions a change is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Conditions {
    /// Only from this version.
    pub(crate) if_match: Option<VersionTag>,
    /// The name that the client gave to this change, so that it may send it twice.
    pub(crate) key: Option<String>,
}

impl Conditions {
    /// For a read nothing of this is asked.
    pub(crate) fn read(parts: &Parts, has_version: bool, is_repeatable: bool) -> Result<Self, Refusal> {
        if !changes(&parts.method) {
            return Ok(Self::default());
        }
        let headers = &parts.headers;
        for kept_by_nobody in [header::IF_NONE_MATCH, header::IF_UNMODIFIED_SINCE] {
            if headers.contains_key(&kept_by_nobody) {
                return Err(Refusal::invalid(
                    "a change takes no condition but If-Match; leave the other out",
                ));
            }
        }
        let key = idempotency_key(headers, is_repeatable)?;
        Ok(Self { if_match: if_match(headers, has_version)?, key })
    }
}

pub(crate) fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD)
}

fn if_match(headers: &HeaderMap, has_version: bool) -> Result<Option<VersionTag>, Refusal> {
    let only = match only(headers, &header::IF_MATCH) {
        Ok(None) => return Ok(None),
        Ok(Some(value)) => value.to_str().unwrap_or_default(),
        Err(Several) => "",
    };
    if only == "*" {
        return Ok(None);
    }
    let tag = only.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).and_then(VersionTag::parse);
    match tag {
        Some(_) if !has_version => Err(Refusal::invalid("If-Match can name no version here; leave it out")),
        Some(tag) => Ok(Some(tag)),
        None => Err(Refusal::invalid("If-Match is one version in quotes, as an ETag says it, or *")),
    }
}

fn idempotency_key(headers: &HeaderMap, is_repeatable: bool) -> Result<Option<String>, Refusal> {
    let given = match only(headers, &IDEMPOTENCY_KEY) {
        Ok(None) => return Ok(None),
        Ok(Some(value)) => value.as_bytes(),
        Err(Several) => b"",
    };
    if !is_repeatable {
        return Err(Refusal::invalid("Idempotency-Key is not taken here; leave it out"));
    }
    let shaped = (1..=LONGEST_KEY).contains(&given.len()) && given.iter().all(u8::is_ascii_graphic);
    match std::str::from_utf8(given) {
        Ok(key) if shaped => Ok(Some(key.to_owned())),
        _ => Err(Refusal::invalid("Idempotency-Key is given once, in 1 to 255 visible characters of ASCII")),
    }
}

/// Whether a client has what has this tag already. A list that is none is no condition: it gets everything.
pub(crate) fn has_already(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let Ok(tag) = tag.to_str() else { return false };
    headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok()).any(|line| {
        line.split(',')
            .map(str::trim)
            .any(|given| given == "*" || given.strip_prefix("W/").unwrap_or(given) == tag)
    })
}

/// What two readers on the way could each take for something else: two hosts, and a coding of the transfer that nobody here
/// undoes.
pub(crate) fn refuse_ambiguity(headers: &HeaderMap) -> Result<(), Refusal> {
    let two = |Several| Refusal::two_readings("Host is given twice");
    only(headers, &header::HOST).map_err(two)?;
    match only(headers, &header::TRANSFER_ENCODING) {
        Ok(None) => Ok(()),
        Ok(Some(coding)) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        Ok(Some(_)) | Err(Several) => {
            Err(Refusal::two_readings("Transfer-Encoding is something else than chunked"))
        }
    }
}

/// A header that was given more than once.
struct Several;

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Several> {
    let mut given = headers.get_all(name).iter();
    match (given.next(), given.next()) {
        (only, None) => Ok(only),
        (_, Some(_)) => Err(Several),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn headers(name: &HeaderName, given: &[&'static str]) -> HeaderMap {
        given.iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_condition_is_one_version_or_any() {
        let check = |given: &[&'static str], expected: Option<Option<&str>>| {
            let headers = headers(&header::IF_MATCH, given);
            let read = |has_version| if_match(&headers, has_version).ok();
            let tag = expected.map(|tag| tag.map(|tag| VersionTag::parse(tag).expect("a tag")));
            assert_eq!(read(true), tag, "{given:?}");
            // Where nothing has a version, one would be ignored: it is refused.
            assert_eq!(read(false), tag.filter(Option::is_none), "{given:?}");
        };
        check(&[], Some(None));
        check(&["*"], Some(None));
        check(&["\"3\""], Some(Some("3")));
        check(&["\"3.2\""], Some(Some("3.2")));
        for bad in ["3", "\"3", "W/\"3\"", "\"3\", \"4\"", "\"\"", "\"03\"", "\"3.1\"", "\"x\"", "", "**"] {
            check(&[bad], None);
        }
        check(&["\"3\"", "\"3\""], None);
    }

    #[test]
    fn a_condition_that_nobody_would_keep_is_refused() {
        for name in [header::IF_NONE_MATCH, header::IF_UNMODIFIED_SINCE] {
            for (method, is_read) in [(Method::GET, true), (Method::PUT, false), (Method::DELETE, false)] {
                let (mut parts, ()) = Request::new(()).into_parts();
                (parts.method, parts.headers) = (method, headers(&name, &["*"]));
                assert_eq!(Conditions::read(&parts, true, true).is_ok(), is_read, "{name}");
            }
        }
    }

    #[test]
    fn an_idempotency_key_is_one_visible_word() {
        let longest: &'static str = "k".repeat(255).leak();
        let check = |given: &[&'static str], expected: Option<Option<&str>>| {
            let headers = headers(&IDEMPOTENCY_KEY, given);
            let read = |is_repeatable| idempotency_key(&headers, is_repeatable).ok();
            assert_eq!(read(true), expected.map(|key| key.map(str::to_owned)), "{given:?}");
            assert_eq!(read(false).is_some(), given.is_empty(), "{given:?}");
        };
        check(&[], Some(None));
        check(&["\"8e03978e-40d5-43e8\""], Some(Some("\"8e03978e-40d5-43e8\"")));
        check(&[longest], Some(Some(longest)));
        check(&["k".repeat(256).leak()], None);
        for bad in ["", "two words", "a\ttab"] {
            check(&[bad], None);
        }
        check(&["a", "a"], None);
    }

    #[test]
    fn whoever_has_it_is_not_sent_it_again() {
        let tag = HeaderValue::from_static("\"3\"");
        let check = |given: &[&'static str], expected| {
            assert_eq!(has_already(&headers(&header::IF_NONE_MATCH, given), &tag), expected, "{given:?}");
        };
        for given in ["\"3\"", "W/\"3\"", "\"2\", \"3\"", "*", "x, \"3\""] {
            check(&[given], true);
        }
        check(&["\"1\"", "\"3\""], true);
        for given in ["", "3", "\"33\"", "\"3", "\"3.2\""] {
            check(&[given], false);
        }
        check(&[], false);
    }
}
