//! The contract over HTTP. The only crate that knows a status code; it decides nothing about secrets.
//!
//! A request goes down through these files once: `listen` takes the connection, `envelope` names the request and checks
//! its path, `admission` lets it in or turns it away (`source`, `rates`, `fair`), `router` is the whole URL table, `door` settles
//! who is calling (`caller`), what they may do (`proof`) and what they sent (`url`, `head`, `body`), and one function of
//! `applications`, `secrets`, `deliveries`, `keys`, `audit` or `health` asks the custodian. What comes back is an `answer`
//! or a `refusal`. `openapi` says all of this to programs; `metrics` counts it.

mod admission;
mod answer;
mod applications;
mod audit;
mod body;
mod budget;
mod caller;
mod deliveries;
mod door;
mod envelope;
mod fair;
mod head;
mod health;
mod keys;
pub mod listen;
mod metrics;
mod openapi;
mod options;
mod page;
mod proof;
mod proven;
mod rates;
mod refusal;
mod repeated;
mod router;
mod secrets;
mod shards;
mod slots;
mod source;
pub mod stop;
pub mod tls;
mod url;

pub use ipnet::IpNet;
pub use options::Options;
pub use proof::Needed;
pub use router::{ROUTES, RouteRow, app};
