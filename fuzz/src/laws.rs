//! What several targets hold their inputs to. Deliberately without a generator: an input is bytes, and stays readable in
//! the corpus.
#![allow(dead_code, reason = "each target takes what it needs")]

use std::error::Error;

/// What inputs plant where a value, a name or a description stands. No sentence of ours has this word.
pub(crate) const PLANTED: &str = "hunter2";

/// An error says what is wrong without saying what was given, in every way that it can be printed.
pub(crate) fn is_silent(error: &dyn Error) {
    let mut cause = Some(error);
    while let Some(error) = cause {
        assert!(!format!("{error} {error:?}").contains(PLANTED), "an error repeats its input: {error}");
        cause = error.source();
    }
}
