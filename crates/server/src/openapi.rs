//! `/openapi.json`: what this server takes and answers, as OpenAPI 3.1. It is made of the URL table, so it knows every
//! route and no other; what the table cannot know of a route is `told`, the shapes of bodies are `schemas`, and the words
//! of refusals are `codes`. Deliberately nothing of the instance or the machine: everybody may read it.

pub(crate) mod codes;
mod schemas;
pub(crate) mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::answer::{Answer, Answered};
use crate::door::Ask;
use crate::proof::{Needed, Nobody};
use crate::router::{ROUTES, RouteRow};
use codes::Code;
use told::Answers;
pub(crate) use told::Told;

/// `GET /openapi.json`
pub(crate) async fn show(_: Ask<Nobody>) -> Answered {
    static JSON: LazyLock<Bytes> = LazyLock::new(|| document().to_string().into());
    Ok(Answer::document(JSON.clone()))
}

const ABOUT: &str = "\
A self-hosted home for secrets collections. The routes under /v1/applications that change and show collections are those \
of the Nextmv Cloud API, as its released clients know them. A GET shows masks in place of values; only a delivery answers \
with values. Paths are taken to the byte, nothing is redirected, and HEAD is answered wherever GET is. A refused request \
changed nothing, unless its code is outcome_unknown. Unknown parameters and fields are ignored; a parameter or a key that \
is given twice is refused. In the security of an operation stand the actions that the API key needs.";

fn document() -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut refused = BTreeMap::new();
    for row in ROUTES {
        let (operation, refusals) = (operation(row), refusals(row));
        paths.entry(row.pattern).or_default().insert(row.method.to_lowercase(), operation);
        refused.extend(
            refusals.into_iter().map(|(status, codes)| (name(status, &codes), answer_of(status, &codes))),
        );
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "strongroom",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT or Apache 2.0", "identifier": "MIT OR Apache-2.0"},
            "description": ABOUT,
        },
        "paths": paths,
        "components": {
            "schemas": schemas::schemas(),
            "parameters": schemas::parameters(),
            "headers": schemas::headers(),
            "responses": refused,
            "securitySchemes": {"key": {
                "type": "http",
                "scheme": "bearer",
                "description": "An API key. Only a server that terminates TLS, or loopback, should be sent one.",
            }},
        },
    })
}

/// A route: what its row says, and what is told of it.
fn operation(row: &RouteRow) -> Value {
    let Told { summary, query, body, answer, .. } = row.told;
    let (room, handler) = row.handler;
    let mut parameters: Vec<Value> = ids(row).chain(query.iter().copied()).map(parameter).collect();
    let mut answers = BTreeMap::from([(answer.status().to_string(), success(answer))]);
    if let Answers::AtVersion(_) = answer {
        parameters.push(parameter("If-None-Match"));
        answers.insert("304".to_owned(), success(Answers::NotModified));
    }
    if takes_condition(row) {
        parameters.push(parameter("If-Match"));
    }
    if row.repeatable {
        parameters.push(parameter("Idempotency-Key"));
    }
    for (status, codes) in refusals(row) {
        answers.insert(
            status.to_string(),
            json!({"$ref": format!("#/components/responses/{}", name(status, &codes))}),
        );
    }
    let mut operation = json!({
        "operationId": format!("{room}_{handler}"),
        "tags": [room],
        "summary": summary,
        "parameters": parameters,
        "security": security(row.action),
        "responses": answers,
    });
    if let Some(told::Body { schema, required }) = body {
        operation["requestBody"] = json!({"required": required, "content": content(schema)});
    }
    operation
}

/// The names in the places of ids, which are the names of their parameters.
fn ids(row: &RouteRow) -> impl Iterator<Item = &'static str> {
    row.pattern.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn parameter(name: &str) -> Value {
    json!({"$ref": format!("#/components/parameters/{name}")})
}

fn content(schema: &str) -> Value {
    json!({"application/json": {"schema": schemas::of(schema)}})
}

/// Any one of the alternatives will do; each is a list of all that it takes.
fn security(needed: Needed) -> Value {
    match needed {
        Needed::Nothing => json!([]),
        Needed::AnyKey => json!([{"key": []}]),
        Needed::Action(action) => json!([{"key": [action.as_str()]}]),
        Needed::Either(one, other) => json!([{"key": [one.as_str()]}, {"key": [other.as_str()]}]),
    }
}

