//! For every route, how one asks it for something and what one who may is answered. The table is written by hand on
//! purpose: whoever adds a route says here what its strangers meet.

use strongroom_secrets::Action;

use super::world::World;

/// Whose thing is asked for, seen from the application `mine`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Thing {
    /// What is in `mine`.
    Own,
    /// What is in `theirs`.
    Foreign,
    /// What is in an application that is not there.
    Absent,
    /// What is not there, in `mine`.
    Hole,
}

/// What in a request says which thing is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Nothing: it is about whatever the key reaches.
    All,
    /// The application in the path.
    Application,
    /// The application and the collection in the path.
    Collection,
    /// The application in the body, to which a new key is bound.
    Grant,
    /// The application in the query.
    Filter,
    /// A key, made by the owner for an application.
    Key,
    /// A delivery: one's own is the one that one's own key took.
    Delivery,
}

/// One way to ask a route.
pub(crate) struct Row {
    pub(crate) method: &'static str,
    pub(crate) pattern: &'static str,
    pub(crate) reach: Reach,
    /// The rights that this request needs.
    pub(crate) needs: &'static [Action],
    /// Whether the route asks who is calling at all.
    pub(crate) open: bool,
    pub(crate) body: &'static str,
    /// What one who may is answered.
    pub(crate) ok: u16,
    /// What a key is answered that is bound to the application.
    pub(crate) bound: u16,
    /// What a key is answered that is bound to one collection, where the request names none.
    pub(crate) narrow: u16,
}

const NOTHING: Row = Row {
    method: "GET",
    pattern: "",
    reach: Reach::All,
    needs: &[],
    open: false,
    body: "",
    ok: 200,
    bound: 200,
    narrow: 200,
};

const SECRET: &str = r#"{"secrets": [{"type": "env", "location": "NEW", "value": "hunter2"}]}"#;
const APP: &str = "/v1/applications/{app}";
const SECRETS: &str = "/v1/applications/{app}/secrets";
const COLLECTION: &str = "/v1/applications/{app}/secrets/{id}";
pub(crate) const DELIVERIES: &str = "/v1/applications/{app}/secrets/{id}/deliveries";

/// A row about an application.
const fn app(method: &'static str, pattern: &'static str, needs: &'static [Action]) -> Row {
    Row { method, pattern, reach: Reach::Application, needs, ..NOTHING }
}

/// A row about a collection.
const fn collection(method: &'static str, pattern: &'static str, needs: &'static [Action]) -> Row {
    Row { method, pattern, reach: Reach::Collection, needs, ..NOTHING }
}

use Action::{Audit, Deliver, List, Manage, Reveal, Write};

