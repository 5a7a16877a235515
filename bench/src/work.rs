//! The works of strongroom that are measured. Each makes its contests; how they are held is said in `rounds`.

mod deliver;
mod footprint;
mod get;
mod hostile;
mod oracle;
mod run;
mod served;
mod start;

use anyhow::Result;

use crate::arguments::{Alone, Arguments, Name};
use crate::place::Place;
use crate::programs::Programs;
use crate::rounds::Outcome;

/// Measures one work, one contest after the other.
pub(crate) fn measure(
    name: Name,
    programs: &Programs,
    place: &Place,
    typed: &Arguments,
) -> Result<Vec<Outcome>> {
    let pace = typed.pace();
    match name {
        Name::Start => start::measure(programs, place, pace),
        Name::Run => run::measure(programs, place, pace),
        Name::Deliver => deliver::measure(programs, place, pace),
        Name::Get => get::measure(programs, place, pace),
        Name::Footprint => footprint::measure(programs, place, pace),
        Name::Hostile => hostile::measure(programs, place, pace, &typed.only),
        Name::Oracle => oracle::measure(programs, place, typed.pairs, &typed.only),
    }
}

/// Delivers and measures nothing: for somebody who looks from outside.
pub(crate) fn deliver_alone(alone: Alone, place: &Place) -> Result<()> {
    deliver::deliver_alone(alone, place)
}
