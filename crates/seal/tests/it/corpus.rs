//! The corpus of each fuzz target whose parser lives here, replayed. What else could be typed is the engine's to look for:
//! `cargo xtask fuzz`.

#[path = "../../../../fuzz/src/laws.rs"]
mod laws;
#[path = "../../../../fuzz/src/replay.rs"]
mod replay;
#[path = "../../../../fuzz/src/bin/sealed.rs"]
mod sealed;

use replay::replay;

#[test]
fn the_corpus_of_sealed_keeps_its_laws() {
    replay("sealed", sealed::check);
}
