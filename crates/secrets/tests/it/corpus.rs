//! The corpus of each fuzz target whose parser lives here, replayed. What else could be typed is the engine's to look for:
//! `cargo xtask fuzz`.

#[path = "../../../../fuzz/src/bin/body.rs"]
mod body;
#[path = "../../../../fuzz/src/bin/dotenv.rs"]
mod dotenv;
#[path = "../../../../fuzz/src/bin/id.rs"]
mod id;
#[path = "../../../../fuzz/src/bin/json.rs"]
mod json;
#[path = "../../../../fuzz/src/laws.rs"]
mod laws;
#[path = "../../../../fuzz/src/bin/location.rs"]
mod location;
#[path = "../../../../fuzz/src/replay.rs"]
mod replay;
#[path = "../../../../fuzz/src/bin/tag.rs"]
mod tag;
#[path = "../../../../fuzz/src/bin/token.rs"]
mod token;

use replay::replay;

#[test]
fn the_corpus_of_body_keeps_its_laws() {
    replay("body", body::check);
}

#[test]
fn the_corpus_of_dotenv_keeps_its_laws() {
    replay("dotenv", dotenv::check);
}

#[test]
fn the_corpus_of_id_keeps_its_laws() {
    replay("id", id::check);
}

#[test]
fn the_corpus_of_json_keeps_its_laws() {
    replay("json", json::check);
}

#[test]
fn the_corpus_of_location_keeps_its_laws() {
    replay("location", location::check);
}

#[test]
fn the_corpus_of_tag_keeps_its_laws() {
    replay("tag", tag::check);
}

#[test]
fn the_corpus_of_token_keeps_its_laws() {
    replay("token", token::check);
}
