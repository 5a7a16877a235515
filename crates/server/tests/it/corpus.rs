//! The corpus of each fuzz target whose parser lives here, replayed. What else could be typed is the engine's to look for:
//! `cargo xtask fuzz`.

#[path = "../../../../fuzz/src/laws.rs"]
mod laws;
#[path = "../../../../fuzz/src/bin/page_token.rs"]
mod page_token;
#[path = "../../../../fuzz/src/bin/patch.rs"]
mod patch;
#[path = "../../../../fuzz/src/replay.rs"]
mod replay;
#[path = "../../../../fuzz/src/bin/request.rs"]
mod request;
#[path = "../../../../fuzz/src/served.rs"]
mod served;

use replay::replay;

#[test]
fn the_corpus_of_page_token_keeps_its_laws() {
    replay("page_token", page_token::check);
}

#[test]
fn the_corpus_of_patch_keeps_its_laws() {
    replay("patch", patch::check);
}

#[test]
fn the_corpus_of_request_keeps_its_laws() {
    replay("request", request::check);
}
