//! A data folder: where it lies, and where its root key comes from. What is in it is not known here.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use etcetera::BaseStrategy;

use super::Environment;
use crate::output::quoted;

/// Where a root key comes from: never a key itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source(PathBuf);

impl Source {
    fn file(path: PathBuf) -> Self {
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

/// A data folder that a command works on.
#[derive(Debug, Clone)]
pub(crate) struct Data {
    /// The folder, as an absolute path.
    pub(crate) folder: PathBuf,
    /// Where the root key comes from, where the environment says so.
    pub(crate) root_key: Option<Source>,
}

impl Data {
    /// The one that is given, or that the environment names, or the default.
    pub(crate) fn new(given: Option<&Path>, environment: &Environment) -> Result<Self> {
        let folder = match (given, environment.variable("STRONGROOM_DATA")) {
            (Some(data), _) => data.to_owned(),
            (None, Some(data)) => data.into(),
            (None, None) => default_data(&xdg()?),
        };
        let root_key = environment.text("STRONGROOM_ROOT_KEY")?;
        Ok(Self {
            folder: environment.directory.join(folder),
            root_key: root_key
                .map(|text| Source::parse(text, &environment.directory))
                .transpose()
                .context("STRONGROOM_ROOT_KEY is refused")?,
        })
    }

    /// What a command line needs to mean it: nothing, where it lies in the default place.
    pub(crate) fn option(&self) -> String {
        let is_default = xdg().is_ok_and(|xdg| default_data(&xdg) == self.folder);
        if is_default {
            String::new()
        } else {
            format!(" --data {}", quoted(&self.folder.display().to_string()))
        }
    }
}

impl Source {
    /// Where `init` puts a root key that nobody placed: outside the data folder.
    pub(crate) fn default_of(instance: &str) -> Result<Self> {
        Ok(Self::file(xdg()?.config_dir().join("strongroom").join(format!("{instance}.key"))))
    }
}

fn default_data(xdg: &etcetera::base_strategy::Xdg) -> PathBuf {
    xdg.data_dir().join("strongroom")
}

fn xdg() -> Result<etcetera::base_strategy::Xdg> {
    etcetera::base_strategy::Xdg::new()
        .context("there is no home folder; set HOME, or give --data DIR and file:PATH")
}