/// Every route, some in several ways.
pub(crate) const ROWS: &[Row] = &[
    Row {
        method: "POST",
        pattern: "/v1/applications",
        needs: &[Manage],
        body: r#"{"id": "new"}"#,
        bound: 403,
        narrow: 403,
        ..NOTHING
    },
    Row { pattern: "/v1/applications", needs: &[List], ..NOTHING },
    app("GET", APP, &[List]),
    Row { body: r#"{"name": "n"}"#, narrow: 403, ..app("PUT", APP, &[Manage]) },
    Row { ok: 204, bound: 204, narrow: 403, ..app("DELETE", APP, &[Manage]) },
    // It lives, so there is nothing to restore; a stranger is not told that.
    Row { ok: 409, bound: 409, narrow: 403, ..app("POST", "/v1/applications/{app}/restore", &[Manage]) },
    Row { body: SECRET, narrow: 403, ..app("POST", SECRETS, &[Write]) },
    app("GET", SECRETS, &[List]),
    collection("GET", COLLECTION, &[List]),
    Row { body: SECRET, ..collection("PUT", COLLECTION, &[Write]) },
    Row { body: r#"{"name": "n"}"#, ..collection("PATCH", COLLECTION, &[Write]) },
    Row { ok: 204, bound: 204, ..collection("DELETE", COLLECTION, &[Write]) },
    collection("GET", "/v1/applications/{app}/secrets/{id}/versions", &[List]),
    collection("GET", "/v1/applications/{app}/secrets/{id}/versions/{version}", &[List]),
    collection("GET", "/v1/applications/{app}/secrets/{id}/diff", &[List]),
    Row {
        body: r#"{"version": 1}"#,
        ..collection("POST", "/v1/applications/{app}/secrets/{id}/rollback", &[Write])
    },
    Row {
        ok: 409,
        bound: 409,
        ..collection("POST", "/v1/applications/{app}/secrets/{id}/restore", &[Write])
    },
    Row { body: r#"{"as": "run"}"#, ..collection("POST", DELIVERIES, &[Deliver]) },
    Row { body: r#"{"as": "plan"}"#, ..collection("POST", DELIVERIES, &[Deliver]) },
    Row { body: r#"{"as": "reveal"}"#, ..collection("POST", DELIVERIES, &[Reveal]) },
    Row {
        method: "POST",
        pattern: "/v1/deliveries/{receipt}/end",
        reach: Reach::Delivery,
        body: r#"{"exit": 0}"#,
        ..NOTHING
    },
    Row {
        method: "POST",
        pattern: "/v1/keys",
        reach: Reach::Grant,
        needs: &[Manage],
        body: r#"{"name": "new", "can": ["manage"], "application_id": "{app}"}"#,
        narrow: 403,
        ..NOTHING
    },
    Row { pattern: "/v1/keys", needs: &[Manage], ..NOTHING },
    Row {
        method: "DELETE",
        pattern: "/v1/keys/{key}",
        reach: Reach::Key,
        needs: &[Manage],
        ok: 204,
        bound: 204,
        narrow: 404,
        ..NOTHING
    },
    Row { pattern: "/v1/audit", reach: Reach::Filter, needs: &[Audit], ..NOTHING },
    Row { pattern: "/metrics", needs: &[Audit], bound: 403, narrow: 403, ..NOTHING },
    Row { pattern: "/healthz", open: true, ..NOTHING },
    Row { pattern: "/readyz", open: true, ..NOTHING },
    Row { pattern: "/openapi.json", open: true, ..NOTHING },
];

impl Row {
    pub(crate) fn name(&self) -> String {
        format!("{} {} {}", self.method, self.pattern, self.body)
    }

    /// The things that can be asked for.
    pub(crate) fn things(&self) -> &'static [Thing] {
        use Thing::{Absent, Foreign, Hole, Own};
        match self.reach {
            Reach::All => &[Own],
            Reach::Collection => &[Own, Foreign, Absent, Hole],
            Reach::Application | Reach::Grant | Reach::Filter | Reach::Key | Reach::Delivery => {
                &[Own, Foreign, Absent]
            }
        }
    }

    /// Path and body of a request for one of them, by a holder who took this delivery.
    pub(crate) fn request(&self, world: &World, thing: Thing, taken: &str) -> (String, String) {
        let (app, key, receipt) = match thing {
            Thing::Own => ("mine", world.key_of_mine.as_str(), taken),
            Thing::Foreign => ("theirs", world.key_of_theirs.as_str(), world.taken_by_nobody.as_str()),
            Thing::Absent => ("nowhere", "000000000000", "1-aaaaaaaa.0.0"),
            Thing::Hole => ("mine", "000000000000", "1-aaaaaaaa.0.0"),
        };
        let id = if thing == Thing::Hole { "nothing" } else { "solver" };
        let parts =
            [("{app}", app), ("{id}", id), ("{version}", "1"), ("{key}", key), ("{receipt}", receipt)];
        let mut path = self.pattern.to_owned();
        let mut body = self.body.to_owned();
        for (name, part) in parts {
            path = path.replace(name, part);
            body = body.replace(name, part);
        }
        if self.pattern.ends_with("/diff") {
            path += "?from=1&to=2";
        }
        if self.reach == Reach::Filter {
            path = format!("{path}?application_id={app}");
        }
        (path, body)
    }
}

/// Path and body of a request about these, with a key's id that is nobody's.
pub(crate) fn filled(row: &Row, app: &str, id: &str, receipt: &str) -> (String, String) {
    let parts =
        [("{app}", app), ("{id}", id), ("{version}", "1"), ("{key}", "000000000000"), ("{receipt}", receipt)];
    let fill = |text: &str| parts.iter().fold(text.to_owned(), |text, (name, part)| text.replace(name, part));
    let query = if row.pattern.ends_with("/diff") { "?from=1&to=1" } else { "" };
    (fill(row.pattern) + query, fill(row.body))
}
