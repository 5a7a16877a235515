//! The cases of `contract/`, each told to the real router: the requests as they stand there, and the answers to the letter.
//! The format is `contract/README.md`; nothing about a single route is known here.

mod case;
mod expected;
pub(crate) mod room;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use axum::http::HeaderMap;
use serde_json::Value;
use strongroom_secrets::{Actions, Expiry, Limits, MASK_PREFIX, NewKey};

use case::{Case, Exchange, MARK};
use expected::Known;
use room::{Answer, Room, block_on};

use crate::openapi::judge::{Sent, judge};

macro_rules! folders {
    ($($folder:ident)*) => {
        /// The folders of cases, beside `given`: what others begin with.
        const FOLDERS: &[&str] = &[$(stringify!($folder)),*];

        $(#[test]
        fn $folder() {
            tell_folder(stringify!($folder));
        })*
    };
}

folders! { access applications create delete deliveries keys masks patch protocol put read repeat versions }

#[test]
fn every_case_is_told_and_every_beginning_is_used() {
    let cases = read_cases();
    let strays: Vec<&String> = cases
        .keys()
        .filter(|name| {
            name.split_once('/').is_none_or(|(folder, _)| !FOLDERS.contains(&folder) && folder != "given")
        })
        .collect();
    assert!(strays.is_empty(), "in a folder that no test tells: {strays:?}");
    let used: BTreeSet<&String> = cases.values().flat_map(|case| &case.given).collect();
    for name in cases.keys().filter_map(|name| name.strip_prefix("given/")) {
        assert!(used.contains(&name.to_owned()), "given/{name} is given to no case");
    }
    let mut titles = BTreeMap::new();
    for (name, case) in &cases {
        if let Some(other) = titles.insert(&case.title, name) {
            panic!("{name} and {other} have one title");
        }
    }
}

#[test]
fn every_comment_that_names_a_case_names_one() {
    let cases = read_cases();
    let mut named = 0;
    let mut wrong = String::new();
    for path in files_below(&root().join("crates"), "rs").iter().filter(|path| is_source(path)) {
        let text = fs::read_to_string(path).expect("our own file");
        for (number, line) in (1..).zip(text.lines()) {
            let Some((_, said)) = line.split_once("Contract: `") else { continue };
            let name = said.split('`').next().unwrap_or_default();
            let found =
                cases.keys().filter(|case| *case == name || case.ends_with(&format!("/{name}"))).count();
            named += 1;
            if found != 1 {
                writeln!(wrong, "{}:{number}: {found} cases are named {name}", path.display())
                    .expect("a text");
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(named > 0, "no comment names a case: is this still the word?");
}

fn is_source(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "src")
}

/// Tells every case of a folder, each to a strongroom of its own, and says all that went wrong.
fn tell_folder(folder: &str) {
    let cases = read_cases();
    let mut failed = String::new();
    let mut told = 0;
    for (name, case) in cases.iter().filter(|(name, _)| name.starts_with(&format!("{folder}/"))) {
        told += 1;
        if let Err(wrong) = block_on(tell(name, case, &cases)) {
            write!(failed, "\ncontract/{name}.case: {}\n{wrong}", case.title).expect("a text");
        }
    }
    assert!(told > 0, "contract/{folder} has no cases");
    assert!(failed.is_empty(), "\n{failed}");
}

async fn tell(name: &str, case: &Case, cases: &BTreeMap<String, Case>) -> Result<(), String> {
    let (limits, app_creation) = read_serve(&case.serve)?;
    let room = Room::served(limits, app_creation).await;
    let mut told = Told { known: Known::default(), room };
    told.make_admin().await;
    let mut before = BTreeSet::new();
    told.tell_given(case, cases, &mut before).await?;
    told.tell(name, case).await
}

fn read_serve(words: &[String]) -> Result<(Option<Limits>, bool), String> {
    let (mut limits, mut app_creation) = (None, true);
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "--limits" => {
                let text = words.next().unwrap_or_default();
                limits = Some(Limits::parse(text).map_err(|error| format!("serve: {error}"))?);
            }
            "--no-app-creation" => app_creation = false,
            other => return Err(format!("serve: {other} is not known here")),
        }
    }
    Ok((limits, app_creation))
}

