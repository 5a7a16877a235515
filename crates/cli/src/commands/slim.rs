//! The commands that the slim program does not have: it holds no strongroom itself.

use anyhow::{Result, bail};
use strongroom_run::Ending;

use crate::settings::Settings;

fn refuse<T>(command: &str) -> Result<T> {
    bail!(
        "{command} works on a data folder, and this is the slim program, which speaks to a server only; the full program \
         strongroom has it"
    )
}

/// Declares them: each says the same.
macro_rules! without {
    ($($command:ident $words:literal ($typed:ty) -> $answer:ty;)*) => {$(
        pub(super) mod $command {
            use super::*;

            pub(in crate::commands) fn act(_: &Settings<'_>, _: $typed) -> Result<$answer> {
                refuse($words)
            }
        }
    )*};
}

without! {
    init "init" (crate::arguments::Init) -> ();
    serve "serve" (crate::arguments::Serve) -> ();
    quickstart "quickstart" (&crate::arguments::Quickstart) -> Ending;
    verify "audit verify" (bool) -> Ending;
}
