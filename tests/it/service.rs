//! The real binary, as a process of its own, on a fresh data folder and a free port.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How long a document or an answer may take on a slow, shared machine before a test gives up.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// Where truth is kept in a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    Sqlite,
    /// The URL of a database made for one test.
    Postgres(String),
}

/// `SQLite`, or a fresh database on the server of `TERROIR_TEST_POSTGRES_URL` where `TERROIR_TEST_DATABASE` is
/// `postgres`. `make test` runs every test on each.
pub fn database() -> Database {
    match std::env::var("TERROIR_TEST_DATABASE").as_deref() {
        Ok("postgres") => {
            let server = std::env::var("TERROIR_TEST_POSTGRES_URL").expect("TERROIR_TEST_POSTGRES_URL names a server");
            Database::Postgres(fresh_database(&server))
        }
        Ok("sqlite") | Err(_) => Database::Sqlite,
        Ok(other) => panic!("TERROIR_TEST_DATABASE is {other}; it can be sqlite or postgres"),
    }
}

fn fresh_database(server: &str) -> String {
    let name = format!("terroir_it_{}", uuid::Uuid::new_v4().simple());
    let made = Command::new("psql").arg(server).arg("-qc").arg(format!("create database {name}")).status();
    assert!(made.expect("psql is installed").success(), "cannot create a database on {server}");
    let (base, _) = server.rsplit_once('/').expect("the URL names a database");
    format!("{base}/{name}")
}

/// The binary that lies beside the tests.
pub fn program() -> PathBuf {
    let tests = std::env::current_exe().expect("a running program has a path");
    let release = tests.parent().and_then(Path::parent).expect("tests lie in <target>/release/deps");
    let program = release.join("terroir");
    assert!(program.exists(), "{} is missing: run `make build`", program.display());
    program
}

pub fn models_dir() -> PathBuf {
    let named = std::env::var_os("TERROIR_MODELS_DIR").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/models"));
    let weights = folder.join("all-MiniLM-L6-v2/model.safetensors");
    assert!(weights.exists(), "{} is missing: run `make models`", weights.display());
    folder.canonicalize().expect("the folder exists")
}

pub struct Service {
    pub data: PathBuf,
    pub base: String,
    database: Database,
    environment: Vec<(String, String)>,
    process: Child,
    /// Removed when the last service on it is gone.
    folder: Option<TempDir>,
}

impl Service {
    pub fn start(database: &Database) -> Self {
        Self::start_with(database, &[])
    }

    pub fn start_with(database: &Database, environment: &[(&str, &str)]) -> Self {
        Self::start_after(database, environment, |_| ())
    }

    /// On a data folder with which something is done first.
    pub fn start_after(database: &Database, environment: &[(&str, &str)], prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().join("data");
        std::fs::create_dir_all(&data).expect("a data folder");
        prepare(&data);
        let environment: Vec<(String, String)> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let process = spawn(&data, &SERVE, database, &environment);
        let mut service =
            Self { data, base: String::new(), database: database.clone(), environment, process, folder: Some(folder) };
        service.wait_until_ready();
        service
    }

