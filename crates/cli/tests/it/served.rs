//! The same promises, kept by a strongroom that another process serves: every command speaks to that, and says the same.

#![expect(clippy::duplicate_mod, reason = "one suite, two strongrooms")]

use crate::room::Room;

#[path = "refusals.rs"]
mod refusals;
#[path = "run.rs"]
mod run;
#[path = "story.rs"]
mod story;

fn place(room: Room) -> Room {
    room.serve(&[])
}
