//! The ordinary life of collections, told through every command. Refusals have a file of their own.

use serde_json::{Value, json};

use crate::room::{APP, Room};

/// As hard as text can be: quotes, backslashes, tabs, other line ends, other scripts, two final line ends.
const LICENCE: &str = "START\r\n\tname=\"Ünïcode 🔑\" \\ 'x'\nEND\n\n";

/// A collection `db` with a variable and a file.
fn with_db() -> Room {
    let room = super::place(Room::new());
    let (password, licence) = (room.lay("password", "first-password"), room.lay("licence", LICENCE));
    room.say(&format!("secrets create --id db --env PASSWORD=@{password} --file conf/app.lic=@{licence}"))
        .done();
    room
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// The first one's fields, of a list in our own form.
#[track_caller]
fn check_items(list: &Value, count: usize, fields: &[&str]) {
    assert_eq!(keys(list), ["items"]);
    assert_eq!(list["items"].as_array().map(Vec::len), Some(count), "{list}");
    assert_eq!(keys(&list["items"][0]), sorted(fields));
}

fn sorted<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names
}

/// How many API keys the room itself needed.
fn keys_made(room: &Room) -> usize {
    usize::from(room.server.is_some())
}

const SUMMARY: [&str; 6] = ["id", "application_id", "name", "description", "created_at", "updated_at"];

#[test]
fn an_application_is_made_listed_shown_and_deleted() {
    let room = super::place(Room::new());
    let words = ["apps", "create", "routing", "--name", "Vehicle routing", "--description", "For vans"];
    let made = crate::room::feed(&mut room.strongroom(&words), b"").done();
    assert_eq!(made.stderr, "created application routing\n");
    assert!(made.text().contains("Vehicle routing"), "{}", made.text());
    let shown = room.json("apps get routing");
    assert_eq!((&shown["id"], &shown["name"]), (&json!("routing"), &json!("Vehicle routing")));
    assert_eq!(shown["description"], "For vans");
    let listed = room.json("apps list");
    let fields = ["id", "name", "description", "created_at", "updated_at"];
    check_items(&listed, 2, &fields);
    assert_eq!(listed["items"][1], shown);
    room.say("apps list").done().text().lines().zip(["ID", "app", "routing"]).for_each(|(line, word)| {
        assert!(line.starts_with(word), "{line}");
    });

    room.say_with("secrets create --app routing --id db --env A", "the value").done();
    room.say("apps delete routing --yes").done();
    assert_eq!(room.json("apps list")["items"].as_array().map(Vec::len), Some(1));
    room.say("secrets list --app routing").refused(1, "there is no application routing");
    room.say("apps create routing").done();
    check_empty(&room.json("secrets list --app routing"));
}

#[track_caller]
fn check_empty(list: &Value) {
    assert_eq!(list, &json!({ "items": [] }));
}

#[test]
fn values_come_in_by_four_doors_and_go_out_exactly() {
    let room = super::place(Room::new());
    let (password, licence) = (room.lay("password", "p4ssword\r\n"), room.lay("licence", LICENCE));
    let from = room
        .lay("from.json", json!({ "secret_type": "env", "location": "JSON", "value": LICENCE }).to_string());
    let line = format!(
        "secrets create --id db --from {from} --env PASSWORD=@{password} --env TOKEN --file conf/app.lic=@{licence}"
    );
    let created = room.say_with(&line, "typed\n\n").done();
    assert_eq!(created.stderr.lines().count(), 3, "{}", created.stderr);
    for name in ["PASSWORD", "TOKEN"] {
        let said = |line: &str| line.contains("the final line end of") && line.contains(name);
        assert!(created.stderr.lines().any(said), "{name}: {}", created.stderr);
    }
    assert!(created.stderr.ends_with("created secrets collection db (version 1, 4 secrets)\n"));
    for (location, value) in
        [("JSON", LICENCE), ("PASSWORD", "p4ssword"), ("TOKEN", "typed\n"), ("conf/app.lic", LICENCE)]
    {
        let revealed = room.say(&format!("secrets reveal db {location}")).done();
        assert_eq!(revealed.stdout, value.as_bytes(), "{location}");
        assert_eq!(revealed.stderr, "");
    }
    let all = room.json("secrets reveal db");
    assert_eq!(keys(&all), sorted(&[&SUMMARY[..], &["secrets"]].concat()));
    assert_eq!(all["secrets"][0], json!({ "type": "env", "location": "JSON", "value": LICENCE }));
}

