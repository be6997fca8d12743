//! The secrets of this machine, drawn once and kept beside the data.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Reads the secrets with these ids from `folder`, draws those that are missing,
/// and writes them down. Without a folder they live as long as the process.
pub(crate) fn load<'a>(
    folder: Option<&Path>,
    ids: impl Iterator<Item = &'a str>,
) -> io::Result<BTreeMap<String, String>> {
    let path = folder.map(|folder| folder.join("secrets.json"));
    let mut secrets: BTreeMap<String, String> = match path.as_ref().map(fs::read_to_string) {
        None => BTreeMap::new(),
        Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
        Some(text) => serde_json::from_str(&text?)?,
    };
    let known = secrets.len();
    for id in ids {
        if !secrets.contains_key(id) {
            secrets.insert(id.to_owned(), draw()?);
        }
    }
    if let Some(path) = path.filter(|_| secrets.len() > known) {
        write_private(&path, &serde_json::to_string_pretty(&secrets)?)?;
    }
    Ok(secrets)
}

/// Writes a file that only its owner may read.
///
/// # Errors
/// If the folder is not there or cannot be written.
pub fn write_private(path: &Path, text: &str) -> io::Result<()> {
    // Made afresh, because an existing file would keep the permissions it has.
    let fresh = path.with_extension("new");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file: File = private().create_new(true).write(true).open(&fresh)?;
    file.write_all(text.as_bytes())?;
    fs::rename(&fresh, path)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// 256 bits in hexadecimal.
fn draw() -> io::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
