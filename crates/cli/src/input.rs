//! Values on their way in: from files, standard input and the terminal, into buffers that are wiped. A literal value
//! on the command line is refused, because it would sit in the shell's history and in `ps`.

mod document;

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr};
use strongroom_secrets::{Draft, Limits, Place, RequestError, Secret, SecretType, SecretValue};
use zeroize::Zeroizing;

use crate::arguments::{Dialect, Given};
use crate::outcome::Usage;

/// What was given, its names judged and nothing of it read yet.
pub(crate) struct Offer {
    from: Option<PathBuf>,
    dialect: Option<Dialect>,
    secrets: Vec<(Place, Origin)>,
    name: Option<String>,
    description: Option<String>,
}

/// Where a value comes from.
enum Origin {
    Terminal,
    Input,
    File(PathBuf),
}

impl Offer {
    /// Judges what was given.
    pub(crate) fn parse(given: Given) -> Result<Self> {
        let Given { from, dialect, env, file, name, description } = given;
        if from.as_deref().is_some_and(is_json) {
            return Err(Usage::from(
                "--from takes a file; give JSON itself on standard input, with --from -",
            )
            .into());
        }
        let envs = env.iter().map(|text| parse_env(text));
        let files = file.iter().map(|text| parse_file(text));
        let secrets = envs.chain(files).collect::<Result<Vec<_>>>()?;
        let on_stdin = secrets.iter().filter(|(_, origin)| matches!(origin, Origin::Input)).count()
            + from.iter().filter(|path| path.as_os_str() == "-").count();
        if on_stdin > 1 {
            return Err(Usage::from(
                "two values would be read from one standard input; give all but one as NAME=@PATH",
            )
            .into());
        }
        Ok(Self { from, dialect, secrets, name, description })
    }

    /// Whether secrets are given, as far as can be told before `--from` is read.
    pub(crate) fn has_secrets(&self) -> bool {
        self.from.is_some() || !self.secrets.is_empty()
    }

    /// Reads it all into one draft. `--env` and `--file` join, and win over nothing: a secret that is given twice is
    /// refused later, by the rules of sets.
    pub(crate) fn read(self, largest_document: u64) -> Result<Draft> {
        let mut draft = match &self.from {
            Some(path) => read_document(path, self.dialect, largest_document)?,
            None => Draft::default(),
        };
        // A document without secrets gives none, which is not the same as giving nothing.
        if self.has_secrets() {
            let secrets = draft.secrets.get_or_insert_default();
            for (place, origin) in &self.secrets {
                secrets.push(read_secret(place, origin)?);
            }
        }
        draft.name = self.name.or(draft.name);
        draft.description = self.description.or(draft.description);
        Ok(draft)
    }
}

/// Whether this is no path but what should be in the file: a message that quotes it would quote values.
fn is_json(path: &Path) -> bool {
    matches!(path.as_os_str().as_encoded_bytes().trim_ascii_start(), [b'{' | b'[', ..])
}

fn parse_env(text: &str) -> Result<(Place, Origin)> {
    let (location, origin) = match text.split_once('=') {
        None if std::io::stdin().is_terminal() => (text, Origin::Terminal),
        None => (text, Origin::Input),
        Some((location, reference)) => {
            let path = reference.strip_prefix('@').ok_or(Usage::from(
                "a value on the command line would sit in the shell's history and in ps: write NAME=@PATH, or NAME alone",
            ))?;
            (location, origin_of(path))
        }
    };
    Ok((parse_place(SecretType::Env, location)?, origin))
}

fn parse_file(text: &str) -> Result<(Place, Origin)> {
    // A location may contain "=", a reference begins with "=@".
    let (location, path) = text.split_once("=@").ok_or(Usage::from(
        "--file takes LOCATION=@PATH; a value on the command line would sit in the shell's history and in ps",
    ))?;
    Ok((parse_place(SecretType::File, location)?, origin_of(path)))
}

fn origin_of(path: &str) -> Origin {
    if path == "-" { Origin::Input } else { Origin::File(path.into()) }
}

fn parse_place(secret_type: SecretType, location: &str) -> Result<Place> {
    Place::parse(secret_type, location).map_err(|error| {
        let location = location.to_owned();
        Usage::of(RequestError::Location { secret_type: secret_type.as_str(), location, error }).into()
    })
}

fn read_document(path: &Path, dialect: Option<Dialect>, largest: u64) -> Result<Draft> {
    let bytes = read_path(path, largest)?;
    document::read(&bytes, dialect.unwrap_or_else(|| document::dialect_of(path, &bytes)))
        .with_context(|| format!("{} was not taken", path.display()))
}

