//! The HTTP client behind the commands: finds the service of the data folder, or starts one for itself.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::access;
use crate::config::Settings;
use crate::local::{LocalService, running_service};
use crate::local_key::{self, LocalKey};

/// How long a service may be gone while its work is followed.
const PATIENCE: Duration = Duration::from_mins(1);

/// A connection to the service of one data folder.
pub struct Client {
    base: RefCell<String>,
    data_dir: PathBuf,
    authorization: Option<String>,
    /// The user in whose name it asks.
    in_name_of: Option<String>,
    /// Of the data folder, if this command may read it.
    local_key: Option<LocalKey>,
    agent: ureq::Agent,
    /// Kept so that it ends with the client, after its last request.
    _service: Option<LocalService>,
}

impl Client {
    /// Connects to the running service, or starts one inside this process.
    pub fn connect(settings: &Settings) -> anyhow::Result<Self> {
        // A service of a moment has no time for sources.
        let mut settings = settings.clone();
        settings.sources.in_service = false;
        Self::connect_for_sources(&settings)
    }

    /// The same, and a service that is started for this command keeps sources in step meanwhile.
    pub fn connect_for_sources(settings: &Settings) -> anyhow::Result<Self> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(5)))
            .build()
            .into();
        let (address, service) = if let Some(address) = running_service(&settings.data_dir) {
            (address, None)
        } else {
            let service = LocalService::start(settings.clone())?;
            (service.address(), Some(service))
        };
        let key = &settings.api_key;
        Ok(Self {
            base: RefCell::new(format!("http://{address}")),
            data_dir: settings.data_dir.clone(),
            authorization: (!key.is_empty()).then(|| format!("Bearer {key}")),
            in_name_of: settings.in_name_of.clone(),
            local_key: LocalKey::read(&settings.data_dir),
            agent,
            _service: service,
        })
    }

    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        let ask = || -> anyhow::Result<_> {
            let request = self.authorized(ureq::http::Request::get(self.url(path)));
            Ok(self.agent.run(request.body(())?))
        };
        let answer = match ask()? {
            // The service closes connections that are idle for a while; the next request finds out.
            Err(ureq::Error::Io(_)) => ask()?,
            answer => answer,
        };
        read_json(answer?)
    }

    pub fn delete(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.authorized(ureq::http::Request::delete(self.url(path)));
        read_json(self.agent.run(request.body(())?)?)
    }

    pub fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.authorized(ureq::http::Request::put(self.url(path)));
        let request = request.header("Content-Type", "application/json").body(serde_json::to_vec(body)?)?;
        read_json(self.agent.run(request)?)
    }

    pub fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        read_json(self.post_raw(path, "application/json", serde_json::to_vec(body)?)?)
    }

    /// Uploads one file. `source_uri` identifies the document, so that the same path is the same document; `bulk` lets
    /// files that somebody waits for go first.
    pub fn upload(
        &self,
        file_name: &str,
        source_uri: &str,
        collection: &str,
        bulk: bool,
        bytes: &[u8],
    ) -> anyhow::Result<Value> {
        let boundary = format!("terroir-{}", uuid::Uuid::new_v4().simple());
        let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "%22").replace(['\r', '\n'], " ");
        let mut body = Vec::with_capacity(bytes.len() + 1024);
        let bulk = if bulk { "true" } else { "false" };
        for (name, value) in [("collection", collection), ("source_uri", source_uri), ("bulk", bulk)] {
            body.extend_from_slice(
                format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                    .as_bytes(),
            );
        }
        body.extend_from_slice(
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\nContent-Type: application/octet-stream\r\n\r\n",
                quoted(file_name)
            )
            .as_bytes(),
        );
        body.extend_from_slice(bytes);
        body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        let media_type = format!("multipart/form-data; boundary={boundary}");
        read_json(self.post_raw("/api/v1/documents", &media_type, body)?)
    }

    /// Calls again while the service cannot be reached: it may be starting anew, perhaps at another address, and takes
    /// up what it had begun.
    pub fn patiently<T>(&self, call: impl Fn(&Self) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let began = Instant::now();
        loop {
            let unreachable = match call(self) {
                Err(error) if error.downcast_ref::<ureq::Error>().is_some() => error,
                ended => return ended,
            };
            if began.elapsed() > PATIENCE {
                return Err(unreachable);
            }
            std::thread::sleep(Duration::from_millis(500));
            if let Some(address) = running_service(&self.data_dir) {
                *self.base.borrow_mut() = format!("http://{address}");
            }
        }
    }

    /// Posts and hands each server-sent event to `each` as (event, data).
    pub fn stream(
        &self,
        path: &str,
        body: &Value,
        mut each: impl FnMut(&str, Value) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let response = self.post_raw(path, "application/json", serde_json::to_vec(body)?)?;
        if !response.status().is_success() {
            read_json(response)?;
            bail!("{path} answered nothing");
        }
        let reader = BufReader::new(response.into_body().into_reader());
        let mut event = String::new();
        for line in reader.lines() {
            let line = line.context("the answer broke off")?;
            if let Some(name) = line.strip_prefix("event: ") {
                name.clone_into(&mut event);
            } else if let Some(data) = line.strip_prefix("data: ") {
                each(&event, serde_json::from_str(data).context("unreadable event")?)?;
            }
        }
        Ok(())
    }

    /// Writes what an address has into `sink`, whatever its length.
    pub fn download(&self, path: &str, sink: &mut impl std::io::Write) -> anyhow::Result<()> {
        let request = self.authorized(ureq::http::Request::get(self.url(path)));
        let response = self.agent.run(request.body(())?)?;
        if !response.status().is_success() {
            read_json(response)?;
            bail!("{path} answered nothing");
        }
        std::io::copy(&mut response.into_body().into_reader(), sink).context("the download broke off")?;
        Ok(())
    }

    fn post_raw(
        &self,
        path: &str,
        media_type: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<ureq::http::Response<ureq::Body>> {
        let request = self.authorized(ureq::http::Request::post(self.url(path))).header("Content-Type", media_type);
        Ok(self.agent.run(request.body(body)?)?)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base.borrow())
    }

    fn authorized(&self, request: ureq::http::request::Builder) -> ureq::http::request::Builder {
        let request = match &self.authorization {
            Some(value) => request.header("Authorization", value),
            None => request,
        };
        let request = match &self.in_name_of {
            Some(name) => request.header(access::AS_HEADER, encoded(name)),
            None => request,
        };
        match &self.local_key {
            Some(key) => request.header(local_key::HEADER, key.as_str()),
            None => request,
        }
    }
}

/// Percent-encodes everything but unreserved characters (RFC 3986, section 2.3).
pub fn encoded(text: &str) -> String {
    const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// The body, or the service's error as this command's error.
fn read_json(response: ureq::http::Response<ureq::Body>) -> anyhow::Result<Value> {
    let status = response.status();
    let mut text = String::new();
    response.into_body().into_reader().read_to_string(&mut text)?;
    if status == ureq::http::StatusCode::NO_CONTENT {
        return Ok(Value::Null);
    }
    let value: Value =
        serde_json::from_str(&text).with_context(|| format!("the service answered {status} without JSON"))?;
    if status.is_success() {
        return Ok(value);
    }
    let error = &value["error"];
    let line = error["line"].as_u64().map_or_else(String::new, |line| format!("line {line}: "));
    bail!(
        "{line}{} ({}); {}",
        error["message"].as_str().unwrap_or("the service refused"),
        error["code"].as_str().unwrap_or(status.as_str()),
        error["hint"].as_str().unwrap_or_default()
    );
}
