//! Why a source, or one of its items, could not be read, and what its owner can do.

use terroir_store::StoreError;

/// [`Self::code`] is stable, [`Self::hint`] is for the person whose source it is. Messages may name addresses and
/// files of the source, never a secret; they belong into reports, not into logs.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("setting {name}: {reason}")]
    Setting { name: &'static str, reason: String },
    #[error("there are no credentials named {name}")]
    NoCredentials { name: String },
    #[error("{what} is not below any folder that the settings allow")]
    Forbidden { what: String },
    #[error("{what} is not there")]
    Missing { what: String },
    #[error("access to {what} is denied")]
    Denied { what: String },
    #[error("{what} cannot be reached: {reason}")]
    Unreachable { what: String, reason: String },
    #[error("{what} did not answer within {seconds} seconds")]
    TimedOut { what: String, seconds: u64 },
    #[error("{what} answered {status}")]
    Status { what: String, status: u16 },
    #[error("{what} leads to {to}, which is outside this source")]
    LeadsOut { what: String, to: String },
    #[error("robots.txt of {host} does not allow it")]
    Robots { host: String },
    #[error("{what} is of type {media_type}, which is not read")]
    MediaType { what: String, media_type: String },
    #[error("{what} has more than {max_bytes} bytes")]
    TooLarge { what: String, max_bytes: u64 },
    #[error("the name {name} cannot be written as text")]
    Name { name: String },
    #[error("{what} changed while it was read")]
    Changing { what: String },
    #[error("{what} stands for a file in large file storage, which is not fetched")]
    LargeFilePointer { what: String },
    #[error("the program git was not found")]
    NoGit,
    #[error("git: {reason}")]
    Git { reason: String },
    #[error("{what} is empty, and {known} items are known of it; nothing was removed")]
    Emptied { what: String, known: u64 },
    #[error("more than {pages} pages")]
    TooManyPages { pages: u32 },
    #[error("it was stopped")]
    Stopped,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{what}: {reason}")]
    Io { what: String, reason: String },
}

impl SourceError {
    pub fn io(what: impl Into<String>, error: &std::io::Error) -> Self {
        let what = what.into();
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::Missing { what },
            std::io::ErrorKind::PermissionDenied => Self::Denied { what },
            _ => Self::Io { what, reason: error.to_string() },
        }
    }

    /// A task that was to do the work broke off.
    pub(super) fn panicked(error: &tokio::task::JoinError) -> Self {
        Self::Io { what: "reading".into(), reason: error.to_string() }
    }

    /// Stable identifier for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Setting { .. } => "invalid_source",
            Self::NoCredentials { .. } => "no_credentials",
            Self::Forbidden { .. } => "folder_not_allowed",
            Self::Missing { .. } => "missing",
            Self::Denied { .. } => "denied",
            Self::Unreachable { .. } => "unreachable",
            Self::TimedOut { .. } => "no_answer",
            Self::Status { .. } => "bad_answer",
            Self::LeadsOut { .. } => "leads_out",
            Self::Robots { .. } => "robots",
            Self::MediaType { .. } => "media_type",
            Self::TooLarge { .. } => "too_large",
            Self::Name { .. } => "file_name",
            Self::Changing { .. } => "changing",
            Self::LargeFilePointer { .. } => "large_file_pointer",
            Self::NoGit => "no_git",
            Self::Git { .. } => "git",
            Self::Emptied { .. } => "emptied",
            Self::TooManyPages { .. } => "too_many_pages",
            Self::Stopped => "stopped",
            Self::Store(_) => "storage_failed",
            Self::Io { .. } => "io",
        }
    }

    pub fn hint(&self) -> &'static str {
        match self {
            Self::Setting { .. } => "mend the setting and send it again",
            Self::NoCredentials { .. } => {
                "write a section [credentials.NAME] into the service's settings file, and start it again"
            }
            Self::Forbidden { .. } => {
                "name the folder in `folders` of the section [sources] of the settings, or add the source with the \
                 command line on the service's machine"
            }
            Self::Missing { .. } => "check that it is there, spelt as it is written, and that its disk is mounted",
            Self::Denied { .. } => "give the service's user, or the credentials that are used, the right to read it",
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Status { .. } => {
                "check the address, and that the server can be reached from the service's machine"
            }
            Self::LeadsOut { .. } => "add the other host or prefix to the source if its pages belong to it",
            Self::Robots { .. } => "ask the site's owner to allow this program in robots.txt",
            Self::MediaType { .. } => "leave it out with a pattern under `exclude`",
            Self::TooLarge { .. } => "leave it out with a pattern under `exclude`, or raise the limit of bytes",
            Self::Name { .. } => "rename the file",
            Self::Changing { .. } => "nothing: it is read again when it is quiet",
            Self::LargeFilePointer { .. } => "leave it out with a pattern under `exclude`, or add the file itself",
            Self::NoGit => "install git on the service's machine and start the service again",
            Self::Git { .. } => "check address, branch and credentials",
            Self::Emptied { .. } => {
                "check that its disk is mounted; if it is meant to be empty, sync it with `allow_empty`"
            }
            Self::TooManyPages { .. } => "raise `max_pages`, or leave pages out with `prefixes` and `exclude`",
            Self::Stopped => "sync it again when you want",
            Self::Store(_) => "check disk and database",
            Self::Io { .. } => "check the disk and the file's permissions",
        }
    }
}
