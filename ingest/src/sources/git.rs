//! A branch of a git repository, through the program `git`. The repository is hostile: nothing of it is checked
//! out, none of its hooks, filters or submodules is used, and only the protocol of its address is spoken.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use tokio::process::Command;
use url::Url;

use super::patterns::Patterns;
use super::{Content, Found, GitSettings, Item, Listed, Listing, Origin, Reach, Room, SourceError, Trust};

/// Longest transfer of a repository.
const FETCH: Duration = Duration::from_mins(30);
const LOCAL: Duration = Duration::from_mins(2);
const ASK: Duration = Duration::from_secs(30);
/// Where the branch is kept in the copy.
const HEAD: &str = "refs/terroir/head";
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";
/// Pointers to large files are shorter.
const MAX_POINTER_BYTES: u64 = 1024;

#[derive(Debug)]
pub(super) struct Git {
    program: PathBuf,
    /// The copy of this source.
    copy: PathBuf,
    url: String,
    branch: Option<String>,
    /// With a slash at the end, or empty.
    folder: String,
    patterns: Patterns,
    /// Variables that let it in.
    access: Vec<(&'static str, String)>,
}

/// A file of the tree.
struct Entry<'a> {
    path: &'a str,
    blob: &'a str,
    bytes: u64,
}

impl Git {
    /// `name`: of the folder for the copy. Blocking: not for an async thread.
    pub(super) fn open(settings: &GitSettings, reach: &Reach, trust: Trust, name: &str) -> Result<Self, SourceError> {
        let program = reach.git.clone().ok_or(SourceError::NoGit)?;
        let url = Url::parse(&settings.url)
            .map_err(|error| SourceError::Setting { name: "url", reason: error.to_string() })?;
        if url.scheme() == "file" {
            let path = url.to_file_path().map_err(|()| SourceError::Missing { what: settings.url.clone() })?;
            reach.folder(&path, trust)?;
        } else if !super::http::may_ask(&url) && url.scheme() != "ssh" {
            return Err(SourceError::Setting { name: "url", reason: "it is never asked for documents".into() });
        }
        let access = match &settings.credentials {
            Some(name) => access(&url, name, reach)?,
            None => Vec::new(),
        };
        let folder = settings.folder.as_deref().unwrap_or_default().trim_matches('/');
        Ok(Self {
            program,
            copy: reach.clones.join(name),
            url: settings.url.clone(),
            branch: settings.branch.clone(),
            folder: if folder.is_empty() { String::new() } else { format!("{folder}/") },
            patterns: Patterns::new(&settings.include, &settings.exclude)?,
            access,
        })
    }

    /// Whether the branch is there; gives its name and its newest commit.
    pub(super) async fn look(&self) -> Result<String, SourceError> {
        let wanted = self.wanted();
        let told = self.run(&["ls-remote", "--exit-code", "--", &self.url, &wanted], ASK).await?;
        let told = String::from_utf8_lossy(&told);
        let commit = told.split_whitespace().next().unwrap_or_default();
        Ok(format!("{wanted} {commit}"))
    }

    fn wanted(&self) -> String {
        self.branch.as_ref().map_or_else(|| "HEAD".to_owned(), |branch| format!("refs/heads/{branch}"))
    }

    /// The copy, brought to the newest state of the branch.
    async fn update(&self) -> Result<(), SourceError> {
        let io = |error: std::io::Error| SourceError::io("the data folder", &error);
        tokio::fs::create_dir_all(&self.copy).await.map_err(io)?;
        // An earlier one may have been killed in the middle: this mends it.
        self.run(&["init", "--quiet", "--bare", "--template=", "."], LOCAL).await?;
        let into = format!("+{}:{HEAD}", self.wanted());
        let fetch = [
            "fetch",
            "--quiet",
            "--depth=1",
            "--no-tags",
            "--no-recurse-submodules",
            "--no-write-fetch-head",
            "--",
            &self.url,
            &into,
        ];
        self.run(&fetch, FETCH).await.map(drop)
    }