#[test]
fn an_id_is_made_where_none_is_given() {
    let room = super::place(Room::new());
    let made = room.say_with("secrets create --env A --output json", "a value").json();
    let id = made["id"].as_str().expect("text");
    assert!(id.starts_with("secrets-") && id.len() > 12, "{id}");
    assert_eq!((&made["name"], &made["description"]), (&json!(id), &json!("")), "never null");
    assert_eq!(room.say(&format!("secrets reveal {id} A")).done().stdout, b"a value");
}

#[test]
fn json_has_the_documented_shapes() {
    let room = with_db();
    let collection = room.json("secrets get db");
    assert_eq!(keys(&collection), sorted(&[&SUMMARY[..], &["secrets"]].concat()));
    assert_eq!(collection["application_id"], APP);
    for (secret, location) in
        collection["secrets"].as_array().expect("a list").iter().zip(["PASSWORD", "conf/app.lic"])
    {
        assert_eq!(keys(secret), ["location", "type", "value"]);
        assert_eq!(secret["location"], location);
        assert!(secret["value"].as_str().expect("text").starts_with("strongroom-masked:"));
    }
    check_items(&room.json("secrets list"), 1, &SUMMARY);
    check_items(&room.json("secrets versions db"), 1, &["version", "created_at", "created_by", "secrets"]);
    let record = [
        "ledger",
        "seq",
        "time",
        "actor",
        "action",
        "application_id",
        "collection_id",
        "version",
        "result",
        "receipt",
    ];
    check_items(&room.json("audit list"), 3 + keys_made(&room), &record);
    let verified = room.json("audit verify");
    for field in ["collections", "opened", "records"] {
        assert!(verified[field].is_u64(), "{verified}");
    }
    assert_eq!(verified["root"].as_str().map(str::len), Some(64), "{verified}");
    let again = room.json(&format!("init --root-key {}", room.key_source()));
    assert_eq!(keys(&again), ["data", "instance", "limits", "root_key"]);
    let updated = room.say_with("secrets update db --env PASSWORD --output json", "x").json();
    assert_eq!(keys(&updated), sorted(&SUMMARY));
    assert!(updated["updated_at"].as_str() > updated["created_at"].as_str());
}

#[test]
fn what_people_see_shows_no_value_and_no_mask() {
    let room = with_db();
    let shown = room.say("secrets get db").done().text();
    assert!(shown.contains("conf/app.lic  masked"), "{shown}");
    assert!(!shown.contains("strongroom-masked") && !shown.contains("first-password"), "{shown}");
}

#[test]
fn an_update_merges_removes_and_says_what_it_did() {
    let room = with_db();
    let added = room.say_with("secrets update db --env TOKEN --name Database", "a token").done();
    assert_eq!(
        added.stderr,
        "updated secrets collection db to version 2\n  added env:TOKEN\n  kept 2 as they were\n"
    );
    assert_eq!(room.json("secrets get db")["name"], "Database");
    let line = "secrets update db --env PASSWORD --remove file:conf/app.lic";
    let changed = room.say_with(line, "second-password").done();
    assert_eq!(
        changed.stderr,
        "updated secrets collection db to version 3\n  set env:PASSWORD\n  removed file:conf/app.lic\n  \
         kept 1 as they were\n"
    );
    let revealed = room.json("secrets reveal db");
    let values: Vec<&Value> =
        revealed["secrets"].as_array().expect("a list").iter().map(|secret| &secret["value"]).collect();
    assert_eq!(values, ["second-password", "a token"]);
    assert_eq!(revealed["name"], "Database");
}

#[test]
fn a_replacement_that_drops_secrets_needs_a_yes() {
    let room = with_db();
    let line = "secrets update db --replace --env TOKEN";
    let refused = room.say_with(line, "a token");
    refused.refused(1, "removes env:PASSWORD, file:conf/app.lic");
    assert!(refused.stderr.contains("needs --yes") && refused.stderr.contains("nothing was done"));
    room.say_with(&format!("{line} --yes"), "a token").done();
    let secrets = &room.json("secrets reveal db")["secrets"];
    assert_eq!(secrets, &json!([{ "type": "env", "location": "TOKEN", "value": "a token" }]));
    room.say_with(line, "another").done();
    assert_eq!(
        room.say("secrets reveal db TOKEN").done().stdout,
        b"another",
        "what drops nothing asks nothing"
    );
}

#[test]
fn an_update_can_be_bound_to_a_version() {
    let room = with_db();
    room.say_with("secrets update db --env PASSWORD --if-match 1", "second").done();
    room.say_with("secrets update db --env PASSWORD --if-match 1", "third")
        .refused(1, "the collection is at version 2, not 1");
    assert_eq!(room.say("secrets reveal db PASSWORD").done().stdout, b"second");
}

