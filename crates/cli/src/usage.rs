//! What is said of a command line that cannot be read. clap's own messages quote what was typed, and what was typed may
//! be a value in the wrong place: the sentence here is made of the kind of the fault and of names that are ours.

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::output::printable;

/// Prints help and version as clap does; of an error, one sentence and how the command is used.
pub(crate) fn print(error: &Error) -> std::io::Result<()> {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    ) {
        return error.print();
    }
    eprintln!("strongroom: {}", printable(&sentence(error)));
    match error.get(ContextKind::Usage) {
        Some(usage) => eprintln!("{usage}\nMore is said by: --help"),
        None => eprintln!("More is said by: strongroom --help"),
    }
    Ok(())
}

fn sentence(error: &Error) -> String {
    // What clap calls the invalid argument is one of ours in every kind but `UnknownArgument`.
    let argument = texts(error, ContextKind::InvalidArg).join(", ");
    match error.kind() {
        ErrorKind::UnknownArgument => format!("unexpected argument {}", shown(&argument)),
        ErrorKind::InvalidSubcommand => "there is no such command (what was typed is not shown)".to_owned(),
        ErrorKind::MissingSubcommand => "a command is missing".to_owned(),
        ErrorKind::MissingRequiredArgument => format!("this is required and missing: {argument}"),
        ErrorKind::ArgumentConflict => match texts(error, ContextKind::PriorArg).join(", ") {
            prior if prior == argument => format!("{argument} is given twice"),
            prior => format!("{argument} cannot be used with {prior}"),
        },
        ErrorKind::InvalidValue if texts(error, ContextKind::InvalidValue) == [""] => {
            format!("a value is missing for {argument}")
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let valid = texts(error, ContextKind::ValidValue).join(", ");
            let advice = if valid.is_empty() { valid } else { format!("; give one of {valid}") };
            format!("invalid value for {argument} (it is not shown){advice}")
        }
        ErrorKind::InvalidUtf8 => "an argument is not UTF-8".to_owned(),
        _ if argument.is_empty() => "the command line cannot be read".to_owned(),
        _ => format!("{argument} is not given as it should be"),
    }
}

/// An option up to its `=`. A word that is none may be a value.
fn shown(typed: &str) -> &str {
    let option = typed.split('=').next().unwrap_or_default();
    if typed.starts_with('-') { option } else { "(it is not shown: it may be a value)" }
}

fn texts(error: &Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::sentence;
    use crate::arguments::Arguments;

    #[test]
    fn a_sentence_names_what_is_ours_and_never_a_word_that_was_typed() {
        fn check(line: &str, expected: &str) {
            let words = std::iter::once("strongroom").chain(line.split(' '));
            let error = Arguments::try_parse_from(words).expect_err(line);
            assert_eq!(sentence(&error), expected, "{line}");
        }
        let hidden = "unexpected argument (it is not shown: it may be a value)";
        check("secrets create API_KEY=hunter2", hidden);
        check("secrets update db --env A hunter2", hidden);
        check("secrets list --password=hunter2", "unexpected argument --password");
        check("secrets list -- --password=hunter2", "unexpected argument --password");
        check("secrets list --app=a --app=hunter2", "--app <APP> is given twice");
        check("secrets list --app", "a value is missing for --app <APP>");
        check(
            "secrets update db --if-match hunter2",
            "invalid value for --if-match <VERSION> (it is not shown)",
        );
        check(
            "secrets update db --replace --remove hunter2",
            "--replace cannot be used with --remove <LOCATION>",
        );
        check("secrets update db --yes=hunter2", "--yes is not given as it should be");
        check(
            "apps list --output hunter2",
            "invalid value for --output <OUTPUT> (it is not shown); give one of table, json",
        );
        check("hunter2", "there is no such command (what was typed is not shown)");
        check("secrets hunter2", "there is no such command (what was typed is not shown)");
        check("help hunter2", "there is no such command (what was typed is not shown)");
        check("run --app hunter2", "this is required and missing: --collection <ID[@VERSION]>, <COMMAND>...");
    }
}
