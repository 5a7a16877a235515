//! Where a work takes place: a folder on the disk under test, one in memory, and strongrooms with made-up collections.
//! All of it is gone with the value. No real secret is near.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use strongroom_custody::{Caller, Custodian, Manage, NewApplication, Setup, Write};
use strongroom_seal::keyfile;
use strongroom_secrets::{
    ApplicationId, Draft, Limits, NewCollection, Secret, SecretType, SecretValue, Timestamp,
};
use strongroom_store::Store;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

const APPLICATION: &str = "bench";

/// The folders of one work.
#[derive(Debug)]
pub(crate) struct Place {
    disk: TempDir,
    memory: TempDir,
}

impl Place {
    /// Makes them; `disk` is an existing folder on the disk under test.
    pub(crate) fn make(disk: &Path) -> Result<Self> {
        let make = |prefix: &str, folder: &Path| {
            let made = tempfile::Builder::new().prefix(prefix).tempdir_in(folder);
            made.with_context(|| format!("make a folder in {}", folder.display()))
        };
        // About as long as /run/user/1000: some file systems have a faster place for short targets of links.
        let memory = make("sb-", Path::new("/dev/shm"))?;
        Ok(Self { disk: make("strongroom-bench-", disk)?, memory })
    }

    /// On the disk under test.
    pub(crate) fn disk(&self) -> &Path {
        self.disk.path()
    }

    /// In memory, private.
    pub(crate) fn memory(&self) -> &Path {
        self.memory.path()
    }

    /// The data folder of its strongroom.
    pub(crate) fn data(&self) -> PathBuf {
        self.disk().join("data")
    }

    /// Makes its strongroom, with an application and nothing in it.
    pub(crate) async fn found(&self) -> Result<Custodian> {
        let key = self.disk().join("root.key");
        let slot = keyfile::create(&key, &self.data()).context("make a root key")?;
        let store = Store::create(&self.data()).await.context("make a store")?;
        let instance = Custodian::new_instance_id()?;
        let source = format!("file:{}", key.display());
        let setup = Setup { instance: &instance, slot: &slot, source: &source, limits: Limits::DEFAULT };
        Ok(Custodian::found(store, &caller(), setup, now()).await?)
    }
}

/// A collection of made-up secrets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// The collection's id.
    pub(crate) id: &'static str,
    pub(crate) secret_type: SecretType,
    pub(crate) secrets: usize,
    /// The length of each value.
    pub(crate) bytes: usize,
}

impl Sample {
    /// Puts it into a strongroom.
    pub(crate) async fn create(self, custodian: &Custodian) -> Result<()> {
        let secrets = (0..self.secrets).map(|number| self.secret(number)).collect::<Result<_>>()?;
        let draft = Draft { id: Some(self.id.to_owned()), secrets: Some(secrets), ..Draft::default() };
        let new = NewCollection::settle(draft, custodian.limits())?;
        custodian.create(&caller().access::<Write>(&application()?)?, new, now()).await?;
        Ok(())
    }

    fn secret(self, number: usize) -> Result<Secret<SecretValue>> {
        let location = match self.secret_type {
            SecretType::Env => format!("SECRET_{number}"),
            SecretType::File => format!("secret-{number}"),
        };
        let value = SecretValue::parse(Zeroizing::new(letters(number, self.bytes).into_bytes()))?;
        Ok(Secret { secret_type: self.secret_type, location, value })
    }
}

/// Makes the application that all samples belong to.
pub(crate) async fn create_application(custodian: &Custodian) -> Result<()> {
    let new = NewApplication { name: None, description: String::new() };
    custodian.create_application(&caller().everywhere::<Manage>()?, &application()?, new, now()).await?;
    Ok(())
}

pub(crate) fn application() -> Result<ApplicationId> {
    Ok(ApplicationId::parse(APPLICATION)?)
}

pub(crate) fn caller() -> Caller {
    Caller::owner(rustix::process::geteuid().as_raw())
}

pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// A runtime as the program has it: no thread of its own.
pub(crate) fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().build().context("start a runtime")
}

/// Text of this length that no two numbers share, and in which nothing repeats: what a token looks like. From a fixed
/// generator (Knuth's MMIX), so that every run of the benchmark works on the same bytes.
fn letters(number: usize, length: usize) -> String {
    let mut state = number as u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[(state >> 59) as usize])
    };
    (0..length).map(|_| next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_values_differ_and_are_the_same_tomorrow() {
        assert_eq!(letters(0, 1024).len(), 1024);
        assert_eq!(letters(3, 1024), letters(3, 1024));
        assert_ne!(letters(3, 32), letters(4, 32));
    }

    #[test]
    fn nothing_of_a_place_stays() {
        let outer = tempfile::tempdir().expect("a folder for tests");
        let place = Place::make(outer.path()).expect("two folders");
        let (disk, memory) = (place.disk().to_owned(), place.memory().to_owned());
        let custodian = runtime().expect("a runtime").block_on(place.found()).expect("a strongroom");
        assert!(place.data().exists() && memory.exists());
        drop((custodian, place));
        assert!(!disk.exists() && !memory.exists());
    }
}
