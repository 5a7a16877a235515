//! What was typed: the command line as clap reads it. What it means is `settings` and the commands; nothing here opens
//! or decides anything. clap's `env` feature stays off, because it prints the variables' values in help texts.

mod keys;
mod secrets;
mod serve;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub(crate) use keys::{Can, Keys};
pub(crate) use secrets::{App, Dialect, Given, Secrets};
pub(crate) use serve::Serve;

#[cfg(feature = "serve")]
const BEGIN: &str = "Begin with:
  strongroom quickstart

Environment:
  STRONGROOM_URL         the server to speak to, instead of a data folder
  STRONGROOM_API_KEY     the API key to speak to it with
  STRONGROOM_CA_CERT     a PEM file with the CA that signed its certificate
  STRONGROOM_DATA        the data folder (default: in the XDG data folder)
  STRONGROOM_ROOT_KEY    where the root key is, as file:/etc/strongroom.key
  STRONGROOM_APP         the application, where --app is absent
  STRONGROOM_LOG         a filter for the log, for example debug
  STRONGROOM_LOG_FORMAT  the form of the log: text or json
  NO_COLOR               no colours";

/// The slim program speaks to a server only, and neither has nor names what works on a data folder.
#[cfg(not(feature = "serve"))]
const BEGIN: &str = "Begin with:
  strongroom apps list --server https://strongroom.example

Environment:
  STRONGROOM_URL         the server to speak to
  STRONGROOM_API_KEY     the API key to speak to it with
  STRONGROOM_CA_CERT     a PEM file with the CA that signed its certificate
  STRONGROOM_APP         the application, where --app is absent
  STRONGROOM_LOG         a filter for the log, for example debug
  STRONGROOM_LOG_FORMAT  the form of the log: text or json
  NO_COLOR               no colours";

/// A self-hosted home for secrets collections.
///
/// A secrets collection is a named group of secrets that belongs to an application. A secret is an environment
/// variable (env) or a file (file). `strongroom run` starts a program with a collection: variables in its
/// environment, files at their paths, nothing left behind.
#[derive(Debug, Parser)]
#[command(name = "strongroom", version, max_term_width = 80, after_help = BEGIN)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) everywhere: Everywhere,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Everywhere {
    /// The data folder; overrides STRONGROOM_DATA, and STRONGROOM_URL.
    #[arg(long, global = true, value_name = "DIR", hide = SLIM)]
    pub(crate) data: Option<PathBuf>,
    /// The server to speak to; overrides STRONGROOM_URL.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// A file with the API key for the server; overrides STRONGROOM_API_KEY.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) api_key_file: Option<PathBuf>,
    /// A PEM file with the CA that signed the server's certificate; overrides STRONGROOM_CA_CERT.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca_cert: Option<PathBuf>,
    /// An HTTP proxy to reach the server through. None is taken from the environment.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) proxy: Option<String>,
    /// Allow http:// beyond this machine: whoever listens reads the API key and every value.
    #[arg(long, global = true)]
    pub(crate) plain_http_exposes_secrets: bool,
    /// Tables for people, or JSON for programs, on standard output.
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
    /// Say more on standard error; repeat for still more.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// The form of the log on standard error; overrides STRONGROOM_LOG_FORMAT. Text if neither is given.
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
}

/// How results are said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Table,
    Json,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// What works on a data folder answers in the slim program too, and is not listed there.
const SLIM: bool = !cfg!(feature = "serve");

#[cfg(feature = "serve")]
const AUDIT: &str = "Examples:\n  strongroom audit list --app routing\n  strongroom audit verify";
#[cfg(not(feature = "serve"))]
const AUDIT: &str = "Example:\n  strongroom audit list --app routing";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// See the whole story on the examples, in a folder of its own.
    #[command(hide = SLIM)]
    #[command(after_help = "Examples:\n  strongroom quickstart\n  strongroom quickstart /tmp/try --clean")]
    Quickstart(Quickstart),
    /// Create a strongroom, or adopt the one that is there.
    #[command(
        hide = SLIM,
        after_help = "Examples:\n  strongroom init\n  \
        strongroom init --root-key file:/etc/strongroom.key --limits nextmv"
    )]
    Init(Init),
    /// Serve a strongroom over HTTP.
    ///
    /// It runs until SIGTERM or SIGINT, and then finishes what it was asked, for 10 seconds at most.
    #[command(
        hide = SLIM,
        after_help = "Examples:\n  strongroom serve\n  strongroom serve --listen 0.0.0.0:7878 --tls-self-signed\n  \
        strongroom serve --listen 10.0.0.5:443 --tls-cert tls.pem --tls-key tls.key\n  \
        strongroom serve --trusted-proxy 10.0.0.7 --key-rate 50"
    )]
    Serve(Serve),
    /// Start a program with a secrets collection.
    ///
    /// Exit codes: the program's own; death by a signal is re-raised; 125 strongroom refused or failed before the
    /// program started; 126 it cannot be executed; 127 it was not found.
    #[command(
        after_help = "Examples:\n  strongroom run --app routing --collection licences -- python3 main.py\n  \
        strongroom run --app routing --collection db@3 --home /srv/job -- ./solve"
    )]
    Run(Run),
    /// Create, list, change, delete and restore applications.
    #[command(
        subcommand,
        after_help = "Examples:\n  strongroom apps create routing\n  strongroom apps list --output json"
    )]
    Apps(Apps),
    /// Create, look at, change and delete secrets collections.
    #[command(
        subcommand,
        after_help = "Examples:\n  strongroom secrets create --app routing --id db --env DB_PASSWORD\n  \
            strongroom secrets update db --app routing --env DB_PASSWORD=@new-password\n  \
            strongroom secrets get db@1 --app routing"
    )]
    Secrets(Secrets),
    /// Create, list and revoke API keys.
    #[command(
        subcommand,
        after_help = "Examples:\n  strongroom keys create --name ci --role runner --app routing --expires 30d\n  \
        strongroom keys list"
    )]
    Keys(Keys),
    #[cfg_attr(feature = "serve", doc = "Read and verify the audit ledger.")]
    #[cfg_attr(not(feature = "serve"), doc = "Read the audit ledger.")]
    #[command(subcommand, after_help = AUDIT)]
    Audit(Audit),
    /// Print a script that completes this program's commands in a shell.
    #[command(after_help = "Examples:\n  cd ~/.local/share/bash-completion/completions\n  \
        strongroom completions bash > strongroom\n  \
        strongroom completions fish > ~/.config/fish/completions/strongroom.fish")]
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: Shell,
    },
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
    /// Change an application's name or description.
    #[command(after_help = "Example:\n  strongroom apps update routing --name 'Vehicle routing'")]
    Update {
        /// Its id.
        id: String,
        /// A new name.
        #[arg(long)]
        name: Option<String>,
        /// A new description.
        #[arg(long)]
        description: Option<String>,
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
    /// Bring back the application of this id that was deleted last, with its collections.
    #[command(after_help = "Example:\n  strongroom apps restore routing")]
    Restore {
        /// Its id.
        id: String,
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
    #[command(hide = SLIM)]
    #[command(after_help = "Examples:\n  strongroom audit verify\n  strongroom audit verify --without-key")]
    Verify {
        /// Verify the tree of hashes alone, without the root key: whoever can write the data can pass this.
        #[arg(long)]
        without_key: bool,
    },
}
