//! Functions that die before or after each of their writes, one write per run.
//!
//! The caller or the queue retries, and the end state must be the same as without the death.

mod gateways;
mod images;
mod imports;
mod plans;
mod products;
mod refunds;
mod settler;
mod together;
mod transfers;
mod users;

use std::time::Duration;

use cloud::services::{Ambush, Mishap, Spot};
use testkit::{Answer, Request, TestApp};

/// The write at which a function dies, and whether it dies before or after it.
#[derive(Clone, Copy, Debug)]
struct Death {
    function: &'static str,
    mishap: Mishap,
    nth: usize,
}

impl Death {
    /// Sets the trap: the function's writes count from now on.
    fn lurk(self, app: &TestApp) -> Ambush {
        app.chaos.ambush(Spot::at("").by(self.function), self.nth, self.mishap)
    }

    /// Sends a request during which the function dies, and retries it as a client would. Returns
    /// whether the function died, and the last answer.
    async fn send(self, app: &TestApp, request: impl Fn() -> Request) -> (bool, Answer) {
        let ambush = self.lurk(app);
        let mut answer = request().send().await;
        let has_struck = ambush.has_struck();
        drop(ambush);
        assert_eq!(has_struck, answer.status == 500, "{self:?}: {}", answer.text());
        if has_struck {
            // Longer than the first request counts as in progress.
            app.clock.advance(Duration::from_secs(61));
            answer = request().send().await;
        }
        (has_struck, answer)
    }
}

/// Runs `story` once for each write of a function, with a death at that write. `story` returns
/// whether the function died; if not, all writes were tried. There must be `least` or more.
async fn at_each_write(function: &'static str, least: usize, story: impl AsyncFn(Death) -> bool) {
    for mishap in [Mishap::DiesBefore, Mishap::DiesAfter] {
        let mut nth = 1;
        while story(Death { function, mishap, nth }).await {
            nth += 1;
        }
        assert!(nth > least, "{function} has {} writes", nth - 1);
    }
}

/// Lets so many minutes pass, one by one, and due work be done after each.
async fn minutes_pass(app: &TestApp, minutes: u32) {
    app.idle().await;
    for _ in 0..minutes {
        app.clock.advance(Duration::from_secs(60));
        app.idle().await;
    }
}
