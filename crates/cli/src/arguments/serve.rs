//! What was typed after `serve`: see `arguments`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::RangedU64ValueParser;

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
    /// How many requests of one API key are answered in a second, and five times as many at once; at most
    /// 1000000, and 0 is no limit [default: 1000]
    #[arg(long, value_name = "N", value_parser = rate())]
    pub(crate) key_rate: Option<u32>,
    /// How many requests without a valid key are answered in a second to one block of addresses (/24 of IPv4, /56 of
    /// IPv6), and ten times as many at once; at most 1000000, and 0 is no limit [default: 20]
    #[arg(long, value_name = "N", value_parser = rate())]
    pub(crate) address_rate: Option<u32>,
    /// A proxy, or a net of them, whose X-Forwarded-For is believed; may be given several times.
    #[arg(long, value_name = "CIDR")]
    pub(crate) trusted_proxy: Vec<String>,
}

fn rate() -> RangedU64ValueParser<u32> {
    RangedU64ValueParser::new().range(0..=1_000_000)
}
