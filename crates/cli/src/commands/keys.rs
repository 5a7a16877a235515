//! `keys`: the API keys that a served strongroom is spoken to with, created, listed and revoked. A token is shown once.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;
use strongroom_secrets::{
    Action, Actions, ApiKey, ApiKeyId, ApplicationId, CollectionId, Expiry, NewKey, Role, Timestamp, Token,
};
use zeroize::Zeroizing;

use crate::arguments::{Can, Keys, Output};
use crate::outcome::Usage;
use crate::output::Column::{Cut, Whole};
use crate::output::{print_escaped, print_items, print_list, say, write_facts};
use crate::settings::{Settings, now};
use crate::strongroom::with;

pub(super) fn act(settings: &Settings<'_>, keys: Keys) -> Result<()> {
    match keys {
        Keys::Create { name, can, app, collection, expires } => {
            let new = NewKey {
                name,
                can: parse_can(&can)?,
                application_id: app.as_deref().map(ApplicationId::parse).transpose().map_err(Usage::of)?,
                collection_id: collection
                    .as_deref()
                    .map(CollectionId::parse)
                    .transpose()
                    .map_err(Usage::of)?,
                expires_at: expires.map_or(Ok(Expiry::Usual), |text| parse_expiry(&text, now()))?,
            };
            create(settings, new)
        }
        Keys::List => list(settings),
        Keys::Revoke { id } => {
            let id = ApiKeyId::parse(&id).map_err(Usage::of)?;
            with(settings, |strongroom| strongroom.revoke_key(&id))?;
            eprintln!("revoked API key {id}; it opens nothing any more");
            Ok(())
        }
    }
}

fn create(settings: &Settings<'_>, new: NewKey) -> Result<()> {
    let (key, token) = with(settings, |strongroom| strongroom.create_key(new))?;
    if settings.output == Output::Json {
        return print_with_token(&key, &token);
    }
    // The token alone on standard output, so that it can go straight into a file.
    write_facts(&mut std::io::stderr().lock(), &facts(&key))?;
    eprintln!("the token is shown this once, and kept nowhere:");
    let mut out = std::io::stdout().lock();
    out.write_all(token.expose().as_bytes())?;
    out.write_all(b"\n")?;
    Ok(())
}

/// What an answer over HTTP has: the key's fields, and its token.
#[derive(Serialize)]
struct WithToken<'a> {
    #[serde(flatten)]
    key: &'a ApiKey,
    token: &'a str,
}

fn print_with_token(key: &ApiKey, token: &Token) -> Result<()> {
    let json = Zeroizing::new(serde_json::to_string_pretty(&WithToken { key, token: token.expose() })?);
    print_escaped(&json)?;
    say("")
}

fn facts(key: &ApiKey) -> Vec<(&'static str, String)> {
    vec![
        ("id", key.id.clone()),
        ("name", key.name.clone()),
        ("can", key.can.to_string()),
        ("for", scope(key)),
        ("ends", key.expires_at.map_or_else(|| "never".to_owned(), |end| end.to_string())),
    ]
}

/// In 80 columns: a role for its actions, a date for a moment.
fn list(settings: &Settings<'_>) -> Result<()> {
    let items = with(settings, |strongroom| strongroom.list_keys())?;
    if settings.output == Output::Json {
        return print_items(items);
    }
    let now = now();
    let row = |key: &ApiKey| vec![key.id.clone(), key.name.clone(), said(key.can), end(key, now), scope(key)];
    let columns = [Whole("id"), Cut("name"), Cut("can"), Whole("ends"), Cut("for")];
    print_list(&columns, items.iter().map(row).collect())
}

fn scope(key: &ApiKey) -> String {
    let ids = [key.application_id.as_deref(), key.collection_id.as_deref()];
    let ids: Vec<&str> = ids.into_iter().flatten().collect();
    if ids.is_empty() { "everything".to_owned() } else { ids.join("/") }
}

/// The role that stands for these actions, or they themselves.
fn said(can: Actions) -> String {
    let roles = [Role::Viewer, Role::Runner, Role::Editor, Role::Admin];
    let role = roles.into_iter().find(|role| role.actions() == can);
    role.map_or_else(|| can.to_string(), |role| role.as_str().to_owned())
}

