//! The fence: programs of others, which read hostile files for us, run in a process that sees the system's
//! programs and libraries, one folder of its own, and nothing else: no other files, no network, no secrets in its
//! environment, with limits of memory, CPU time and wall-clock time.
//!
//! ```text
//! service ─ spawns ─▶ this program with ARGUMENT ─ confines itself ─ becomes ─▶ tesseract, soffice
//! ```

mod confine;

use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, set_parent_process_death_signal};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// The argument that makes the program a fence; the errand follows as JSON.
pub const ARGUMENT: &str = "fenced-program";
/// What a fence ends with when the program cannot be started, as shells do.
const NOT_STARTED: u8 = 127;

/// Runs programs behind a fence.
#[derive(Debug, Clone)]
pub struct Fence {
    /// A program that calls [`child_main`] when its first argument is [`ARGUMENT`].
    program: PathBuf,
}

/// A program to run, and what it may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Errand {
    pub program: PathBuf,
    pub arguments: Vec<String>,
    /// All of it: nothing is handed down.
    pub environment: Vec<(String, String)>,
    /// The only folder in which it may read and write files of its own, and where it is started.
    pub folder: Option<PathBuf>,
    pub max_memory_bytes: u64,
    pub max_cpu_seconds: u64,
    pub max_wall_seconds: u64,
    /// Longest file that it may write.
    pub max_file_bytes: u64,
    /// Longest output.
    pub max_output_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FenceError {
    #[error("{program} cannot be started: {reason}")]
    NotStarted { program: String, reason: String },
    #[error("{program} took longer than {seconds} seconds")]
    TimedOut { program: String, seconds: u64 },
    #[error("{program} wrote more than {bytes} bytes")]
    TooMuch { program: String, bytes: u64 },
    #[error("{program} ended with {status}")]
    Failed { program: String, status: String, code: Option<i32> },
}

impl Fence {
    pub fn new(program: PathBuf) -> Self {
        Self { program }
    }

    /// Runs the program with `input` on its stdin, and gives what it wrote to stdout. Dropping the future kills it
    /// and what it started.
    pub async fn run(&self, errand: &Errand, input: &[u8]) -> Result<Vec<u8>, FenceError> {
        let wall = Duration::from_secs(errand.max_wall_seconds);
        match tokio::time::timeout(wall, self.run_to_its_end(errand, input)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(FenceError::TimedOut { program: errand.name(), seconds: errand.max_wall_seconds }),
        }
    }

    async fn run_to_its_end(&self, errand: &Errand, input: &[u8]) -> Result<Vec<u8>, FenceError> {
        let not_started =
            |error: std::io::Error| FenceError::NotStarted { program: errand.name(), reason: error.to_string() };
        let order = serde_json::to_string(errand).map_err(|error| not_started(error.into()))?;
        let mut child = tokio::process::Command::new(&self.program)
            .arg(ARGUMENT)
            .arg(order)
            .env_clear()
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // What programs say about a file can hold its text, and must not be logged.
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(not_started)?;
        let group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
        let (Some(mut stdin), Some(mut stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(not_started(std::io::ErrorKind::BrokenPipe.into()));
        };
        let write = async move {
            // A program that ends early closes its end: its exit says why.
            let _ = stdin.write_all(input).await;
        };
        let read = async {
            let mut output = Vec::new();
            (&mut stdout).take(errand.max_output_bytes + 1).read_to_end(&mut output).await.map(|_| output)
        };
        let output = tokio::join!(write, read).1.map_err(not_started)?;
        if output.len() as u64 > errand.max_output_bytes {
            return Err(FenceError::TooMuch { program: errand.name(), bytes: errand.max_output_bytes });
        }
        let status = child.wait().await.map_err(not_started)?;
        drop(group);
        if status.success() { Ok(output) } else { Err(errand.failed(status)) }
    }
}

impl Errand {
    /// The program's name without its folder.
    fn name(&self) -> String {
        self.program.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }

    fn failed(&self, status: ExitStatus) -> FenceError {
        const SIGXCPU: i32 = 24;
        if status.code() == Some(NOT_STARTED.into()) {
            let reason = format!("{} is not there or may not be run", self.program.display());
            return FenceError::NotStarted { program: self.name(), reason };
        }
        match status.signal() {
            Some(SIGXCPU) => FenceError::TimedOut { program: self.name(), seconds: self.max_cpu_seconds },
            Some(signal) => FenceError::Failed { program: self.name(), status: format!("signal {signal}"), code: None },
            None => FenceError::Failed { program: self.name(), status: status.to_string(), code: status.code() },
        }
    }
}

/// The processes of an errand: a program may start others, and all of them end with it.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Usually nobody is left.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// The process between: gives up what the program does not need, then becomes the program.
pub fn child_main(order: &str) -> ExitCode {
    // A service that is killed takes its programs with it.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let Ok(errand) = serde_json::from_str::<Errand>(order) else {
        return ExitCode::from(NOT_STARTED);
    };
    let mut command = Command::new(&errand.program);
    command.args(&errand.arguments).env_clear().envs(errand.environment.iter().map(|(name, value)| (name, value)));
    if let Some(folder) = &errand.folder {
        command.current_dir(folder);
    }
    confine::confine(&errand);
    // Comes back only when it fails.
    let _ = command.exec();
    ExitCode::from(NOT_STARTED)
}
