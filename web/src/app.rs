//! The service: everything that is open while Terroir runs, and the HTTP server around it.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_multipart::form::tempfile::TempFileConfig;
use actix_web::dev::Server;
use actix_web::{App as ActixApp, HttpServer, middleware, web};
use anyhow::Context as _;
use terroir_embed::{EmbedError, Encoder, ModelStore, Passport, Reranker};
use terroir_generate::{Answerer, Generator, GeneratorOptions};
use terroir_ingest::sets::{Builder, Encoders};
use terroir_ingest::sources::{Reach, Scheduler, SchedulerOptions, find_program};
use terroir_ingest::worker::{Worker, WorkerOptions};
use terroir_store::{Background, IndexSet, NewSet, Store, StoreOptions};
use tokio::sync::watch;

use crate::access::Access;
use crate::config::Settings;
use crate::error::{ApiError, ApiResult};
use crate::local_key::LocalKey;
use crate::metrics::Metrics;
use crate::{limits, reading, request, routes};

/// Service managers kill after 90 seconds, some after ten.
const TIME_TO_CLOSE: Duration = Duration::from_secs(8);

/// What the routes work with. One per process.
pub struct Service {
    pub settings: Settings,
    pub store: Store,
    pub encoders: Encoders,
    pub models: ModelStore,
    pub reranker: Option<Reranker>,
    pub metrics: Metrics,
    pub started: Instant,
    /// What sources may reach.
    pub reach: Reach,
    pub local_key: LocalKey,
    generator: watch::Receiver<GeneratorState>,
    /// None where ingestion is left to workers in processes of their own.
    worker: Option<Worker>,
    builder: Option<Builder>,
    scheduler: Option<Scheduler>,
}

/// What a process does beside answering.
#[derive(Debug, Clone, Copy)]
pub struct Duties {
    pub ingests: bool,
    /// Keeps sources in step.
    pub syncs: bool,
}

/// The generating model is loaded beside the rest: search does not wait for it.
#[derive(Clone)]
enum GeneratorState {
    Loading,
    Ready(Generator),
    Missing(Arc<str>),
}

impl Service {
    /// Opens models, database and indexes, and starts to work on what its duties are.
    pub async fn open(settings: Settings, duties: Duties) -> anyhow::Result<Arc<Self>> {
        let models = ModelStore::open(&settings.models_dir())?;
        let known = terroir_store::known_set_in_use(&settings.data_dir, settings.database_url().as_deref()).await?;
        let encoder = open_encoder(&settings, &models, known.as_ref()).await?;
        let reranker = open_reranker(&settings, &models).await?;
        let first_set = match known {
            // The database has it already.
            Some(set) => set.into(),
            None => first_set(&settings, &encoder).await?,
        };
        let text = |value: &String| (!value.is_empty()).then(|| value.clone());
        let store = Store::open(StoreOptions {
            data_dir: settings.data_dir.clone(),
            originals_dir: settings.originals_dir(),
            database_url: settings.database_url(),
            qdrant_url: text(&settings.qdrant.url),
            qdrant_api_key: text(&settings.qdrant.api_key),
            quantisation: settings.qdrant.quantisation,
            first_set,
        })
        .await?;
        let encoders = {
            let (models, options) = (models.clone(), settings.encoder_options());
            Encoders::new(store.clone(), encoder, move |name| Encoder::open(&models.files(name)?, options))
        };
        // The right weights, or no service.
        encoders.in_use().await.context("opening the embedding model of the index set in use")?;
        let reader = reading::reader(&settings)?;
        let worker = duties.ingests.then(|| {
            let options = WorkerOptions { concurrency: settings.ingest_workers() };
            Worker::start(store.clone(), encoders.clone(), reader, &options)
        });
        let builder = duties.ingests.then(|| Builder::start(store.clone(), encoders.clone()));
        let local_key = LocalKey::open(&settings.data_dir).context("opening the data folder's key")?;
        let reach = reach(&settings);
        let scheduler = duties.syncs.then(|| {
            let options = SchedulerOptions {
                concurrency: settings.sources.concurrency,
                place: local_key.place(),
                max_bytes: settings.ingest.max_file_bytes,
                reach: reach.clone(),
            };
            Scheduler::start(store.clone(), options)
        });
        let generator = load_generator(&settings, models.clone());
        Ok(Arc::new(Self {
            settings,
            store,
            encoders,
            models,
            reranker,
            metrics: Metrics::new()?,
            started: Instant::now(),
            reach,
            local_key,
            generator,
            worker,
            builder,
            scheduler,
        }))
    }

    /// Lets the jobs under way go, and closes the indexes. Where the database has gone there is nobody to tell: then
    /// leases end by themselves.
    pub async fn close(&self) {
        if tokio::time::timeout(TIME_TO_CLOSE, self.let_go()).await.is_err() {
            tracing::warn!("not everything could be let go in time; the next start takes it up");
        }
    }

    async fn let_go(&self) {
        if let Some(scheduler) = &self.scheduler {
            scheduler.stop().await;
        }
        if let Some(builder) = &self.builder {
            builder.stop().await;
        }
        if let Some(worker) = &self.worker {
            worker.stop().await;
        }
        self.store.close().await;
    }

    /// The generating model, once it is loaded.
    pub async fn generator(&self) -> ApiResult<Generator> {
        let mut state = self.generator.clone();
        let loaded = state.wait_for(|state| !matches!(state, GeneratorState::Loading)).await;
        match loaded.as_deref() {
            Ok(GeneratorState::Ready(generator)) => Ok(generator.clone()),
            Ok(GeneratorState::Missing(reason)) => Err(ApiError::new(
                "model_missing",
                reason.to_string(),
                "run `make models`, or import the model with `terroir models import`, and start again",
            )),
            Ok(GeneratorState::Loading) | Err(_) => {
                Err(ApiError::internal("the loading of the generating model broke off"))
            }
        }
    }

