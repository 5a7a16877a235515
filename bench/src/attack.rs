//! Attacks on a server that listens on loopback: what each says on the wire, and the crowd that says it. They know nothing
//! of strongroom's code; whether an attack was withstood is said by whoever starts it. The tests of the program start the
//! same ones, so this and the files below it use nothing but the standard library and `rustix`.

// The tests include this file by its path, and a module that was included looks for others beside itself, not below.
#[path = "attack/cases.rs"]
mod cases;
#[path = "attack/http2.rs"]
mod http2;
#[path = "attack/scene.rs"]
pub(crate) mod scene;
#[path = "attack/swarm.rs"]
mod swarm;
#[path = "attack/wire.rs"]
pub(crate) mod wire;

pub(crate) use cases::{CASES, Case, attack};
pub(crate) use scene::Scene;
pub(crate) use swarm::Tally;
pub(crate) use wire::{HONEST, Line};