#[test]
fn what_get_prints_can_be_sent_back_and_keeps_every_value() {
    let room = with_db();
    let before = room.json("secrets reveal db")["secrets"].clone();
    let printed = room.say("secrets get db --output json").done().stdout;
    let back = room.say_with("secrets update db --from -", &printed).done();
    assert!(back.stderr.ends_with("kept 2 as they were\n"), "{}", back.stderr);
    assert_eq!(room.json("secrets reveal db")["secrets"], before);
    let back = room.say_with("secrets update db --replace --from -", &printed).done();
    assert!(back.stderr.ends_with("kept 2 as they were\n"), "{}", back.stderr);
    assert_eq!(room.json("secrets reveal db")["secrets"], before);

    // One of them changed by hand, the other still a mask.
    let edited = {
        let mut collection: Value = serde_json::from_slice(&printed).expect("JSON");
        collection["secrets"][0]["value"] = json!("edited");
        collection.to_string()
    };
    room.say_with("secrets update db --from -", edited).done();
    let after = room.json("secrets reveal db");
    assert_eq!((&after["secrets"][0]["value"], &after["secrets"][1]), (&json!("edited"), &before[1]));
}

#[test]
fn every_version_stays_and_can_be_run() {
    let room = with_db();
    room.say_with("secrets update db --env PASSWORD", "second-password").done();
    let versions = room.json("secrets versions db");
    let numbers: Vec<&Value> =
        versions["items"].as_array().expect("a list").iter().map(|version| &version["version"]).collect();
    assert_eq!(numbers, [1, 2]);
    for (id, password) in [("db", "second-password"), ("db@2", "second-password"), ("db@1", "first-password")]
    {
        let ran = room.run(&format!("--no-mask --collection {id}"), "printf %s \"$PASSWORD\"").done();
        assert_eq!(ran.text(), password, "{id}");
        assert_eq!(room.say(&format!("secrets reveal {id} PASSWORD")).done().text(), password, "{id}");
        assert_eq!(room.json(&format!("secrets get {id}"))["id"], "db");
    }
    let records = room.json("audit list --app app --collection db");
    let delivered: Vec<(&str, u64)> = records["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|r| (r["action"].as_str().expect("a word"), r["version"].as_u64().expect("a number")))
        .filter(|(action, _)| *action == "collection.deliver")
        .collect();
    assert_eq!(delivered, [2, 2, 1].map(|version| ("collection.deliver", version)));
}

#[test]
fn an_id_is_free_after_a_deletion_and_its_counter_goes_on() {
    let room = with_db();
    room.say_with("secrets update db --env PASSWORD", "second-password").done();
    room.say("secrets delete db").done();
    check_empty(&room.json("secrets list"));
    room.say("secrets get db").refused(1, "application app has no secrets collection db");
    let created = room.say_with("secrets create --id db --env OTHER", "new life").done();
    assert!(created.stderr.contains("(version 3, 1 secret"), "{}", created.stderr);
    check_items(&room.json("secrets versions db"), 1, &["version", "created_at", "created_by", "secrets"]);
    for gone in ["db@1", "db@2"] {
        room.say(&format!("secrets reveal {gone}")).refused(1, "has no version");
    }
    room.run("--collection db@1", "echo started").refused(125, "has no version 1");
}

#[test]
fn the_ledger_tells_what_was_done_and_verifies() {
    let room = with_db();
    room.say_with("secrets update db --env PASSWORD", "second").done();
    room.say("secrets reveal db").done();
    room.run("--collection db", "exit 3");
    room.say("secrets delete db").done();
    room.say("apps delete app --yes").done();
    let expected = [
        "instance.create",
        "application.create",
        "collection.create",
        "collection.update",
        "collection.reveal",
        "collection.deliver",
        "collection.delete",
        "application.delete",
    ];
    let mut actions = room.actions();
    actions.retain(|action| action != "key.create");
    assert_eq!(actions, expected);
    let caller = if room.server.is_some() { "key/" } else { "embedded/uid:" };
    let records = room.json("audit list");
    for (seq, record) in records["items"].as_array().expect("a list").iter().enumerate() {
        assert_eq!((&record["seq"], &record["result"]), (&json!(seq), &json!("ok")));
        let of_collection = record["action"].as_str().expect("text").starts_with("collection.");
        assert!(!of_collection || record["actor"].as_str().expect("text").starts_with(caller), "{record}");
    }
    let all = json!(expected.len() + keys_made(&room));
    let verified = room.json("audit verify");
    assert_eq!((&verified["records"], &verified["opened"]), (&all, &all));
    std::fs::remove_file(room.key()).expect("our own file");
    let verified = room.json("audit verify --without-key");
    assert_eq!((&verified["records"], &verified["opened"]), (&all, &json!(0)), "needs no key");
}
