//! What a source shows to be let in. Stands in the settings alone: no table, report, log or answer holds it.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

/// Empty: not set. Where an address stands here, the credential is shown to nobody else.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Credential {
    /// Address of the server: of an object store, a `WebDAV` folder, an SFTP server, or the start of the addresses of
    /// git repositories.
    pub endpoint: String,
    pub region: String,
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: String,
    pub username: String,
    pub password: String,
    /// Instead of user name and password.
    pub token: String,
    /// A file with a private key for SSH.
    pub key_file: PathBuf,
}

impl Credential {
    /// Names of the keys, as in a settings file.
    pub const KEYS: [&'static str; 9] = [
        "endpoint",
        "region",
        "access_key_id",
        "secret_access_key",
        "session_token",
        "username",
        "password",
        "token",
        "key_file",
    ];
}

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credential(…)")
    }
}
