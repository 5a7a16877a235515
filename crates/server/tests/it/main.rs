//! The promises of the server, told to the real router without a socket, and of its listener over real ones. One binary:
//! each file is a chapter.

mod bodies;
mod contract;
mod listen;
mod log;
mod pages;
mod routing;
mod served;
mod strangers;
mod tls;
mod uploads;
