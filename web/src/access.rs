//! Who may call the service, and as whom. Deny by default: without a key only this machine's own pages and programs
//! are answered; with one, only callers that show it, or a key of a user's own. Users read what they may read; all
//! else is the operator's.

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header;
use base64::Engine as _;
use sha2::{Digest, Sha256};

use terroir_store::{Principal, is_user_key};

use crate::config::Settings;
use crate::error::ApiError;

/// The rules in force. The key is kept as its hash only.
#[derive(Debug, Clone)]
pub struct Access {
    key_sha256: Option<[u8; 32]>,
    hosts: Vec<String>,
}

/// Answered without a key: a load balancer has none.
const OPEN_PATHS: [&str; 3] = ["/healthz", "/livez", "/readyz"];

/// Routes that users are answered on. A route that is not named here is the operator's.
const READERS_ROUTES: [(&str, &str); 20] = [
    ("GET", "/api/v1/status"),
    ("GET", "/api/v1/collections"),
    ("GET", "/api/v1/documents"),
    ("POST", "/api/v1/documents/lookup"),
    ("GET", "/api/v1/documents/{id}"),
    ("GET", "/api/v1/documents/{id}/content"),
    ("GET", "/api/v1/documents/{id}/text"),
    ("GET", "/api/v1/documents/{id}/boxes"),
    ("GET", "/api/v1/documents/{id}/similar"),
    ("GET", "/api/v1/events"),
    ("GET", "/api/v1/facets"),
    ("POST", "/api/v1/search"),
    ("POST", "/api/v1/ask"),
    ("GET", "/openapi.json"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/{id}"),
    ("POST", "/v1/embeddings"),
    ("POST", "/v1/rerank"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/completions"),
];

/// The header in which the operator says as which user a request is made: a program that has let somebody in by
/// itself asks in that person's name.
pub const AS_HEADER: &str = "X-Terroir-As";

/// What a request shows of who makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// Health checks need no one.
    Nobody,
    Operator,
    /// The key of a user, to be looked up.
    Key(String),
}

impl Access {
    pub fn new(settings: &Settings) -> Self {
        let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".into(), "[::1]".into()];
        hosts.push(settings.listen.ip().to_string());
        hosts.extend(settings.public_hosts.iter().map(|host| host.to_lowercase()));
        let key = &settings.api_key;
        Self { key_sha256: (!key.is_empty()).then(|| Sha256::digest(key.as_bytes()).into()), hosts }
    }

    /// Refuses requests from foreign pages (by `Host` against rebinding, by `Origin` against forgery)
    /// and requests without a key where one is set.
    pub fn check(&self, request: &ServiceRequest) -> Result<Shown, ApiError> {
        if OPEN_PATHS.contains(&request.path()) {
            return Ok(Shown::Nobody);
        }
        let header_text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let authority = header_text(header::HOST)
            .or_else(|| request.uri().authority().map(actix_web::http::uri::Authority::as_str));
        if self.key_sha256.is_none() && !authority.is_some_and(|host| self.knows(host)) {
            return Err(ApiError::new(
                "forbidden_origin",
                "this service is not known under that host name",
                "add the name to public_hosts, or set an api_key",
            ));
        }
        let origin = header_text(header::ORIGIN);
        if request.method() != Method::GET && origin.is_some_and(|origin| !same_site(origin, authority)) {
            return Err(ApiError::new(
                "forbidden_origin",
                "another site's page may not change anything here",
                "call the API from a program, or open the page of this service",
            ));
        }
        let shown = header_text(header::AUTHORIZATION).and_then(shown_key);
        let of_a_user = shown.as_deref().and_then(|key| std::str::from_utf8(key).ok()).filter(|key| is_user_key(key));
        if let Some(key) = of_a_user {
            return Ok(Shown::Key(key.to_owned()));
        }
        let Some(expected) = self.key_sha256 else {
            return Ok(Shown::Operator);
        };
        if shown.is_some_and(|key| equal(&Sha256::digest(&key).into(), &expected)) {
            return Ok(Shown::Operator);
        }
        Err(unauthorized())
    }

    fn knows(&self, authority: &str) -> bool {
        let name = host_name(authority).to_lowercase();
        self.hosts.contains(&name)
    }
}

/// No key, a wrong one, or one that was revoked: all the same.
pub fn unauthorized() -> ApiError {
    ApiError::new("unauthorized", "this service needs a key", "send the header \"Authorization: Bearer KEY\"")
}

/// Refuses users what is the operator's. `pattern` is the route's, or none for a file of the page.
pub fn may_call(principal: &Principal, method: &Method, pattern: Option<&str>) -> Result<(), ApiError> {
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    let method = if is_read { "GET" } else { method.as_str() };
    let is_for_readers = match pattern {
        Some(pattern) => READERS_ROUTES.contains(&(method, pattern)),
        None => is_read,
    };
    if *principal == Principal::Operator || is_for_readers {
        return Ok(());
    }
    Err(ApiError::new("operator_only", "this is for the operator of the service", "use the operator's key"))
}

fn host_name(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    }
}

