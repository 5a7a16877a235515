//! The promises, kept by a strongroom that the program opens itself.

use crate::room::Room;

#[path = "refusals.rs"]
mod refusals;
#[path = "run.rs"]
mod run;
#[path = "story.rs"]
mod story;

fn place(room: Room) -> Room {
    room
}
