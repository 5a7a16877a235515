//! Holds a request and its answer against the document that is checked in, and says all that the document does not say:
//! a status, a header, a field. Deliberately not the contract: whether an answer is the right one is for others.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, LazyLock};

use axum::http::HeaderMap;
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::contract::room::Answer;

/// What is sent. Headers are judged only where the document has something to say of them.
pub(crate) struct Sent<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(String, String)],
    pub(crate) body: &'a str,
}

/// What the document does not say of an exchange.
pub(crate) fn judge(sent: &Sent<'_>, answer: &Answer) -> Vec<String> {
    static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
        let text = fs::read_to_string(super::file()).expect("our own file");
        Document::read(&serde_json::from_str(&text).expect("JSON"))
    });
    DOCUMENT.judge(sent, answer)
}

struct Document {
    operations: Vec<Operation>,
    problem: Arc<Validator>,
}

struct Operation {
    method: String,
    pattern: String,
    parameters: Vec<Parameter>,
    body: Option<(bool, Arc<Validator>)>,
    answers: BTreeMap<u16, Shape>,
}

struct Parameter {
    name: String,
    place: String,
    required: bool,
    schema: Arc<Validator>,
}

/// An answer: its headers, and its media type and body.
struct Shape {
    headers: Vec<Parameter>,
    content: Option<(String, Arc<Validator>)>,
}

/// What every answer may carry, whatever it says.
const USUAL: [&str; 6] = [
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "strongroom-request-id",
    "x-content-type-options",
];

impl Document {
    fn judge(&self, sent: &Sent<'_>, answer: &Answer) -> Vec<String> {
        let path = sent.path.split('?').next().unwrap_or_default();
        let here = self.operations.iter().filter(|operation| operation.is_at(path)).collect::<Vec<_>>();
        let method = if sent.method == "HEAD" { "GET" } else { sent.method };
        let Some(operation) = here.iter().find(|operation| operation.method == method) else {
            let expected: &[u16] = if here.is_empty() { &[400, 404] } else { &[405] };
            let mut wrong = told("body", &self.problem, &json_of(&answer.body));
            if !expected.contains(&answer.status) {
                wrong.push(format!("no such operation is documented, and it is answered {}", answer.status));
            }
            return wrong;
        };
        let mut wrong = match operation.answers.get(&answer.status) {
            Some(shape) => shape.judge(sent.method == "HEAD", answer),
            None => vec![format!("status {} is not documented", answer.status)],
        };
        // Where something else was refused first, what was sent may be anything.
        if matches!(answer.status, 200..400 | 409 | 410 | 412 | 422) {
            wrong.extend(operation.judge(sent, path));
        }
        let name = format!("{} {}", operation.method, operation.pattern);
        wrong.into_iter().map(|wrong| format!("openapi.json, {name}: {wrong}")).collect()
    }
}

impl Operation {
    fn is_at(&self, path: &str) -> bool {
        let fits = |(part, given): (&str, &str)| part == given || part.starts_with('{') && !given.is_empty();
        self.pattern.split('/').count() == path.split('/').count()
            && self.pattern.split('/').zip(path.split('/')).all(fits)
    }

    /// What was sent and accepted.
    fn judge(&self, sent: &Sent<'_>, path: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        let query = sent.path.split_once('?').map_or("", |(_, query)| query);
        let query: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        for parameter in &self.parameters {
            let name = &parameter.name;
            let given = match parameter.place.as_str() {
                "path" => part(&self.pattern, path, name).map(str::to_owned),
                "query" => query.get(name).cloned(),
                _ => header_of(sent.headers, name).map(str::to_owned),
            };
            wrong.extend(parameter.judge(given.as_deref()));
        }
        for name in ["If-Match", "Idempotency-Key"] {
            let is_documented = self.parameters.iter().any(|parameter| parameter.name == name);
            // That anything will do is said by everybody, and means nothing.
            if header_of(sent.headers, name).is_some_and(|value| value != "*") && !is_documented {
                wrong.push(format!("{name} was accepted"));
            }
        }
        match &self.body {
            Some((true, _)) if sent.body.is_empty() => wrong.push("no body was accepted".to_owned()),
            Some((_, schema)) if !sent.body.is_empty() => {
                wrong.extend(told("the request's body", schema, &json_of(sent.body.as_bytes())));
            }
            _ => {}
        }
        wrong
    }
}

impl Parameter {
    fn judge(&self, given: Option<&str>) -> Option<String> {
        let Some(given) = given else {
            return self.required.then(|| format!("{} is missing", self.name));
        };
        let as_json = || serde_json::from_str(given).is_ok_and(|value: Value| self.schema.is_valid(&value));
        let fits = self.schema.is_valid(&given.into()) || as_json();
        (!fits).then(|| format!("{} is {given:?}", self.name))
    }
}

