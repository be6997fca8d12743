//! Goes on with erasing persons' data: what waited for a show, a payment or a refund, and what a
//! worker that died left.

use domain::{Result, Timestamp};

use crate::State;

/// The most erasures of one run; the next run takes others. Those that wait cost a look each.
const ERASURES: usize = 500;
/// The most erasures that are known: far more than wait for a show at once.
const KNOWN: usize = 20_000;
/// How often it runs, in seconds, as the template says.
const EVERY: i64 = 300;

/// The place in the list of `known` erasures with which a run begins: each goes on after the one before,
/// so that those that wait for months keep none of the others waiting.
fn first_of_run(known: usize, now: Timestamp) -> usize {
    let run = usize::try_from(now.as_second() / EVERY).unwrap_or(0);
    run.wrapping_mul(ERASURES) % known.max(1)
}

/// Makes a pass of each erasure; returns how many ended. One that fails leaves the others alone.
pub(crate) async fn go_on(state: &State) -> Result<usize> {
    let now = state.clock.now();
    let mut ended = 0;
    let known = state.store.erasures(KNOWN).await?;
    let first = first_of_run(known.len(), now);
    for erasure in known.iter().cycle().skip(first).take(known.len().min(ERASURES)) {
        match state.erasures.pass(erasure, now).await {
            Ok(progress) => ended += usize::from(progress.done),
            Err(error) => tracing::warn!(user = %erasure.user, %error, "an erasure waits for the next run"),
        }
    }
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_erasure_has_its_turn_however_many_wait() {
        for known in [1_usize, 499, 500, 501, 1_234, 20_000] {
            let mut seen = BTreeSet::new();
            let runs = known.div_ceil(ERASURES) + 1;
            for run in 0..i64::try_from(runs).expect("few") {
                let now = Timestamp::from_second(1_800_000_000 + run * EVERY).expect("a time");
                let first = first_of_run(known, now);
                seen.extend((0..known.min(ERASURES)).map(|place| (first + place) % known));
            }
            assert_eq!(seen.len(), known, "{known} in {runs} runs");
        }
        assert_eq!(first_of_run(0, Timestamp::UNIX_EPOCH), 0);
    }
}
