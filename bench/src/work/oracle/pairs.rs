//! The pairs: requests whose refusals must not be told apart, and the controls beside them. Nothing is measured here.

use anyhow::{Context, Result, bail, ensure};

use crate::attack::scene::signed;
use crate::attack::wire::request;
use crate::attack::{HONEST, Line};
use crate::place::{Place, application, create_application, runtime};
use crate::programs::Programs;
use crate::server::Server;
use crate::work::served::{make_key, serve};

/// Two requests.
pub(super) struct Pair {
    pub(super) name: &'static str,
    pub(super) requests: [Vec<u8>; 2],
    pub(super) verdict: Verdict,
    /// Whether the server lets whoever is refused like this wait for a while, so that many may ask beside each other.
    pub(super) waits: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    MustNotDiffer,
    /// A control: what does not show here would not show anywhere.
    MustDiffer,
}

/// An application that only the admin sees, and a name for one that is not there; each as long as the other.
const FOREIGN: &str = "other";
const ABSENT: &str = "absnt";
/// A collection of that application, and one that is not there.
const HERS: &str = "hers";
const NONE: &str = "none";
/// A collection that may be seen.
const OURS: &str = "ours";

/// Puts in place what is asked for, and says what to ask.
pub(super) fn furnish(programs: &Programs, place: &Place) -> Result<Vec<Pair>> {
    runtime()?.block_on(async {
        let custodian = place.found().await?;
        create_application(&custodian).await?;
        custodian.close().await;
        anyhow::Ok(())
    })?;
    let make = |options: &[&str]| make_key(programs, place, options);
    let admin = make(&["--role", "admin", "--expires", "never"])?;
    let keys = Keys {
        bound: make(&["--can", "list,write,deliver", "--app", application()?.as_str()])?,
        expired: make(&["--role", "viewer", "--expires", "1s"])?,
        revoked: make(&["--role", "viewer"])?,
    };
    let server = Server::start(serve(programs, place))?;
    let furnished = put_in_place(&server, &admin, &keys);
    server.stop()?;
    furnished?;
    pairs(&keys)
}

/// What is asked with.
struct Keys {
    /// To one application.
    bound: String,
    expired: String,
    revoked: String,
}

