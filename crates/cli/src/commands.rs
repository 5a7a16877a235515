//! What the commands do, each in a file of its own. They end with an [`Ending`], because `run` ends as its child did.

mod apps;
mod audit;
mod init;
mod quickstart;
mod run;
mod secrets;

use std::ffi::OsString;

use anyhow::Result;
use strongroom_run::Ending;

use crate::arguments::{Arguments, Audit, Command};
use crate::open::block_on;
use crate::settings::{Environment, Settings};

const DONE: Ending = Ending::Exited(0);

/// Does what was typed.
pub(crate) fn act(arguments: Arguments, environment: &Environment) -> Result<Ending> {
    if let Command::Quickstart(quickstart) = &arguments.command {
        return quickstart::act(quickstart, environment, arguments.everywhere.data.is_some());
    }
    let local = matches!(&arguments.command, Command::Init(_) | Command::Audit(Audit::Verify { .. }));
    let settings = Settings::new(&arguments.everywhere, environment, local)?;
    match arguments.command {
        Command::Init(init) => block_on(init::act(&settings, init))?.map(|()| DONE),
        Command::Run(run) => run::act(&settings, run, strongroom_run::Streams::look()),
        Command::Apps(apps) => block_on(apps::act(&settings, apps))?.map(|()| DONE),
        Command::Secrets(secrets) => block_on(secrets::act(&settings, secrets))?.map(|()| DONE),
        Command::Audit(audit) => block_on(audit::act(&settings, audit))?,
        Command::Quickstart(_) => Ok(DONE),
    }
}

/// Whether `run` is the command, as far as can be told of a command line that may not parse: the first word that is
/// neither an option nor an option's value.
pub(crate) fn names_run(typed: &[OsString]) -> bool {
    let mut words = typed.iter().skip(1).filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        match word {
            "--data" | "--output" => drop(words.next()),
            option if option.starts_with('-') => {}
            command => return command == "run",
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::names_run;

    #[test]
    fn a_usage_error_of_run_is_told_apart() {
        fn check(line: &str, expected: bool) {
            let typed: Vec<_> = line.split(' ').map(Into::into).collect();
            assert_eq!(names_run(&typed), expected, "{line}");
        }
        check("strongroom run", true);
        check("strongroom -v --data run run --nonsense", true);
        check("strongroom --output=json run", true);
        check("strongroom --data run apps list", false);
        check("strongroom apps create run", false);
        check("strongroom", false);
    }
}
