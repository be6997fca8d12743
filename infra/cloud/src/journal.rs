//! A file of JSON lines that only grows: how queues, the mailbox and the payments at
//! simulated gateways survive a restart.
//!
//! A line is handed to the operating system before the call that caused it is
//! answered, so that it survives a killed process. Surviving a power cut is not
//! a goal on a developer's machine, hence no `fsync`.

use std::borrow::Borrow;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::private;

/// The open file, whose lines are all of one type.
#[derive(Debug)]
pub struct Journal<T> {
    path: PathBuf,
    file: File,
    lines: usize,
    records: PhantomData<fn(T) -> T>,
}

impl<T: Serialize + DeserializeOwned> Journal<T> {
    /// Opens or creates the file and gives `replay` what it holds, oldest first.
    ///
    /// A last line that a crash cut short is dropped. Anything else that does
    /// not parse is an error: better no start than lost messages.
    ///
    /// # Errors
    /// If the file cannot be opened, or is damaged.
    pub fn open(path: &Path, mut replay: impl FnMut(T)) -> io::Result<Self> {
        let file = private::options().create(true).append(true).read(true).open(path)?;
        let mut reader = BufReader::new(&file);
        let (mut lines, mut whole, mut line) = (0, 0, Vec::new());
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line)?;
            if line.last() != Some(&b'\n') {
                break;
            }
            let record = serde_json::from_slice(&line).map_err(|error| {
                let problem = format!("{}, line {}: {error}", path.display(), lines + 1);
                io::Error::new(io::ErrorKind::InvalidData, problem)
            })?;
            replay(record);
            lines += 1;
            whole += length as u64;
        }
        file.set_len(whole)?;
        Ok(Self { path: path.to_owned(), file, lines, records: PhantomData })
    }

    /// Adds one record.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn append(&mut self, record: &T) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.lines += 1;
        Ok(())
    }

    /// How many records the file holds, those included that no longer matter.
    pub fn lines(&self) -> usize {
        self.lines
    }

    /// True if most lines are of no use any more, with so many records.
    pub fn is_wasteful(&self, records: usize) -> bool {
        self.lines > 2 * records + 10_000
    }

    /// Replaces the file's content with what still matters.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn rewrite<R: Borrow<T>>(&mut self, records: impl Iterator<Item = R>) -> io::Result<()> {
        let fresh = self.path.with_extension("new");
        let mut writer = BufWriter::new(private::create(&fresh)?);
        let mut lines = 0;
        for record in records {
            serde_json::to_writer(&mut writer, record.borrow())?;
            writer.write_all(b"\n")?;
            lines += 1;
        }
        writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        fs::rename(&fresh, &self.path)?;
        self.file = File::options().append(true).open(&self.path)?;
        self.lines = lines;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> (Journal<u32>, Vec<u32>) {
        let mut seen = Vec::new();
        let journal = Journal::open(path, |record| seen.push(record)).unwrap();
        (journal, seen)
    }

    #[test]
    fn what_was_written_is_read_again_and_a_torn_line_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j.jsonl");
        let (mut journal, seen) = open(&path);
        assert!(seen.is_empty());
        (1..=3).for_each(|number| journal.append(&number).unwrap());
        // A process killed while it wrote leaves half a line.
        File::options().append(true).open(&path).unwrap().write_all(b"4").unwrap();
        let (mut journal, seen) = open(&path);
        assert_eq!(seen, [1, 2, 3]);
        journal.append(&5).unwrap();
        journal.rewrite([3, 5].into_iter()).unwrap();
        journal.append(&6).unwrap();
        assert_eq!(journal.lines(), 3);
        assert_eq!(open(&path).1, [3, 5, 6]);
    }

    #[test]
    fn damage_is_told_and_not_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j.jsonl");
        fs::write(&path, "1\nnonsense\n2\n").unwrap();
        let problem = Journal::<u32>::open(&path, |_| ()).err().unwrap().to_string();
        assert!(problem.contains("j.jsonl, line 2"), "{problem}");
    }
}
