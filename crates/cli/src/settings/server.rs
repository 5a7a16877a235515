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

use super::Environment;
use crate::arguments::Everywhere;
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
    let url = ServerUrl::parse(url, plain).map_err(|error| match error {
        ServerUrlError::PlainHttp { .. } => {
            anyhow!("{error}, or accept that with --plain-http-exposes-secrets")
        }
        other => other.into(),
    })?;
    let proxy = everywhere.proxy.as_deref().map(ProxyUrl::parse).transpose().context("--proxy is refused")?;
    Ok(Connection {
        url,
        token: token(everywhere, environment)?,
        ca_cert: ca_cert(everywhere, environment)?,
        proxy,
    })
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
    // Secrets that a container is given are often open to its every user, and nobody there can change that.
    if metadata.is_file() && metadata.mode() & 0o004 != 0 {
        let shown = path.display().to_string();
        eprintln!(
            "strongroom: every user of this machine can read {}: chmod o-r {}",
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

fn ca_cert(everywhere: &Everywhere, environment: &Environment) -> Result<Option<Vec<u8>>> {
    let named = environment.variable("STRONGROOM_CA_CERT").map(PathBuf::from);
    let Some(path) = everywhere.ca_cert.clone().or(named) else { return Ok(None) };
    let path = environment.directory.join(path);
    let pem = std::fs::read(&path);
    pem.map(Some).with_context(|| format!("the CA certificate {} cannot be read", path.display()))
}
