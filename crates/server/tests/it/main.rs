//! The promises of the server, told to the real router without a socket, and of its listener over real ones. One binary:
//! each file is a chapter.

mod bodies;
mod contract;
mod corpus;
mod injection;
mod leaks;
mod lifetimes;
mod limits;
mod listen;
mod log;
mod metrics;
mod names;
mod openapi;
mod pages;
mod proxies;
mod rates;
mod repeated;
mod routing;
mod served;
mod strangers;
mod tls;
mod uploads;
