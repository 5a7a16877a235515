//! How a command ends when it does not simply succeed: usage errors are told apart from refusals, and a question that
//! nobody can answer is a refusal.

use std::borrow::Cow;
use std::fmt;
use std::io::{IsTerminal, Write};

use anyhow::{Result, bail};

use crate::output::printable;

/// A command line that can be read but not meant. Its exit code is 2, and 125 for `run`.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) Cow<'static, str>);

impl Usage {
    /// What a rule of ours says of a word that was typed.
    pub(crate) fn of(refused: impl std::error::Error) -> Self {
        Self(refused.to_string().into())
    }

    /// What is wrong with an option of ours.
    pub(crate) fn about(option: &str, wrong: &str) -> Self {
        Self(format!("{option} {wrong}").into())
    }
}

impl From<&'static str> for Usage {
    fn from(sentence: &'static str) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// An error and its causes as one sentence on one line: what it quotes was written by others, and may not move a cursor.
/// Debug is never used: it would print a stack trace.
pub(crate) fn sentence(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string) {
        // A transparent error says the same as its cause; another quotes it within its own sentence.
        if said.contains(&cause) {
            continue;
        }
        if !said.is_empty() {
            said.push_str(": ");
        }
        said.push_str(&cause);
    }
    printable(&said)
}

/// Whether standard output's reader went away, as `head` does: the program then ends as any other would, by SIGPIPE.
pub(crate) fn reader_is_gone(error: &anyhow::Error) -> bool {
    let io = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    io.into_iter().any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Asks a question on the terminal; without one, and without `--yes`, the command is refused and does nothing.
pub(crate) fn confirm(yes: bool, question: &str) -> Result<()> {
    if yes || asks(question)? {
        return Ok(());
    }
    bail!("nothing was done");
}

fn asks(question: &str) -> Result<bool> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        bail!("{question} This needs --yes where nobody can be asked; nothing was done");
    }
    eprint!("{question} [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Whether somebody can be asked.
pub(crate) fn offers(question: &str) -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && asks(question).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::sentence;

    #[test]
    fn nothing_is_said_twice() {
        let check = |error: anyhow::Error, expected: &str| assert_eq!(sentence(&error), expected);
        check(
            anyhow!("the disk is full").context("nothing was written"),
            "nothing was written: the disk is full",
        );
        check(anyhow!("record 3 was altered").context("record 3 was altered"), "record 3 was altered");
        check(
            anyhow!("record 3 was altered").context("the ledger was changed: record 3 was altered"),
            "the ledger was changed: record 3 was altered",
        );
    }
}
