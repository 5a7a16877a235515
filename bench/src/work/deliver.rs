//! `deliver`: a collection is opened and handed out, its record durable first; by a custodian in this process, and by the
//! program that serves.

mod embedded;
mod served;

use anyhow::Result;
use strongroom_secrets::SecretType;

use crate::place::{Place, Sample};
use crate::programs::Programs;
use crate::rounds::{Outcome, Pace};

pub(crate) use embedded::deliver_alone;

const SMALL: Sample = Sample { id: "small", secret_type: SecretType::Env, secrets: 1, bytes: 32 };
const LARGE: Sample = Sample { id: "large", secret_type: SecretType::Env, secrets: 20, bytes: 1024 };

/// After so many commits a log has the length at which SQLite begins it anew. Until then each makes its file longer, which
/// is another fsync, and one that waits for the neighbours.
const SETTLED: u32 = 1000;

pub(super) fn measure(programs: &Programs, place: &Place, pace: Pace) -> Result<Vec<Outcome>> {
    let mut outcomes = embedded::measure(programs, place, pace)?;
    outcomes.extend(served::measure(programs, &Place::make(programs.folder())?, pace)?);
    Ok(outcomes)
}
