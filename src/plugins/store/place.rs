//! Whether the files of a data folder are still those that were opened.
//!
//! A process goes on writing into files that somebody has deleted or put others in the place of: every commit
//! succeeds, and nothing of it is there afterwards. Worse, the lock is on the deleted file, so that a second server
//! takes the new one. Both show in device and inode.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

use super::StoreError;
use super::lock::FolderLock;

/// A file by what it is and not by what it is called.
#[cfg(unix)]
type Identity = (u64, u64);
/// Elsewhere an open file can be neither deleted nor replaced: it is enough that there is one.
#[cfg(not(unix))]
type Identity = ();

#[cfg(unix)]
fn identity(file: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt as _;
    (file.dev(), file.ino())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Identity {}

/// The lock and the database of a data folder, as they were when they were opened.
#[derive(Debug)]
pub(super) struct Place {
    files: Vec<(PathBuf, Identity)>,
}

impl Place {
    /// Remembers the files. The database must be open.
    pub(super) fn remember(folder: &Path, lock: &FolderLock, database: &Path) -> Result<Self, StoreError> {
        let remembered = || -> io::Result<Self> {
            let (lock, opened) = lock.opened(folder)?;
            let found = std::fs::metadata(database)?;
            Ok(Self { files: vec![(lock, identity(&opened)), (database.to_owned(), identity(&found))] })
        };
        remembered().map_err(|error| StoreError::Unavailable { operation: "be opened", message: error.to_string() })
    }

    /// What has happened to the files; nothing while they are where they were.
    pub(super) fn gone(&self) -> Option<String> {
        self.files.iter().find_map(|(path, opened)| match std::fs::metadata(path) {
            Ok(found) if identity(&found) == *opened => None,
            Ok(_) => Some(format!(
                "{} was replaced by another file while the server ran: what it would write from here on would be lost",
                path.display()
            )),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Some(format!(
                    "{} was removed while the server ran: what it would write from here on would be lost",
                    path.display()
                ))
            }
            // A file system that does not answer now says nothing about the files.
            Err(_) => None,
        })
    }
}