fn success(answer: Answers) -> Value {
    let mut headers = headers(&["Strongroom-Request-Id"]);
    headers.extend(answer.header().map(header));
    let mut success = json!({"description": answer.description(), "headers": headers});
    if let Some((media, schema)) = answer.content() {
        success["content"] = json!({media: {"schema": schema}});
    }
    success
}

fn headers(names: &[&str]) -> BTreeMap<String, Value> {
    names.iter().copied().map(header).collect()
}

fn header(name: &str) -> (String, Value) {
    (name.to_owned(), json!({"$ref": format!("#/components/headers/{name}")}))
}

fn is_change(row: &RouteRow) -> bool {
    row.method != "GET"
}

fn takes_condition(row: &RouteRow) -> bool {
    row.has_version && is_change(row) && !row.told.unconditional
}

/// What a route may refuse with, by status: what follows from its row, and what is its own.
fn refusals(row: &RouteRow) -> BTreeMap<u16, BTreeSet<Code>> {
    use Code::*;
    let mut codes = BTreeSet::from([Invalid, TooManyRequests, Internal, Busy]);
    match row.action {
        Needed::Nothing => {}
        Needed::AnyKey => codes.extend([Unauthenticated, AuditUnavailable]),
        Needed::Action(_) | Needed::Either(..) => {
            codes.extend([Unauthenticated, AuditUnavailable, Forbidden])
        }
    }
    for id in ids(row) {
        codes.extend([RouteNotFound, Code::of_absent(id)]);
    }
    if matches!(row.method, "POST" | "PUT" | "PATCH") {
        codes.extend([TooSlow, TooLarge, UnsupportedMediaType]);
    }
    if is_change(row) {
        codes.extend([Conflict, OutcomeUnknown]);
    }
    if takes_condition(row) {
        codes.insert(NotAtVersion);
    }
    if row.repeatable {
        codes.extend([Gone, IdempotencyMismatch]);
    }
    codes.extend(row.told.refusals);
    let mut by_status: BTreeMap<u16, BTreeSet<Code>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.status()).or_default().insert(code);
    }
    by_status
}

/// Refusals with the same words stand once in the document, under these words.
fn name(status: u16, codes: &BTreeSet<Code>) -> String {
    codes.iter().fold(status.to_string(), |name, code| name + "." + code.as_str())
}

fn answer_of(status: u16, codes: &BTreeSet<Code>) -> Value {
    let words: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let meanings: Vec<String> =
        codes.iter().map(|code| format!("{}: {}", code.as_str(), code.meaning())).collect();
    let own = match status {
        401 => "WWW-Authenticate",
        429 | 503 => "Retry-After",
        _ => "",
    };
    let names = ["Strongroom-Request-Id", own];
    let names = if own.is_empty() { &names[..1] } else { &names[..] };
    json!({
        "description": meanings.join("; "),
        "headers": headers(names),
        "content": {"application/json": {"schema": {
            "allOf": [schemas::of("Problem"), {"properties": {"code": {"enum": words}}}],
        }}},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `see` with every reference below a value.
    fn references<'a>(value: &'a Value, see: &mut impl FnMut(&'a str)) {
        match value {
            Value::Object(fields) => {
                if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                    see(reference);
                }
                fields.values().for_each(|value| references(value, see));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, see)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_component_is_meant() {
        let document = document();
        let mut used = BTreeSet::new();
        references(&document, &mut |reference| {
            let pointer = reference.strip_prefix('#').expect("within the document");
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
            used.insert(pointer.to_owned());
        });
        let components = document["components"].as_object().expect("an object");
        for (kind, members) in components.iter().filter(|(kind, _)| *kind != "securitySchemes") {
            for name in members.as_object().expect("an object").keys() {
                assert!(
                    used.contains(&format!("/components/{kind}/{name}")),
                    "{kind} {name} is used nowhere"
                );
            }
        }
    }

    #[test]
    fn every_word_of_a_refusal_is_in_the_document_and_no_other() {
        // The words stand in one file, each alone in its quotes: no sentence there is a single word in lower case.
        let source = include_str!("refusal.rs");
        let is_word =
            |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        let written: BTreeSet<&str> = source.split('"').skip(1).step_by(2).filter(is_word).collect();
        let listed: BTreeSet<&str> = Code::EVERY.iter().map(|code| code.as_str()).collect();
        assert_eq!(written, listed);
    }
}
