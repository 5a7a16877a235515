//! Decides a whole run before anything happens: the child's environment, every file, what will be masked, and every
//! refusal that can be known beforehand. It touches nothing: no file, no process, no clock.

use std::collections::HashSet;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use strongroom_secrets::{EnvName, FileLocation, Place, SecretValue, Secrets};

use crate::denied::is_denied;
use crate::ending::Ending;
use crate::environment::{Environment, LONGEST, VariableError, check_size};
use crate::mask::Patterns;
use crate::notes::Note;
use crate::program::Program;
use crate::runtime::RuntimeFolders;
use crate::seclusion::CoreLimit;
use crate::streams::Streams;

/// The variable that tells the child where its files truly lie.
pub(crate) const FILES_VARIABLE: &str = "STRONGROOM_FILES";

/// What is to be started: argv is a list and stays one.
#[derive(Debug)]
pub struct Command {
    /// The program that [`Program::find`] found for `argv[0]`.
    pub program: Program,
    /// All arguments, the first being the name as it was typed.
    pub argv: Vec<OsString>,
    /// What it may leave when it crashes: its own business, and not what we allow ourselves.
    pub core: CoreLimit,
}

/// What this command line and this machine allow.
#[derive(Debug)]
pub struct Rules {
    /// The execution home, below which files appear; absolute.
    pub home: PathBuf,
    /// Names of `--allow-env`.
    pub allow_env: Vec<String>,
    /// Whether values are masked in the child's output.
    pub mask: bool,
    /// Where files may truly lie.
    pub runtime: RuntimeFolders,
}

/// A run, decided. Holds the values; nobody can look at them here, and they are wiped when it is dropped.
pub struct Plan {
    pub(crate) program: Program,
    pub(crate) argv: Vec<CString>,
    pub(crate) core: CoreLimit,
    pub(crate) environment: Environment,
    pub(crate) files: Vec<(FileLocation, SecretValue)>,
    pub(crate) patterns: Patterns,
    pub(crate) home: PathBuf,
    pub(crate) runtime: RuntimeFolders,
    replaced: Vec<EnvName>,
    not_maskable: Vec<Place>,
}

/// Decides what can be decided before the values are there, from the places of secrets and their lengths in bytes: a run
/// that is refused here needs no delivery.
///
/// # Errors
/// [`Refusal`], the same that [`plan`] would give.
pub fn preflight(secrets: &[(Place, u64)], rules: &Rules) -> Result<(), Refusal> {
    if !rules.home.is_absolute() {
        return Err(Refusal::RelativeHome { home: rules.home.clone() });
    }
    for (name, bytes) in secrets.iter().filter_map(|(place, bytes)| Some((env_name(place)?, bytes))) {
        check_name(name, &rules.allow_env)?;
        let length = usize::try_from(*bytes).unwrap_or(usize::MAX);
        check_size(name.as_str().len(), length)
            .map_err(|error| variable_refusal(OsStr::new(name.as_str()), error))?;
    }
    Ok(())
}

/// Decides a run.
///
/// # Errors
/// [`Refusal`]: nothing has been touched, and the child's exit code is 125.
pub fn plan(
    secrets: Secrets<SecretValue>,
    command: Command,
    inherited: Vec<(OsString, OsString)>,
    rules: Rules,
) -> Result<Plan, Refusal> {
    let outline = |(place, value): &(Place, SecretValue)| (place.clone(), value.len() as u64);
    preflight(&secrets.entries().iter().map(outline).collect::<Vec<_>>(), &rules)?;
    let (patterns, not_maskable) =
        if rules.mask { patterns(&secrets) } else { (Patterns::new(), Vec::new()) };
    let Command { program, argv, core } = command;
    let (environment, replaced) = environment(&secrets, &inherited)?;
    Ok(Plan {
        program,
        argv: c_strings(argv)?,
        core,
        environment,
        files: files(secrets),
        patterns,
        home: rules.home,
        runtime: rules.runtime,
        replaced,
        not_maskable,
    })
}

fn check_name(name: &EnvName, allowed: &[String]) -> Result<(), Refusal> {
    if name.as_str() == FILES_VARIABLE {
        return Err(Refusal::OurName);
    }
    if is_denied(name.as_str()) && !allowed.iter().any(|allowed| allowed == name.as_str()) {
        return Err(Refusal::DeniedName { name: name.clone() });
    }
    Ok(())
}

fn patterns(secrets: &Secrets<SecretValue>) -> (Patterns, Vec<Place>) {
    let mut patterns = Patterns::new();
    let not_maskable = secrets.entries().iter().filter(|(_, value)| !patterns.add(value.expose()));
    let not_maskable = not_maskable.map(|(place, _)| place.clone()).collect();
    (patterns, not_maskable)
}

