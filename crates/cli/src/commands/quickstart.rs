//! `quickstart`: the whole story on the examples, in a folder of its own. Every step prints the ordinary command that
//! it is, and then does exactly that command, in this process.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Parser;
use strongroom_custody::List;
use strongroom_run::{Ending, Program, Streams};
use strongroom_secrets::{ApplicationId, CollectionId};

use super::DONE;
use crate::arguments::{Arguments, Command, Everywhere, Output, Quickstart};
use crate::open::{self, block_on};
use crate::outcome::Usage;
use crate::output::say;
use crate::settings::{Environment, Settings};

const APP: &str = "quickstart";
const COLLECTION: &str = "my-secrets-collection";

/// The examples, compiled in.
const EXAMPLES: [(&str, &str); 3] = [
    ("collection.json", include_str!("../../../../examples/collection.json")),
    ("show.py", include_str!("../../../../examples/show.py")),
    ("show.sh", include_str!("../../../../examples/show.sh")),
];

/// What a strongroom keeps in its data folder.
const DATA_FILES: [&str; 4] = ["strongroom.db-wal", "strongroom.db-shm", "strongroom.db", "lock"];
const KEY_FILE: &str = "root.key";

pub(super) fn act(typed: &Quickstart, environment: &Environment, data_given: bool) -> Result<Ending> {
    if data_given {
        return Err(
            Usage("quickstart makes a data folder of its own; give it a folder instead of --data").into()
        );
    }
    let story = Story { dir: typed.dir.clone(), environment: environment.without_settings() };
    if typed.clean { story.clean() } else { story.tell() }
}

struct Story {
    dir: PathBuf,
    environment: Environment,
}

impl Story {
    fn tell(&self) -> Result<Ending> {
        self.lay_out()?;
        let key = format!("file:{}", self.path("key").join(KEY_FILE).display());
        let collection = self.path("home").join("collection.json").display().to_string();
        let home = self.path("home").display().to_string();

        say("1. A strongroom: a data folder, and a root key that lies elsewhere.")?;
        self.step(&["init", "--root-key", &key])?;
        say("2. An application, and a secrets collection for it: a variable and two files.")?;
        let there = self.there()?;
        if !there.0 {
            self.step(&["apps", "create", APP])?;
        }
        if there.1 {
            self.step(&["secrets", "update", COLLECTION, "--app", APP, "--from", &collection])?;
        } else {
            self.step(&["secrets", "create", "--app", APP, "--from", &collection])?;
        }
        say("3. What may be seen of it: everything but the values.")?;
        self.step(&["secrets", "get", COLLECTION, "--app", APP])?;
        say("4. A program that needs it. It prints its secrets, and they come out masked.")?;
        let (interpreter, script) = self.program();
        let script = self.path("home").join(script).display().to_string();
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
        say("6. Every step is in the ledger, the delivery among them; and the ledger can be verified.")?;
        self.step(&["audit", "list"])?;
        let verified = self.step(&["audit", "verify"])?;
        say(&format!("Go on with these commands in {}, or remove it all:\n", self.dir.display()))?;
        let dir = quoted(&self.dir.display().to_string());
        say(&format!("    {} quickstart {dir} --clean", self.program_name()))?;
        Ok(verified)
    }

    /// The folders and the examples. What is there already is kept, except the examples themselves.
    fn lay_out(&self) -> Result<()> {
        for folder in ["key", "home"] {
            let path = self.path(folder);
            make_private(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        }
        for (name, text) in EXAMPLES {
            let path = self.path("home").join(name);
            fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
        }
        Ok(())
    }

    /// Whether an earlier quickstart made the application and the collection.
    fn there(&self) -> Result<(bool, bool)> {
        let data = Some(self.path("data"));
        let settings =
            Settings::new(&Everywhere { data, output: Output::Table, verbose: 0 }, &self.environment, true)?;
        block_on(async {
            let custodian = open::custodian(&settings).await?;
            let access = open::caller().access::<List>(&ApplicationId::parse(APP)?);
            let application = custodian.get_application(&access).await.is_ok();
            Ok((application, custodian.get(&access, &CollectionId::parse(COLLECTION)?, None).await.is_ok()))
        })?
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
                let settings = Settings::new(&arguments.everywhere, &self.environment, true)?;
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
        let data = self.path("data").display().to_string();
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

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Removes what a quickstart makes, by name, and never more: a folder that holds something else stays.
    fn clean(&self) -> Result<Ending> {
        let examples = EXAMPLES.map(|(name, _)| name);
        let folders: [(&str, &[&str]); 3] =
            [("data", &DATA_FILES), ("key", &[KEY_FILE]), ("home", &examples)];
        if !self.path("data").join("strongroom.db").exists() && !self.path("home").join("show.py").exists() {
            bail!("{} holds no quickstart; nothing was removed", self.dir.display());
        }
        for (folder, files) in folders {
            let folder = self.path(folder);
            for file in files {
                remove(&folder.join(file), fs::remove_file)?;
            }
            remove(&folder, fs::remove_dir)?;
        }
        remove(&self.dir, fs::remove_dir)?;
        eprintln!("removed the quickstart in {}", self.dir.display());
        Ok(DONE)
    }
}

fn remove(path: &Path, how: fn(PathBuf) -> std::io::Result<()>) -> Result<()> {
    match how(path.to_owned()) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {
            eprintln!("strongroom: {} holds something else and stays", path.display());
            Ok(())
        }
        other => other.with_context(|| format!("{} cannot be removed", path.display())),
    }
}

fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:=@+,%".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_printed_command_can_be_typed() {
        assert_eq!(quoted("a/b-c.key"), "a/b-c.key");
        assert_eq!(quoted("my folder"), "'my folder'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
