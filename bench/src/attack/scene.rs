//! What is attacked: a server, what its honest clients may ask, and keys that are none. Everything here is made up.

use std::io;
use std::net::SocketAddr;

use super::wire::{Answer, HONEST, Line, request};

/// A collection of about 6 MB when it is delivered.
const LARGE: &str = "large";
pub(super) const SMALL: &str = "small";

/// A server, and keys to it that may do everything.
pub(crate) struct Scene {
    pub(crate) server: SocketAddr,
    /// Of honest clients.
    pub(crate) token: String,
    /// Of whoever attacks: what is rationed by key is not taken from others.
    pub(crate) stolen: String,
    /// An application that is there.
    pub(crate) application: String,
}

impl Scene {
    /// Puts the collections in place.
    pub(crate) fn furnish(&self) -> io::Result<()> {
        let secret = |number: usize, bytes: usize| {
            let value = "v".repeat(bytes);
            format!(r#"{{"type":"env","location":"SECRET_{number}","value":"{value}"}}"#)
        };
        let mut line = Line::open(HONEST, self.server)?;
        for (id, count, bytes) in [(LARGE, 96, 64_000), (SMALL, 20, 64)] {
            let secrets: Vec<_> = (0..count).map(|number| secret(number, bytes)).collect();
            let json = format!(r#"{{"id":"{id}","name":"{id}","secrets":[{}]}}"#, secrets.join(","));
            let creation = request("POST", &self.collections(), Some(&self.token), Some(&json));
            let Answer { status, body, .. } = line.ask(&creation)?;
            if status >= 300 {
                let said = String::from_utf8_lossy(&body);
                return Err(io::Error::other(format!("{id} was not made: {status} {said}")));
            }
        }
        Ok(())
    }

    /// A collection with its values masked.
    pub(crate) fn show(&self) -> Vec<u8> {
        request("GET", &self.path(SMALL), Some(&self.token), None)
    }

    /// A collection with its values.
    pub(crate) fn delivery(&self) -> Vec<u8> {
        request("POST", &self.delivery_path(SMALL), Some(&self.token), Some(DELIVERY))
    }

    /// What honest clients ask, by whoever attacks.
    pub(super) fn stolen_show(&self) -> Vec<u8> {
        request("GET", &self.path(SMALL), Some(&self.stolen), None)
    }

    pub(super) fn large_delivery(&self) -> Vec<u8> {
        request("POST", &self.delivery_path(LARGE), Some(&self.stolen), Some(DELIVERY))
    }

    pub(super) fn large_delivery_path(&self) -> String {
        self.delivery_path(LARGE)
    }

    pub(super) fn creation(&self, json: &str) -> Vec<u8> {
        request("POST", &self.collections(), Some(&self.stolen), Some(json))
    }

    pub(super) fn collections(&self) -> String {
        format!("/v1/applications/{}/secrets", self.application)
    }

    pub(super) fn path(&self, id: &str) -> String {
        format!("{}/{id}", self.collections())
    }

    fn delivery_path(&self, id: &str) -> String {
        format!("{}/deliveries", self.path(id))
    }
}

pub(super) const DELIVERY: &str = r#"{"as":"run"}"#;

/// A token of a key that nobody made, well-formed to its checksum.
pub(super) fn nobodys_token(number: u64) -> String {
    signed(&format!("sr_key_{:012}_{:043}", number % 1_000_000_000_000, number))
}

/// A token's text with the checksum that it needs (CRC-32, in base 62).
pub(crate) fn signed(before: &str) -> String {
    const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut rest = u64::from(crc32(before.as_bytes()));
    let mut checksum = [0; 6];
    for digit in checksum.iter_mut().rev() {
        let at = usize::try_from(rest % 62).expect("below 62");
        *digit = DIGITS[at];
        rest /= 62;
    }
    before.chars().chain(checksum.map(char::from)).collect()
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}
