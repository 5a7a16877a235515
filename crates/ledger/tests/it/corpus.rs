//! The corpus of each fuzz target whose parser lives here, replayed. What else could be typed is the engine's to look for:
//! `cargo xtask fuzz`.

#[path = "../../../../fuzz/src/laws.rs"]
mod laws;
#[path = "../../../../fuzz/src/bin/record.rs"]
mod record;
#[path = "../../../../fuzz/src/replay.rs"]
mod replay;

use replay::replay;

#[test]
fn the_corpus_of_record_keeps_its_laws() {
    replay("record", record::check);
}
