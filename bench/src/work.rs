//! The works of strongroom that are measured. Each makes its contests; how they are held is said in `rounds`.

mod deliver;
mod footprint;
mod get;
mod run;
mod served;
mod start;

use anyhow::Result;

use crate::arguments::{Alone, Name};
use crate::place::Place;
use crate::programs::Programs;
use crate::rounds::{Outcome, Pace};

/// Measures one work, one contest after the other.
pub(crate) fn measure(name: Name, programs: &Programs, place: &Place, pace: Pace) -> Result<Vec<Outcome>> {
    match name {
        Name::Start => start::measure(programs, place, pace),
        Name::Run => run::measure(programs, place, pace),
        Name::Deliver => deliver::measure(programs, place, pace),
        Name::Get => get::measure(programs, place, pace),
        Name::Footprint => footprint::measure(programs, place, pace),
    }
}

/// Delivers and measures nothing: for somebody who looks from outside.
pub(crate) fn deliver_alone(alone: Alone, place: &Place) -> Result<()> {
    deliver::deliver_alone(alone, place)
}
