//! A server: its URL, what it is trusted by, and the API key to speak to it with, which comes from a file or the
//! environment and never from a command line. Nothing is sent here.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use strongroom_client::{Connection, PlainHttp, ProxyUrl, ServerUrl, ServerUrlError};
use strongroom_secrets::Token;
use zeroize::Zeroizing;

use super::{Environment, uid};
use crate::arguments::Everywhere;
use crate::outcome::Usage;
use crate::output::{printable, quoted};

/// More than any token has, with room for the line ends that editors leave.
const LONGEST_KEY_FILE: usize = 4096;

/// With what to reach the server of this URL.
pub(super) fn connection(
    url: &str,
    everywhere: &Everywhere,
    environment: &Environment,
) -> Result<Connection> {
    let plain = if everywhere.plain_http_exposes_secrets {
        PlainHttp::ExposingKeyAndValues
    } else {
        PlainHttp::OnLoopbackOnly
    };
    let url = ServerUrl::parse(url, plain).map_err(|error| refused(&error, everywhere.server.is_some()))?;
    let proxy = everywhere.proxy.as_deref().map(ProxyUrl::parse).transpose();
    let proxy = proxy.map_err(|error| Usage::about("--proxy", &format!("is refused: {error}")))?;
    Ok(Connection {
        url,
        token: token(everywhere, environment)?,
        ca_cert: ca_cert(everywhere, environment)?,
        proxy,
    })
}

/// A URL that is refused: a mistake of whoever typed it, or else of the environment.
fn refused(error: &ServerUrlError, typed: bool) -> anyhow::Error {
    let mut sentence = error.to_string();
    if let ServerUrlError::PlainHttp { .. } = error {
        sentence.push_str(", or accept that with --plain-http-exposes-secrets");
    }
    if typed { Usage(sentence.into()).into() } else { anyhow!(sentence) }
}

fn token(everywhere: &Everywhere, environment: &Environment) -> Result<Token> {
    if let Some(path) = &everywhere.api_key_file {
        let path = environment.directory.join(path);
        let text = read_key_file(&path)?;
        return Token::parse(text.trim_end()).with_context(|| format!("{} holds no API key", path.display()));
    }
    match environment.text("STRONGROOM_API_KEY")? {
        Some(text) => Token::parse(text).context("STRONGROOM_API_KEY is refused"),
        None => bail!("an API key is needed: set STRONGROOM_API_KEY, or give --api-key-file FILE"),
    }
}

fn read_key_file(path: &Path) -> Result<Zeroizing<String>> {
    let unreadable = || format!("the API key in {} cannot be read", path.display());
    let file = File::open(path).with_context(unreadable)?;
    let metadata = file.metadata().with_context(unreadable)?;
    if metadata.is_file() && is_open(metadata.mode(), metadata.uid(), uid()) {
        let shown = path.display().to_string();
        eprintln!(
            "strongroom: the API key in {} is open to other users: chmod 600 {}; it was used all the same",
            printable(&shown),
            printable(&quoted(&shown))
        );
    }
    let mut bytes = Zeroizing::new(vec![0; LONGEST_KEY_FILE]);
    let mut filled = 0;
    let mut reader = file.take(LONGEST_KEY_FILE as u64);
    loop {
        match reader.read(&mut bytes[filled..]).with_context(unreadable)? {
            0 => break,
            read => filled += read,
        }
    }
    let text = std::str::from_utf8(&bytes[..filled]).ok();
    text.map(|text| Zeroizing::new(text.to_owned()))
        .with_context(|| format!("{} holds no API key", path.display()))
}

/// Whether others can reach a file, where its user could change that: a secret that is mounted for us is root's, and often
/// open to every user of a container.
fn is_open(mode: u32, owner: u32, user: u32) -> bool {
    let mounted = owner == 0 && user != 0;
    mode & 0o077 != 0 && !mounted
}

fn ca_cert(everywhere: &Everywhere, environment: &Environment) -> Result<Option<Vec<u8>>> {
    let named = environment.variable("STRONGROOM_CA_CERT").map(PathBuf::from);
    let Some(path) = everywhere.ca_cert.clone().or(named) else { return Ok(None) };
    let path = environment.directory.join(path);
    let pem = std::fs::read(&path);
    pem.map(Some).with_context(|| format!("the CA certificate {} cannot be read", path.display()))
}

#[cfg(test)]
mod tests {
    use super::is_open;

    #[test]
    fn a_key_file_is_its_users_alone_or_mounted_by_root() {
        let check = |mode, owner, user, expected| {
            assert_eq!(is_open(mode, owner, user), expected, "{mode:o} of {owner} to {user}");
        };
        for (owner, user) in [(1000, 1000), (0, 0), (1001, 1000), (1000, 0)] {
            check(0o100_600, owner, user, false);
            check(0o100_400, owner, user, false);
            for mode in [0o100_604, 0o100_602, 0o100_640, 0o100_620, 0o100_644, 0o100_610] {
                check(mode, owner, user, true);
            }
        }
        check(0o100_644, 0, 1000, false);
        check(0o100_440, 0, 1000, false);
    }
}
