//! `quickstart`: the whole story on the examples, in a folder of its own. Every step prints the ordinary command that
//! it is, and then does exactly that command, in this process.

mod folder;

use anyhow::{Result, bail};
use clap::Parser;
use strongroom_run::{Ending, Program, Streams};
use strongroom_secrets::{ApplicationId, CollectionId};
use strongroom_store::{OpenError, Store};

use self::folder::{Folder, KEY_FILE};
use super::DONE;
use crate::arguments::{Arguments, Command, Quickstart};
use crate::embedded::{Embedded, block_on};
use crate::outcome::{Usage, confirm, sentence};
use crate::output::{quoted, say};
use crate::settings::{Data, Environment, Settings};
use crate::strongroom::present;

const APP: &str = "quickstart";
const COLLECTION: &str = "my-secrets-collection";

pub(super) fn act(settings: &Settings<'_>, typed: &Quickstart) -> Result<Ending> {
    if settings.names_a_strongroom() {
        return Err(Usage::from(
            "quickstart makes a data folder of its own; give it a folder instead of --data or --server",
        )
        .into());
    }
    let folder = Folder::parse(&typed.dir)?;
    let story = Story { folder, environment: settings.environment.without_settings() };
    if typed.clean { story.clean(typed.yes) } else { story.tell() }
}

/// What an earlier quickstart made.
struct There {
    application: bool,
    /// The current version of the collection.
    version: Option<u64>,
}

struct Story {
    folder: Folder,
    environment: Environment,
}

impl Story {
    fn tell(&self) -> Result<Ending> {
        self.folder.lay_out()?;
        let key = format!("file:{}", self.folder.join("key").join(KEY_FILE).display());
        let collection = self.folder.join("home").join("collection.json").display().to_string();
        let home = self.folder.join("home").display().to_string();

        say("1. A strongroom: a data folder, and a root key that lies elsewhere.")?;
        self.step(&["init", "--root-key", &key])?;
        say("2. An application, and a secrets collection for it: a variable and two files.")?;
        let There { application, version } = self.there()?;
        if !application {
            self.step(&["apps", "create", APP])?;
        }
        match version {
            Some(version) if self.folder.noted()? != Some(version) => {
                say("   The collection was changed since the last quickstart, and is kept as it is.")?;
            }
            Some(_) => self.write(&["secrets", "update", COLLECTION, "--app", APP, "--from", &collection])?,
            None => self.write(&["secrets", "create", "--app", APP, "--from", &collection])?,
        }
        say("3. What may be seen of it: everything but the values.")?;
        self.step(&["secrets", "get", COLLECTION, "--app", APP])?;
        say("4. A program that needs it. It prints its secrets, and they come out masked.")?;
        let (interpreter, script) = self.program();
        let script = self.folder.join("home").join(script).display().to_string();
        let ran = self.step(&[
            "run",
            "--app",
            APP,
            "--collection",
            COLLECTION,
            "--home",
            &home,
            "--",
            interpreter,
            &script,
        ])?;
        if ran != DONE {
            bail!("the example program did not succeed");
        }
        say("5. Every write made a version.")?;
        self.step(&["secrets", "versions", COLLECTION, "--app", APP])?;
        say("6. The ledger tells every step, the delivery among them; and it can be verified.")?;
        self.step(&["audit", "list", "--app", APP])?;
        let verified = self.step(&["audit", "verify"])?;
        say(&format!("Go on with these commands in {}, or remove it all:\n", self.folder.path().display()))?;
        let dir = quoted(&self.folder.path().display().to_string());
        say(&format!("    {} quickstart {dir} --clean", self.program_name()))?;
        Ok(verified)
    }

    /// Does a step that writes the example's collection, and notes the version that it made.
    fn write(&self, words: &[&str]) -> Result<()> {
        self.step(words)?;
        self.there()?.version.map_or(Ok(()), |version| self.folder.note(version))
    }

    /// What there is of the application and the collection.
    fn there(&self) -> Result<There> {
        let (app, id) = (ApplicationId::parse(APP)?, CollectionId::parse(COLLECTION)?);
        self.with(|strongroom| {
            let application = present(strongroom.get_application(&app))?;
            let collection = present(strongroom.get(&app, &id, None))?;
            Ok(There {
                application: application.is_ok(),
                version: collection.ok().map(|(_, version)| version),
            })
        })
    }