/// A strongroom, and what the case has learned from its answers.
struct Told {
    known: Known,
    room: Room,
}

impl Told {
    /// The key that a request carries unless it says another.
    async fn make_admin(&mut self) {
        let new = NewKey {
            name: "admin".into(),
            can: Actions::ALL,
            application_id: None,
            collection_id: None,
            expires_at: Expiry::Never,
        };
        let (key, token) = self.room.make_key(new).await;
        self.known.learn("key", "of admin", key.id.as_str());
        self.known.learn("token", "of admin", token.expose());
    }

    /// What is given, each beginning once and after what it is itself given.
    async fn tell_given(
        &mut self,
        case: &Case,
        cases: &BTreeMap<String, Case>,
        before: &mut BTreeSet<String>,
    ) -> Result<(), String> {
        for given in &case.given {
            if before.insert(given.clone()) {
                let name = format!("given/{given}");
                let beginning = cases.get(&name).ok_or_else(|| format!("  there is no {name}"))?;
                Box::pin(self.tell_given(beginning, cases, before)).await?;
                self.tell(&name, beginning).await?;
            }
        }
        Ok(())
    }

    async fn tell(&mut self, name: &str, case: &Case) -> Result<(), String> {
        for exchange in &case.exchanges {
            for time in 1..=exchange.times {
                let at = format!("  {name}.case:{} ({})", exchange.line, exchange.section);
                let exchange = number(exchange, time);
                let wrong = self.exchange(&exchange).await.map_err(|wrong| format!("{at}\n    {wrong}\n"))?;
                if let Some((differences, answer)) = wrong {
                    let differences = differences.join("\n    ");
                    return Err(format!("{at}\n    {differences}\n  what came:\n{}", show(&answer)));
                }
            }
        }
        Ok(())
    }

    /// One request and its answer: all differences, if there are any.
    async fn exchange(&mut self, exchange: &Exchange) -> Result<Option<(Vec<String>, Answer)>, String> {
        let headers = self.headers(exchange)?;
        let (path, body) = (self.known.fill(&exchange.path)?, self.known.fill(&exchange.body)?);
        let answer = self.room.send(&exchange.method, &path, &headers, &body).await?;
        let mut wrong = Vec::new();
        if answer.status != exchange.status {
            wrong.push(format!("status: expected {}, found {}", exchange.status, answer.status));
        }
        for (name, value) in &exchange.answer_headers {
            wrong.extend(self.compare_header(name, value, &answer.headers).err());
        }
        wrong.extend(self.compare_body(&exchange.answer_body, &answer)?);
        wrong.extend(promises(exchange, &answer));
        let sent = Sent { method: &exchange.method, path: &path, headers: &headers, body: &body };
        wrong.extend(judge(&sent, &answer));
        Ok(if wrong.is_empty() { None } else { Some((wrong, answer)) })
    }

