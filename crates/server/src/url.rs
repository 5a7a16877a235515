//! What a URL may look like here. No id needs escaping, so a path that is not already canonical leads nowhere: it is
//! refused, never repaired and never redirected, because clients build paths from ids without escaping them and a
//! repaired `..` deletes somebody's application.

use std::collections::BTreeSet;

use crate::refusal::Refusal;

/// Refuses every path that could be read in two ways.
pub(crate) fn check_path(path: &str) -> Result<(), Refusal> {
    if !is_encoded_well(path) {
        return Err(Refusal::invalid("the path is not encoded as a URL's path is"));
    }
    let parts = path.strip_prefix('/').ok_or_else(Refusal::route_not_found)?;
    if parts.split('/').all(is_plain) { Ok(()) } else { Err(Refusal::route_not_found()) }
}

/// Whether every `%` begins an escape.
fn is_encoded_well(path: &str) -> bool {
    path.split('%').skip(1).all(|rest| {
        let rest = rest.as_bytes();
        rest.len() >= 2 && rest[..2].iter().all(u8::is_ascii_hexdigit)
    })
}

fn is_plain(part: &str) -> bool {
    let plain = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    plain && !matches!(part, "" | "." | "..")
}

/// What stands in a path where its pattern has `{name}`.
pub(crate) fn part<'a>(pattern: &str, path: &'a str, name: &str) -> &'a str {
    let is_named = |part: &str| {
        part.strip_prefix('{').and_then(|part| part.strip_suffix('}')).is_some_and(|p| p == name)
    };
    pattern.split('/').zip(path.split('/')).find(|(part, _)| is_named(part)).map_or("", |(_, given)| given)
}

/// The parameters of a URL. Unknown ones are nobody's business; none is given twice.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        let pairs: Vec<_> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
        let names: BTreeSet<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        // Two readers of such a query may each take another of the two.
        if names.len() != pairs.len() {
            return Err(Refusal::invalid("a parameter of the query is given twice"));
        }
        Ok(Self(pairs))
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// A number that must be there. The name is ours, not the client's.
    pub(crate) fn number(&self, name: &'static str) -> Result<u64, Refusal> {
        let refused = || Refusal::invalid(format!("the query needs {name}, the number of a version"));
        self.text(name).and_then(number).ok_or_else(refused)
    }

    /// Whether it is given as true. Anything but true and false is refused.
    pub(crate) fn flag(&self, name: &'static str) -> Result<bool, Refusal> {
        match self.text(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Refusal::invalid(format!("{name} is true or false"))),
        }
    }
}

/// A number as we say it ourselves: no sign, no leading zero.
pub(crate) fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits && (text == "0" || !text.starts_with('0')) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    #[test]
    fn a_path_is_canonical_or_leads_nowhere() {
        fn check(path: &str, expected: Result<(), u16>) {
            let found = check_path(path).map_err(|refusal| refusal.status().as_u16());
            assert_eq!(found, expected, "{path}");
        }
        check("/v1/applications/app/secrets", Ok(()));
        check("/v1/applications/A.b_c-D/secrets/a..b", Ok(()));
        for path in [
            "/",
            "",
            "*",
            "v1",
            "/v1/",
            "//v1",
            "/v1//applications",
            "/v1/./applications",
            "/v1/..",
            "/v1/../x",
            "/v1/a;b",
            "/v1/a b",
            "/v1/ü",
            "/v1/a\\b",
            "/v1/a:b",
            "/v1/%61",
            "/v1/%2e%2E",
            "/v1/%2F",
            "/v1/%00",
            "/v1/%25%32%65",
            "/v1/%c0%ae",
        ] {
            check(path, Err(StatusCode::NOT_FOUND.as_u16()));
        }
        for path in ["/v1/%", "/v1/%2", "/v1/%zz", "/v1/%%41", "/v1/a%4"] {
            check(path, Err(StatusCode::BAD_REQUEST.as_u16()));
        }
    }

    #[test]
    fn a_part_is_what_stands_at_its_name() {
        let pattern = "/v1/applications/{app}/secrets/{id}";
        assert_eq!(part(pattern, "/v1/applications/a/secrets/c", "app"), "a");
        assert_eq!(part(pattern, "/v1/applications/a/secrets/c", "id"), "c");
        assert_eq!(part(pattern, "/v1/applications/a/secrets/c", "secrets"), "");
    }

    #[test]
    fn no_parameter_is_given_twice() {
        assert!(Query::parse("a=1&b=1&c").is_ok());
        for twice in ["a=1&a=1", "a=1&b=2&a=3", "purge=true&pur%67e=false", "&a&a"] {
            let sentence = Query::parse(twice).expect_err(twice).sentence().to_owned();
            assert!(!sentence.contains("purge"), "{sentence}");
        }
    }

    #[test]
    fn a_number_is_said_in_one_way() {
        for (text, expected) in [
            ("0", Some(0)),
            ("17", Some(17)),
            ("", None),
            ("+1", None),
            ("01", None),
            ("-1", None),
            ("1.0", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }
}