fn same_site(origin: &str, authority: Option<&str>) -> bool {
    let rest = origin.split_once("://").map(|(_, rest)| rest);
    rest.is_some() && rest == authority
}

/// The key out of `Bearer KEY`, or the password out of `Basic …`.
fn shown_key(value: &str) -> Option<Vec<u8>> {
    let (scheme, rest) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().as_bytes().to_vec());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(rest.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some(decoded[colon + 1..].to_vec())
}

/// Compares without stopping at the first difference, so that time tells nothing.
fn equal(left: &[u8; 32], right: &[u8; 32]) -> bool {
    left.iter().zip(right).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn access(key: &str) -> Access {
        let mut settings = Settings::load(None).unwrap();
        settings.api_key = key.into();
        settings.public_hosts = vec!["docs.example".into()];
        Access::new(&settings)
    }

    fn code(access: &Access, request: TestRequest) -> &'static str {
        access.check(&request.to_srv_request()).map_or_else(
            |error| error.code,
            |shown| match shown {
                Shown::Operator => "operator",
                Shown::Key(_) => "user",
                Shown::Nobody => "nobody",
            },
        )
    }

    fn get(host: &str) -> TestRequest {
        TestRequest::get().uri("/api/v1/status").insert_header(("Host", host))
    }

    #[test]
    fn foreign_host_names_are_refused_without_a_key() {
        let access = access("");
        for host in ["localhost:8080", "127.0.0.1", "[::1]:8080", "docs.example"] {
            assert_eq!(code(&access, get(host)), "operator", "{host}");
        }
        assert_eq!(code(&access, get("evil.example")), "forbidden_origin");
    }

    #[test]
    fn foreign_pages_cannot_change_anything() {
        let access = access("");
        let post = |origin| {
            TestRequest::post()
                .uri("/api/v1/documents")
                .insert_header(("Host", "localhost:8080"))
                .insert_header(("Origin", origin))
        };
        assert_eq!(code(&access, post("http://localhost:8080")), "operator");
        assert_eq!(code(&access, post("http://evil.example")), "forbidden_origin");
        assert_eq!(code(&access, post("null")), "forbidden_origin");
    }

    #[test]
    fn with_a_key_everybody_shows_it() {
        let access = access("secret");
        let with = |value: &str| get("any.example").insert_header(("Authorization", value));
        assert_eq!(code(&access, get("localhost")), "unauthorized");
        assert_eq!(code(&access, with("Bearer wrong")), "unauthorized");
        assert_eq!(code(&access, with("Bearer secret")), "operator");
        assert_eq!(code(&access, with("Basic OnNlY3JldA==")), "operator");
        assert_eq!(code(&access, with("Bearer terroir_1234")), "user", "looked up, whatever the service's own key is");
        let health = TestRequest::get().uri("/healthz").insert_header(("Host", "x"));
        assert_eq!(code(&access, health), "nobody");
    }

    #[test]
    fn what_users_may_call_is_there() {
        let routes = crate::openapi::routes();
        for (method, pattern) in READERS_ROUTES.into_iter().filter(|(_, pattern)| *pattern != "/openapi.json") {
            let known = routes.iter().find(|(known, _)| known == pattern);
            assert!(
                known.is_some_and(|(_, methods)| methods.iter().any(|known| known == method)),
                "{method} {pattern}"
            );
        }
    }

    #[test]
    fn users_read_and_the_operator_does_the_rest() {
        let user = Principal::User { name: "anna".into(), groups: Vec::new() };
        let may = |principal: &Principal, method, pattern| may_call(principal, &method, pattern).is_ok();
        assert!(may(&user, Method::POST, Some("/api/v1/search")));
        assert!(may(&user, Method::HEAD, Some("/api/v1/documents/{id}/content")));
        assert!(may(&user, Method::GET, None), "the page");
        for (method, pattern) in [
            (Method::POST, "/api/v1/documents"),
            (Method::DELETE, "/api/v1/documents/{id}"),
            (Method::GET, "/api/v1/documents/{id}/why"),
            (Method::PUT, "/api/v1/collections/{name}/readers"),
            (Method::GET, "/api/v1/collections/{name}/lexicon"),
            (Method::PUT, "/api/v1/collections/{name}/lexicon"),
            (Method::GET, "/api/v1/queue"),
            (Method::GET, "/api/v1/receipts"),
            (Method::POST, "/api/v1/users/{name}/erase"),
            (Method::GET, "/metrics"),
            (Method::POST, "/a/route/of/tomorrow"),
        ] {
            assert!(!may(&user, method.clone(), Some(pattern)), "{pattern}");
            assert!(!may(&Principal::Anonymous, method.clone(), Some(pattern)), "{pattern}");
            assert!(may(&Principal::Operator, method, Some(pattern)), "{pattern}");
        }
    }
}
