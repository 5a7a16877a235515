//! What the arguments and the environment mean together: which strongroom, which application. Flags beat the environment.
//! This is the only file that reads the environment.

#[cfg(feature = "serve")]
mod data;
mod server;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use strongroom_client::Connection;
use strongroom_run::CoreLimit;
use strongroom_secrets::{ApplicationId, Timestamp};

use crate::arguments::{Everywhere, Output};
use crate::outcome::Usage;

#[cfg(feature = "serve")]
pub(crate) use data::{Data, Source};

/// The environment as it was when the program started.
#[derive(Debug)]
pub(crate) struct Environment {
    variables: BTreeMap<OsString, OsString>,
    /// The program as it was called.
    #[cfg(feature = "serve")]
    pub(crate) program: OsString,
    /// The working directory.
    pub(crate) directory: PathBuf,
    /// What a child may leave when it crashes.
    pub(crate) core: CoreLimit,
}

impl Environment {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub(crate) fn read(core: CoreLimit) -> Result<Self> {
        Ok(Self {
            variables: std::env::vars_os().collect(),
            #[cfg(feature = "serve")]
            program: std::env::args_os().next().unwrap_or_else(|| "strongroom".into()),
            directory: std::env::current_dir().context("there is no working directory")?,
            core,
        })
    }

    /// A variable that is set and not empty.
    pub(crate) fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    fn text(&self, name: &str) -> Result<Option<&str>> {
        let Some(value) = self.variable(name) else { return Ok(None) };
        value.to_str().map(Some).with_context(|| format!("{name} is not UTF-8"))
    }

    /// The same without any setting of ours.
    #[cfg(feature = "serve")]
    pub(crate) fn without_settings(&self) -> Self {
        let ours = |name: &OsString| name.as_encoded_bytes().starts_with(b"STRONGROOM_");
        let kept = self.variables().into_iter().filter(|(name, _)| !ours(name));
        Self {
            variables: kept.collect(),
            program: self.program.clone(),
            directory: self.directory.clone(),
            core: self.core.clone(),
        }
    }

    /// All variables, for a child.
    pub(crate) fn variables(&self) -> Vec<(OsString, OsString)> {
        self.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// The moment at which something is done.
#[expect(clippy::disallowed_methods, reason = "the program's edge: time is an argument everywhere else")]
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// What every command knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings<'a> {
    pub(crate) environment: &'a Environment,
    pub(crate) output: Output,
    everywhere: &'a Everywhere,
}

/// Which strongroom a command works on.
pub(crate) enum Choice {
    /// One that this process opens.
    #[cfg(feature = "serve")]
    Embedded(Data),
    /// One that a server keeps.
    Served(Connection),
}

impl<'a> Settings<'a> {
    pub(crate) fn new(everywhere: &'a Everywhere, environment: &'a Environment) -> Self {
        Self { environment, output: everywhere.output, everywhere }
    }

    /// The strongroom that is meant: `--server` or `--data`; else what the environment names, a server first.
    pub(crate) fn choose(&self) -> Result<Choice> {
        let Everywhere { data, server, .. } = self.everywhere;
        if data.is_some() && server.is_some() {
            return Err(Usage::from("--server cannot be used with --data").into());
        }
        let url = match server {
            Some(url) => Some(url.as_str()),
            None if data.is_some() => None,
            None => self.environment.text("STRONGROOM_URL")?,
        };
        if let Some(url) = url {
            return server::connection(url, self.everywhere, self.environment).map(Choice::Served);
        }
        self.refuse_server_options("goes with a server: give --server URL, or set STRONGROOM_URL")?;
        // What only a later version can open must not be passed over in silence: the wrong strongroom would be used.
        if data.is_none() && self.environment.variable("STRONGROOM_DATABASE").is_some() {
            bail!(
                "STRONGROOM_DATABASE is set, and this program does not work on a database server yet; unset it or give \
                 --data DIR"
            );
        }
        self.embedded()
    }

    /// Refuses what has no meaning where no server is spoken to: whoever gives an API key expects its rights to count.
    fn refuse_server_options(&self, why: &'static str) -> Result<(), Usage> {
        let Everywhere { api_key_file, ca_cert, proxy, .. } = self.everywhere;
        let given = [
            ("--api-key-file", api_key_file.is_some()),
            ("--ca-cert", ca_cert.is_some()),
            ("--proxy", proxy.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((option, _)) => Err(Usage::about(option, why)),
            None => Ok(()),
        }
    }

    #[cfg(feature = "serve")]
    fn embedded(&self) -> Result<Choice> {
        Data::new(self.everywhere.data.as_deref(), self.environment).map(Choice::Embedded)
    }

    #[cfg(not(feature = "serve"))]
    fn embedded(&self) -> Result<Choice> {
        bail!(
            "which server? give --server URL or set STRONGROOM_URL: this is the slim program, which opens no data folder; \
             the full program strongroom does"
        )
    }

    /// The data folder of a command that works on one only. A server or a database that the environment names is not its
    /// business; one that is named on its command line is a mistake.
    #[cfg(feature = "serve")]
    pub(crate) fn data(&self) -> Result<Data> {
        const LOCAL: &str = "cannot be used here: this command works on a data folder";
        if self.everywhere.server.is_some() {
            return Err(Usage::about("--server", LOCAL).into());
        }
        self.refuse_server_options(LOCAL)?;
        Data::new(self.everywhere.data.as_deref(), self.environment)
    }

    /// Whether the command line names a strongroom.
    #[cfg(feature = "serve")]
    pub(crate) fn names_a_strongroom(&self) -> bool {
        self.everywhere.data.is_some() || self.everywhere.server.is_some()
    }

    /// Whether plain HTTP beyond this machine was allowed.
    #[cfg(feature = "serve")]
    pub(crate) fn allows_plain_http(&self) -> bool {
        self.everywhere.plain_http_exposes_secrets
    }

    /// The application that is meant.
    pub(crate) fn application(&self, given: Option<&str>) -> Result<ApplicationId> {
        if let Some(text) = given {
            return Ok(ApplicationId::parse(text).map_err(Usage::of)?);
        }
        let text = self.environment.text("STRONGROOM_APP")?;
        let text = text.ok_or(Usage::from("which application? give --app APP or set STRONGROOM_APP"))?;
        ApplicationId::parse(text).context("STRONGROOM_APP is refused")
    }
}

/// Whose process this is.
pub(crate) fn uid() -> u32 {
    rustix::process::geteuid().as_raw()
}
