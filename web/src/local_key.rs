//! The key of a data folder: whoever can read it can read what the service reads, and may say so to the service.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use actix_web::HttpRequest;
use sha2::{Digest as _, Sha256};

/// The header in which a command shows the key. A page of another site cannot send it.
pub const HEADER: &str = "X-Terroir-Local-Key";
const FILE: &str = "local.key";

#[derive(Clone)]
pub struct LocalKey(String);

impl LocalKey {
    /// Reads the key, or makes it, for nobody but the service's own user.
    pub fn open(data_dir: &Path) -> std::io::Result<Self> {
        fs_err::create_dir_all(data_dir)?;
        if let Some(key) = Self::read(data_dir) {
            return Ok(key);
        }
        let key = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        let path = data_dir.join(FILE);
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(key.as_bytes())?;
        file.sync_all()?;
        Ok(Self(key))
    }

    /// The key of a data folder, if it has one that this process may read.
    pub fn read(data_dir: &Path) -> Option<Self> {
        let mut key = String::new();
        std::fs::File::open(data_dir.join(FILE)).ok()?.take(256).read_to_string(&mut key).ok()?;
        (key.len() == 64).then_some(Self(key))
    }

    /// As it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name for the data folder that says nothing about the key.
    pub fn place(&self) -> String {
        let digest = Sha256::digest(format!("place of {}", self.0));
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        format!("{:016x}", u64::from_be_bytes(first))
    }

    /// Whether a request shows it. Hashes are compared, so that time tells nothing.
    pub fn is_shown(&self, request: &HttpRequest) -> bool {
        let shown = request.headers().get(HEADER).map(actix_web::http::header::HeaderValue::as_bytes);
        shown.is_some_and(|shown| Sha256::digest(shown) == Sha256::digest(self.0.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn the_key_stays_and_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let key = LocalKey::open(folder.path()).unwrap();
        assert_eq!(LocalKey::open(folder.path()).unwrap().as_str(), key.as_str());
        let mode = std::fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let request = |shown: &str| TestRequest::get().insert_header((HEADER, shown.to_owned())).to_http_request();
        assert!(key.is_shown(&request(key.as_str())));
        assert!(!key.is_shown(&request("")) && !key.is_shown(&request(&key.place())));
        assert!(!key.is_shown(&TestRequest::get().to_http_request()));
    }
}
