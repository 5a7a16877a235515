//! The contract over HTTP. The only crate that knows a status code; it decides nothing about secrets.
//!
//! A request goes down through these files once: `listen` takes the connection, `envelope` names the request and checks
//! its path, `router` is the whole URL table, `door` settles who is calling (`caller`), what they may do (`proof`) and what
//! they sent (`url`, `body`), and one function of `applications`, `secrets`, `deliveries`, `keys`, `audit` or `health`
//! asks the custodian. What comes back is an `answer` or a `refusal`.

mod answer;
mod applications;
mod audit;
mod body;
mod budget;
mod caller;
mod deliveries;
mod door;
mod envelope;
mod health;
mod keys;
pub mod listen;
mod options;
mod page;
mod proof;
mod refusal;
mod router;
mod secrets;
pub mod stop;
pub mod tls;
mod url;

pub use options::Options;
pub use proof::Needed;
pub use router::{ROUTES, RouteRow, app};
