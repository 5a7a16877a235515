//! Values on their way in: from files, standard input and the terminal, into buffers that are wiped. A literal value
//! on the command line is refused, because it would sit in the shell's history and in `ps`.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::Path;

use anyhow::{Context, Result, bail};
use strongroom_secrets::{Document, Draft, Limits, Secret, SecretType, SecretValue};
use zeroize::Zeroizing;

use crate::arguments::Given;
use crate::outcome::Usage;

/// Reads what was given into one draft. `--env` and `--file` join, and win over nothing: a secret that is given twice
/// is refused later, by the rules of sets.
pub(crate) fn read(given: Given, limits: Limits) -> Result<Draft> {
    let Given { from, env, file, name, description } = given;
    let on_stdin = env.iter().filter(|text| !text.contains('=') || text.ends_with("=@-")).count()
        + file.iter().filter(|text| text.ends_with("=@-")).count()
        + from.iter().filter(|path| path.as_os_str() == "-").count();
    if on_stdin > 1 && !std::io::stdin().is_terminal() {
        return Err(Usage(
            "two values would be read from one standard input; give all but one as NAME=@PATH",
        )
        .into());
    }
    let mut draft = match &from {
        Some(path) => read_json(path, limits)?,
        None => Draft::default(),
    };
    let mut secrets = draft.secrets.take().unwrap_or_default();
    for text in env {
        secrets.push(read_env(&text)?);
    }
    for text in file {
        secrets.push(read_file(&text)?);
    }
    if !secrets.is_empty() || from.is_some() {
        draft.secrets = Some(secrets);
    }
    draft.name = name.or(draft.name);
    draft.description = description.or(draft.description);
    Ok(draft)
}

fn read_json(path: &Path, limits: Limits) -> Result<Draft> {
    let bytes = read_path(path, limits.body())?;
    let named = |error| anyhow::Error::new(error).context(format!("{} was not taken", path.display()));
    let document = Document::parse(&bytes).map_err(named)?;
    Draft::read(&document).map_err(named)
}

fn read_env(text: &str) -> Result<Secret<SecretValue>> {
    let (location, mut bytes) = match text.split_once('=') {
        None if std::io::stdin().is_terminal() => (text, ask(text)?),
        None => (text, read_path(Path::new("-"), Limits::LARGEST)?),
        Some((name, reference)) => (name, read_reference(reference)?),
    };
    if drop_line_end(&mut bytes) {
        eprintln!("strongroom: the final line end of {location:?} was dropped (--file keeps every byte)");
    }
    secret(SecretType::Env, location, bytes)
}

fn read_file(text: &str) -> Result<Secret<SecretValue>> {
    // A location may contain "=", a reference begins with "=@".
    let Some((location, path)) = text.split_once("=@") else {
        return Err(Usage(
            "--file takes LOCATION=@PATH; a value on the command line would sit in the shell's history and in ps",
        )
        .into());
    };
    secret(SecretType::File, location, read_path(Path::new(path), Limits::LARGEST)?)
}

fn read_reference(reference: &str) -> Result<Zeroizing<Vec<u8>>> {
    match reference.strip_prefix('@') {
        Some(path) => read_path(Path::new(path), Limits::LARGEST),
        None => Err(Usage(
            "a value on the command line would sit in the shell's history and in ps: write NAME=@PATH, or NAME alone",
        )
        .into()),
    }
}

fn secret(secret_type: SecretType, location: &str, bytes: Zeroizing<Vec<u8>>) -> Result<Secret<SecretValue>> {
    let value =
        SecretValue::parse(bytes).with_context(|| format!("{} is refused", place(secret_type, location)))?;
    Ok(Secret { secret_type, location: location.to_owned(), value })
}

fn place(secret_type: SecretType, location: &str) -> String {
    format!("{}:{location:?}", secret_type.as_str())
}

fn ask(name: &str) -> Result<Zeroizing<Vec<u8>>> {
    let typed =
        rpassword::prompt_password(format!("Value of {name} (not shown): ")).context("no value was typed")?;
    Ok(Zeroizing::new(typed.into_bytes()))
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
