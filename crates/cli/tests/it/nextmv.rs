//! The clients that nobody here wrote: releases of the package nextmv, unmodified, SDK and command line, against a served
//! strongroom. What a client is told is checked by its script, what is stored by us, byte for byte, through the strongroom
//! embedded beside the server. Deliberately not the contract case by case: that is `contract/`.

pub(crate) mod clients;
mod command_line;
mod proof;
mod report;
mod samples;
mod sdk;

use std::collections::BTreeSet;

/// The releases whose SDK is driven.
const SDKS: [&str; 9] =
    ["0.19.0", "0.22.0", "0.30.0", "0.36.0", "1.0.0", "1.8.0", "1.11.1", "1.12.0", "1.13.0"];
/// The releases whose command line is.
const COMMAND_LINES: [&str; 2] = ["1.6.0", "1.13.0"];

#[test]
fn sdk_0_19_0_keeps_every_value() {
    sdk::drive("0.19.0");
}

#[test]
fn sdk_0_22_0_keeps_every_value() {
    sdk::drive("0.22.0");
}

#[test]
fn sdk_0_30_0_keeps_every_value() {
    sdk::drive("0.30.0");
}

#[test]
fn sdk_0_36_0_keeps_every_value() {
    sdk::drive("0.36.0");
}

#[test]
fn sdk_1_0_0_keeps_every_value() {
    sdk::drive("1.0.0");
}

#[test]
fn sdk_1_8_0_keeps_every_value() {
    sdk::drive("1.8.0");
}

#[test]
fn sdk_1_11_1_keeps_every_value() {
    sdk::drive("1.11.1");
}

#[test]
fn sdk_1_12_0_keeps_every_value() {
    sdk::drive("1.12.0");
}

#[test]
fn sdk_1_13_0_keeps_every_value() {
    sdk::drive("1.13.0");
}

#[test]
fn command_line_1_6_0_keeps_every_value() {
    command_line::drive("1.6.0");
}

#[test]
fn command_line_1_13_0_keeps_every_value() {
    command_line::drive("1.13.0");
}

#[test]
fn every_release_that_is_put_in_place_is_driven() {
    let driven: BTreeSet<&str> = SDKS.into_iter().chain(COMMAND_LINES).collect();
    let listed = include_str!("../clients/releases.txt").lines().filter(|line| !line.starts_with('#'));
    assert_eq!(listed.collect::<BTreeSet<_>>(), driven);
}
