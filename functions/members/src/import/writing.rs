//! Carrying out the plan of an import.

use domain::member::Member;
use domain::{Error, MemberId};
use futures::stream::{self, StreamExt};
use store::MEMBERS_AT_ONCE;

use super::plan::Step;
use super::{ImportOutcome, ImportResult};
use crate::State;

/// The most concurrent transactions: 5,000 new members are 152 of them.
const TRANSACTIONS: usize = 8;
/// The most concurrent changes.
const CHANGES: usize = 16;

impl State {
    /// Writes all steps and returns the result of each, ordered by line.
    pub(super) async fn carry_out(&self, steps: Vec<(u32, Step)>) -> Vec<ImportResult> {
        let (mut new, mut changed, mut results) = (Vec::new(), Vec::new(), Vec::new());
        for (line, step) in steps {
            match step {
                Step::New(member) => new.push((line, member)),
                Step::Changed { before, after } => changed.push((line, before, after)),
                Step::Unchanged(id) => results.push(done(line, id, ImportOutcome::Unchanged)),
            }
        }
        // Collected, because a lazy closure over borrowed lines makes no future
        // that may change threads.
        let chunks: Vec<_> = new.chunks(MEMBERS_AT_ONCE).map(|chunk| self.create_all(chunk)).collect();
        let mut chunks = stream::iter(chunks).buffer_unordered(TRANSACTIONS);
        while let Some(written) = chunks.next().await {
            results.extend(written);
        }
        let changes: Vec<_> =
            changed.iter().map(|(line, before, after)| self.change(*line, before, after)).collect();
        let mut changes = stream::iter(changes).buffer_unordered(CHANGES);
        while let Some(written) = changes.next().await {
            results.push(written);
        }
        results.sort_by_key(|result| result.line);
        results
    }

    /// Writes new members in one transaction. If that fails, writes them one by one, so that
    /// one bad member does not stop the others.
    async fn create_all(&self, chunk: &[(u32, Member)]) -> Vec<ImportResult> {
        let members: Vec<Member> = chunk.iter().map(|(_, member)| member.clone()).collect();
        if self.store.create_members(&self.fingerprints, &members).await.is_ok() {
            return chunk
                .iter()
                .map(|(line, member)| done(*line, member.id, ImportOutcome::Created))
                .collect();
        }
        let mut results = Vec::with_capacity(chunk.len());
        for (line, member) in chunk {
            let created = self.store.create_member(&self.fingerprints, member).await;
            results.push(match created {
                Ok(()) => done(*line, member.id, ImportOutcome::Created),
                Err(error) => failed(*line, member.id, &error.into()),
            });
        }
        results
    }

    async fn change(&self, line: u32, before: &Member, after: &Member) -> ImportResult {
        match self.store.replace_member(&self.fingerprints, before, after).await {
            Ok(()) => done(line, after.id, ImportOutcome::Changed),
            Err(error) => failed(line, after.id, &error.into()),
        }
    }
}

fn done(line: u32, id: MemberId, outcome: ImportOutcome) -> ImportResult {
    ImportResult { line, outcome, id, reason: None, code: None }
}

fn failed(line: u32, id: MemberId, error: &Error) -> ImportResult {
    let (reason, code) = (Some(error.detail().to_owned()), Some(error.code()));
    ImportResult { line, outcome: ImportOutcome::Failed, id, reason, code }
}