/// What we inherited, without our own settings and without what a secret replaces; then the secrets.
fn environment(
    secrets: &Secrets<SecretValue>,
    inherited: &[(OsString, OsString)],
) -> Result<(Environment, Vec<EnvName>), Refusal> {
    let variables = || secrets.entries().iter().filter_map(|(place, value)| Some((env_name(place)?, value)));
    let names: HashSet<&[u8]> = variables().map(|(name, _)| name.as_str().as_bytes()).collect();
    let there: HashSet<&[u8]> = inherited.iter().map(|(name, _)| name.as_bytes()).collect();
    let mut environment = Environment::default();
    for (name, value) in inherited {
        let bytes = name.as_bytes();
        // Our own token and settings are for us, never for the child.
        if !bytes.starts_with(b"STRONGROOM_") && !names.contains(bytes) {
            environment.push(bytes, value.as_bytes()).map_err(|error| variable_refusal(name, error))?;
        }
    }
    let mut replaced = Vec::new();
    for (name, value) in variables() {
        let bytes = name.as_str().as_bytes();
        let refusal = |error| variable_refusal(OsStr::from_bytes(bytes), error);
        environment.push(bytes, value.expose().as_bytes()).map_err(refusal)?;
        if there.contains(bytes) {
            replaced.push(name.clone());
        }
    }
    Ok((environment, replaced))
}

fn variable_refusal(name: &OsStr, error: VariableError) -> Refusal {
    let what = format!("the environment variable {}", name.display());
    match error {
        VariableError::Nul => Refusal::Nul { what },
        VariableError::TooLong { size } => Refusal::TooLong { what, size },
    }
}

fn env_name(place: &Place) -> Option<&EnvName> {
    match place {
        Place::Env(name) => Some(name),
        Place::File(_) => None,
    }
}

fn c_strings(argv: Vec<OsString>) -> Result<Vec<CString>, Refusal> {
    let numbered = argv.into_iter().enumerate();
    let c_string = |(number, argument): (usize, OsString)| {
        CString::new(argument.into_vec()).map_err(|_| Refusal::Nul { what: format!("argument {number}") })
    };
    numbered.map(c_string).collect()
}

fn files(secrets: Secrets<SecretValue>) -> Vec<(FileLocation, SecretValue)> {
    let file = |(place, value)| match place {
        Place::File(location) => Some((location, value)),
        Place::Env(_) => None,
    };
    secrets.into_entries().into_iter().filter_map(file).collect()
}

impl Plan {
    /// The isolation level of product terms: 0 without files, 2 with.
    #[must_use]
    pub fn level(&self) -> u8 {
        if self.files.is_empty() { 0 } else { 2 }
    }

    /// The secrets that take the place of an inherited variable, for `--explain`.
    #[must_use]
    pub fn replaced(&self) -> &[EnvName] {
        &self.replaced
    }

    /// What a person should be told before the run.
    #[must_use]
    pub fn notes(&self, streams: Streams) -> Vec<Note> {
        let mut notes: Vec<Note> =
            self.not_maskable.iter().map(|place| Note::NotMaskable { place: place.clone() }).collect();
        if !self.patterns.is_empty() && streams.any_terminal() {
            notes.push(Note::TerminalUnmasked);
        }
        notes
    }
}

/// Why a run is refused before anything was touched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A secret has a name that changes how programs are found, loaded or trusted.
    #[error(
        "the secret {} could change which program runs or whom it trusts; pass --allow-env {} to deliver it",
        name.as_str(),
        name.as_str()
    )]
    DeniedName {
        /// The variable.
        name: EnvName,
    },
    /// A secret has the name of the variable that strongroom itself sets.
    #[error("the variable {FILES_VARIABLE} is set by strongroom itself; give the secret another name")]
    OurName,
    /// More than the kernel takes as one string.
    #[error("{what} has {size} bytes with its name, and the kernel takes {LONGEST}; deliver it as a file")]
    TooLong {
        /// The variable.
        what: String,
        /// With name, `=` and terminator.
        size: usize,
    },
    /// Nothing with a NUL byte can be handed to a process.
    #[error("{what} contains a NUL byte, which cannot be handed to a process")]
    Nul {
        /// The variable or argument.
        what: String,
    },
    /// The execution home must say where it is on its own.
    #[error("the home {} is not an absolute path; pass --home with one", home.display())]
    RelativeHome {
        /// As it was given.
        home: PathBuf,
    },
}

impl Refusal {
    /// How strongroom should end: 125.
    #[must_use]
    pub fn ending(&self) -> Ending {
        Ending::REFUSED
    }
}
