//! A file of JSON lines that only grows while a gateway runs. The last line of a
//! record is its truth.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use cloud::private;

/// The open file.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    lines: usize,
}

impl Journal {
    /// Reads the records of a file, the oldest first; none if there is no file.
    pub(crate) fn read<T: DeserializeOwned>(path: &Path, mut keep: impl FnMut(T)) -> io::Result<()> {
        if !path.exists() {
            return Ok(());
        }
        let mut lines = BufReader::new(File::open(path)?).split(b'\n').enumerate().peekable();
        while let Some((number, line)) = lines.next() {
            match serde_json::from_slice(&line?) {
                Ok(record) => keep(record),
                // A crash may have torn the last line: that change never was answered.
                Err(_) if lines.peek().is_none() => {}
                Err(error) => {
                    let text = format!("{} line {}: {error}", path.display(), number + 1);
                    return Err(io::Error::new(io::ErrorKind::InvalidData, text));
                }
            }
        }
        Ok(())
    }

    /// Writes one line per record to a new file that then takes the old one's place.
    pub(crate) fn rewrite<'a, T: Serialize + 'a>(
        path: PathBuf,
        records: impl Iterator<Item = &'a T>,
    ) -> io::Result<Self> {
        let fresh = path.with_extension("new");
        let mut writer = BufWriter::new(private::create(&fresh)?);
        let mut lines = 0;
        for record in records {
            serde_json::to_writer(&mut writer, record)?;
            writer.write_all(b"\n")?;
            lines += 1;
        }
        writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&fresh, &path)?;
        let file = OpenOptions::new().append(true).open(&path)?;
        Ok(Self { path, file, lines })
    }

    /// Adds a line.
    pub(crate) fn append<T: Serialize>(&mut self, record: &T) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.lines += 1;
        Ok(())
    }

    /// True if most lines are of no use any more, with so many records.
    pub(crate) fn is_wasteful(&self, records: usize) -> bool {
        self.lines > 2 * records + 10_000
    }

    /// Where the file is.
    pub(crate) fn into_path(self) -> PathBuf {
        self.path
    }
}
