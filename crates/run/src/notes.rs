//! What a person should know about a run that is no reason to refuse it. Sentences and facts; nothing is printed here.

use std::fmt;
use std::io;
use std::path::PathBuf;

use strongroom_secrets::Place;

/// One thing to tell.
#[derive(Debug)]
pub enum Note {
    /// Known from the plan: this value will not be masked.
    NotMaskable {
        /// Where the value is delivered.
        place: Place,
    },
    /// Known from the plan and the streams: what goes to a terminal is not masked.
    TerminalUnmasked,
    /// After the run: the rest of the output could not be written.
    OutputLost {
        /// Why.
        source: io::Error,
    },
    /// After the run: something of ours is still there.
    NotRemoved {
        /// What it is.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotMaskable { place } => {
                write!(f, "{place}: too short or too uniform to be masked in the output")
            }
            Self::TerminalUnmasked => f.write_str("output to a terminal is not masked"),
            Self::OutputLost { source } => write!(f, "output was lost: {source}"),
            Self::NotRemoved { path, source } => {
                write!(f, "{} was not removed: {source}; remove it yourself", path.display())
            }
        }
    }
}
