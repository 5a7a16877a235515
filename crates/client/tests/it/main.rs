//! The promises of the client, against servers that say what a script tells them: what is sent, what is made of the
//! answers, what is never sent twice and what is never shown.

mod answers;
mod connection;
mod operations;
mod outcome;
mod refusals;
mod scripted;
mod tls;
