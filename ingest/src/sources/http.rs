//! The client for sources on the web.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::SourceError;

/// How this program calls itself, to servers and in robots.txt.
pub(super) const AGENT: &str = "TerroirBot";
const USER_AGENT: &str =
    concat!("TerroirBot/", env!("CARGO_PKG_VERSION"), " (self-hosted search; reads pages for its own users only)");
const CONNECT: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(30);

/// Never follows a redirect by itself: who is asked next is decided by the source's own bounds.
pub(super) fn client() -> Result<reqwest::Client, SourceError> {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client.clone());
    }
    // The other connections of this process bring their own provider; where one was installed it is this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let made = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .redirect(reqwest::redirect::Policy::none())
        // The environment is read by the settings alone.
        .no_proxy()
        .dns_resolver(Arc::new(NotLinkLocal))
        .build()
        .map_err(|error| SourceError::Unreachable { what: "the web".into(), reason: reason(&error) })?;
    Ok(CLIENT.get_or_init(|| made).clone())
}

/// Addresses at which machines in data centres tell their secrets. No document stands there.
pub(super) fn is_forbidden(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_link_local() || address.is_unspecified() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_unicast_link_local() || address.is_unspecified(),
    }
}

/// Whether a host that is written as an address may be asked. Names are looked at when they are resolved.
pub(super) fn may_ask(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => !is_forbidden(address.into()),
        Some(Host::Ipv6(address)) => !is_forbidden(address.into()),
        Some(Host::Domain(_)) => true,
        None => false,
    }
}

/// The innermost cause, without the address, which the caller names.
pub(super) fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

struct NotLinkLocal;

impl Resolve for NotLinkLocal {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> = found.into_iter().filter(|found| !is_forbidden(found.ip())).collect();
            if allowed.is_empty() {
                return Err("the host has no address that may be asked".into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_metadata_services_are_never_asked() {
        for (text, allowed) in [
            ("http://169.254.169.254/latest/meta-data/", false),
            ("http://[::ffff:169.254.169.254]/", false),
            ("http://[fe80::1]/", false),
            ("http://0.0.0.0/", false),
            ("http://2852039166/", false),
            ("http://127.0.0.1:8000/", true),
            ("http://192.168.1.4/wiki", true),
            ("https://docs.example/", true),
        ] {
            assert_eq!(may_ask(&Url::parse(text).unwrap()), allowed, "{text}");
        }
    }
}
