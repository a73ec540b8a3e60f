//! The command line. Commands that concern the knowledge base speak the HTTP API: to the service that
//! runs on the data folder, or to one started for the length of the command. So there is one behaviour.

mod access;
mod backup;
mod bench;
mod client;
mod documents;
mod evaluate;
mod filter;
mod ingest;
mod latency;
mod lexicon;
mod maintenance;
mod models;
mod parse;
mod query;
mod receipts;
mod serve;
mod sets;
mod sources;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::Settings;

/// Answers from your own documents that you can prove.
#[derive(Debug, Parser)]
#[command(name = "terroir", version, about, propagate_version = true)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
pub struct Global {
    /// Folder of everything Terroir keeps
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Settings file (TOML)
    #[arg(long, global = true, value_name = "FILE", env = "TERROIR_CONFIG_FILE")]
    config: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    json: bool,
    /// Search, ask and list in this user's name: see what the user sees
    #[arg(long = "as", global = true, value_name = "USER")]
    in_name_of: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service: API, page and ingestion
    Serve {
        /// Address to listen on
        #[arg(long)]
        listen: Option<SocketAddr>,
    },
    /// Run ingestion only, beside services that share a `PostgreSQL` database
    Worker,
    /// Add files, folders or web addresses
    Ingest(ingest::IngestArgs),
    /// Show what a file becomes: its blocks in order
    Parse {
        file: PathBuf,
        /// Also show where this text stands; may be repeated
        #[arg(long, value_name = "TEXT")]
        quote: Vec<String>,
    },
    /// Find passages
    Search(query::SearchArgs),
    /// Ask a question
    Ask(query::AskArgs),
    /// List, show, remove documents; pause, resume, cancel or retry the work on them
    #[command(subcommand)]
    Documents(documents::DocumentsCommand),
    /// List the receipts of what was removed, or show one: what went, what remains and until when
    Receipts { id: Option<String> },
    /// Show, pause or resume the work that lies ahead
    #[command(subcommand)]
    Queue(documents::QueueCommand),
    /// Folders, sites, git repositories and buckets that documents stay in step with
    #[command(subcommand)]
    Sources(sources::SourcesCommand),
    /// List, create, remove or erase users; what they may read follows from their names and groups
    #[command(subcommand)]
    Users(access::UsersCommand),
    /// List, create or revoke the keys that let users in
    #[command(subcommand)]
    Keys(access::KeysCommand),
    /// Show or set who may read a collection or a document
    #[command(subcommand)]
    Readers(access::ReadersCommand),
    /// Why a user may read a document, or may not: `terroir why DOCUMENT --as USER`
    Why { document: String },
    /// List or create collections
    #[command(subcommand)]
    Collections(documents::CollectionsCommand),
    /// Show or replace a collection's lexicon: expressions that mean the same
    #[command(subcommand)]
    Lexicon(lexicon::LexiconCommand),
    /// List, import, download or verify models
    #[command(subcommand)]
    Models(models::ModelsCommand),
    /// Write everything that is kept into one file, while the service goes on
    Backup(backup::BackupArgs),
    /// Put a backup back, into a new data folder or a new database
    Restore { file: PathBuf },
    /// Move from `SQLite` to `PostgreSQL`, or back
    Migrate(backup::MigrateArgs),
    /// Build both indexes anew from the database
    Reindex,
    /// Change the embedding model or the length of chunks without a pause
    #[command(subcommand)]
    Sets(sets::SetsCommand),
    /// Compare database and indexes
    Doctor {
        /// Mend the differences that were found
        #[arg(long)]
        repair: bool,
    },
    /// Measure quality
    #[command(subcommand)]
    Eval(evaluate::EvalCommand),
    /// Measure speed
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// Print the `OpenAPI` description of the API
    Openapi,
    /// One parse, in the process made for it
    #[command(name = "parse-cell", hide = true)]
    ParseCell,
    /// A program of others, confined by the process made for it
    #[command(name = "fenced-program", hide = true)]
    FencedProgram { errand: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    Hybrid,
    Lexical,
    Dense,
}

impl Mode {
    fn as_str(self) -> &'static str {
        match self {
            Self::Hybrid => "hybrid",
            Self::Lexical => "lexical",
            Self::Dense => "dense",
        }
    }
}

