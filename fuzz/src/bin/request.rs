//! Whole requests as a client may write them: a line `METHOD TARGET`, header lines, an empty line, a body. Path, query,
//! If-Match, Idempotency-Key and every body meet the real router. Whatever is asked, the answer is a decided one, and only
//! a delivery says a value.
#![cfg_attr(not(test), no_main)]

#[cfg(not(test))]
#[path = "../laws.rs"]
mod laws;
#[cfg(not(test))]
#[path = "../served.rs"]
mod served;

#[cfg(not(test))]
#[path = "../engine.rs"]
mod engine;

#[cfg(not(test))]
libfuzzer_sys::fuzz_target!(|data: &[u8]| engine::run(check, data));

#[cfg(test)]
use super::{laws, served};
use served::{STORED, Served, with_served};

pub(crate) fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let Some((method, target)) = lines.next().and_then(|line| line.split_once(' ')) else { return };
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .take(32)
        .collect();
    with_served(|served| ask(served, method, target, &headers, body));
}

/// Whether the strongroom is as it was.
fn ask(served: &Served, method: &str, target: &str, headers: &[(String, String)], body: &str) -> bool {
    let Some(answer) = served.send(method, target, headers, body) else { return true };
    assert!(matches!(answer.status, 200..300 | 304 | 400..500), "{answer:?}");
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let is_delivery = path.ends_with("/deliveries");
    for (_, location, value) in STORED {
        assert!(is_delivery || !answer.text.contains(value), "an answer says the value of {location}");
    }
    assert!(!answer.text.contains(served.key()), "an answer says the key");
    if answer.status >= 400 && method != "HEAD" {
        let problem = answer.json();
        let sentence = problem["error"].as_str().expect("a sentence");
        assert!(!sentence.is_empty() && sentence.len() < 3000);
        assert!(problem["code"].as_str().is_some_and(|code| !code.is_empty()), "a word for programs");
        let may_be_named = target.contains(laws::PLANTED) || names_what_is_planted(body);
        assert!(
            may_be_named || !answer.text.contains(laws::PLANTED),
            "a refusal repeats a value: {sentence}"
        );
    }
    answer.status >= 400 || method == "GET" || method == "HEAD" || is_delivery
}

/// A location and an id may be named.
fn names_what_is_planted(body: &str) -> bool {
    let escaped = body.replace("\\u00", "");
    ["location", "id"].iter().any(|name| {
        escaped
            .split(name)
            .skip(1)
            .any(|rest| rest.split(',').next().is_some_and(|r| r.contains(laws::PLANTED)))
    })
}