    /// Opens the strongroom there, looks at it, and lets it go.
    fn with<T>(&self, look: impl FnOnce(&Embedded) -> Result<T>) -> Result<T> {
        let strongroom = Embedded::open(&self.data()?)?;
        let looked = look(&strongroom);
        strongroom.finish();
        looked
    }

    fn data(&self) -> Result<Data> {
        Data::new(Some(&self.folder.join("data")), &self.environment)
    }

    /// Prints an ordinary command and does it.
    fn step(&self, words: &[&str]) -> Result<Ending> {
        let line = self.line(words);
        let shown: Vec<String> = line.iter().map(|word| quoted(word)).collect();
        // The run's output goes through a pipe, so that it is masked on a terminal too.
        let pipe = if words.first() == Some(&"run") { " | cat" } else { "" };
        say(&format!("\n    $ {}{pipe}\n", shown.join(" ")))?;
        let ended = self.act(&line)?;
        say("")?;
        Ok(ended)
    }

    fn act(&self, line: &[String]) -> Result<Ending> {
        let arguments = Arguments::try_parse_from(line)?;
        match arguments.command {
            Command::Run(run) => {
                let settings = Settings::new(&arguments.everywhere, &self.environment);
                super::run::act(&settings, run, Streams::look().through_pipes())
            }
            _ => super::act(arguments, &self.environment),
        }
    }

    fn line(&self, words: &[&str]) -> Vec<String> {
        let (options, after): (&[&str], &[&str]) = match words.iter().position(|word| *word == "--") {
            Some(at) => words.split_at(at),
            None => (words, &[]),
        };
        let data = self.folder.join("data").display().to_string();
        let mut line = vec![self.program_name()];
        line.extend(options.iter().map(|word| (*word).to_owned()));
        line.extend(["--data".to_owned(), data]);
        line.extend(after.iter().map(|word| (*word).to_owned()));
        line
    }

    fn program(&self) -> (&'static str, &'static str) {
        let path = self.environment.variable("PATH");
        match Program::find("python3".as_ref(), path, &self.environment.directory) {
            Ok(_) => ("python3", "show.py"),
            Err(_) => ("sh", "show.sh"),
        }
    }

    fn program_name(&self) -> String {
        self.environment.program.to_string_lossy().into_owned()
    }

    /// Removes the quickstart, after a question where more than the example would go with it.
    fn clean(&self, yes: bool) -> Result<Ending> {
        self.folder.check()?;
        let shown = self.folder.path().display();
        match self.foreign() {
            Ok(foreign) if foreign.is_empty() => {}
            Ok(foreign) => {
                confirm(
                    yes,
                    &format!("{shown} holds more than the example: {}. Remove it all?", foreign.join(", ")),
                )?;
            }
            Err(error) => {
                let why = sentence(&error);
                confirm(yes, &format!("What {shown} holds cannot be told ({why}). Remove it all?"))?;
            }
        }
        self.folder.remove()?;
        eprintln!("removed the quickstart in {shown}");
        Ok(DONE)
    }

    /// What the strongroom there holds that is not the example's.
    fn foreign(&self) -> Result<Vec<String>> {
        match block_on(Store::open(&self.data()?.folder))? {
            Err(OpenError::Missing { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
            Ok(store) => block_on(store.close())?,
        }
        let (app, id) = (ApplicationId::parse(APP)?, CollectionId::parse(COLLECTION)?);
        self.with(|strongroom| {
            let applications = strongroom.list_applications()?.into_iter();
            let mut foreign: Vec<String> =
                applications.map(|application| application.id).filter(|id| id != APP).collect();
            let ours = present(strongroom.list(&app))?.unwrap_or_default();
            let others = ours.into_iter().filter(|collection| collection.id != COLLECTION);
            foreign.extend(others.map(|collection| format!("{APP}/{}", collection.id)));
            if let Ok((_, version)) = present(strongroom.get(&app, &id, None))?
                && self.folder.noted()? != Some(version)
            {
                foreign.push(format!("{COLLECTION} with your changes"));
            }
            foreign.extend(self.folder.changed_examples());
            Ok(foreign)
        })
    }
}
