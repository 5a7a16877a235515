//! What was typed after `serve`: see `arguments`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The address to listen on; port 0 is any free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7878")]
    pub(crate) listen: String,
    /// A PEM file with the server's certificate, then those that lead to its CA. It is read again when it changes.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// A PEM file with the certificate's private key.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Make a private CA and a certificate of it, in tls/ of the data folder.
    #[arg(long, conflicts_with_all = ["tls_cert", "tls_key"])]
    pub(crate) tls_self_signed: bool,
    /// Refuse to create applications over HTTP: some clients make one of every typing error.
    #[arg(long)]
    pub(crate) no_app_creation: bool,
    /// Other limits than the strongroom's own while it serves: default, nextmv or COUNTxBYTES.
    #[arg(long, value_name = "LIMITS")]
    pub(crate) limits: Option<String>,
}
