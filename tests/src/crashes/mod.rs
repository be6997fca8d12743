//! Functions that die before or after each of their writes, one after the other.
//!
//! What the caller or the queue would do next is done, and in the end everything is as if
//! nobody had died.

mod gateways;
mod images;
mod imports;
mod refunds;
mod settler;
mod transfers;
mod users;

use std::time::Duration;

use cloud::services::{Ambush, Mishap, Spot};
use testkit::{Answer, Request, TestApp};

/// Which of a function's writes it dies at, and on which side of it.
#[derive(Clone, Copy, Debug)]
struct Death {
    function: &'static str,
    mishap: Mishap,
    nth: usize,
}

impl Death {
    /// Counts the function's writes from now on.
    fn lurk(self, app: &TestApp) -> Ambush {
        app.chaos.ambush(Spot::at("").by(self.function), self.nth, self.mishap)
    }

    /// Sends a request at one of whose writes the function dies, and again as its client
    /// would until there is an answer. Whether somebody died, and the last answer.
    async fn send(self, app: &TestApp, request: impl Fn() -> Request) -> (bool, Answer) {
        let ambush = self.lurk(app);
        let mut answer = request().send().await;
        let has_struck = ambush.has_struck();
        drop(ambush);
        assert_eq!(has_struck, answer.status == 500, "{self:?}: {}", answer.text());
        if has_struck {
            // Longer than a request counts as under way.
            app.clock.advance(Duration::from_secs(61));
            answer = request().send().await;
        }
        (has_struck, answer)
    }
}

/// Has `story` told with a death at each write of a function, of which there are `least`
/// at least. It answers whether somebody died; when nobody does, all writes had their turn.
async fn at_each_write(function: &'static str, least: usize, story: impl AsyncFn(Death) -> bool) {
    for mishap in [Mishap::DiesBefore, Mishap::DiesAfter] {
        let mut nth = 1;
        while story(Death { function, mishap, nth }).await {
            nth += 1;
        }
        assert!(nth > least, "{function} has {} writes", nth - 1);
    }
}

/// Lets so many minutes pass, and everything happen that is due meanwhile.
async fn minutes_pass(app: &TestApp, minutes: u32) {
    app.idle().await;
    for _ in 0..minutes {
        app.clock.advance(Duration::from_secs(60));
        app.idle().await;
    }
}