    async fn run(&self, arguments: &[&str], limit: Duration) -> Result<Vec<u8>, SourceError> {
        let mut command = self.command(arguments);
        let running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output();
        let timed_out = || SourceError::TimedOut { what: "git".into(), seconds: limit.as_secs() };
        let output = tokio::time::timeout(limit, running).await.map_err(|_| timed_out())?;
        let output = output.map_err(|error| SourceError::Git { reason: error.to_string() })?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(self.refused(&String::from_utf8_lossy(&output.stderr)))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let scheme = self.url.split(':').next().unwrap_or_default();
        let mut command = Command::new(&self.program);
        command
            .kill_on_drop(true)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LC_ALL", "C")
            .env("HOME", &self.copy)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ALLOW_PROTOCOL", scheme)
            .env("GIT_LFS_SKIP_SMUDGE", "1")
            .env("GIT_CEILING_DIRECTORIES", self.copy.parent().unwrap_or(&self.copy))
            .envs(self.access.iter().map(|(name, value)| (*name, value)))
            .stdin(Stdio::null());
        // Looking asks before there is a copy.
        if self.copy.is_dir() {
            command.current_dir(&self.copy);
        }
        for setting in [
            "core.hooksPath=/dev/null",
            "core.fsmonitor=false",
            "credential.helper=",
            "http.followRedirects=false",
            "http.lowSpeedLimit=1",
            "http.lowSpeedTime=60",
            "gc.autoDetach=false",
            "maintenance.autoDetach=false",
            "fetch.recurseSubmodules=false",
            "init.defaultBranch=terroir",
        ] {
            command.arg("-c").arg(setting);
        }
        command.args(arguments);
        command
    }

    /// The last thing git said, which names the cause.
    fn refused(&self, said: &str) -> SourceError {
        let last = said.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it said nothing");
        let missing = ["couldn't find remote ref", "does not appear to be a git repository", "not found"];
        if missing.iter().any(|text| said.contains(text)) || said.trim().is_empty() {
            return SourceError::Missing { what: format!("{} {}", self.url, self.wanted()) };
        }
        let denied = ["Authentication failed", "could not read Username", "Permission denied", "returned error: 403"];
        if denied.iter().any(|text| said.contains(text)) {
            return SourceError::Denied { what: self.url.clone() };
        }
        SourceError::Git { reason: last.chars().take(300).collect() }
    }

    async fn tell(&self, entry: &Entry<'_>, listing: &Listing) -> Result<(), SourceError> {
        let Some(key) = entry.path.strip_prefix(&self.folder).map(str::to_owned) else { return Ok(()) };
        if !self.patterns.take(&key) {
            return Ok(());
        }
        if let Err(error) = listing.room.check(&key, entry.bytes) {
            return listing.tell(Found::Failed { key, error }).await;
        }
        let branch = self.branch.as_ref().map(|branch| format!("{branch}:")).unwrap_or_default();
        listing
            .tell(Found::Item(Item {
                source_uri: format!("{}#{branch}{}", self.url, entry.path),
                file_name: key.rsplit('/').next().unwrap_or(&key).to_owned(),
                fingerprint: Some(entry.blob.to_owned()),
                content: Content::OnDemand,
                key,
            }))
            .await
    }
}

impl Origin for Git {
    const PARALLEL: usize = 4;

    async fn list(&self, listing: &Listing) -> Result<Listed, SourceError> {
        self.update().await?;
        let tree = self.run(&["ls-tree", "-r", "-z", "-l", "--full-tree", HEAD], LOCAL).await?;
        for line in tree.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
            match read_entry(line) {
                Ok(Some(entry)) => self.tell(&entry, listing).await?,
                // Links and other repositories.
                Ok(None) => {}
                Err(name) => {
                    let error = SourceError::Name { name: name.clone() };
                    listing.tell(Found::Failed { key: name, error }).await?;
                }
            }
        }
        Ok(Listed { complete: true, landmark: None, may_be_empty: true })
    }

    async fn fetch(&self, item: &Item, room: &Room) -> Result<tempfile::NamedTempFile, SourceError> {
        let file = room.file()?;
        let into = file.reopen().map_err(|error| SourceError::io("the data folder", &error))?;
        let blob = item.fingerprint.as_deref().unwrap_or_default();
        let mut command = self.command(&["cat-file", "blob", blob]);
        let running = command.stdout(into).stderr(Stdio::null()).status();
        let timed_out = || SourceError::TimedOut { what: "git".into(), seconds: LOCAL.as_secs() };
        let status = tokio::time::timeout(LOCAL, running).await.map_err(|_| timed_out())?;
        if !status.is_ok_and(|status| status.success()) {
            return Err(SourceError::Missing { what: item.key.clone() });
        }
        if is_pointer(&file) {
            return Err(SourceError::LargeFilePointer { what: item.key.clone() });
        }
        Ok(file)
    }
}

