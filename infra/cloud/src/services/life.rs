//! The life of an invocation, which chaos can end from within a service that it calls.

use std::sync::Arc;

use tokio::sync::Notify;

tokio::task_local! {
    static LIFE: Life;
}

/// The life of one invocation of a function in this process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Life(Arc<Notify>);

impl Life {
    /// Does the work of an invocation; `None` if its life ends before. The work is
    /// dropped then, wherever it stands.
    pub(crate) async fn spent_on<T>(work: impl Future<Output = T>) -> Option<T> {
        let life = Self::default();
        let end = Arc::clone(&life.0);
        let lived = async {
            tokio::select! {
                biased;
                () = end.notified() => None,
                done = work => Some(done),
            }
        };
        LIFE.scope(life, lived).await
    }

    /// The life that the calling code is part of, unless it is no function of this process.
    pub(super) fn current() -> Option<Self> {
        LIFE.try_with(Clone::clone).ok()
    }

    /// Ends the life that the calling code is part of: this never answers.
    pub(super) async fn end() {
        if let Some(life) = Self::current() {
            life.0.notify_one();
        }
        std::future::pending::<()>().await;
    }

    /// True if both are of one invocation.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_invocation_ends_at_its_work_or_in_the_middle_of_it() {
        assert_eq!(Life::spent_on(async { 1 }).await, Some(1));
        let mut came = Vec::new();
        let work = async {
            came.push("before");
            Life::end().await;
            came.push("after");
        };
        assert_eq!(Life::spent_on(work).await, None);
        assert_eq!(came, ["before"]);
    }
}
