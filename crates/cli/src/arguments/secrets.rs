//! What was typed after `secrets`: see `arguments`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// The application of a `secrets` command.
#[derive(Debug, Args)]
pub(crate) struct App {
    /// The application; overrides STRONGROOM_APP.
    #[arg(long, value_name = "APP")]
    pub(crate) app: Option<String>,
}

/// Secrets as they are given on a command line: by reference, never as literals.
#[derive(Debug, Default, Args)]
pub(crate) struct Given {
    /// Read JSON in the documented form (one secret, an array of secrets, or a whole collection), or dotenv: lines
    /// NAME=VALUE, in which nothing is expanded. - is standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// How --from is written, where neither its name nor its first character should decide.
    #[arg(long, value_enum, requires = "from")]
    pub(crate) dialect: Option<Dialect>,
    /// An environment variable whose value is in a file; NAME alone asks for one line (or reads standard input).
    #[arg(long, value_name = "NAME[=@PATH]")]
    pub(crate) env: Vec<String>,
    /// A file secret whose content is in a file.
    #[arg(long, value_name = "LOCATION=@PATH")]
    pub(crate) file: Vec<String>,
    /// The collection's name.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The collection's description.
    #[arg(long)]
    pub(crate) description: Option<String>,
}

/// How a file says secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    Json,
    Dotenv,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Secrets {
    /// Create a collection.
    #[command(after_help = "Examples:\n  strongroom secrets create --app routing --from collection.json\n  \
        strongroom secrets create --app routing --id db --file .pgpass=@pgpass\n  \
        cat token | strongroom secrets create --app routing --id api --env API_KEY")]
    Create {
        #[command(flatten)]
        app: App,
        /// Its id (default: the one in --from, else one is made).
        #[arg(long)]
        id: Option<String>,
        #[command(flatten)]
        given: Given,
    },
    /// List the collections of an application.
    #[command(after_help = "Example:\n  strongroom secrets list --app routing")]
    List {
        #[command(flatten)]
        app: App,
    },
    /// Show a collection, its values masked.
    #[command(after_help = "Examples:\n  strongroom secrets get db --app routing\n  \
        strongroom secrets get db@1 --app routing --output json")]
    Get {
        /// Its id, or one of its versions.
        #[arg(value_name = "ID[@VERSION]")]
        id: String,
        #[command(flatten)]
        app: App,
    },
    /// Change a collection: what is given is set, the rest stays.
    #[command(after_help = "Examples:\n  strongroom secrets update db --app routing --env DB_PASSWORD\n  \
        strongroom secrets update db --app routing --remove file:.pgpass --name DB\n  \
        strongroom secrets update db --app routing --replace --from db.json")]
    Update {
        /// Its id.
        id: String,
        #[command(flatten)]
        app: App,
        #[command(flatten)]
        given: Given,
        /// Remove a secret; write env:LOCATION or file:LOCATION where both exist.
        #[arg(long, value_name = "LOCATION")]
        remove: Vec<String>,
        /// What is given is all: every other secret is removed.
        #[arg(long, conflicts_with = "remove")]
        replace: bool,
        /// Change it only if it is at this version.
        #[arg(long, value_name = "VERSION")]
        if_match: Option<u64>,
        /// Do not ask before --replace drops secrets.
        #[arg(long)]
        yes: bool,
    },
    /// Delete a collection. Its id is free at once; its version counter goes on.
    #[command(after_help = "Examples:\n  strongroom secrets delete db --app routing\n  \
        strongroom secrets delete db --app routing --if-match 4")]
    Delete {
        /// Its id.
        id: String,
        #[command(flatten)]
        app: App,
        /// Delete it only if it is at this version.
        #[arg(long, value_name = "VERSION")]
        if_match: Option<u64>,
    },
    /// Bring back the collection of this id that was deleted last, with all its versions.
    #[command(after_help = "Example:\n  strongroom secrets restore db --app routing")]
    Restore {
        /// Its id.
        id: String,
        #[command(flatten)]
        app: App,
    },
    /// Show values in the clear. The ledger records it.
    #[command(after_help = "Examples:\n  strongroom secrets reveal db DB_PASSWORD --app routing\n  \
        strongroom secrets reveal db@2 --app routing --output json")]
    Reveal {
        /// Its id, or one of its versions.
        #[arg(value_name = "ID[@VERSION]")]
        id: String,
        /// One secret: its exact bytes and nothing else; write env:LOCATION or file:LOCATION where both exist.
        location: Option<String>,
        #[command(flatten)]
        app: App,
    },
    /// List the kept versions of a collection.
    #[command(after_help = "Example:\n  strongroom secrets versions db --app routing")]
    Versions {
        /// Its id.
        id: String,
        #[command(flatten)]
        app: App,
    },
    /// Say what differs between two versions: which secrets, never their values.
    #[command(after_help = "Example:\n  strongroom secrets diff db --from 3 --to 5 --app routing")]
    Diff {
        /// Its id.
        id: String,
        /// The one version.
        #[arg(long, value_name = "VERSION")]
        from: u64,
        /// The other.
        #[arg(long, value_name = "VERSION")]
        to: u64,
        #[command(flatten)]
        app: App,
    },
    /// Make the contents of an earlier version current again, as a new version.
    #[command(after_help = "Example:\n  strongroom secrets rollback db --to 3 --app routing")]
    Rollback {
        /// Its id.
        id: String,
        /// The version whose contents it should have.
        #[arg(long, value_name = "VERSION")]
        to: u64,
        /// Do it only if it is at this version now.
        #[arg(long, value_name = "VERSION")]
        if_match: Option<u64>,
        #[command(flatten)]
        app: App,
    },
    /// Read a file into a collection: a new one, or one that is there.
    ///
    /// Of a collection that is there, what the file has is set, and the rest stays.
    #[command(
        after_help = "Examples:\n  strongroom secrets import --from .env --id settings --app routing\n  \
        strongroom secrets import --from collection.json --app routing"
    )]
    Import {
        /// The file (- is standard input): JSON in the documented form, or dotenv.
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// How it is written, where neither its name nor its first character should decide.
        #[arg(long, value_enum)]
        dialect: Option<Dialect>,
        /// The collection's id (default: the one in the file, else one is made).
        #[arg(long)]
        id: Option<String>,
        #[command(flatten)]
        app: App,
    },
}
