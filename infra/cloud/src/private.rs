//! Files that only their owner may read. The state of a box office has people's
//! addresses, their orders and every secret in it, and other users share the machine.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// How a file is opened that is private from its first moment, if it is new.
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A new file in place of whatever is there, which might be open to others.
///
/// # Errors
/// If it cannot be replaced.
pub fn create(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    options().create_new(true).write(true).open(path)
}

/// Makes a folder that is not there, and those above it.
///
/// # Errors
/// If it cannot be made.
pub fn create_dir_all(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Replaces a file at once: a reader sees the old content or the new.
///
/// # Errors
/// If the folder is not there or cannot be written.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    let fresh = path.with_extension("new");
    create(&fresh)?.write_all(text.as_bytes())?;
    fs::rename(&fresh, path)
}

/// Takes a folder, and everything in it, away from all but its owner.
///
/// # Errors
/// If something in it is not ours to change.
#[cfg(unix)]
pub fn tighten(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            tighten(&entry.path())?;
        } else if kind.is_file() {
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(())
}

/// Other systems keep people's folders apart by themselves.
///
/// # Errors
/// Never.
#[cfg(not(unix))]
pub fn tighten(_: &Path) -> io::Result<()> {
    Ok(())
}
