//! The table's stream, as the poller of an event source mapping reads it.

use std::fmt;
use std::str::FromStr;

use dynoxide::DynoxideError;
use dynoxide::actions::get_records::{self, GetRecordsRequest};
use dynoxide::actions::get_shard_iterator::encode_shard_iterator;
use dynoxide::streams;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use super::Dynamodb;
use super::engine::now;

/// The largest batch that Lambda takes from a stream.
const MOST_RECORDS: usize = 10_000;
/// The largest that one `GetRecords` gives.
const PAGE: usize = 1_000;

/// The progress of a reader of a stream: the sequence number of the last
/// record that it is done with. Later records have larger ones, also after a
/// restart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Checkpoint(String);

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Checkpoint {
    type Err = &'static str;

    /// Reads the `SequenceNumber` of a record: 21 digits.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid = text.len() == 21 && text.bytes().all(|byte| byte.is_ascii_digit());
        valid.then(|| Self(text.to_owned())).ok_or("must be the 21 digits of a stream's sequence number")
    }
}

impl Checkpoint {
    /// The number behind the 21 digits, which dynoxide pads with this offset.
    fn position(&self) -> i64 {
        const OFFSET: u128 = 100_000_000_000_000_000_000;
        self.0
            .parse::<u128>()
            .ok()
            .and_then(|number| i64::try_from(number.checked_sub(OFFSET)?).ok())
            .unwrap_or_default()
    }
}

impl Dynamodb {
    /// The records of `table`'s stream after a checkpoint, oldest first, at most
    /// `limit` and never more than 10,000; from the oldest that is left without
    /// a checkpoint. Each is what Lambda hands to a function: `eventID`,
    /// `eventName`, `eventSourceARN`, `dynamodb` with `Keys`, `NewImage` and so
    /// on. The second value is the checkpoint after the last record, or the one
    /// given if there is none.
    ///
    /// # Errors
    /// If there is no such table, or the service is stopping.
    pub async fn stream_records(
        &self,
        table: &str,
        after: Option<&Checkpoint>,
        limit: usize,
    ) -> Result<(Vec<Value>, Option<Checkpoint>), DynoxideError> {
        let mut position = after.map(Checkpoint::position).unwrap_or_default();
        let (table, region) = (table.to_owned(), self.region.clone());
        let records = self
            .engine
            .run(move |core| {
                let limit = limit.min(MOST_RECORDS);
                let source =
                    core.storage.get_table_metadata(&table)?.and_then(|metadata| metadata.stream_label).map(
                        |label| streams::stream_arn(&table, &label).replace(streams::LOCAL_REGION, &region),
                    );
                let shard = streams::shard_id(&table);
                let mut records = Vec::new();
                while records.len() < limit {
                    let page = PAGE.min(limit - records.len());
                    let request = GetRecordsRequest {
                        shard_iterator: encode_shard_iterator(&table, &shard, position),
                        limit: Some(page),
                    };
                    let answer = now(get_records::execute(&core.storage, request))?;
                    let (read, full) = (records.len(), answer.records.len() == page);
                    for record in answer.records {
                        let mut record = serde_json::to_value(record)
                            .map_err(|error| DynoxideError::InternalServerError(error.to_string()))?;
                        record["awsRegion"] = (*region).into();
                        record["eventSourceARN"] = source.as_deref().into();
                        records.push(record);
                    }
                    match records.last().and_then(checkpoint) {
                        Some(last) if full && records.len() > read => position = last.position(),
                        _ => break,
                    }
                }
                Ok(records)
            })
            .await?;
        let reached = records.last().and_then(checkpoint).or_else(|| after.cloned());
        Ok((records, reached))
    }

    /// Changes after every write, so that a poller of a stream can sleep until
    /// there is something to read: mark it seen, read records, and wait for a
    /// change.
    pub fn writes(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }
}

/// The checkpoint after this record.
pub fn checkpoint(record: &Value) -> Option<Checkpoint> {
    record["dynamodb"]["SequenceNumber"].as_str()?.parse().ok()
}
