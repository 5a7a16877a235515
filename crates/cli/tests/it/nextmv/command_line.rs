//! The command line `nextmv` over TLS, configured as a user configures it: a key, an endpoint, and the certificate that the
//! server has left. Deliberately one story in order: each step finds what the one before has stored.

use serde_json::Value;

use super::clients::Client;
use super::proof::prove;
use super::report::{OF_COMMAND_LINES, Report};
use super::samples::{self, Sample};
use crate::room::{APP, Room, Said, feed};
use crate::server::Server;

type Step = (&'static str, fn(&mut User) -> Result<(), String>);

/// What is typed, in this order, while the first server listens.
const STORY: &[Step] = &[
    ("configure", User::configure),
    ("app create", User::create_application),
    ("app list", User::list_applications),
    ("app get", User::read_application),
    ("app exists", User::ask_for_applications),
    ("create", User::create),
    ("list", User::list),
    ("get", User::read),
    ("rename", User::rename),
    ("append", User::append),
    ("replace", User::replace),
    (KEEP_OTHERS, User::keep_others),
    ("copy", User::copy),
    ("wrong id", User::use_a_wrong_id),
    ("missing app", User::use_a_missing_application),
    ("delete", User::delete),
];

const KEEP_OTHERS: &str = "keep others";

pub(super) fn drive(release: &str) {
    let client = Client::of(release);
    let room = Room::new();
    let key = room.make_key("--role admin");
    let server = Server::start(&room, &["--tls-self-signed"], key.clone());
    let mut user = User { client, room, key, told: Told::by(&server), kept: None };
    let mut report = Report::of(&OF_COMMAND_LINES, release);
    for (name, act) in STORY {
        if *name == KEEP_OTHERS && release == "1.6.0" {
            report.absent(name);
        } else {
            let outcome = act(&mut user);
            report.add(name, outcome.and_then(|()| user.expect_stored()));
        }
    }
    drop(server);
    let strict = ["--tls-self-signed", "--no-app-creation"];
    let server = Server::start(&user.room, &strict, user.key.clone());
    user.told = Told::by(&server);
    report.add("no new app", user.ask_where_none_may_be_made());
    report.judge(STORY.len() + 1);
}

/// The lines that the server says a user of nextmv has to type.
struct Told {
    endpoint: String,
    certificate: String,
}

impl Told {
    fn by(server: &Server) -> Self {
        let after = |words: &str| {
            let line = server.before.lines().find_map(|line| line.split_once(words));
            line.map(|(_, rest)| rest.to_owned()).unwrap_or_else(|| panic!("{words:?} is not said"))
        };
        let endpoint = after("nextmv configuration create --api-key \"$STRONGROOM_API_KEY\" --endpoint ");
        Self {
            endpoint: endpoint.strip_suffix(" </dev/null").expect("nothing is asked").to_owned(),
            certificate: after("export REQUESTS_CA_BUNDLE="),
        }
    }

    /// The same server by the name of this machine.
    fn by_name(&self) -> String {
        self.endpoint.replace("127.0.0.1", "localhost")
    }
}

/// Who types the commands: a home of their own, and no terminal.
struct User {
    client: Client,
    room: Room,
    key: String,
    told: Told,
    /// What the collection `kept` must hold by now.
    kept: Option<Vec<Sample>>,
}

const ON_KEPT: [&str; 4] = ["--app-id", APP, "--secrets-collection-id", "kept"];

impl User {
    fn configure(&mut self) -> Result<(), String> {
        self.configure_for(&self.told.endpoint)
    }

    fn create_application(&mut self) -> Result<(), String> {
        self.end(&["cloud", "app", "create", "--app-id", "shop", "--name", "Shop"], 0)?;
        self.end(&["cloud", "app", "create", "--app-id", "shop", "--name", "Again"], 1).map(|_| ())
    }

    fn list_applications(&mut self) -> Result<(), String> {
        let listed = self.json(&["cloud", "app", "list"])?;
        expect(ids(&listed) == [APP, "shop"], || listed.to_string())
    }

    fn read_application(&mut self) -> Result<(), String> {
        let read = self.json(&["cloud", "app", "get", "--app-id", "shop"])?;
        expect(read["id"] == "shop" && read["name"] == "Shop", || read.to_string())
    }

    fn ask_for_applications(&mut self) -> Result<(), String> {
        self.end(&["cloud", "app", "exists", "--app-id", "shop"], 0)?;
        self.end(&["cloud", "app", "exists", "--app-id", "nowhere"], 1).map(|_| ())
    }

    fn create(&mut self) -> Result<(), String> {
        let sets = as_options(&samples::first());
        let mut words = vec!["cloud", "secrets", "create"];
        words.extend(ON_KEPT);
        words.extend(["--name", "Kept", "--description", "Türen & Tore 🚪"]);
        words.extend(sets.iter().flat_map(|set| ["--secrets", set]));
        self.end(&words, 0)?;
        self.kept = Some(samples::first());
        self.end(&words, 1).map(|_| ())
    }

    fn list(&mut self) -> Result<(), String> {
        let listed = self.json(&["cloud", "secrets", "list", "--app-id", APP])?;
        expect(ids(&listed) == ["kept"], || listed.to_string())?;
        expect(listed[0]["description"] == "Türen & Tore 🚪", || listed.to_string())
    }

    fn read(&mut self) -> Result<(), String> {
        self.expect_names("Kept")?;
        let masked = self.masked()?;
        expect(masked.len() == samples::first().len(), || format!("{} secrets", masked.len()))?;
        let is_masked = |secret: &Value| {
            secret["value"].as_str().is_some_and(|value| value.starts_with("strongroom-masked:"))
        };
        expect(masked.iter().all(is_masked), || "a value is shown".to_owned())
    }

    fn rename(&mut self) -> Result<(), String> {
        self.update(&["--name", "Renamed"])?;
        self.expect_names("Renamed")
    }

    /// What a user does who knows only `get` and `update`: all masks, and one value more.
    fn append(&mut self) -> Result<(), String> {
        let mut secrets = self.masked()?;
        secrets.extend(samples::extra().iter().map(Sample::to_json));
        self.update(&["--secrets", &Value::from(secrets).to_string()])?;
        self.kept = Some(samples::overlaid(&samples::first(), &samples::extra()));
        Ok(())
    }

    fn replace(&mut self) -> Result<(), String> {
        let sets = as_options(&samples::replaced());
        self.update(&sets.iter().flat_map(|set| ["--secrets", set]).collect::<Vec<_>>())?;
        self.kept = Some(samples::replaced());
        self.expect_names("Renamed")
    }

    fn keep_others(&mut self) -> Result<(), String> {
        let extra = as_options(&samples::extra());
        self.update(&["--keep-existing", "--secrets", &extra[0]])?;
        self.kept = Some(samples::overlaid(&samples::replaced(), &samples::extra()));
        Ok(())
    }

    /// Masks are no values: what was read cannot be made into another collection.
    fn copy(&mut self) -> Result<(), String> {
        let masked = Value::from(self.masked()?).to_string();
        let create = ["cloud", "secrets", "create", "--app-id", APP, "--secrets-collection-id", "copy"];
        self.end(&[&create[..], &["--secrets", &masked]].concat(), 1)?;
        prove(&self.room, APP, "copy", None)
    }

    fn use_a_wrong_id(&mut self) -> Result<(), String> {
        let on_missing = ["--app-id", APP, "--secrets-collection-id", "missing"];
        for (command, options) in [("get", &[][..]), ("update", &["--name", "x"]), ("delete", &["--yes"])] {
            self.end(&[&["cloud", "secrets", command], &on_missing[..], options].concat(), 1)?;
        }
        Ok(())
    }

    /// Without a terminal this client makes the application that it does not find, and goes on.
    fn use_a_missing_application(&mut self) -> Result<(), String> {
        let listed = self.json(&["cloud", "secrets", "list", "--app-id", "mistyped"])?;
        expect(ids(&listed).is_empty(), || listed.to_string())?;
        let there = self.room.say("apps get mistyped --output json");
        expect(there.code() == Some(0), || there.stderr)
    }

    /// And where the operator does not want that, it cannot.
    fn ask_where_none_may_be_made(&self) -> Result<(), String> {
        self.configure_for(&self.told.by_name())?;
        self.end(&["cloud", "app", "exists", "--app-id", APP], 0)?;
        self.end(&["cloud", "secrets", "list", "--app-id", "unwanted"], 1)?;
        let absent = self.room.say("apps get unwanted --output json");
        expect(absent.code() == Some(1), || absent.text())
    }

    fn delete(&mut self) -> Result<(), String> {
        let delete = [&["cloud", "secrets", "delete"], &ON_KEPT[..]].concat();
        // Neither a terminal nor a yes: nothing happens.
        self.say(&delete);
        self.expect_stored()?;
        self.end(&[&delete[..], &["--yes"]].concat(), 0)?;
        self.kept = None;
        self.end(&[&["cloud", "secrets", "get"], &ON_KEPT[..]].concat(), 1).map(|_| ())
    }

    fn configure_for(&self, endpoint: &str) -> Result<(), String> {
        let create = ["configuration", "create", "--api-key", &self.key, "--endpoint", endpoint];
        self.end(&create, 0).map(|_| ())
    }

    fn update(&self, options: &[&str]) -> Result<(), String> {
        self.end(&[&["cloud", "secrets", "update"], &ON_KEPT[..], options].concat(), 0).map(|_| ())
    }

    /// The collection as the client reads it. Into a file: on standard output it breaks long lines.
    fn get(&self) -> Result<Value, String> {
        let file = self.room.path("desk/read.json");
        let output = ["--output", file.to_str().expect("a path of ours")];
        self.end(&[&["cloud", "secrets", "get"], &ON_KEPT[..], &output].concat(), 0)?;
        let text = std::fs::read(&file).map_err(|error| error.to_string())?;
        serde_json::from_slice(&text).map_err(|error| error.to_string())
    }

    fn masked(&self) -> Result<Vec<Value>, String> {
        let read = self.get()?;
        read["secrets"].as_array().cloned().ok_or_else(|| read.to_string())
    }

    fn expect_names(&self, name: &str) -> Result<(), String> {
        let read = self.get()?;
        expect(read["name"] == name && read["description"] == "Türen & Tore 🚪", || read.to_string())
    }

    fn expect_stored(&self) -> Result<(), String> {
        prove(&self.room, APP, "kept", self.kept.as_deref())
    }

    fn say(&self, words: &[&str]) -> Said {
        let mut command = self.client.program(&self.room, "nextmv");
        command.args(words).env("REQUESTS_CA_BUNDLE", &self.told.certificate);
        feed(&mut command, b"")
    }

    /// It ends with this code, and shows nobody a stack trace.
    fn end(&self, words: &[&str], code: i32) -> Result<Said, String> {
        let said = self.say(words);
        let told = format!("{}{}", said.text(), said.stderr);
        if said.code() != Some(code) || told.contains("Traceback") {
            return Err(format!("nextmv {} ended with {}:\n{told}", name(words), said.status));
        }
        Ok(said)
    }

    fn json(&self, words: &[&str]) -> Result<Value, String> {
        let said = self.end(words, 0)?;
        serde_json::from_slice(&said.stdout)
            .map_err(|error| format!("nextmv {}: {error} in {}", name(words), said.text()))
    }
}

/// Half of them in one list, the others one by one: the client takes both.
fn as_options(secrets: &[Sample]) -> Vec<String> {
    let (listed, single) = secrets.split_at(secrets.len() / 2);
    let mut options: Vec<String> = single.iter().map(|secret| secret.to_json().to_string()).collect();
    if !listed.is_empty() {
        options.push(listed.iter().map(Sample::to_json).collect::<Value>().to_string());
    }
    options
}

/// The command alone: what follows may be long, and secret.
fn name(words: &[&str]) -> String {
    words.iter().take_while(|word| !word.starts_with('-')).copied().collect::<Vec<_>>().join(" ")
}

fn ids(listed: &Value) -> Vec<&str> {
    listed.as_array().into_iter().flatten().filter_map(|one| one["id"].as_str()).collect()
}

fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