    pub fn generator_passport(&self) -> Option<Passport> {
        match &*self.generator.borrow() {
            GeneratorState::Ready(generator) => Some(generator.passport().clone()),
            GeneratorState::Loading | GeneratorState::Missing(_) => None,
        }
    }

    pub async fn answerer(&self, generator: Generator) -> ApiResult<Answerer> {
        Ok(Answerer::new(generator, self.encoders.in_use().await?.1))
    }
}

fn reach(settings: &Settings) -> Reach {
    let sources = &settings.sources;
    let named = (!sources.git.as_os_str().is_empty()).then(|| sources.git.clone());
    Reach {
        folders: sources.folders.clone(),
        credentials: settings.credentials.clone(),
        git: named.or_else(|| find_program("git", settings.program_path.as_ref())),
        clones: settings.data_dir.join("sources"),
    }
}

/// What a new database begins with.
pub async fn first_set(settings: &Settings, encoder: &Encoder) -> Result<NewSet, EmbedError> {
    new_set(encoder, settings.ingest.chunk_tokens.min(encoder.max_tokens())).await
}

/// What a set of this model is made with.
pub async fn new_set(encoder: &Encoder, chunk_tokens: usize) -> Result<NewSet, EmbedError> {
    let background = encoder.background().await?;
    Ok(NewSet {
        model: encoder.passport().name.clone(),
        model_sha256: encoder.passport().sha256.clone(),
        dimensions: encoder.dimensions(),
        chunk_tokens,
        background: Background { mean: background.mean, spread: background.spread },
    })
}

/// The model of the set in use, whatever the settings say: they are for a new database.
async fn open_encoder(settings: &Settings, models: &ModelStore, known: Option<&IndexSet>) -> anyhow::Result<Encoder> {
    let name = known.map_or(&settings.models.embed, |set| &set.model).clone();
    if name != settings.models.embed {
        let configured = &settings.models.embed;
        tracing::warn!(
            in_use = name,
            configured,
            "the index set in use has another model than the settings name; `terroir sets build` makes one with theirs"
        );
    }
    let models = models.clone();
    let options = settings.encoder_options();
    let opened = tokio::task::spawn_blocking(move || Encoder::open(&models.files(&name)?, options)).await?;
    opened.context("opening the embedding model")
}

pub async fn open_reranker(settings: &Settings, models: &ModelStore) -> anyhow::Result<Option<Reranker>> {
    let (models, name) = (models.clone(), settings.models.rerank.clone());
    if name.is_empty() {
        return Ok(None);
    }
    let options = settings.encoder_options();
    let opened = tokio::task::spawn_blocking(move || Reranker::open(&models.files(&name)?, options)).await?;
    opened.map(Some).context("opening the reranker")
}

fn load_generator(settings: &Settings, models: ModelStore) -> watch::Receiver<GeneratorState> {
    let (sender, receiver) = watch::channel(GeneratorState::Loading);
    let name = settings.models.generate.clone();
    let options = GeneratorOptions {
        device: settings.models.device,
        threads: settings.model_threads(),
        queue_capacity: settings.models.queue_capacity,
        texts: settings.models.texts,
        cache_bytes: (settings.models.cache_bytes > 0).then_some(settings.models.cache_bytes),
        ..GeneratorOptions::default()
    };
    let voices = settings.models.voices.iter().map(|voice| (voice.collection.clone(), voice.dir.clone())).collect();
    std::thread::spawn(move || {
        let files = models.files(&name).map_err(|error| error.to_string());
        let opened = files
            .and_then(|files| Generator::open_with_voices(&files, options, &voices).map_err(|error| error.to_string()));
        let state = match opened {
            Ok(generator) => GeneratorState::Ready(generator),
            Err(reason) => {
                tracing::warn!(reason, "questions cannot be answered");
                GeneratorState::Missing(reason.into())
            }
        };
        // Nobody waits for the model any more if the service has gone.
        let _ = sender.send(state);
    });
    receiver
}

/// The service behind its address.
pub struct App {
    service: Arc<Service>,
    server: Server,
    address: SocketAddr,
}

impl App {
    /// Opens the service and binds the address; port 0 takes a free one.
    pub async fn build(settings: Settings) -> anyhow::Result<Self> {
        let listen = settings.listen;
        let access = web::Data::new(Access::new(&settings));
        let duties = Duties { ingests: settings.ingest.in_service, syncs: settings.sources.in_service };
        let service = Service::open(settings, duties).await?;
        let data = web::Data::from(service.clone());
        let metrics = web::Data::new(service.metrics.clone());
        let form = limits::form(&service.settings);
        let files = TempFileConfig::default().directory(service.store.blobs().incoming());
        let server = HttpServer::new(move || {
            ActixApp::new()
                .app_data(data.clone())
                .app_data(metrics.clone())
                .app_data(access.clone())
                .app_data(limits::json())
                .app_data(form.clone())
                .app_data(files.clone())
                .wrap(middleware::Compress::default())
                .wrap(middleware::from_fn(request::observe))
                .configure(routes::all)
        })
        .workers(2)
        .shutdown_timeout(5)
        .disable_signals()
        .bind(listen)
        .with_context(|| format!("listening on {listen}; another program may use the port"))?;
        let address = server.addrs().first().copied().context("the server has no address")?;
        Ok(Self { service, server: server.run(), address })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` completes, then finishes what is under way.
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let handle = self.server.handle();
        let running = actix_web::rt::spawn(self.server);
        stop.await;
        handle.stop(true).await;
        running.await??;
        self.service.close().await;
        Ok(())
    }
}
