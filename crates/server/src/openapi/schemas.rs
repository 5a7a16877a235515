//! The shapes of requests and answers, as JSON Schema, by hand: clients that nobody here wrote may say one thing in two
//! ways, and null where they mean nothing. What is answered is closed (a field that is not here is never sent); what is
//! taken is open, because unknown fields are ignored. Not every rule can be said here: the sentences of `invalid` say the
//! others.

use serde_json::{Map, Value, json};
use strongroom_secrets::Action;

use super::codes::Code;

/// A reference to one of the schemas below.
pub(super) fn of(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// A version, and where there is more than one the generation, as an ETag says them.
const TAG: &str = r#""(0|[1-9][0-9]{0,18})(\.([2-9]|[1-9][0-9]{1,8}))?""#;

pub(super) fn schemas() -> Value {
    let mut all = Map::new();
    for part in [words(), secrets(), collections(), applications(), deliveries(), keys(), lists()] {
        let Value::Object(part) = part else { continue };
        all.extend(part);
    }
    Value::Object(all)
}

/// An answer: exactly these fields, none of them ever absent.
fn closed(fields: Value) -> Value {
    let names: Vec<&String> = fields.as_object().map(|fields| fields.keys().collect()).unwrap_or_default();
    json!({"type": "object", "required": names, "additionalProperties": false, "properties": fields})
}

/// A request: these fields, of which some must be there.
fn open(required: &[&str], fields: Value) -> Value {
    json!({"type": "object", "required": required, "properties": fields})
}

/// What may be absent may be null too, which is the same.
fn or_null(schema: Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

fn list(schema: Value) -> Value {
    json!({"type": "array", "items": schema})
}

fn page(of_what: &str) -> Value {
    let mut page = closed(json!({"items": list(of(of_what))}));
    page["properties"]["next_page_token"] =
        json!({"type": "string", "minLength": 1, "description": "Absent on the last page."});
    page
}

/// The fields of one and those of another.
fn with(mut fields: Value, more: Value) -> Value {
    if let (Some(fields), Value::Object(more)) = (fields.as_object_mut(), more) {
        fields.extend(more);
    }
    fields
}

fn words() -> Value {
    let mut codes: Vec<&str> = Code::EVERY.iter().map(|code| code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    let actions: Vec<&str> = strongroom_secrets::Actions::ALL.iter().map(Action::as_str).collect();
    json!({
        "Id": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"},
        "KeyId": {"type": "string", "pattern": "^[a-z0-9]{12}$"},
        "Receipt": {"type": "string", "pattern": "^[A-Za-z0-9-]+\\.[0-9]+\\.[0-9]+$"},
        "Number": {"type": "integer", "minimum": 1, "maximum": u64::MAX},
        "Time": {
            "type": "string",
            "format": "date-time",
            "pattern": "Z$",
            "description": "UTC, in whole seconds or with six digits after them.",
        },
        "Name": {"type": "string", "maxLength": 1024, "pattern": "^[^\\u0000]*$"},
        "Description": {"type": "string", "maxLength": 16384, "pattern": "^[^\\u0000]*$"},
        "KeyName": {
            "type": "string",
            "minLength": 1,
            "maxLength": 256,
            "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]+$",
        },
        "Actions": {"type": "array", "minItems": 1, "items": {"enum": actions}},
        "Problem": with_description(
            closed(json!({"error": {"type": "string", "minLength": 1}, "code": {"enum": codes}})),
            "A sentence for people and a word for programs. Of what was sent they repeat types, locations and ids at most.",
        ),
    })
}

fn with_description(mut schema: Value, description: &str) -> Value {
    schema["description"] = description.into();
    schema
}

fn secrets() -> Value {
    let place = json!({"type": of("SecretType"), "location": of("Location")});
    let said = json!({
        "type": of("SecretType"),
        "secret_type": with_description(or_null(of("SecretType")), "Another name of type; both may not disagree."),
        "location": of("Location"),
    });
    let named = json!([
        {"required": ["type"]},
        {"required": ["secret_type"], "properties": {"secret_type": {"type": "string"}}},
    ]);
    let told = |required: &[&str], more: Value| {
        with(open(required, with(said.clone(), more)), json!({"anyOf": named}))
    };
    let (value, written) = (json!({"value": of("Value")}), json!({"value": of("ValueOrMask")}));
    json!({
        "SecretType": {"enum": ["env", "file"]},
        "Location": {
            "type": "string",
            "minLength": 1,
            "maxLength": 1024,
            "description": "For env the name of a variable, for file a path below the home of the run; kept to the byte.",
        },
        "Mask": {"type": "string", "pattern": "^strongroom-masked:[a-z2-7]{16}:[0-9a-f]{32}$"},
        "Value": {
            "type": "string",
            "writeOnly": true,
            "pattern": "^(?!strongroom-masked:)[^\\u0000]*$",
            "description": "How many bytes of UTF-8 it may have is a limit of the instance.",
        },
        "ValueOrMask": {
            "anyOf": [of("Value"), of("Mask")],
            "description": "A mask, as a GET shows it, keeps the value that it stands for.",
        },
        "Place": closed(place.clone()),
        "MaskedSecret": closed(with(place.clone(), json!({"value": of("Mask")}))),
        "PlainSecret": closed(with(place, json!({"value": {"type": "string"}}))),
        "NewSecret": told(&["location", "value"], value.clone()),
        "WrittenSecret": told(&["location", "value"], written.clone()),
        "Operation": {"oneOf": [
            told(&["op", "location", "value"], with(value, json!({"op": {"const": "create"}}))),
            told(&["op", "location", "value"], with(written, json!({"op": {"const": "update"}}))),
            told(&["op", "location"], json!({"op": {"const": "delete"}})),
        ]},
    })
}

fn collections() -> Value {
    let summary = json!({
        "id": of("Id"),
        "application_id": of("Id"),
        "name": of("Name"),
        "description": of("Description"),
        "created_at": of("Time"),
        "updated_at": of("Time"),
    });
    let texts = json!({"name": or_null(of("Name")), "description": or_null(of("Description"))});
    let either = json!([
        {"required": ["id"], "properties": {"id": of("Id")}},
        {"properties": {"id": {"type": "null"}, "collection_id": or_null(of("Id"))}},
    ]);
    let ids = json!({"id": or_null(of("Id")), "collection_id": or_null(of("Id"))});
    let some = |schema: &str| json!({"type": "array", "minItems": 1, "items": of(schema)});
    let secret = json!({"type": "env", "location": "ACME_LICENSE_KEY", "value": "a-licence"});
    json!({
        "Summary": closed(summary.clone()),
        "Collection": closed(with(summary.clone(), json!({"secrets": list(of("MaskedSecret"))}))),
        "Delivery": closed(with(summary, json!({
            "secrets": list(of("PlainSecret")),
            "version": of("Number"),
            "receipt": of("Receipt"),
        }))),
        "NewCollection": with(
            open(&["secrets"], with(texts.clone(), json!({"secrets": some("NewSecret")}))),
            json!({
                "anyOf": either,
                "description": "collection_id is another name of id, which wins.",
                "examples": [{"id": "solver", "name": "Solver", "secrets": [secret]}],
            }),
        ),
        "CollectionPut": with(
            open(&[], with(with(ids, texts.clone()), json!({"secrets": or_null(some("WrittenSecret"))}))),
            json!({
                "description": "An id must be the one in the path. One of name, description and secrets is given.",
                "examples": [{"name": "Solver", "secrets": [secret]}],
            }),
        ),
        "CollectionPatch": with(
            open(
                &[],
                with(
                    texts,
                    json!({"operations": or_null(list(of("Operation"))), "secrets": {"type": "null"}}),
                ),
            ),
            json!({
                "description": "One of name, description and operations is given; one operation at most is about a secret.",
                "examples": [{"operations": [with(secret, json!({"op": "update"}))]}],
            }),
        ),
        "Rollback": with(open(&["version"], json!({"version": of("Number")})), json!({"examples": [{"version": 1}]})),
        "Version": closed(json!({
            "version": of("Number"),
            "created_at": of("Time"),
            "created_by": {"type": "string"},
            "secrets": {"type": "integer", "minimum": 0},
        })),
        "Diff": closed(json!({
            "from": of("Number"),
            "to": of("Number"),
            "added": list(of("Place")),
            "removed": list(of("Place")),
            "changed": list(of("Place")),
            "same": list(of("Place")),
        })),
    })
}

fn applications() -> Value {
    let texts = json!({
        "id": or_null(of("Id")),
        "name": or_null(of("Name")),
        "description": or_null(of("Description")),
    });
    json!({
        "Application": closed(json!({
            "id": of("Id"),
            "name": of("Name"),
            "description": of("Description"),
            "type": {"const": "custom"},
            "default_instance": {"const": ""},
            "locked": {"const": false},
            "created_at": of("Time"),
            "updated_at": of("Time"),
        })),
        "NewApplication": with(open(&[], texts.clone()), json!({"examples": [{"id": "routing", "name": "Routing"}]})),
        "ApplicationChange": with(
            open(&[], texts),
            json!({"description": "An id must be the one in the path.", "examples": [{"name": "Routing"}]}),
        ),
        "Applications": {"oneOf": [list(of("Application")), page("Application")]},
    })
}

fn deliveries() -> Value {
    let run = open(
        &["host", "user", "command"],
        json!({
            "host": {"type": "string"},
            "user": {"type": "string"},
            "command": {"type": "string"},
            "level": or_null(json!({"type": "integer", "minimum": 0, "maximum": 4})),
        }),
    );
    let end = |name: &str, schema: Value| {
        let mut others =
            json!({"exit": {"type": "null"}, "signal": {"type": "null"}, "refused": {"type": "null"}});
        others[name] = schema;
        open(&[name], others)
    };
    json!({
        "DeliveryRequest": with(
            open(&[], json!({
                "version": or_null(of("Number")),
                "as": with_description(
                    or_null(json!({"enum": ["run", "reveal", "plan"]})),
                    "run and reveal answer with values and are recorded; plan, which needs deliver, answers lengths.",
                ),
                "run": with_description(or_null(run), "What the client says of the run: kept, and decides nothing."),
            })),
            json!({"examples": [{"as": "run"}, {"as": "plan"}, {"as": "reveal"}]}),
        ),
        "Released": {"oneOf": [of("Delivery"), of("Outline")]},
        "Outline": closed(json!({"version": of("Number"), "secrets": list(closed(json!({
            "type": of("SecretType"),
            "location": of("Location"),
            "bytes": {"type": "integer", "minimum": 0},
        })))})),
        "End": {
            "oneOf": [
                end("exit", json!({"type": "integer", "minimum": 0, "maximum": 255})),
                end("signal", json!({"type": "integer", "minimum": 1, "maximum": 64})),
                end("refused", json!({"enum": ["files", "namespace", "exec", "limits"]})),
            ],
            "examples": [{"exit": 0}],
        },
        "Noted": closed(json!({})),
    })
}

fn keys() -> Value {
    let bound = json!({"application_id": or_null(of("Id")), "collection_id": or_null(of("Id"))});
    let key = with(
        bound.clone(),
        json!({
            "id": of("KeyId"),
            "name": of("KeyName"),
            "can": of("Actions"),
            "created_at": of("Time"),
            "expires_at": or_null(of("Time")),
            "last_used_at": or_null(of("Time")),
            "revoked_at": or_null(of("Time")),
        }),
    );
    let token = json!({"type": "string", "pattern": "^sr_key_[0-9a-z]{12}_[0-9A-Za-z]{49}$"});
    let expires_at = json!({
        "anyOf": [{"type": "string", "format": "date-time"}, {"type": "number"}, {"type": "null"}],
        "description": "Null is never. Left out: in 90 days, or with the key that asks, whichever comes first.",
    });
    json!({
        "Key": closed(key.clone()),
        "NewKeyMade": closed(with(key, json!({"token": token}))),
        "NewKey": with(
            open(
                &["name", "can"],
                with(bound, json!({"name": of("KeyName"), "can": of("Actions"), "expires_at": expires_at})),
            ),
            json!({"examples": [{"name": "ci", "can": ["list", "deliver"], "application_id": "routing"}]}),
        ),
    })
}

fn lists() -> Value {
    json!({
        "Summaries": page("Summary"),
        "Versions": page("Version"),
        "Keys": page("Key"),
        "AuditRecords": page("AuditRecord"),
        "AuditRecord": closed(json!({
            "ledger": {"type": "integer", "minimum": 0},
            "seq": {"type": "integer", "minimum": 0},
            "time": of("Time"),
            "actor": {"type": "string"},
            "action": {"type": "string"},
            "application_id": or_null(of("Id")),
            "collection_id": or_null(of("Id")),
            "version": or_null(of("Number")),
            "result": {"enum": ["ok", "refused"]},
            "receipt": of("Receipt"),
        })),
        "Health": closed(json!({"status": {"enum": ["ok", "ready"]}})),
    })
}

pub(super) fn parameters() -> Value {
    let needed = |parameter: Value| with(parameter, json!({"required": true}));
    let path = |name: &str, schema: &str, example: Value| {
        let given = json!({"name": name, "in": "path", "schema": of(schema), "example": example});
        needed(given)
    };
    let query = |name: &str, description: &str, schema: Value| {
        let about = json!({"name": name, "in": "query", "description": description});
        with(about, json!({"schema": schema}))
    };
    let token = json!({"type": "string", "pattern": "^[A-Za-z0-9_-]+$"});
    json!({
        "app": path("app", "Id", "routing".into()),
        "id": path("id", "Id", "solver".into()),
        "version": path("version", "Number", 1.into()),
        "key": path("key", "KeyId", "h2k4m6p8q0r2".into()),
        "receipt": path("receipt", "Receipt", "1-aaaaaaaa.0.0".into()),
        "pagereturn": query("pagereturn", "true for pages; all at once without it.", json!({"type": "string"})),
        "pagetoken": query("pagetoken", "The next_page_token of the page before.", token),
        "purge": query("purge", "Not yet: true is refused.", json!({"enum": [false]})),
        "from": needed(query("from", "A version.", of("Number"))),
        "to": needed(query("to", "Another version.", of("Number"))),
        "application_id": query("application_id", "Only what was done to this application.", of("Id")),
        "collection_id": query("collection_id", "Only what was done to collections of this id.", of("Id")),
        "If-Match": {
            "name": "If-Match",
            "in": "header",
            "description": "Only if this is the newest version: what an ETag said, or *.",
            "schema": {"type": "string", "pattern": format!("^({TAG}|\\*)$")},
        },
        "If-None-Match": {
            "name": "If-None-Match",
            "in": "header",
            "description": "Only if this is not the version that is shown: what ETags said, or *.",
            "schema": {"type": "string"},
        },
        "Idempotency-Key": {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "The same request with the same key, within 24 hours, is done once and answered again.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        },
    })
}

pub(super) fn headers() -> Value {
    let header = |required: bool, description: &str, schema: Value| {
        let about = json!({"required": required, "description": description});
        with(about, json!({"schema": schema}))
    };
    json!({
        "Strongroom-Request-Id": header(
            true,
            "Names the request in the server's log and in audit records.",
            json!({"type": "string", "pattern": "^[0-9a-f]{32}$"}),
        ),
        "Strongroom-Version": header(true, "The version that was made.", of("Number")),
        "ETag": header(
            true,
            "The version that is shown, for If-Match.",
            json!({"type": "string", "pattern": format!("^{TAG}$")}),
        ),
        "Retry-After": header(false, "Seconds.", json!({"type": "integer", "minimum": 1})),
        "WWW-Authenticate": header(true, "How a key is sent.", json!({"const": "Bearer"})),
    })
}
