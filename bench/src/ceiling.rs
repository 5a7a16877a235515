//! The ceilings: the least that the same work can cost on this machine. None of them knows strongroom.

mod commit;
mod smallest;
mod spawn;

pub(crate) use commit::{commit_group, commit_one, open_commit_one, open_one};
pub(crate) use smallest::start_smallest;
pub(crate) use spawn::{TARGET, spawn_bare, spawn_env, wrap};
