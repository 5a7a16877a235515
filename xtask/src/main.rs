//! The repository's own commands: the whole test run, and the walls between the rooms. Deliberately not a build
//! system: cargo builds, this only asks it.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a tool for the desk: it prints and starts cargo"
)]

mod clients;
mod fuzz;
mod needs;
mod repository;
mod suites;
mod walls;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::repository::Repository;

const USAGE: &str = "\
usage: cargo xtask test [--rounds N] [--load SECONDS]
                                       every suite, one after another; ends with `N passed, N failed`
                                       --rounds N: how often the kill loop kills (STRONGROOM_TEST_ROUNDS)
                                       --load SECONDS: how long each hostile load lasts (STRONGROOM_TEST_LOAD)
       cargo xtask needs               what the tests need, put in place; says which variables `cargo test` wants
       cargo xtask walls               the walls alone
       cargo xtask fuzz [TARGET] [--seconds N]
                                       looks for inputs that break a parser, a minute at each target";

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
        ["test", flags @ ..] => test(root, parse_flags(flags)?),
        ["needs"] => show_needs(root),
        ["walls"] => Ok(show_walls(&Repository::read(root)?)),
        ["fuzz", asked @ ..] => fuzz::fuzz(root, &fuzz::Asked::parse(asked)?),
        _ => bail!("not a command of this repository\n{USAGE}"),
    }
}

/// How much is tested: the flag, and the variable that hands it to the tests.
const FLAGS: [(&str, &str); 2] = [("--rounds", "STRONGROOM_TEST_ROUNDS"), ("--load", "STRONGROOM_TEST_LOAD")];

fn parse_flags(typed: &[&str]) -> Result<Vec<(&'static str, OsString)>> {
    let (pairs, rest) = typed.as_chunks::<2>();
    if let [flag] = rest {
        bail!("{flag} is not a flag of test, or lacks its number\n{USAGE}");
    }
    let parse = |[flag, number]: &[&str; 2]| {
        let Some((_, variable)) = FLAGS.iter().find(|(name, _)| name == flag) else {
            bail!("{flag} is not a flag of test\n{USAGE}");
        };
        match number.parse::<u32>() {
            Ok(number) if number > 0 => Ok((*variable, number.to_string().into())),
            _ => bail!("{flag} takes a whole number from 1"),
        }
    };
    pairs.iter().map(parse).collect()
}

fn test(root: &Path, flags: Vec<(&'static str, OsString)>) -> Result<ExitCode> {
    let started = Instant::now();
    needs::provide()?;
    let clients = clients::put_in_place(root);
    let mut results = vec![suites::Outcome::of_needs(clients.is_ok(), started.elapsed())];
    // The others have something to say all the same, and whoever is offline wants to hear it.
    let clients = clients.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        None
    });
    let clients = clients.map(|folder| (clients::VARIABLE, folder.into_os_string()));
    results.extend(suites::run_all(root, &flags.into_iter().chain(clients).collect::<Vec<_>>())?);
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
    fn flags_are_whole_numbers_from_one() {
        let check = |typed: &[&str], expected: Option<&[(&'static str, &str)]>| {
            let expected = expected
                .map(|flags| flags.iter().map(|(name, number)| (*name, OsString::from(number))).collect());
            assert_eq!(parse_flags(typed).ok(), expected, "{typed:?}");
        };
        let (rounds, load) = ("STRONGROOM_TEST_ROUNDS", "STRONGROOM_TEST_LOAD");
        check(&[], Some(&[]));
        check(&["--rounds", "1"], Some(&[(rounds, "1")]));
        check(&["--load", "30", "--rounds", "5000"], Some(&[(load, "30"), (rounds, "5000")]));
        check(&["--rounds"], None);
        check(&["--rounds", "0"], None);
        check(&["--rounds", "-3"], None);
        check(&["--load", "many"], None);
        check(&["--load", ""], None);
        check(&["--lode", "3"], None);
    }

    #[test]
    fn an_unknown_command_is_refused_with_the_usage() {
        let refused =
            carry_out(Path::new("/"), &["tset".to_owned()]).expect_err("a typing error is no command");
        assert!(refused.to_string().contains("usage: cargo xtask test"));
    }
}
