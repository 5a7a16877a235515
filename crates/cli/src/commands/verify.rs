//! `audit verify`: the whole ledger, held against the data. Works on a data folder only.

use anyhow::Result;
use strongroom_custody::{Audit, Verified, VerifyError};
use strongroom_ledger::verify::Finding;
use strongroom_run::Ending;

use super::DONE;
use crate::arguments::Output;
use crate::embedded::{self, block_on};
use crate::outcome::sentence;
use crate::output::{print_facts, print_json};
use crate::settings::{Data, Settings};

const ALTERED: Ending = Ending::Exited(3);
const TRUNCATED: Ending = Ending::Exited(4);

/// What hashes alone can say.
const UNAUTHENTICATED: &str = "consistent, not authenticated: whoever can write the data can also make this";

pub(super) fn act(settings: &Settings<'_>, without_key: bool) -> Result<Ending> {
    let verified = block_on(verify(&settings.data()?, without_key))??;
    match verified {
        Ok(verified) => say(settings, &verified, without_key).map(|()| DONE),
        Err(VerifyError::Fault(fault)) => Err(fault.into()),
        Err(found) => {
            let ending = ending(&found);
            eprintln!("strongroom: {}", sentence(&found.into()));
            Ok(ending)
        }
    }
}

async fn verify(data: &Data, without_key: bool) -> Result<Result<Verified, VerifyError>> {
    let store = embedded::store(data).await?;
    if without_key {
        let verified = strongroom_custody::verify(&store).await;
        store.write_back().await;
        store.close().await;
        return Ok(verified);
    }
    let custodian = embedded::unlock(data, store).await?;
    let verified = match embedded::caller().everywhere::<Audit>() {
        Ok(everywhere) => Ok(custodian.verify(&everywhere).await),
        Err(denied) => Err(denied.into()),
    };
    custodian.finish().await;
    verified
}

fn ending(found: &VerifyError) -> Ending {
    match found {
        VerifyError::Finding(Finding::Truncated { .. }) | VerifyError::Unrecorded { .. } => TRUNCATED,
        VerifyError::Finding(_)
        | VerifyError::Application { .. }
        | VerifyError::Collection { .. }
        | VerifyError::Version { .. }
        | VerifyError::Counter { .. }
        | VerifyError::Key { .. }
        | VerifyError::Removed { .. } => ALTERED,
        VerifyError::Fault(_) => Ending::Exited(1),
    }
}

fn say(settings: &Settings<'_>, verified: &Verified, without_key: bool) -> Result<()> {
    match settings.output {
        Output::Json => print_json(verified),
        Output::Table => {
            // Nobody could have opened a record, or held anything against one: those counts would be idle zeros.
            let with_key = |count: u64| if without_key { String::new() } else { count.to_string() };
            let ledger = if without_key { UNAUTHENTICATED } else { "in order" };
            print_facts(&[
                ("ledger", ledger.to_owned()),
                ("records", verified.records.to_string()),
                ("opened", with_key(verified.opened)),
                ("applications", with_key(verified.applications)),
                ("collections", with_key(verified.collections)),
                ("root", verified.root.clone()),
            ])
        }
    }
}
