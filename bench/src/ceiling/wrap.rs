//! The bare wrapper: the least that a program must do to hand 20 values to another one, as variables (level 0) or as
//! files in memory with links to them (level 2). Deliberately without everything strongroom is for: store, cipher,
//! record, signals, masking, rules. A program of its own, so that nothing else is loaded with it.

#![expect(clippy::disallowed_methods, reason = "a wrapper starts a process")]

use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

const VALUES: usize = 20;
const LENGTH: usize = 1024;

fn main() -> ExitCode {
    let typed: Vec<OsString> = std::env::args_os().skip(1).collect();
    let [level, memory, home, program] = typed.as_slice() else {
        eprintln!("usage: strongroom-bench-wrap 0|2 MEMORY HOME PROGRAM");
        return ExitCode::from(2);
    };
    let mut command = Command::new(program);
    let ended = match level.to_str() {
        Some("0") => Err(command.envs(variables()).exec()),
        _ => start_with_files(&mut command, Path::new(memory), Path::new(home)),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("strongroom-bench-wrap: {error}");
            ExitCode::FAILURE
        }
    }
}

fn variables() -> impl Iterator<Item = (String, String)> {
    (0..VALUES).map(|number| (format!("SECRET_{number}"), value(number)))
}

fn value(number: usize) -> String {
    char::from(b'a' + (number % 26) as u8).to_string().repeat(LENGTH)
}

/// Real files in a private folder in memory, a link to each in the home; all of it removed when the program has ended.
fn start_with_files(command: &mut Command, memory: &Path, home: &Path) -> io::Result<bool> {
    let folder = memory.join(format!("wrap-{}", std::process::id()));
    DirBuilder::new().mode(0o700).create(&folder)?;
    for number in 0..VALUES {
        let name = format!("secret-{number}");
        let file = folder.join(&name);
        let mut opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file)?;
        opened.write_all(value(number).as_bytes())?;
        symlink(&file, home.join(&name))?;
    }
    let ended = command.env("STRONGROOM_FILES", &folder).status();
    for number in 0..VALUES {
        let name = format!("secret-{number}");
        fs::remove_file(home.join(&name))?;
        fs::remove_file(folder.join(&name))?;
    }
    fs::remove_dir(&folder)?;
    Ok(ended?.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_finds_every_file_and_nothing_stays() {
        let (memory, home) = (tempfile::tempdir(), tempfile::tempdir());
        let (memory, home) = (memory.expect("a folder for tests"), home.expect("a folder for tests"));
        let mut command = Command::new("/bin/sh");
        command
            .current_dir(&home)
            .args(["-c", "test $(cat secret-* | wc -c) = 20480 && test -d $STRONGROOM_FILES"]);
        assert!(start_with_files(&mut command, memory.path(), home.path()).expect("a shell"));
        for folder in [memory, home] {
            assert_eq!(fs::read_dir(&folder).expect("our own folder").count(), 0);
        }
    }

    #[test]
    fn the_values_are_as_many_and_as_long_as_the_subject_has() {
        let lengths: Vec<usize> = variables().map(|(_, value)| value.len()).collect();
        assert_eq!(lengths, [1024; 20]);
    }
}