fn end(key: &ApiKey, now: Timestamp) -> String {
    match key.expires_at {
        _ if key.revoked_at.is_some() => "revoked".to_owned(),
        None => "never".to_owned(),
        Some(end) if end <= now => "expired".to_owned(),
        Some(end) => end.to_string().chars().take("2026-01-02".len()).collect(),
    }
}

fn parse_can(can: &Can) -> Result<Actions> {
    match (&can.can, &can.role) {
        (Some(words), _) => Actions::parse_list(words).map_err(|_| {
            let words = Actions::ALL.iter().map(Action::as_str).collect::<Vec<_>>().join(", ");
            Usage::about("--can", &format!("takes actions with commas between them, of {words}")).into()
        }),
        (None, Some(word)) => {
            let role = Role::parse(word);
            role.map(Role::actions)
                .map_err(|_| Usage::about("--role", "takes viewer, runner, editor or admin").into())
        }
        // clap asks for one of them.
        (None, None) => Err(Usage::from("what may the key do? give --can or --role").into()),
    }
}

/// Reads `30s`, `15m`, `12h`, `90d`, an RFC 3339 time, or `never`.
fn parse_expiry(text: &str, now: Timestamp) -> Result<Expiry> {
    if text == "never" {
        return Ok(Expiry::Never);
    }
    let end =
        if text.contains('T') { parse_moment(text) } else { parse_span(text).map(|span| after(now, span)) };
    let takes = "takes 30s, 15m, 12h, 90d, a time like 2026-12-31T00:00:00Z, or never";
    Ok(end.map(Expiry::At).ok_or_else(|| Usage::about("--expires", takes))?)
}

/// A moment with its zone: which one was meant is nothing to guess about.
fn parse_moment(text: &str) -> Option<Timestamp> {
    let (_, time) = text.split_once('T')?;
    (time.ends_with('Z') || time.contains(['+', '-'])).then(|| Timestamp::parse(text))?
}

/// Seconds in a span.
fn parse_span(text: &str) -> Option<i64> {
    let unit = match text.as_bytes().last()? {
        b's' => 1,
        b'm' => 60,
        b'h' => 60 * 60,
        b'd' => 24 * 60 * 60,
        _ => return None,
    };
    let number = &text[..text.len() - 1];
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| number.parse::<i64>().ok()?.checked_mul(unit))?
}

fn after(now: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_micros(now.as_micros().saturating_add(seconds.saturating_mul(1_000_000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_ends_after_a_span_at_a_moment_or_never() {
        let now = Timestamp::parse("2026-01-02T03:04:05Z").expect("a moment");
        let check = |text: &str, expected: Option<&str>| {
            let said = parse_expiry(text, now).ok().map(|expiry| match expiry {
                Expiry::Usual => "usual".to_owned(),
                Expiry::Never => "never".to_owned(),
                Expiry::At(time) => time.to_string(),
            });
            assert_eq!(said.as_deref(), expected, "{text}");
        };
        check("30s", Some("2026-01-02T03:04:35Z"));
        check("15m", Some("2026-01-02T03:19:05Z"));
        check("12h", Some("2026-01-02T15:04:05Z"));
        check("90d", Some("2026-04-02T03:04:05Z"));
        check("2026-12-31T00:00:00Z", Some("2026-12-31T00:00:00Z"));
        check("2026-12-31T01:00:00+01:00", Some("2026-12-31T00:00:00Z"));
        check("never", Some("never"));
        for bad in [
            "",
            "90",
            "d",
            "-1d",
            "+1d",
            "1.5h",
            "1 d",
            "1w",
            "Never",
            "90D",
            "ü",
            "99999999999999999999d",
            "2026-12-31",
            "2026-12-31T00:00:00",
            "1767323045",
            "soonT",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn a_set_of_actions_is_said_by_its_role_where_it_has_one() {
        let check = |words: &str, expected: &str| {
            assert_eq!(said(Actions::parse_list(words).expect("actions")), expected);
        };
        check("list", "viewer");
        check("deliver,list", "runner");
        check("list,write", "editor");
        check("list,write,deliver,reveal,manage,audit", "admin");
        check("audit,list", "list,audit");
    }
}
