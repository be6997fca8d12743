//! Goes on with erasing persons' data: what waited for a show, a payment or a refund, and what a
//! worker that died left.

use domain::Result;

use crate::State;

/// The most erasures of one run; the next run takes the rest. Those that wait cost a look each.
const ERASURES: usize = 500;

/// Makes a pass of each erasure; returns how many ended. One that fails leaves the others alone.
pub(crate) async fn go_on(state: &State) -> Result<usize> {
    let now = state.clock.now();
    let mut ended = 0;
    for erasure in state.store.erasures(ERASURES).await? {
        match state.erasures.pass(&erasure, now).await {
            Ok(progress) => ended += usize::from(progress.done),
            Err(error) => tracing::warn!(user = %erasure.user, %error, "an erasure waits for the next run"),
        }
    }
    Ok(ended)
}
