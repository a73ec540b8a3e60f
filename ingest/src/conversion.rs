//! Documents of older programs → files that are parsed: DOC and PPT through LibreOffice, behind the fence.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use tokio::sync::Semaphore;

use crate::document::MediaType;
use crate::error::{OLDER_POWERPOINT, OLDER_WORD, ParseError};
use crate::fence::{Errand, Fence, FenceError};

/// What LibreOffice maps of libraries and profiles comes on top of what a document needs.
const MEMORY_BYTES: u64 = 4 << 30;
/// It says the names of files on stdout.
const MAX_OUTPUT_BYTES: u64 = 1 << 20;

/// What the office ends with when it has made its profile, and wants to be started on it.
const START_AGAIN: i32 = 81;
/// What it makes are archives: anything else is none of its results, and is not to be read as one.
const ARCHIVE: &[u8] = b"PK\x03\x04";

#[derive(Debug, Clone)]
pub struct ConversionOptions {
    /// `soffice`; `None`: older formats are refused with a hint.
    pub program: Option<PathBuf>,
    /// Wall-clock time for one document.
    pub seconds: u64,
    /// Documents converted at the same time: each takes some 300 MB.
    pub concurrency: usize,
    /// Longest result.
    pub max_bytes: u64,
}

/// Converts documents. Clones share their turns.
#[derive(Debug, Clone)]
pub struct Converter {
    fence: Fence,
    options: ConversionOptions,
    turns: Arc<Semaphore>,
}

/// What a file became.
pub(crate) struct Converted {
    pub(crate) bytes: Vec<u8>,
    /// What it was.
    pub(crate) media_type: MediaType,
}

/// A format that is converted, and into what.
#[derive(Debug, Clone, Copy)]
struct Route {
    name: &'static str,
    media_type: MediaType,
    /// LibreOffice tells formats apart by their content; the names only have to differ.
    from: &'static str,
    to: &'static str,
}

const ROUTES: [Route; 2] = [
    Route { name: OLDER_WORD, media_type: MediaType::Doc, from: "doc", to: "docx" },
    Route { name: OLDER_POWERPOINT, media_type: MediaType::Ppt, from: "ppt", to: "pptx" },
];

impl Converter {
    /// `program` is this program: it is its own [`fence`](crate::fence).
    pub fn new(program: PathBuf, options: ConversionOptions) -> Self {
        let turns = Arc::new(Semaphore::new(options.concurrency.max(1)));
        Self { fence: Fence::new(program), options, turns }
    }

    /// Converts a file that was refused for its format. `None` when it was refused for something else, or there
    /// is no program to convert it: then its refusal stands.
    pub(crate) async fn convert(&self, refusal: &ParseError, bytes: &[u8]) -> Option<Result<Converted, ParseError>> {
        let ParseError::Unsupported { media_type } = refusal else {
            return None;
        };
        let route = ROUTES.into_iter().find(|route| route.name == media_type)?;
        let program = self.options.program.as_ref()?;
        let _turn = self.turns.acquire().await.ok()?;
        let converted = self.run(program, route, bytes).await;
        Some(converted.map(|bytes| Converted { bytes, media_type: route.media_type }))
    }

    async fn run(&self, program: &Path, route: Route, bytes: &[u8]) -> Result<Vec<u8>, ParseError> {
        let folder = tempfile::Builder::new().prefix("terroir-").tempdir().map_err(io)?;
        // Landlock knows folders by where they are, not by what links lead there.
        let path = folder.path().canonicalize().map_err(io)?;
        tokio::fs::write(path.join("in").with_extension(route.from), bytes).await.map_err(io)?;
        let errand = self.errand(program, route, &path);
        let mut outcome = self.fence.run(&errand, &[]).await;
        if matches!(&outcome, Err(FenceError::Failed { code: Some(START_AGAIN), .. })) {
            outcome = self.fence.run(&errand, &[]).await;
        }
        let result = read_result(&path, route.to, self.options.max_bytes).await;
        // Thousands of small files of a profile: not on an async thread.
        drop(tokio::task::spawn_blocking(move || remove(folder)));
        // soffice ends well without a result, and with a result ends badly: the result counts.
        match (result, outcome) {
            (Ok(Some(bytes)), _) => Ok(bytes),
            (Ok(None), Err(error)) => Err(ParseError::NotConverted { reason: error.to_string() }),
            (Ok(None), Ok(_)) => Err(ParseError::NotConverted { reason: "LibreOffice made nothing of it".into() }),
            (Err(error), _) => Err(error),
        }
    }

    fn errand(&self, program: &Path, route: Route, folder: &Path) -> Errand {
        let folder_name = folder.to_string_lossy();
        let arguments = [
            // A profile of its own: another LibreOffice may be running. Its socket would else be in /tmp.
            format!("-env:UserInstallation=file://{folder_name}/profile"),
            format!("-env:OSL_SOCKET_PATH={folder_name}"),
            "--headless".into(),
            "--norestore".into(),
            "--nolockcheck".into(),
            "--convert-to".into(),
            route.to.into(),
            "--outdir".into(),
            format!("{folder_name}/out"),
            format!("{folder_name}/in.{}", route.from),
        ];
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Errand {
            program: inner(program),
            arguments: arguments.into(),
            environment: vec![
                variable("HOME", &folder_name),
                variable("TMPDIR", &folder_name),
                variable("PATH", "/usr/bin:/bin"),
                variable("LC_ALL", "C.UTF-8"),
            ],
            folder: Some(folder.to_owned()),
            max_memory_bytes: MEMORY_BYTES,
            max_cpu_seconds: self.options.seconds,
            max_wall_seconds: self.options.seconds,
            max_file_bytes: self.options.max_bytes,
            max_output_bytes: MAX_OUTPUT_BYTES,
        }
    }
}

/// `soffice` is a script around a program that shows a picture while the office starts, and insists on a socket
/// in /tmp. The office itself lies beside it.
fn inner(program: &Path) -> PathBuf {
    let beside = program.canonicalize().ok().map(|script| script.with_file_name("soffice.bin"));
    beside.filter(|office| office.is_file()).unwrap_or_else(|| program.to_owned())
}

/// The only file that counts: at its place, a file and no link, not too long.
async fn read_result(folder: &Path, extension: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, ParseError> {
    let path = folder.join("out").join("in").with_extension(extension);
    // Resolved, it must still be where it was looked for.
    let Ok(resolved) = tokio::fs::canonicalize(&path).await else {
        return Ok(None);
    };
    let metadata = tokio::fs::symlink_metadata(&path).await.map_err(io)?;
    if resolved != path || !metadata.is_file() {
        return Ok(None);
    }
    if metadata.len() > max_bytes {
        return Err(ParseError::TooLarge { bytes: metadata.len(), max_bytes });
    }
    let bytes = tokio::fs::read(&path).await.map_err(io)?;
    Ok(bytes.starts_with(ARCHIVE).then_some(bytes))
}

fn remove(folder: TempDir) {
    if let Err(error) = folder.close() {
        tracing::warn!(%error, "a temporary folder was not removed");
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` calls")]
fn io(error: std::io::Error) -> ParseError {
    ParseError::Io { message: format!("the folder for a conversion: {error}") }
}
