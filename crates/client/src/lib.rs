//! The contract from the other side: every operation of a served strongroom as a blocking method of [`Client`]. The
//! only crate that calls out; it starts no runtime, reads no environment and keeps nothing.
//!
//! A request goes down through these files once: an operation (`collections`, `deliveries`, `applications`, `keys`,
//! `audit`) says what it wants; `exchange` asks, decides what may be asked twice and what a failure means; `transport`
//! connects and wipes; `answer` reads what came back, and nothing of it that is not as documented leaves this crate.

mod answer;
mod applications;
mod audit;
mod client;
mod collections;
mod connection;
mod deliveries;
mod error;
mod exchange;
mod keys;
mod server_url;
mod transport;

pub use client::Client;
pub use collections::Written;
pub use connection::{Connection, ProxyUrl, ProxyUrlError};
pub use error::ClientError;
pub use server_url::{PlainHttp, ServerUrl, ServerUrlError};
