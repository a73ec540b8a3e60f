//! A stand-in for a Qdrant server, in this process: the real protocol on a port of its own, and every point
//! compared with every query. It answers as Qdrant documents, and what it does not know with UNIMPLEMENTED,
//! so that a wrong call fails loudly. `TERROIR_TEST_QDRANT_URL` names a real server to use in its place.

mod collection;
mod filter;
mod services;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use qdrant_client::qdrant::collections_server::CollectionsServer;
use qdrant_client::qdrant::points_server::PointsServer;
use qdrant_client::qdrant::qdrant_server::QdrantServer;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Status};

use collection::Collection;

/// The server's address and key for a store, and the stand-in behind them unless it is a real server.
pub struct Server {
    pub url: String,
    pub api_key: Option<String>,
    _stand_in: Option<StandIn>,
}

impl Server {
    pub fn of(stand_in: &StandIn) -> Self {
        Self { url: stand_in.url(), api_key: None, _stand_in: None }
    }
}

/// The real server that the environment names, or a stand-in.
pub fn server() -> Server {
    if let Ok(url) = std::env::var("TERROIR_TEST_QDRANT_URL") {
        eprintln!("Qdrant server {url}; it keeps collections named terroir-mmmm…, which may be deleted");
        let api_key = std::env::var("TERROIR_TEST_QDRANT_API_KEY").ok();
        return Server { url, api_key, _stand_in: None };
    }
    eprintln!("Qdrant server: a STAND-IN; set TERROIR_TEST_QDRANT_URL to test with a real one");
    let stand_in = StandIn::start(None);
    Server { url: stand_in.url(), api_key: None, _stand_in: Some(stand_in) }
}

/// What outlives a stop: the disk, as it were.
#[derive(Default)]
struct State {
    collections: Mutex<BTreeMap<String, Collection>>,
    api_key: Option<String>,
    /// Each this many-th call is done, and its answer lost.
    answers_lost_every: AtomicU32,
    calls: AtomicU32,
}

impl State {
    fn authenticate(&self, request: Request<()>) -> Result<Request<()>, Status> {
        let given = request.metadata().get("api-key").and_then(|key| key.to_str().ok());
        match &self.api_key {
            Some(wanted) if given != Some(wanted) => {
                Err(Status::unauthenticated("Must provide an API key or an Authorization bearer token"))
            }
            _ => Ok(request),
        }
    }

    fn with<T>(&self, name: &str, work: impl FnOnce(&mut Collection) -> Result<T, Status>) -> Result<T, Status> {
        let mut collections = self.collections.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = || Status::not_found(format!("Not found: Collection `{name}` doesn't exist!"));
        let done = work(collections.get_mut(name).ok_or_else(missing)?)?;
        let every = self.answers_lost_every.load(Ordering::Relaxed);
        if every > 0 && self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(every) {
            return Err(Status::unavailable("the answer was lost"));
        }
        Ok(done)
    }
}

/// Runs on threads of its own until stopped or dropped; what it keeps is there again when it resumes.
pub struct StandIn {
    state: Arc<State>,
    address: SocketAddr,
    runtime: Option<tokio::runtime::Runtime>,
}

impl StandIn {
    pub fn start(api_key: Option<&str>) -> Self {
        let state = Arc::new(State { api_key: api_key.map(str::to_owned), ..State::default() });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut started = Self { state, address: listener.local_addr().unwrap(), runtime: None };
        started.serve(listener);
        started
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// As a killed process: connections break, whatever is on them.
    pub fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// On the same port, with what was kept.
    pub fn resume(&mut self) {
        for _ in 0..200 {
            // Free only when the threads of the stopped one have ended.
            if let Ok(listener) = TcpListener::bind(self.address) {
                return self.serve(listener);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the port stays in use");
    }

    /// Of each `every` calls, one is done and answered with UNAVAILABLE; 0: none.
    pub fn lose_answers(&self, every: u32) {
        self.state.answers_lost_every.store(every, Ordering::Relaxed);
    }

    /// Names, and how many points each has.
    pub fn collections(&self) -> BTreeMap<String, usize> {
        let collections = self.state.collections.lock().unwrap();
        collections.iter().map(|(name, collection)| (name.clone(), collection.points.len())).collect()
    }

    /// What an operator may do to it.
    pub fn delete_collections(&self) {
        self.state.collections.lock().unwrap().clear();
    }

    /// Points as the version before properties wrote them.
    pub fn make_older(&self) {
        for collection in self.state.collections.lock().unwrap().values_mut() {
            for point in collection.points.values_mut() {
                point.payload.retain(|key, _| {
                    ["collection", "document", "revision", "readers", "stamp"].contains(&key.as_str())
                });
                let stamp = filter::keywords(point.payload.get("stamp"))[0].rsplit_once(' ').unwrap().0.to_owned();
                point.payload.insert("stamp".into(), stamp.into());
            }
        }
    }

    /// A disk that came back without some of its points.
    pub fn lose_every_second_point(&self) {
        for collection in self.state.collections.lock().unwrap().values_mut() {
            let mut keep = false;
            collection.points.retain(|_, _| {
                keep = !keep;
                keep
            });
        }
    }

    fn serve(&mut self, listener: TcpListener) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        listener.set_nonblocking(true).unwrap();
        let state = Arc::clone(&self.state);
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let (for_points, for_collections) = (Arc::clone(&state), Arc::clone(&state));
            let points = PointsServer::with_interceptor(services::Points(Arc::clone(&state)), move |request| {
                for_points.authenticate(request)
            });
            let collections = CollectionsServer::with_interceptor(services::Collections(state), move |request| {
                for_collections.authenticate(request)
            });
            tonic::transport::Server::builder()
                .add_service(points)
                .add_service(collections)
                .add_service(QdrantServer::new(services::Health))
                .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
                .await
                .unwrap();
        });
        self.runtime = Some(runtime);
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.stop();
    }
}
