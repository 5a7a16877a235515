//! What was typed: the command line as clap reads it. What it means is `settings` and the commands; nothing here opens
//! or decides anything. clap's `env` feature stays off, because it prints the variables' values in help texts.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A self-hosted home for secrets collections.
///
/// A secrets collection is a named group of secrets that belongs to an application. A secret is an environment
/// variable (env) or a file (file). `strongroom run` starts a program with a collection: variables in its
/// environment, files at their paths, nothing left behind.
#[derive(Debug, Parser)]
#[command(name = "strongroom", version)]
#[command(after_help = "Begin with:\n  strongroom quickstart\n\nEnvironment:\n  \
    STRONGROOM_DATA      the data folder (default: strongroom in the XDG data folder)\n  \
    STRONGROOM_ROOT_KEY  where the root key comes from, for example file:/etc/strongroom.key\n  \
    STRONGROOM_APP       the application, where --app is absent\n  \
    STRONGROOM_LOG       a filter for the log on standard error, for example debug\n  \
    NO_COLOR             no colours")]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) everywhere: Everywhere,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Everywhere {
    /// The data folder; overrides STRONGROOM_DATA.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Tables for people, or JSON for programs, on standard output.
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
    /// Say more on standard error; repeat for still more.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// How results are said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Table,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// See the whole story on the examples, in a folder of its own.
    #[command(after_help = "Examples:\n  strongroom quickstart\n  strongroom quickstart /tmp/try --clean")]
    Quickstart(Quickstart),
    /// Create a strongroom, or adopt the one that is there.
    #[command(
        after_help = "Examples:\n  strongroom init\n  strongroom init --root-key file:/etc/strongroom.key --limits nextmv"
    )]
    Init(Init),
    /// Start a program with a secrets collection.
    ///
    /// Exit codes: the program's own; death by a signal is re-raised; 125 strongroom refused or failed before the
    /// program started; 126 it cannot be executed; 127 it was not found.
    #[command(
        after_help = "Examples:\n  strongroom run --app routing --collection my-secrets-collection -- python3 main.py\n  \
        strongroom run --app routing --collection licences@3 --home /srv/job -- ./solve --fast"
    )]
    Run(Run),
    /// Create, list and delete applications.
    #[command(
        subcommand,
        after_help = "Examples:\n  strongroom apps create routing\n  strongroom apps list --output json"
    )]
    Apps(Apps),
    /// Create, look at, change and delete secrets collections.
    #[command(
        subcommand,
        after_help = "Examples:\n  strongroom secrets create --app routing --id db --env DB_PASSWORD --file .pgpass=@pgpass\n  \
            strongroom secrets update db --app routing --env DB_PASSWORD=@new-password\n  \
            strongroom secrets get db@1 --app routing"
    )]
    Secrets(Secrets),
    /// Read and verify the audit ledger.
    #[command(
        subcommand,
        after_help = "Examples:\n  strongroom audit list --app routing\n  strongroom audit verify"
    )]
    Audit(Audit),
}

#[derive(Debug, Args)]
pub(crate) struct Quickstart {
    /// The folder; it will hold data/, key/ and home/.
    #[arg(default_value = "strongroom-quickstart")]
    pub(crate) dir: PathBuf,
    /// Remove what an earlier quickstart made in the folder, and do nothing else.
    #[arg(long)]
    pub(crate) clean: bool,
    /// Do not ask before --clean removes applications and collections that are not the example's.
    #[arg(long, requires = "clean")]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Where the root key lies: file:PATH (default: a new file in the XDG configuration folder). Of a strongroom that
    /// is there already, what opens it; where its key is noted to be does not change.
    #[arg(long, value_name = "SOURCE")]
    pub(crate) root_key: Option<String>,
    /// Limits of a collection: default (100 secrets of 64 KiB), nextmv (20 of 1,024 bytes) or COUNTxBYTES.
    #[arg(long, value_name = "LIMITS")]
    pub(crate) limits: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The application that the collection belongs to; overrides STRONGROOM_APP.
    #[arg(long, value_name = "APP")]
    pub(crate) app: Option<String>,
    /// The collection, or one of its versions.
    #[arg(long, value_name = "ID[@VERSION]")]
    pub(crate) collection: String,
    /// The execution home, below which files appear (default: the working directory).
    #[arg(long, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Deliver a variable although its name is one that changes how programs run, such as PATH or LD_PRELOAD.
    #[arg(long, value_name = "NAME")]
    pub(crate) allow_env: Vec<String>,
    /// Do not mask values in the program's output.
    #[arg(long)]
    pub(crate) no_mask: bool,
    /// The program and its arguments, after --.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Apps {
    /// Create an application.
    #[command(after_help = "Example:\n  strongroom apps create routing --name 'Vehicle routing'")]
    Create {
        /// Its id: 1 to 64 of A-Z a-z 0-9 . _ -
        id: String,
        /// A name for people (default: the id).
        #[arg(long)]
        name: Option<String>,
        /// A description.
        #[arg(long)]
        description: Option<String>,
    },
    /// List the applications.
    #[command(after_help = "Example:\n  strongroom apps list --output json")]
    List,
    /// Show one application.
    #[command(after_help = "Example:\n  strongroom apps get routing")]
    Get {
        /// Its id.
        id: String,
    },
    /// Delete an application with its collections.
    #[command(after_help = "Example:\n  strongroom apps delete routing --yes")]
    Delete {
        /// Its id.
        id: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// The application of a `secrets` command.
#[derive(Debug, Args)]
pub(crate) struct App {
    /// The application; overrides STRONGROOM_APP.
    #[arg(long, value_name = "APP")]
    pub(crate) app: Option<String>,
}

/// Secrets as they are given on a command line: by reference, never as literals.
#[derive(Debug, Args)]
pub(crate) struct Given {
    /// Read JSON in the documented form: one secret, an array of secrets, or a whole collection (- is standard input).
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
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

#[derive(Debug, Subcommand)]
pub(crate) enum Secrets {
    /// Create a collection.
    #[command(after_help = "Examples:\n  strongroom secrets create --app routing --from collection.json\n  \
        strongroom secrets create --app routing --id db --env DB_PASSWORD --file .pgpass=@pgpass\n  \
        printf %s \"$TOKEN\" | strongroom secrets create --app routing --id api --env API_KEY")]
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
        strongroom secrets update db --app routing --remove file:.pgpass --name 'Database'\n  \
        strongroom secrets update db --app routing --replace --from collection.json --if-match 4")]
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
    #[command(after_help = "Example:\n  strongroom secrets delete db --app routing")]
    Delete {
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
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// List audit records, oldest first.
    #[command(after_help = "Example:\n  strongroom audit list --app routing --collection db")]
    List {
        /// Only those of an application.
        #[arg(long, value_name = "APP")]
        app: Option<String>,
        /// Only those of a collection.
        #[arg(long, value_name = "ID", requires = "app")]
        collection: Option<String>,
    },
    /// Verify the whole ledger.
    ///
    /// Exit codes: 0 in order; 1 it could not be read; 3 altered; 4 truncated.
    #[command(after_help = "Examples:\n  strongroom audit verify\n  strongroom audit verify --without-key")]
    Verify {
        /// Verify the tree of hashes alone, without the root key: whoever can write the data can pass this.
        #[arg(long)]
        without_key: bool,
    },
}
