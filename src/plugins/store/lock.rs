//! The exclusive lock on a data folder: who gets it is alone.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use super::StoreError;

const LOCK_FILE: &str = "worldtick.lock";

/// A locked folder. The lock goes with the value, and with the process however it ends.
#[derive(Debug)]
pub(super) struct FolderLock {
    file: File,
}

impl FolderLock {
    /// Makes the folder if it is missing, and locks it.
    ///
    /// # Errors
    /// [`StoreError::InUse`] where another process has it, [`StoreError::Config`] where it cannot be used.
    pub(super) fn take(folder: &Path) -> Result<Self, StoreError> {
        let unusable = |error: std::io::Error| StoreError::Config {
            message: format!("the data folder {} cannot be used: {error}", folder.display()),
        };
        std::fs::create_dir_all(folder).map_err(unusable)?;
        let path = folder.join(LOCK_FILE);
        // Not truncated before it is ours: it says who has it.
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                let owner = match (&file).take(64).read_to_string(&mut owner) {
                    Ok(_) if !owner.trim().is_empty() => format!("process {}", owner.trim()),
                    _ => "process unknown".to_owned(),
                };
                return Err(StoreError::InUse {
                    what: format!("the data folder {}", folder.display()),
                    owner,
                    setting: "--data-dir (WORLDTICK_DATA_DIR)",
                });
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        // The number is for people; the lock holds without it.
        let told = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id()));
        if let Err(error) = told {
            tracing::debug!(%error, "lock file not written");
        }
        Ok(Self { file })
    }

    /// The lock's file as it was opened, and where it was.
    pub(super) fn opened(&self, folder: &Path) -> std::io::Result<(std::path::PathBuf, std::fs::Metadata)> {
        Ok((folder.join(LOCK_FILE), self.file.metadata()?))
    }

    /// Lets others have the folder.
    pub(super) fn release(&self) {
        if let Err(error) = self.file.unlock() {
            tracing::warn!(%error, "data folder not unlocked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_owner_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/on/demand");
        let first = FolderLock::take(&path).unwrap();
        let error = FolderLock::take(&path).unwrap_err().to_string();
        assert!(error.contains("made/on/demand"), "{error}");
        assert!(error.contains(&std::process::id().to_string()), "{error}");
        assert!(error.contains("--data-dir"), "{error}");
        first.release();
        FolderLock::take(&path).unwrap();
    }
}
