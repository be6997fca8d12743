//! The objects: in memory, or as files.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::private;

/// What S3 tells about an object besides its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectInfo {
    /// Its name within the bucket.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was put.
    pub modified: Timestamp,
    /// A fingerprint of the content, without quotes. Not its MD5, which S3 does
    /// not promise either.
    pub etag: String,
    /// The headers that were put with it and come back with it: `content-type`,
    /// `cache-control` and so on, and `x-amz-meta-*`.
    pub headers: Vec<(String, String)>,
}

/// By bucket and key.
type ByName = HashMap<(String, String), (ObjectInfo, Bytes)>;

/// The objects of all buckets.
#[derive(Clone)]
pub(super) enum Objects {
    Memory(Arc<Mutex<ByName>>),
    Folder(PathBuf),
}

impl Objects {
    /// Objects under a folder, or in memory without one.
    pub(super) fn open(folder: Option<PathBuf>) -> io::Result<Self> {
        match folder {
            Some(folder) => private::create_dir_all(&folder).map(|()| Self::Folder(folder)),
            None => Ok(Self::Memory(Arc::default())),
        }
    }

    pub(super) async fn create_bucket(&self, bucket: &str) -> io::Result<()> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Folder(folder) => {
                let folder = folder.join(bucket);
                blocking(move || private::create_dir_all(&folder)).await
            }
        }
    }

    pub(super) async fn put(&self, bucket: &str, info: ObjectInfo, content: Bytes) -> io::Result<()> {
        match self {
            Self::Memory(objects) => {
                let mut objects = objects.lock().unwrap_or_else(PoisonError::into_inner);
                objects.insert((bucket.to_owned(), info.key.clone()), (info, content));
                Ok(())
            }
            Self::Folder(folder) => {
                let files = Files::of(folder, bucket, &info.key);
                blocking(move || files.write(&info, &content)).await
            }
        }
    }

    /// An object and its content, if it exists.
    pub(super) async fn get(&self, bucket: &str, key: &str) -> io::Result<Option<(ObjectInfo, Bytes)>> {
        match self {
            Self::Memory(objects) => {
                let objects = objects.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(objects.get(&(bucket.to_owned(), key.to_owned())).cloned())
            }
            Self::Folder(folder) => {
                let files = Files::of(folder, bucket, key);
                blocking(move || missing_is_none(files.read())).await
            }
        }
    }

    pub(super) async fn delete(&self, bucket: &str, key: &str) -> io::Result<()> {
        match self {
            Self::Memory(objects) => {
                let mut objects = objects.lock().unwrap_or_else(PoisonError::into_inner);
                objects.remove(&(bucket.to_owned(), key.to_owned()));
                Ok(())
            }
            Self::Folder(folder) => {
                let files = Files::of(folder, bucket, key);
                blocking(move || missing_is_none(files.remove()).map(|_| ())).await
            }
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

fn missing_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The two files of an object. They are named by a hash of its key: keys may
/// hold slashes and dots, and be longer than a file's name.
struct Files {
    info: PathBuf,
    content: PathBuf,
}

impl Files {
    fn of(folder: &Path, bucket: &str, key: &str) -> Self {
        let name = hex::encode(Sha256::digest(key.as_bytes()));
        let folder = folder.join(bucket);
        Self { info: folder.join(format!("{name}.json")), content: folder.join(name) }
    }

    /// Writes the content first, so that whoever finds the info finds it.
    fn write(&self, info: &ObjectInfo, content: &[u8]) -> io::Result<()> {
        replace(&self.content, content)?;
        replace(&self.info, &serde_json::to_vec_pretty(info)?)
    }

    fn read(&self) -> io::Result<(ObjectInfo, Bytes)> {
        let info = serde_json::from_slice(&std::fs::read(&self.info)?)?;
        Ok((info, std::fs::read(&self.content)?.into()))
    }

    fn remove(&self) -> io::Result<()> {
        std::fs::remove_file(&self.info)?;
        std::fs::remove_file(&self.content)
    }
}

/// Replaces a file at once: a reader sees the old content or the new.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension(format!("{}.new", uuid::Uuid::now_v7().simple()));
    private::create(&fresh)?.write_all(content)?;
    std::fs::rename(&fresh, path)
}
