//! Audit records and what stands in them as text: there is one way to write a record, and one way to write a receipt.
#![cfg_attr(not(test), no_main)]

#[cfg(not(test))]
#[path = "../laws.rs"]
mod laws;

#[cfg(not(test))]
#[path = "../engine.rs"]
mod engine;

#[cfg(not(test))]
libfuzzer_sys::fuzz_target!(|data: &[u8]| engine::run(check, data));

#[cfg(test)]
use super::laws;
use strongroom_ledger::record::RunEnd;
use strongroom_ledger::{Generation, Receipt, Record};

pub(crate) fn check(data: &[u8]) {
    match Record::parse(data) {
        Ok(record) => {
            assert!(data.len() <= Record::MAX_BYTES, "no record is longer");
            assert_eq!(record.encode().as_deref(), Ok(data), "byte for byte");
        }
        Err(error) => laws::is_silent(&error),
    }
    if let Ok(text) = std::str::from_utf8(data) {
        one_way(text, Generation::parse(text));
        one_way(text, Receipt::parse(text));
        one_way(text, RunEnd::parse(text));
    }
}

fn one_way<T: ToString>(text: &str, parsed: Result<T, impl std::error::Error>) {
    match parsed {
        Ok(parsed) => assert_eq!(parsed.to_string(), text, "one way to write it"),
        Err(error) => laws::is_silent(&error),
    }
}