    /// The headers of a request: its own, and those that every client sends unless the case says otherwise.
    fn headers(&self, exchange: &Exchange) -> Result<Vec<(String, String)>, String> {
        const USUAL: [(&str, &str); 2] =
            [("Authorization", "Bearer <token of admin>"), ("Content-Type", "application/json")];
        let said = |name: &str| exchange.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        let usual = USUAL.iter().filter(|(name, _)| !said(name)).copied();
        let own = exchange.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        own.chain(usual)
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| Ok((name.to_owned(), self.known.fill(value)?)))
            .collect()
    }

    /// A header without a value must not be there.
    fn compare_header(&mut self, name: &str, value: &str, headers: &HeaderMap) -> Result<(), String> {
        let all: Vec<&str> =
            headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?")).collect();
        match (value, all.as_slice()) {
            ("", []) => Ok(()),
            ("", found) => Err(format!("header {name}: not expected, found {found:?}")),
            (value, [found]) => {
                self.known.match_text(value, found).map_err(|why| format!("header {name}: {why}"))
            }
            (value, found) => Err(format!("header {name}: expected {value:?}, found {found:?}")),
        }
    }

    fn compare_body(&mut self, expected: &str, answer: &Answer) -> Result<Vec<String>, String> {
        if expected.is_empty() {
            return Ok(match answer.body.is_empty() {
                true => Vec::new(),
                false => vec!["body: expected none".to_owned()],
            });
        }
        let expected: Value = serde_json::from_str(expected)
            .map_err(|error| format!("the case's answer is not JSON: {error}"))?;
        Ok(match serde_json::from_slice(&answer.body) {
            Ok(found) => self.known.compare("", &expected, &found),
            Err(error) => vec![format!("body: expected JSON, found something else: {error}")],
        })
    }
}

/// The exchange as it happens for the nth time, where it happens more than once.
fn number(exchange: &Exchange, time: usize) -> Exchange {
    let mut numbered = exchange.clone();
    if exchange.times > 1 {
        for text in [&mut numbered.path, &mut numbered.body, &mut numbered.answer_body] {
            *text = text.replace('#', &time.to_string());
        }
    }
    numbered
}

/// What every answer promises, whatever its case is about.
fn promises(exchange: &Exchange, answer: &Answer) -> Vec<String> {
    let mut broken = Vec::new();
    let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
    if header("strongroom-request-id").is_none_or(str::is_empty) {
        broken.push("every answer has a Strongroom-Request-Id".to_owned());
    }
    let redirects = (300..400).contains(&answer.status) && answer.status != 304;
    if header("location").is_some() || redirects {
        broken.push("no answer redirects: clients turn a redirected DELETE into a GET".to_owned());
    }
    if !answer.body.is_empty() && header("content-type") != Some("application/json") {
        broken.push("a body is application/json".to_owned());
    }
    if header("etag").is_some() && exchange.method != "GET" {
        broken.push("an answer to a write has no validator".to_owned());
    }
    if answer.status >= 400 {
        let said = format!("{:?}{}", answer.headers, String::from_utf8_lossy(&answer.body));
        if [MARK, MASK_PREFIX, "sr_key_"].iter().any(|sent| said.contains(sent)) {
            broken.push("a refusal repeats nothing that was sent".to_owned());
        }
        if header("retry-after").is_some() && answer.status != 503 {
            broken.push("only what was not begun may be repeated at once".to_owned());
        }
    }
    broken
}

fn show(answer: &Answer) -> String {
    let mut shown = format!("    < {}\n", answer.status);
    for (name, value) in &answer.headers {
        writeln!(shown, "    < {name}: {}", value.to_str().unwrap_or("?")).expect("a text");
    }
    let body = String::from_utf8_lossy(&answer.body);
    let short: String = body.chars().take(2000).collect();
    shown + "    " + &short + "\n"
}

/// Every case by its name, `create/answers-a-summary`.
fn read_cases() -> BTreeMap<String, Case> {
    let folder = root().join("contract");
    let (mut cases, mut wrong) = (BTreeMap::new(), String::new());
    for path in files_below(&folder, "case") {
        let name = path.strip_prefix(&folder).expect("it is below").with_extension("").display().to_string();
        match Case::parse(&fs::read_to_string(&path).expect("our own file")) {
            Ok(case) => drop(cases.insert(name, case)),
            Err(why) => writeln!(wrong, "contract/{name}.case: {why}").expect("a text"),
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    cases
}

fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("our own folder") {
        let path = entry.expect("our own file").path();
        if path.is_dir() {
            found.extend(files_below(&path, extension));
        } else if path.extension().is_some_and(|end| end == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
