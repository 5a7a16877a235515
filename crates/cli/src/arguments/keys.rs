//! What was typed after `keys`: see `arguments`.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Create an API key. Its token is printed this once, alone on standard output.
    ///
    /// Actions: list (see names and metadata), write (create, change and delete collections), deliver (run programs with
    /// them), reveal (look at values), manage (applications and keys), audit (read the ledger). Roles: viewer = list;
    /// runner = list, deliver; editor = list, write; admin = all.
    #[command(after_help = "Examples:\n  strongroom keys create --name ci --role runner --app routing\n  \
        umask 077; strongroom keys create --name backup --can list,audit > key")]
    Create {
        /// A name for people.
        #[arg(long)]
        name: String,
        #[command(flatten)]
        can: Can,
        /// The one application it is for (default: all).
        #[arg(long, value_name = "APP")]
        app: Option<String>,
        /// The one collection of that application it is for (default: all).
        #[arg(long, value_name = "ID", requires = "app")]
        collection: Option<String>,
        /// When it ends: after 30s, 15m, 12h or 90d; at an RFC 3339 time; or never (default: after 90d, and not later
        /// than the key that asks).
        #[arg(long, value_name = "WHEN")]
        expires: Option<String>,
    },
    /// List the API keys, revoked ones included, without their tokens.
    #[command(after_help = "Example:\n  strongroom keys list")]
    List,
    /// Revoke an API key: from then on it opens nothing.
    #[command(after_help = "Example:\n  strongroom keys revoke 1a2b3c4d5e6f")]
    Revoke {
        /// Its id: the 12 characters between sr_key_ and the next _ of its token.
        id: String,
    },
}

/// What a key may do: one way to say it or the other.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Can {
    /// Its actions, with commas between them.
    #[arg(long, value_name = "ACTION,…")]
    pub(crate) can: Option<String>,
    /// A word for a set of actions: viewer, runner, editor or admin.
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Option<String>,
}
