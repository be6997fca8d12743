//! The secrets of this machine, drawn once and kept beside the data.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use cloud::private;

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
        private::write(&path, &serde_json::to_string_pretty(&secrets)?)?;
    }
    Ok(secrets)
}

/// 256 bits in hexadecimal.
fn draw() -> io::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
