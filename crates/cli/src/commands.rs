//! What the commands do, each in a file of its own. They end with an [`Ending`], because `run` ends as its child did.

mod apps;
mod audit;
mod completions;
#[cfg(feature = "serve")]
mod init;
mod keys;
#[cfg(feature = "serve")]
mod quickstart;
mod run;
mod secrets;
#[cfg(feature = "serve")]
mod serve;
#[cfg(not(feature = "serve"))]
mod slim;
#[cfg(feature = "serve")]
mod verify;

use std::ffi::OsString;

use anyhow::Result;
use strongroom_run::{Ending, Streams};

use crate::arguments::{Arguments, Audit, Command};
use crate::settings::{Environment, Settings};

#[cfg(not(feature = "serve"))]
use slim::{init, quickstart, serve, verify};

const DONE: Ending = Ending::Exited(0);

/// Does what was typed.
pub(crate) fn act(arguments: Arguments, environment: &Environment) -> Result<Ending> {
    let Arguments { everywhere, command } = arguments;
    let settings = &Settings::new(&everywhere, environment);
    match command {
        Command::Run(run) => return run::act(settings, run, Streams::look()),
        Command::Quickstart(quickstart) => return quickstart::act(settings, &quickstart),
        Command::Audit(Audit::Verify { without_key }) => return verify::act(settings, without_key),
        Command::Audit(Audit::List { app, collection }) => audit::list(settings, app, collection),
        Command::Init(init) => init::act(settings, init),
        Command::Serve(serve) => serve::act(settings, serve),
        Command::Apps(apps) => apps::act(settings, apps),
        Command::Secrets(secrets) => secrets::act(settings, secrets),
        Command::Keys(keys) => keys::act(settings, keys),
        Command::Completions { shell } => completions::act(shell),
    }
    .map(|()| DONE)
}

/// Whether `run` is the command, as far as can be told of a command line that may not parse: the first word that is
/// neither an option nor an option's value.
pub(crate) fn names_run(typed: &[OsString]) -> bool {
    let mut words = typed.iter().skip(1).filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        match word {
            "--data" | "--server" | "--api-key-file" | "--ca-cert" | "--proxy" | "--output"
            | "--log-format" => _ = words.next(),
            option if option.starts_with('-') => {}
            command => return command == "run",
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::names_run;
    use crate::arguments::Arguments;

    #[test]
    fn a_usage_error_of_run_is_told_apart() {
        fn check(line: &str, expected: bool) {
            let typed: Vec<_> = line.split(' ').map(Into::into).collect();
            assert_eq!(names_run(&typed), expected, "{line}");
        }
        check("strongroom run", true);
        check("strongroom -v --data run run --nonsense", true);
        check("strongroom --output=json run", true);
        check("strongroom --plain-http-exposes-secrets run", true);
        check("strongroom --data run apps list", false);
        check("strongroom apps create run", false);
        check("strongroom", false);
        // Every option of ours that has a value, wherever it comes from.
        for option in Arguments::command().get_arguments().filter(|option| option.get_action().takes_values())
        {
            let long = option.get_long().expect("every one has a long name");
            check(&format!("strongroom --{long} run apps list"), false);
        }
    }
}