fn put_in_place(server: &Server, admin: &str, keys: &Keys) -> Result<()> {
    let mut line = Line::open(HONEST, server.address()).context("connect")?;
    let mut ask = |method, path: &str, json: Option<&str>| -> Result<()> {
        let answer = line.ask(&request(method, path, Some(admin), json)).context("ask")?;
        let said = String::from_utf8_lossy(&answer.body);
        ensure!(answer.status < 300, "{method} {path} is answered {}: {said}", answer.status);
        Ok(())
    };
    ask("POST", "/v1/applications", Some(&format!(r#"{{"id":"{FOREIGN}","name":"{FOREIGN}"}}"#)))?;
    for (application, id) in [(FOREIGN, HERS), (application()?.as_str(), OURS)] {
        let secrets = r#"[{"type":"env","location":"A","value":"made up"}]"#;
        let json = format!(r#"{{"id":"{id}","name":"{id}","secrets":{secrets}}}"#);
        ask("POST", &format!("/v1/applications/{application}/secrets"), Some(&json))?;
    }
    ask("DELETE", &format!("/v1/keys/{}", id_of(&keys.revoked)?), None)?;
    // Until it has ended too.
    let mut line = Line::open(HONEST, server.address()).context("connect")?;
    for _ in 0..5000 {
        if line.ask(&list(&keys.expired)).context("ask")?.status == 401 {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    bail!("a key for one second has not ended")
}

fn pairs(keys: &Keys) -> Result<Vec<Pair>> {
    let unknown = signed(&format!("sr_key_{:012}_{:043}", 1, 1));
    let wrong = wrong_secret(&keys.bound)?;
    // The last character is another one.
    let garbled = format!("{}{}", &wrong[..wrong.len() - 1], if wrong.ends_with('0') { '1' } else { '0' });
    let key = |name, first: &str, second: &str| Pair {
        name,
        requests: [list(first), list(second)],
        verdict: Verdict::MustNotDiffer,
        waits: true,
    };
    let bound = keys.bound.as_str();
    let object = |name, method, json: Option<&str>, paths: [String; 2]| Pair {
        name,
        requests: paths.map(|path| request(method, &path, Some(bound), json)),
        verdict: Verdict::MustNotDiffer,
        waits: false,
    };
    let own = application()?.as_str().to_owned();
    let app = |id: &str| format!("/v1/applications/{id}");
    let collection = |app: &str, id: &str| format!("/v1/applications/{app}/secrets/{id}");
    let delivery = |app: &str, id: &str| format!("{}/deliveries", collection(app, id));
    let foreign_or_absent = |path: &dyn Fn(&str, &str) -> String| [path(FOREIGN, HERS), path(ABSENT, HERS)];
    let (run, patch) = (Some(r#"{"as":"run"}"#), Some(r#"{"description":"x"}"#));
    Ok(vec![
        key("control: the same wrong key twice", &wrong, &wrong),
        key("unknown id, wrong secret", &unknown, &wrong),
        key("wrong secret, wrong checksum", &wrong, &garbled),
        key("unknown id, wrong checksum", &unknown, &garbled),
        key("expired, wrong secret", &keys.expired, &wrong),
        key("revoked, wrong secret", &keys.revoked, &wrong),
        object("control: the same absent application twice", "GET", None, [app(ABSENT), app(ABSENT)]),
        object("application, foreign or absent", "GET", None, [app(FOREIGN), app(ABSENT)]),
        object("collection, of a foreign or absent application", "GET", None, foreign_or_absent(&collection)),
        object(
            "collection, there or absent in a foreign application",
            "GET",
            None,
            [collection(FOREIGN, HERS), collection(FOREIGN, NONE)],
        ),
        object(
            "collection, foreign or absent id",
            "GET",
            None,
            [collection(&own, HERS), collection(&own, NONE)],
        ),
        object("delivery, of a foreign or absent application", "POST", run, foreign_or_absent(&delivery)),
        object("delivery, foreign or absent id", "POST", run, [delivery(&own, HERS), delivery(&own, NONE)]),
        object("change, of a foreign or absent application", "PATCH", patch, foreign_or_absent(&collection)),
        object(
            "change, foreign or absent id",
            "PATCH",
            patch,
            [collection(&own, HERS), collection(&own, NONE)],
        ),
        Pair {
            verdict: Verdict::MustDiffer,
            ..object(
                "control: there or absent",
                "GET",
                None,
                [collection(&own, OURS), collection(&own, NONE)],
            )
        },
    ])
}

fn list(token: &str) -> Vec<u8> {
    request("GET", "/v1/applications", Some(token), None)
}

/// The same key with another secret, and a checksum that holds.
fn wrong_secret(token: &str) -> Result<String> {
    Ok(signed(&format!("sr_key_{}_{:043}", id_of(token)?, 2)))
}

fn id_of(token: &str) -> Result<&str> {
    token.split('_').nth(2).context("a token says its id")
}

#[cfg(test)]
mod tests {
    use strongroom_secrets::{Token, TokenError};

    use super::*;

    #[test]
    fn a_wrong_secret_is_well_formed_and_a_wrong_checksum_is_only_that() {
        let made = Token::from_random([7; 12], [9; 32]);
        let wrong = wrong_secret(made.expose()).expect("a token");
        assert_eq!(Token::parse(&wrong).expect("well-formed").id(), made.id());
        assert_ne!(wrong, made.expose());
        let pairs = pairs(&Keys {
            bound: made.expose().to_owned(),
            expired: made.expose().to_owned(),
            revoked: made.expose().to_owned(),
        });
        let key = |request: &[u8]| {
            let text = String::from_utf8_lossy(request).into_owned();
            let key = text.split("Bearer ").nth(1).and_then(|rest| rest.split("\r\n").next());
            Token::parse(key.expect("each has a key")).err()
        };
        for pair in pairs.expect("a token") {
            let found = pair.requests.each_ref().map(|request| key(request));
            let garbled = pair.name.contains("checksum").then_some(TokenError::Checksum);
            assert_eq!(found, [None, garbled], "{}", pair.name);
        }
    }
}
