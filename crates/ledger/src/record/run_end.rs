//! How a run ended, as its client says. Like the claim of a run: never checked, never used to decide.

use std::fmt;
use std::ops::RangeInclusive;

use crate::generation::parse_decimal;

/// The end of a run, written `exit:0`, `signal:9` or `refused:exec`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunEnd {
    /// The command ended with this exit code.
    Exit(u8),
    /// This signal ended the command: 1 to 64, or the record is not written.
    Signal(u8),
    /// The command never began.
    Refused(RunRefusal),
}

/// What kept a command from beginning after its values were handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunRefusal {
    /// A file could not be put in its place.
    Files,
    /// The kernel gave no namespace.
    Namespace,
    /// The command could not be executed.
    Exec,
    /// Environment or arguments are larger than the kernel takes.
    Limits,
}

impl RunEnd {
    /// The signals that Linux has.
    pub(super) const SIGNALS: RangeInclusive<u8> = 1..=64;

    /// Reads `exit:0`, `signal:9` or `refused:exec`, and nothing else: one end has one spelling.
    pub fn parse(text: &str) -> Result<Self, RunEndError> {
        let (how, what) = text.split_once(':').ok_or(RunEndError)?;
        let number = || parse_decimal(what).and_then(|number| u8::try_from(number).ok());
        let end = match how {
            "exit" => number().map(Self::Exit),
            "signal" => number().filter(|signal| Self::SIGNALS.contains(signal)).map(Self::Signal),
            "refused" => RunRefusal::from_word(what).map(Self::Refused),
            _ => None,
        };
        end.ok_or(RunEndError)
    }
}

impl fmt::Display for RunEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "exit:{code}"),
            Self::Signal(signal) => write!(f, "signal:{signal}"),
            Self::Refused(refusal) => write!(f, "refused:{}", refusal.as_str()),
        }
    }
}

impl RunRefusal {
    const ALL: [Self; 4] = [Self::Files, Self::Namespace, Self::Exec, Self::Limits];

    /// The word as it stands in the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Namespace => "namespace",
            Self::Exec => "exec",
            Self::Limits => "limits",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.as_str() == word)
    }
}

/// The text is not the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the end of a run: it is written like exit:0, signal:9 or refused:exec")]
pub struct RunEndError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_reads_back_as_it_was_written() {
        fn check(text: &str, end: RunEnd) {
            assert_eq!(end.to_string(), text);
            assert_eq!(RunEnd::parse(text), Ok(end));
        }
        check("exit:0", RunEnd::Exit(0));
        check("exit:255", RunEnd::Exit(255));
        check("signal:1", RunEnd::Signal(1));
        check("signal:64", RunEnd::Signal(64));
        check("refused:files", RunEnd::Refused(RunRefusal::Files));
        check("refused:namespace", RunEnd::Refused(RunRefusal::Namespace));
        check("refused:exec", RunEnd::Refused(RunRefusal::Exec));
        check("refused:limits", RunEnd::Refused(RunRefusal::Limits));
    }

    #[test]
    fn what_is_not_written_like_an_end_is_refused() {
        for text in [
            "",
            ":",
            "exit",
            "exit:",
            "exit:256",
            "exit:00",
            "exit:01",
            "exit:+1",
            "exit:-1",
            "exit: 1",
            "exit:1 ",
            "exit:1:1",
            "exit:18446744073709551616",
            "Exit:1",
            "signal:0",
            "signal:65",
            "signal:09",
            "signal:KILL",
            "refused:",
            "refused:Exec",
            "refused:exec ",
            "refused:0",
            "killed:9",
        ] {
            assert_eq!(RunEnd::parse(text), Err(RunEndError), "{text:?}");
        }
    }
}
