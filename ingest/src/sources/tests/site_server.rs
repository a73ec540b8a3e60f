//! A web server on the loopback address that answers what a test wants, and remembers what it was asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

#[derive(Debug, Clone)]
pub(super) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

pub(super) fn page(body: &str) -> Reply {
    Reply { status: 200, headers: vec![("content-type".into(), "text/html; charset=utf-8".into())], body: body.into() }
}

pub(super) fn status(status: u16) -> Reply {
    Reply { status, headers: Vec::new(), body: Vec::new() }
}

impl Reply {
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(super) fn bytes(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }
}

#[derive(Debug, Clone, Default)]
struct Known {
    pages: BTreeMap<String, Reply>,
    asked: Vec<String>,
}

pub(super) struct Server {
    pub(super) base: String,
    known: Arc<Mutex<Known>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let known: Arc<Mutex<Known>> = Arc::default();
        let shared = Arc::clone(&known);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    while !request.ends_with(b"\r\n\r\n") {
                        match stream.read_u8().await {
                            Ok(byte) => request.push(byte),
                            Err(_) => return,
                        }
                    }
                    let answer = answer(&shared, &String::from_utf8_lossy(&request));
                    let _ = stream.write_all(&answer).await;
                });
            }
        });
        Self { base, known, task }
    }

    pub(super) fn put(&self, path: &str, reply: Reply) {
        self.known.lock().unwrap().pages.insert(path.into(), reply);
    }

    /// Paths that were asked for since this was called last, without robots.txt.
    pub(super) fn asked(&self) -> Vec<String> {
        let mut asked = std::mem::take(&mut self.known.lock().unwrap().asked);
        asked.retain(|path| path != "/robots.txt");
        asked
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A page with an `etag` is not sent again to whoever has it.
fn answer(known: &Mutex<Known>, request: &str) -> Vec<u8> {
    let path = request.split(' ').nth(1).unwrap_or("/").to_owned();
    let mut known = known.lock().unwrap();
    let mut reply = known.pages.get(&path).cloned().unwrap_or_else(|| status(404));
    known.asked.push(path);
    let etag = reply.headers.iter().find(|(name, _)| name == "etag").map(|(_, value)| value.clone());
    if etag.is_some_and(|etag| request.to_lowercase().contains(&format!("if-none-match: {etag}"))) {
        reply.status = 304;
        reply.body.clear();
    }
    let mut text = format!("HTTP/1.1 {} X\r\nconnection: close\r\n", reply.status);
    if reply.status != 304 {
        text += &["content-length: ", &reply.body.len().to_string(), "\r\n"].concat();
    }
    for (name, value) in &reply.headers {
        text += &[name, ": ", value, "\r\n"].concat();
    }
    [text.as_bytes(), b"\r\n", &reply.body].concat()
}