impl From<Mode> for terroir_store::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Hybrid => Self::Hybrid,
            Mode::Lexical => Self::Lexical,
            Mode::Dense => Self::Dense,
        }
    }
}

/// Runs the command of this process's arguments.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if matches!(cli.command, Command::ParseCell) {
        return terroir_ingest::cell::child_main();
    }
    if let Command::FencedProgram { errand } = &cli.command {
        return terroir_ingest::fence::child_main(errand);
    }
    if !matches!(cli.command, Command::Serve { .. } | Command::Worker) {
        end_with_the_reader();
    }
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// `terroir … | head` reads what it wants and leaves: that ends the command, and is no error. `println!` knows of a reader
/// that left only by a panic.
fn end_with_the_reader() {
    let other = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload().downcast_ref::<String>().map_or("", String::as_str);
        if message.starts_with("failed printing to stdout") && message.contains("Broken pipe") {
            std::process::exit(0);
        }
        other(panic);
    }));
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let mut settings = Settings::load(cli.global.config.as_deref())?;
    if let Some(data) = cli.global.data {
        settings.data_dir = data;
    }
    let user = cli.global.in_name_of;
    settings.in_name_of.clone_from(&user);
    let json = cli.global.json;
    match cli.command {
        Command::Serve { listen } => {
            settings.listen = listen.unwrap_or(settings.listen);
            serve::serve(settings)?;
        }
        Command::Worker => serve::worker(settings)?,
        Command::Ingest(arguments) => return ingest::ingest(&settings, &arguments, json),
        Command::Parse { file, quote } => parse::parse(&settings, &file, &quote, json)?,
        Command::Search(arguments) => query::search(&settings, &arguments, json)?,
        Command::Ask(arguments) => query::ask(&settings, &arguments, json)?,
        Command::Documents(command) => documents::documents(&settings, &command, json)?,
        Command::Receipts { id } => receipts::receipts(&settings, id.as_deref(), json)?,
        Command::Queue(command) => documents::queue(&settings, command, json)?,
        Command::Sources(command) => return sources::sources(&settings, command, json),
        Command::Users(command) => access::users(&settings, &command, json)?,
        Command::Keys(command) => access::keys(&settings, &command, json)?,
        Command::Readers(command) => access::readers(&settings, &command, json)?,
        Command::Why { document } => return access::why(&settings, &document, user.as_deref(), json),
        Command::Collections(command) => documents::collections(&settings, &command, json)?,
        Command::Lexicon(command) => lexicon::lexicon(&settings, &command, json)?,
        Command::Models(command) => models::models(&settings, &command, json)?,
        Command::Backup(arguments) => backup::back_up(&settings, &arguments, json)?,
        Command::Restore { file } => return backup::restore(&settings, &file, json),
        Command::Migrate(arguments) => return backup::migrate(&settings, &arguments, json),
        Command::Reindex => maintenance::reindex(&settings, json)?,
        Command::Sets(command) => sets::sets(&settings, command, json)?,
        Command::Doctor { repair } => return maintenance::doctor(&settings, repair, json),
        Command::Eval(command) => evaluate::evaluate(&settings, &command, json)?,
        Command::Bench(command) => bench::bench(&settings, &command, json)?,
        Command::Openapi => println!("{}", crate::openapi::description_json()?),
        Command::ParseCell | Command::FencedProgram { .. } => unreachable!("handled before the settings are read"),
    }
    Ok(ExitCode::SUCCESS)
}

/// One JSON value on one line of stdout.
fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(value)?);
    Ok(())
}