fn read_secret(place: &Place, origin: &Origin) -> Result<Secret<SecretValue>> {
    let (secret_type, location) = (place.secret_type(), place.location());
    let mut bytes = match origin {
        Origin::Terminal => ask(location)?,
        Origin::Input => read_path(Path::new("-"), Limits::LARGEST)?,
        Origin::File(path) => read_path(path, Limits::LARGEST)?,
    };
    if secret_type == SecretType::Env && drop_line_end(&mut bytes) {
        eprintln!("strongroom: the final line end of {location:?} was dropped (--file keeps every byte)");
    }
    // A pipe whose first half failed ends like an empty one; a file that is empty is meant to be.
    if bytes.is_empty() && !matches!(origin, Origin::File(_)) {
        bail!("nothing was read for {location}; to set an empty value give an empty file: {location}=@FILE");
    }
    let value = SecretValue::parse(bytes)
        .with_context(|| format!("{}:{location:?} is refused", secret_type.as_str()))?;
    Ok(Secret { secret_type, location: location.to_owned(), value })
}

/// Asks for one line. The rest of a longer paste must not reach the shell, which would show it, run it and keep it in
/// its history.
fn ask(name: &str) -> Result<Zeroizing<Vec<u8>>> {
    let terminal = File::open("/dev/tty").context("there is no terminal to ask on")?;
    let _hidden =
        Hidden::begin(&terminal).context("the terminal cannot be kept from showing what is typed")?;
    let typed =
        rpassword::prompt_password(format!("Value of {name} (not shown): ")).context("no value was typed")?;
    let typed = Zeroizing::new(typed.into_bytes());
    let mut waiting = [PollFd::new(&terminal, PollFlags::IN)];
    if poll(&mut waiting, Some(&Timespec::default())).context("the terminal is gone")? > 0 {
        tcflush(&terminal, QueueSelector::IFlush).context("the terminal is gone")?;
        bail!("more than one line was typed, and nothing was stored; use {name}=@PATH");
    }
    Ok(typed)
}

/// A terminal that shows nothing of what is typed, from before the prompt: who types ahead of it must not be shown either.
struct Hidden<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Hidden<'a> {
    fn begin(terminal: &'a File) -> rustix::io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(terminal, OptionalActions::Now, &hidden)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}

/// Reads a whole file, or standard input for `-`, up to `limit` bytes. The limit of a value is judged later, where its
/// actual size can be named; this one only keeps a mistaken path from filling the memory.
fn read_path(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>> {
    if path.as_os_str() == "-" {
        return read_all(std::io::stdin().lock(), limit).context("standard input was not taken");
    }
    let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    if size > limit {
        bail!("{} has {size} bytes, and the limit here is {limit}", path.display());
    }
    read_all(file, limit).with_context(|| format!("{} was not taken", path.display()))
}

/// Reads piece by piece, so that no buffer grows and leaves a copy of itself behind.
fn read_all(mut reader: impl Read, limit: u64) -> Result<Zeroizing<Vec<u8>>> {
    const PIECE: usize = 64 * 1024;
    // One line end more than the limit may still be dropped.
    let most = limit + 2;
    let mut pieces = Vec::new();
    let mut length = 0;
    loop {
        let mut piece = Zeroizing::new(vec![0; PIECE]);
        let read = fill(&mut reader, &mut piece)?;
        if read == 0 {
            break;
        }
        length += read;
        if length as u64 > most {
            bail!("it has more than {limit} bytes, the limit here");
        }
        pieces.push((piece, read));
    }
    let mut whole = Zeroizing::new(Vec::with_capacity(length));
    for (piece, read) in &pieces {
        whole.extend_from_slice(&piece[..*read]);
    }
    Ok(whole)
}

fn fill(reader: &mut impl Read, piece: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < piece.len() {
        match reader.read(&mut piece[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn drop_line_end(bytes: &mut Zeroizing<Vec<u8>>) -> bool {
    if bytes.last() != Some(&b'\n') {
        return false;
    }
    bytes.pop();
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_final_line_end_is_dropped_and_no_more() {
        fn check(input: &str, expected: &str) {
            let mut bytes = Zeroizing::new(input.as_bytes().to_vec());
            drop_line_end(&mut bytes);
            assert_eq!(bytes.as_slice(), expected.as_bytes());
        }
        check("v\n", "v");
        check("v\r\n", "v");
        check("v\n\n", "v\n");
        check("v", "v");
        check("v\r", "v\r");
        check("", "");
    }

    #[test]
    fn what_is_longer_than_the_limit_is_refused_with_the_limit() {
        assert_eq!(read_all(&[b'a'; 70_000][..], 70_000).expect("within").len(), 70_000);
        let error = read_all(&[b'a'; 70_003][..], 70_000).expect_err("beyond");
        assert!(error.to_string().contains("70000"), "{error}");
    }
}
