//! `serve` and `worker`: the processes that stay.

use anyhow::bail;

use crate::app::{App, Duties, Service};
use crate::config::Settings;
use crate::local::{AddressNote, running_service};
use crate::telemetry;

pub fn serve(settings: Settings) -> anyhow::Result<()> {
    settings.check_exposure()?;
    telemetry::start(&settings)?;
    if let Some(address) = running_service(&settings.data_dir) {
        bail!("a service already runs on this data folder: http://{address}");
    }
    actix_web::rt::System::new().block_on(async move {
        let data_dir = settings.data_dir.clone();
        let app = App::build(settings).await?;
        let _note = AddressNote::write(&data_dir, app.address())?;
        eprintln!("Terroir listens on http://{}", app.address());
        app.run_until(interrupted()).await
    })
}

pub fn worker(settings: Settings) -> anyhow::Result<()> {
    telemetry::start(&settings)?;
    if settings.database.url.is_empty() {
        bail!(
            "a separate worker needs a PostgreSQL database that it shares with the service: set DATABASE_URL; without one, `terroir serve` ingests by itself"
        );
    }
    actix_web::rt::System::new().block_on(async move {
        let service = Service::open(settings, Duties { ingests: true, syncs: true }).await?;
        eprintln!("Terroir works on ingestion jobs and sources");
        interrupted().await;
        service.close().await;
        Ok(())
    })
}

/// Ends with Ctrl-C or the signal that service managers send.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
