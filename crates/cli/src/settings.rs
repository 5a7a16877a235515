//! What the arguments and the environment mean together: where the data lies, where the root key comes from, which
//! application is meant. Flags beat the environment. This is the only file that reads the environment.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use etcetera::BaseStrategy;
use strongroom_secrets::{ApplicationId, Timestamp};

use crate::arguments::{Everywhere, Output};

/// The environment as it was when the program started.
#[derive(Debug)]
pub(crate) struct Environment {
    variables: BTreeMap<OsString, OsString>,
    /// The program as it was called.
    pub(crate) program: OsString,
    /// The working directory.
    pub(crate) directory: PathBuf,
}

impl Environment {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub(crate) fn read() -> Result<Self> {
        Ok(Self {
            variables: std::env::vars_os().collect(),
            program: std::env::args_os().next().unwrap_or_else(|| "strongroom".into()),
            directory: std::env::current_dir().context("there is no working directory")?,
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

    /// What only a later version can open must not be passed over in silence: the wrong strongroom would be used.
    fn refuse_other_homes(&self) -> Result<()> {
        for name in ["STRONGROOM_URL", "STRONGROOM_DATABASE"] {
            if self.variable(name).is_some() {
                bail!(
                    "{name} is set, and this program works on a data folder only; unset it or give --data DIR"
                );
            }
        }
        Ok(())
    }

    /// The same without any setting of ours.
    pub(crate) fn without_settings(&self) -> Self {
        let ours = |name: &OsString| name.as_encoded_bytes().starts_with(b"STRONGROOM_");
        let kept = self.variables().into_iter().filter(|(name, _)| !ours(name));
        Self { variables: kept.collect(), program: self.program.clone(), directory: self.directory.clone() }
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

/// Where a root key comes from: never a key itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source(PathBuf);

impl Source {
    pub(crate) fn file(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn parse(text: &str, directory: &Path) -> Result<Self> {
        let path = text.strip_prefix("file:").filter(|path| !path.is_empty()).ok_or_else(|| {
            anyhow!(
                "a root key's source is file:PATH, for example file:/etc/strongroom.key; it names a file and is never a key"
            )
        })?;
        if path.contains("strongroom-root-key") && path.contains(char::is_whitespace) {
            bail!("file: is followed by the path of a file (not shown: it looks like a key)");
        }
        if path == "~" || path.starts_with("~/") {
            bail!("file:~ is not the home folder, for no shell has read it: write file:$HOME/…");
        }
        Ok(Self(directory.join(path)))
    }

    /// The source as text, to be noted.
    pub(crate) fn text(&self) -> Result<String> {
        let path = self
            .0
            .to_str()
            .context("the path of the root key is not UTF-8, so it cannot be noted; choose another")?;
        Ok(format!("file:{path}"))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

/// What every command knows.
#[derive(Debug)]
pub(crate) struct Settings<'a> {
    pub(crate) environment: &'a Environment,
    /// The data folder, as an absolute path.
    pub(crate) data: PathBuf,
    /// Where the root key comes from, where the environment says so.
    pub(crate) root_key: Option<Source>,
    pub(crate) output: Output,
}

impl<'a> Settings<'a> {
    /// The settings of a command. One that is `local` works on a data folder only, and a server or a database that
    /// the environment names is not its business.
    pub(crate) fn new(everywhere: &Everywhere, environment: &'a Environment, local: bool) -> Result<Self> {
        if everywhere.data.is_none() && !local {
            environment.refuse_other_homes()?;
        }
        let data = match (&everywhere.data, environment.variable("STRONGROOM_DATA")) {
            (Some(data), _) => data.clone(),
            (None, Some(data)) => data.into(),
            (None, None) => default_data(&xdg()?),
        };
        let root_key = environment.text("STRONGROOM_ROOT_KEY")?;
        Ok(Self {
            environment,
            data: environment.directory.join(data),
            root_key: root_key
                .map(|text| Source::parse(text, &environment.directory))
                .transpose()
                .context("STRONGROOM_ROOT_KEY is refused")?,
            output: everywhere.output,
        })
    }

    /// Whether the data lies where a command without any setting looks for it.
    pub(crate) fn is_default_data(&self) -> bool {
        xdg().is_ok_and(|xdg| default_data(&xdg) == self.data)
    }

    /// Where `init` puts a root key that nobody placed: outside the data folder.
    pub(crate) fn default_root_key(&self, instance: &str) -> Result<Source> {
        Ok(Source::file(xdg()?.config_dir().join("strongroom").join(format!("{instance}.key"))))
    }

    /// The application that is meant.
    pub(crate) fn application(&self, given: Option<&str>) -> Result<ApplicationId> {
        let text = match given {
            Some(text) => Some(text),
            None => self.environment.text("STRONGROOM_APP")?,
        };
        let text =
            text.ok_or(crate::outcome::Usage("which application? give --app APP or set STRONGROOM_APP"))?;
        Ok(ApplicationId::parse(text)?)
    }
}

fn default_data(xdg: &etcetera::base_strategy::Xdg) -> PathBuf {
    xdg.data_dir().join("strongroom")
}

fn xdg() -> Result<etcetera::base_strategy::Xdg> {
    etcetera::base_strategy::Xdg::new()
        .context("there is no home folder; set HOME, or give --data DIR and file:PATH")
}