/// `MODE TYPE BLOB BYTES\tPATH`. `None` for what is no file; an error is a name that is no text.
fn read_entry(line: &[u8]) -> Result<Option<Entry<'_>>, String> {
    let lossy = || String::from_utf8_lossy(line.split(|byte| *byte == b'\t').next_back().unwrap_or_default());
    let text = std::str::from_utf8(line).map_err(|_| lossy().into_owned())?;
    let Some((head, path)) = text.split_once('\t') else { return Ok(None) };
    let mut fields = head.split_ascii_whitespace();
    let (Some(mode), Some(_), Some(blob), Some(bytes)) = (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Ok(None);
    };
    let is_file = matches!(mode, "100644" | "100755" | "100664");
    Ok(bytes.parse().ok().filter(|_| is_file).map(|bytes| Entry { path, blob, bytes }))
}

/// Whether the bytes only say where the file is.
fn is_pointer(file: &tempfile::NamedTempFile) -> bool {
    let short = file.as_file().metadata().is_ok_and(|metadata| metadata.len() < MAX_POINTER_BYTES);
    short && fs_err::read(file.path()).is_ok_and(|bytes| bytes.starts_with(POINTER))
}

/// How git shows a credential, if it is for this address. Never as an argument: others can read those.
fn access(url: &Url, name: &str, reach: &Reach) -> Result<Vec<(&'static str, String)>, SourceError> {
    let credential = reach.credential(name)?;
    let wrong = |reason: &str| SourceError::Setting { name: "credentials", reason: reason.to_owned() };
    let endpoint = Url::parse(&credential.endpoint).map_err(|_| wrong("their endpoint is no address"))?;
    let same_server = endpoint.scheme() == url.scheme()
        && endpoint.host_str() == url.host_str()
        && endpoint.port_or_known_default() == url.port_or_known_default();
    let same_path = url.path().strip_prefix(endpoint.path().trim_end_matches('/'));
    if !same_server || !same_path.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
        return Err(wrong("they are for another server"));
    }
    if url.scheme() == "ssh" {
        let key = credential.key_file.to_string_lossy().replace('\'', "'\\''");
        let options = "-o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=15";
        return Ok(vec![("GIT_SSH_COMMAND", format!("ssh -F /dev/null -i '{key}' {options}"))]);
    }
    let header = if credential.token.is_empty() {
        let pair = format!("{}:{}", credential.username, credential.password);
        format!("Authorization: Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
    } else {
        format!("Authorization: Bearer {}", credential.token)
    };
    Ok(vec![
        ("GIT_CONFIG_COUNT", "1".into()),
        ("GIT_CONFIG_KEY_0", format!("http.{endpoint}.extraHeader")),
        ("GIT_CONFIG_VALUE_0", header),
    ])
}

#[cfg(test)]
mod tests {
    use super::super::Credential;
    use super::*;

    #[test]
    fn files_are_told_from_links_and_other_repositories() {
        let line = |text: &'static str| read_entry(text.as_bytes()).unwrap().map(|entry| (entry.path, entry.bytes));
        assert_eq!(line("100644 blob abc123     42\tdocs/a b.md"), Some(("docs/a b.md", 42)));
        assert_eq!(line("120000 blob abc123     11\tlink"), None);
        assert_eq!(line("160000 commit abc123       -\tmodule"), None);
        assert!(read_entry(b"100644 blob abc123 1\tcaf\xe9.txt").is_err());
    }

    #[test]
    fn a_credential_is_shown_to_its_own_server_only() {
        let credential =
            Credential { endpoint: "https://git.example/team".into(), token: "t0p".into(), ..Credential::default() };
        let reach = Reach { credentials: [("team".to_owned(), credential)].into(), ..Reach::default() };
        let shown = |url: &str| access(&Url::parse(url).unwrap(), "team", &reach);
        assert!(shown("https://git.example/team/docs.git").unwrap()[2].1.contains("t0p"));
        for url in [
            "https://evil.example/team/docs.git",
            "http://git.example/team/docs.git",
            "https://git.example:8443/team/docs.git",
            "https://git.example/teammates/docs.git",
        ] {
            let error = shown(url).unwrap_err().to_string();
            assert!(error.contains("another server") && !error.contains("t0p"), "{error}");
        }
    }
}
