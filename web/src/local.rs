//! The service of a data folder, found or started: how a command reaches it.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::config::Settings;

/// Where a running service says how it is reached.
#[derive(Serialize, Deserialize)]
struct Address {
    address: SocketAddr,
}

fn address_file(data_dir: &Path) -> PathBuf {
    data_dir.join("service.json")
}

/// The address of the service that runs on this data folder, if one answers.
pub fn running_service(data_dir: &Path) -> Option<SocketAddr> {
    let text = fs_err::read_to_string(address_file(data_dir)).ok()?;
    let Address { address } = serde_json::from_str(&text).ok()?;
    TcpStream::connect_timeout(&address, Duration::from_millis(500)).ok()?;
    Some(address)
}

/// The note that other commands find the service by; gone when dropped.
pub struct AddressNote(PathBuf);

impl AddressNote {
    pub fn write(data_dir: &Path, listening: SocketAddr) -> anyhow::Result<Self> {
        // A wildcard address is reached through loopback.
        let mut address = listening;
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        let path = address_file(data_dir);
        fs_err::write(&path, serde_json::to_vec(&Address { address })?)?;
        Ok(Self(path))
    }
}

impl Drop for AddressNote {
    fn drop(&mut self) {
        if let Err(error) = fs_err::remove_file(&self.0) {
            tracing::warn!(%error, "the address note stays behind");
        }
    }
}

/// A service in a thread of this process, on a free port; stops and is joined when dropped.
pub struct LocalService {
    address: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl LocalService {
    pub fn start(mut settings: Settings) -> anyhow::Result<Self> {
        settings.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (report, started) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("local-service".into())
            .spawn(move || {
                actix_web::rt::System::new().block_on(run(settings, report, stopped));
            })
            .context("starting the service's thread")?;
        let address = started.recv().context("the service ended while starting")??;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn run(
    settings: Settings,
    report: mpsc::SyncSender<anyhow::Result<SocketAddr>>,
    stopped: tokio::sync::oneshot::Receiver<()>,
) {
    let app = match App::build(settings).await {
        Ok(app) => app,
        Err(error) => {
            // The starter waits for this message, so the channel is open.
            let _ = report.send(Err(error));
            return;
        }
    };
    let _ = report.send(Ok(app.address()));
    let stop = async {
        // A dropped sender means stop as well.
        let _ = stopped.await;
    };
    if let Err(error) = app.run_until(stop).await {
        tracing::error!(%error, "the local service ended with an error");
    }
}

impl Drop for LocalService {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the local service panicked");
        }
    }
}