    fn wait_until_ready(&mut self) {
        let started = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().expect("the process can be asked") {
                panic!("the service ended with {status}: {}", self.log());
            }
            let note = std::fs::read(self.data.join("service.json")).ok();
            let address = note.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
            if let Some(address) = address.as_ref().and_then(|note| note["address"].as_str()) {
                self.base = format!("http://{address}");
                if ureq::get(format!("{}/readyz", self.base)).call().is_ok() {
                    return;
                }
            }
            assert!(started.elapsed() < PATIENCE, "the service is not ready: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.data.join("test.log")).unwrap_or_default()
    }

    /// kill −9, then a new process on the same folder and database.
    pub fn kill_and_restart(&mut self) {
        let database = self.database.clone();
        self.kill_and_restart_on(&database, |_| ());
    }

    /// kill −9, then a new process on the same folder and another database.
    pub fn kill_and_restart_on(&mut self, database: &Database, meanwhile: impl FnOnce(&Path)) {
        self.process.kill().expect("the process can be killed");
        self.process.wait().expect("the process ends");
        // What a killed process cannot tidy up.
        let _ = std::fs::remove_file(self.data.join("service.json"));
        meanwhile(&self.data);
        self.database = database.clone();
        self.process = spawn(&self.data, &SERVE, &self.database, &self.environment);
        self.wait_until_ready();
    }

    pub fn get(&self, path: &str) -> Reply {
        Reply::of(agent().get(self.url(path)).call())
    }

    pub fn delete(&self, path: &str) -> Reply {
        Reply::of(agent().delete(self.url(path)).call())
    }

    pub fn post(&self, path: &str, body: &Value) -> Reply {
        Reply::of(agent().post(self.url(path)).send_json(body))
    }

    pub fn patch(&self, path: &str, body: &Value) -> Reply {
        Reply::of(agent().patch(self.url(path)).send_json(body))
    }

    pub fn put(&self, path: &str, body: &Value) -> Reply {
        Reply::of(agent().put(self.url(path)).send_json(body))
    }

    /// A GET, or with a body a POST, with another header.
    pub fn with_header(&self, (name, value): (&str, &str), path: &str, body: Option<&Value>) -> Reply {
        Reply::of(match body {
            Some(body) => agent().post(self.url(path)).header(name, value).send_json(body),
            None => agent().get(self.url(path)).header(name, value).call(),
        })
    }

    pub fn post_raw(&self, path: &str, media_type: &str, body: &[u8]) -> Reply {
        Reply::of(agent().post(self.url(path)).header("Content-Type", media_type).send(body))
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Uploads one file and gives the item of the answer.
    pub fn upload(&self, name: &str, bytes: &[u8]) -> Value {
        let reply = self.post_raw("/api/v1/documents", "multipart/form-data; boundary=XX", &multipart(name, bytes));
        assert_eq!(reply.status, 202, "{}", reply.text);
        reply.json()["items"][0].clone()
    }

    /// Uploads one file and waits until it is ready or failed.
    pub fn add(&self, name: &str, bytes: &[u8]) -> Value {
        let item = self.upload(name, bytes);
        self.wait_for(item["document"].as_str().expect("an upload names its document"))
    }

    pub fn wait_for(&self, document: &str) -> Value {
        let started = Instant::now();
        loop {
            let found = self.get(&format!("/api/v1/documents/{document}"));
            let document = found.json();
            if matches!(document["status"].as_str(), Some("ready" | "failed")) {
                return document;
            }
            assert!(started.elapsed() < PATIENCE, "{document} does not end: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Starts a command of the binary on this data folder.
    pub fn start_command(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new(program());
        command.arg("--data").arg(&self.data).args(arguments).env("TERROIR_MODELS_DIR", models_dir());
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary runs")
    }

    /// Runs a command of the binary on this data folder.
    pub fn command(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new(program());
        command.arg("--data").arg(&self.data).args(arguments).env("TERROIR_MODELS_DIR", models_dir());
        command.output().expect("the binary runs")
    }
}

/// Runs a command of the binary on a data folder that no service runs on, with the database of its settings.
pub fn run(data: &Path, database: &Database, arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(program());
    command.arg("--data").arg(data).args(arguments).env("TERROIR_MODELS_DIR", models_dir()).env_remove("DATABASE_URL");
    if let Database::Postgres(url) = database {
        command.env("DATABASE_URL", url);
    }
    command.output().expect("the binary runs")
}

/// `terroir worker` on a data folder of its own; ends with the value.
pub struct Worker {
    process: Child,
    _folder: TempDir,
}

impl Worker {
    pub fn start(database: &Database, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let environment: Vec<(String, String)> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let process = spawn(folder.path(), &["worker"], database, &environment);
        Self { process, _folder: folder }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("the service's log:\n{}", self.log());
        }
        drop(self.folder.take());
    }
}

const SERVE: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];

fn spawn(data: &Path, arguments: &[&str], database: &Database, environment: &[(String, String)]) -> Child {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(data.join("test.log")).expect("a log file");
    let mut command = Command::new(program());
    command
        .arg("--data")
        .arg(data)
        .args(arguments)
        .env_remove("DATABASE_URL")
        .env("TERROIR_MODELS_DIR", models_dir())
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    if let Database::Postgres(url) = database {
        command.env("DATABASE_URL", url);
    }
    command.spawn().expect("the binary runs")
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build().into()
}

pub fn multipart(name: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!(
        "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
    );
    [head.as_bytes(), bytes, b"\r\n--XX--\r\n"].concat()
}

pub struct Reply {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub bytes: Vec<u8>,
    pub text: String,
}

impl Reply {
    fn of(result: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Self {
        let response = result.expect("the service answers");
        let (parts, body) = response.into_parts();
        let mut bytes = Vec::new();
        body.into_reader().read_to_end(&mut bytes).expect("the body arrives");
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
            bytes,
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The code of an error, after a look at the whole shape of its body.
    pub fn error_code(&self) -> String {
        let body = self.json();
        let error = &body["error"];
        for key in ["type", "code", "message", "hint", "request_id"] {
            let text = error[key].as_str().unwrap_or_else(|| panic!("error without {key}: {body}"));
            assert!(!text.is_empty(), "{key} is empty: {body}");
        }
        error["code"].as_str().expect("looked at above").to_owned()
    }

    /// The server-sent events of a stream: names and data, in order.
    pub fn events(&self) -> Vec<(String, Value)> {
        self.text
            .split("\n\n")
            .filter_map(|event| {
                let name = event.lines().find_map(|line| line.strip_prefix("event: "))?;
                let data = event.lines().find_map(|line| line.strip_prefix("data: "))?;
                Some((name.to_owned(), serde_json::from_str(data).expect("data is JSON")))
            })
            .collect()
    }
}
