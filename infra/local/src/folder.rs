//! The folder that holds the state of one box office, and nobody else's.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use cloud::private;

/// The file whose lock says that the folder is in use.
const LOCK: &str = "lock";

/// A folder in use, until this is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

/// Why a folder cannot be used.
#[derive(Debug)]
pub(crate) enum FolderError {
    /// Another process uses it.
    Taken,
    /// It cannot be read or written.
    Io(io::Error),
}

impl From<io::Error> for FolderError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Folder {
    /// Makes the folder if it is not there, locks it, and takes it away from everybody
    /// else on the machine, with all that an earlier box office left in it. What is
    /// somebody's else is not touched: a folder that has other things and no lock.
    pub(crate) fn open(path: &Path) -> Result<Self, FolderError> {
        private::create_dir_all(path)?;
        let is_ours = path.join(LOCK).exists() || fs::read_dir(path)?.next().is_none();
        let lock = private::options().create(true).truncate(false).write(true).open(path.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FolderError::Taken),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        if is_ours {
            private::tighten(path)?;
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Deletes everything in the folder but the lock.
    pub(crate) fn clear(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_name() == LOCK {
                continue;
            }
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// The path of the folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}
