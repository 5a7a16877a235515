//! The repository's own commands: the whole test run, and the walls between the rooms. Deliberately not a build
//! system: cargo builds, this only asks it.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a tool for the desk: it prints and starts cargo"
)]

mod clients;
mod needs;
mod repository;
mod suites;
mod walls;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::repository::Repository;

const USAGE: &str = "\
usage: cargo xtask test [--rounds N]   every suite, one after another; ends with `N passed, N failed`
                                       --rounds N: how often the kill loop kills (STRONGROOM_TEST_ROUNDS)
       cargo xtask needs               what the tests need, put in place; says which variables `cargo test` wants
       cargo xtask walls               the walls alone";

fn main() -> ExitCode {
    let typed: Vec<String> = std::env::args().skip(1).collect();
    find_root().and_then(|root| carry_out(&root, &typed)).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// Cargo names the package that it runs; the repository is the folder around it.
fn find_root() -> Result<PathBuf> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
    Path::new(&package).join("..").canonicalize().context("find the repository")
}

fn carry_out(root: &Path, typed: &[String]) -> Result<ExitCode> {
    match typed.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["test"] => test(root, None),
        ["test", "--rounds", rounds] => test(root, Some(parse_rounds(rounds)?)),
        ["needs"] => show_needs(root),
        ["walls"] => Ok(show_walls(&Repository::read(root)?)),
        _ => bail!("not a command of this repository\n{USAGE}"),
    }
}

fn parse_rounds(text: &str) -> Result<u32> {
    match text.parse() {
        Ok(rounds) if rounds > 0 => Ok(rounds),
        _ => bail!("--rounds takes a whole number from 1"),
    }
}

fn test(root: &Path, rounds: Option<u32>) -> Result<ExitCode> {
    let started = Instant::now();
    needs::provide()?;
    let clients = clients::put_in_place(root);
    let mut results = vec![suites::Outcome::of_needs(clients.is_ok(), started.elapsed())];
    // The others have something to say all the same, and whoever is offline wants to hear it.
    let clients = clients.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        None
    });
    let rounds = rounds.map(|rounds| ("STRONGROOM_TEST_ROUNDS", rounds.to_string().into()));
    let clients = clients.map(|folder| (clients::VARIABLE, folder.into_os_string()));
    results.extend(suites::run_all(root, &rounds.into_iter().chain(clients).collect::<Vec<_>>())?);
    print!("{}", suites::report(&results));
    Ok(if results.iter().all(suites::Outcome::is_clean) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show_needs(root: &Path) -> Result<ExitCode> {
    needs::provide()?;
    if let Some(folder) = clients::put_in_place(root)? {
        println!("{}={}", clients::VARIABLE, folder.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn show_walls(repository: &Repository) -> ExitCode {
    let mut fallen = 0;
    for wall in walls::WALLS {
        let breaches = (wall.breaches)(repository);
        println!("{} {}", if breaches.is_empty() { "stands " } else { "BROKEN " }, wall.claim);
        for breach in &breaches {
            println!("        {breach}");
        }
        fallen += usize::from(!breaches.is_empty());
    }
    println!("{} stand, {fallen} broken", walls::WALLS.len() - fallen);
    if fallen == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_a_whole_number_from_one() {
        let check =
            |text: &str, expected: Option<u32>| assert_eq!(parse_rounds(text).ok(), expected, "{text}");
        check("1", Some(1));
        check("5000", Some(5000));
        check("0", None);
        check("-3", None);
        check("many", None);
        check("", None);
    }

    #[test]
    fn an_unknown_command_is_refused_with_the_usage() {
        let refused =
            carry_out(Path::new("/"), &["tset".to_owned()]).expect_err("a typing error is no command");
        assert!(refused.to_string().contains("usage: cargo xtask test"));
    }
}