impl Shape {
    fn judge(&self, is_head: bool, answer: &Answer) -> Vec<String> {
        let mut wrong = Vec::new();
        for header in &self.headers {
            wrong.extend(header.judge(value_of(&answer.headers, &header.name)));
        }
        let is_known = |name: &str| {
            USUAL.contains(&name) || self.headers.iter().any(|header| header.name.eq_ignore_ascii_case(name))
        };
        for name in answer.headers.keys().filter(|name| !is_known(name.as_str())) {
            wrong.push(format!("the header {name} is not documented"));
        }
        match &self.content {
            _ if is_head => {}
            None if answer.body.is_empty() => {}
            None => wrong.push("a body is not documented".to_owned()),
            Some((media, schema)) => {
                let found = value_of(&answer.headers, "content-type").unwrap_or_default();
                if found != media {
                    wrong.push(format!("the content type is {found:?}"));
                }
                if media == "application/json" {
                    wrong.extend(told("the answer's body", schema, &json_of(&answer.body)));
                }
            }
        }
        wrong
    }
}

/// Every way in which a value is not what a schema says.
fn told(what: &str, schema: &Validator, value: &Value) -> Vec<String> {
    schema
        .iter_errors(value)
        .map(|error| format!("{what} at {:?}: {error}", error.instance_path().to_string()))
        .collect()
}

/// Nothing that is JSON fits no schema of ours.
fn json_of(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or(Value::Null)
}

fn part<'a>(pattern: &str, path: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = pattern.split('/').zip(path.split('/'));
    pairs.find(|(part, _)| *part == format!("{{{name}}}")).map(|(_, given)| given)
}

fn header_of<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn value_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

/// Reads the document into what it says of each operation.
struct Reader {
    document: Value,
    schemas: BTreeMap<String, Arc<Validator>>,
}

impl Document {
    fn read(document: &Value) -> Self {
        let mut reader = Reader { document: document.clone(), schemas: BTreeMap::new() };
        let mut operations = Vec::new();
        for (pattern, methods) in object(&document["paths"]) {
            for (method, said) in object(methods) {
                operations.push(reader.operation(&method.to_uppercase(), pattern, said));
            }
        }
        let problem = reader.schema(&json!({"$ref": "#/components/schemas/Problem"}));
        Self { operations, problem }
    }
}

impl Reader {
    fn operation(&mut self, method: &str, pattern: &str, said: &Value) -> Operation {
        let parameters = said["parameters"].as_array().expect("an array").iter();
        let parameters = parameters.map(|parameter| {
            let parameter = self.resolve(parameter);
            let text = |name: &str| parameter[name].as_str().expect("a text").to_owned();
            self.parameter(text("name"), text("in"), &parameter)
        });
        let parameters = parameters.collect();
        let body = said.get("requestBody").map(|body| {
            let schema = self.schema(&body["content"]["application/json"]["schema"]);
            (body["required"].as_bool().expect("true or false"), schema)
        });
        let answers = object(&said["responses"])
            .map(|(status, answer)| (status.parse().expect("a status"), self.shape(&self.resolve(answer))));
        let answers = answers.collect();
        Operation { method: method.to_owned(), pattern: pattern.to_owned(), parameters, body, answers }
    }

    fn shape(&mut self, said: &Value) -> Shape {
        let headers = object(&said["headers"]).map(|(name, header)| {
            let header = self.resolve(header);
            self.parameter(name.clone(), "header".to_owned(), &header)
        });
        let headers = headers.collect();
        let content = said.get("content").map(|content| {
            let (media, said) = object(content).next().expect("one media type");
            (media.clone(), self.schema(&said["schema"]))
        });
        Shape { headers, content }
    }

    fn parameter(&mut self, name: String, place: String, said: &Value) -> Parameter {
        let required = said.get("required").and_then(Value::as_bool).unwrap_or(false);
        Parameter { name, place, required, schema: self.schema(&said["schema"]) }
    }

    fn resolve(&self, said: &Value) -> Value {
        let Some(reference) = said.get("$ref").and_then(Value::as_str) else { return said.clone() };
        self.document.pointer(reference.trim_start_matches('#')).expect("a component").clone()
    }

    /// A schema may refer to components, so they stand beside it.
    fn schema(&mut self, said: &Value) -> Arc<Validator> {
        let components = &self.document["components"];
        let compile = || {
            let whole = json!({"allOf": [said], "components": components});
            let options = jsonschema::draft202012::options().should_validate_formats(true);
            Arc::new(options.build(&whole).expect("a schema"))
        };
        Arc::clone(self.schemas.entry(said.to_string()).or_insert_with(compile))
    }
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().expect("an object").iter()
}
