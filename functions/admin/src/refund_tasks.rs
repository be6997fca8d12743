//! Refund tasks: refunds that a person has to do, because the gateway did not.

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use domain::audit::AuditNote;
use domain::refund_task::{ClosedRefundTask, RefundTask, TaskOutcome};
use domain::text::Paragraph;
use domain::{Error, OrderId, Result, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use store::{Failure, GateError};
use web::{Admin, Answer, Json, MaybeJson, Page, Paging, Path, Recent, Refuses, Shared};

use crate::State;
use crate::task_view::{ClosedTaskView, TaskView};

/// How often a task is closed anew after another request or worker changed its order.
const TRIES: usize = 6;

/// The most characters of a note about a refund.
const MAX_NOTE: usize = 500;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/tenant/refund-tasks",
            get_with(list, |op| {
                op.id("listRefundTasks").summary("List the refunds that wait for a person").tag("Refund tasks").description(
                    "The open ones, those of the oldest orders first. One is here because the gateway has no call \
                     for it, said no, or did not say what became of it (`reason`). Give the money back in the \
                     gateway's panel or by bank transfer, and say that it is done; or have it tried again. It also \
                     goes away when the gateway says that the money is back. Whether somebody was let in with a \
                     ticket that was refunded is not said here: `GET /api/v1/door/events/{id}/conflicts` lists \
                     the entries that a door without the network reported late.",
                )
            }),
        )
        .api_route(
            "/api/v1/tenant/refund-tasks/{order}/{payment}/done",
            post_with(done, |op| {
                op.id("finishRefundTask").summary("Say that you gave the money back").tag("Refund tasks").description(
                    "The money counts as given back, and the buyer hears of it. Said again, it changes nothing and \
                     answers the same. Send the task's `since`, so that you close the one that you read: it may \
                     have been tried again meanwhile, or be for another amount.",
                )
                .refuses(["refund_task_not_found", "refund_disputed", "refund_task_changed"])
                .refuses(["order_contended"])
            }),
        )
        .api_route(
            "/api/v1/tenant/refund-tasks/{order}/{payment}/retry",
            post_with(retry, |op| {
                op.id("retryRefundTask").summary("Have the gateway asked again").tag("Refund tasks").description(
                    "If it does not give the money back now either, there is a new task. Is the `reason` \
                     `uncertain`, look at the gateway first: it may have given the money back already, and would \
                     do it twice.",
                )
                .refuses(["refund_task_not_found", "refund_disputed", "refund_task_changed"])
                .refuses(["order_contended"])
            }),
        )
}

/// Path of `/tenant/refund-tasks/{order}/{payment}`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
struct TaskPath {
    /// The order's id.
    order: OrderId,
    /// Index of the payment in the order, from 0.
    payment: u8,
}

/// The admin's report that the money was given back.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RefundGivenBack {
    /// The task's `since` as you read it; refused if the task is another one by now. Absent: no
    /// check.
    since: Option<Timestamp>,
    /// How and by whom the money was given back, for your own records; the buyer does not see it.
    note: Option<Paragraph<0, MAX_NOTE>>,
}

/// The admin's wish to have the gateway asked again.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RefundRetry {
    /// The task's `since` as you read it; refused if the task is another one by now. Absent: no
    /// check.
    since: Option<Timestamp>,
}

async fn list(Shared(state): Shared<State>, admin: Admin, paging: Paging) -> Answer<Json<Page<TaskView>>> {
    let page = state.store.refund_tasks(admin.tenant, paging.after.as_deref(), paging.limit).await;
    Ok(Json(Page::of(page?, TaskView::from)))
}

async fn done(
    Shared(state): Shared<State>,
    Recent(admin): Recent<Admin>,
    Path(path): Path<TaskPath>,
    MaybeJson(body): MaybeJson<RefundGivenBack>,
) -> Answer<Json<ClosedTaskView>> {
    let RefundGivenBack { since, note } = body.unwrap_or_default();
    let wanted = TaskClosing { outcome: TaskOutcome::Done, since, note: note.and_then(Paragraph::some) };
    Ok(Json(state.close(&admin, path, &wanted).await?.into()))
}

async fn retry(
    Shared(state): Shared<State>,
    admin: Admin,
    Path(path): Path<TaskPath>,
    MaybeJson(body): MaybeJson<RefundRetry>,
) -> Answer<Json<ClosedTaskView>> {
    let RefundRetry { since } = body.unwrap_or_default();
    let wanted = TaskClosing { outcome: TaskOutcome::TriedAgain, since, note: None };
    Ok(Json(state.close(&admin, path, &wanted).await?.into()))
}

/// How an admin closes a task.
#[derive(Debug)]
struct TaskClosing {
    outcome: TaskOutcome,
    since: Option<Timestamp>,
    note: Option<String>,
}

impl State {
    /// Closes a task under its order's version: another writer of the order, such as the worker
    /// that hears from the gateway, comes before or after, and sees the change.
    async fn close(&self, admin: &Admin, path: TaskPath, wanted: &TaskClosing) -> Result<ClosedRefundTask> {
        for _ in 0..TRIES {
            let Some(task) = self.store.refund_task(admin.tenant, path.order, path.payment).await? else {
                return self.closed(admin, path, wanted).await;
            };
            if wanted.since.is_some_and(|since| since != task.since) {
                return Err(changed());
            }
            let gone = || Error::internal(format!("the order {} of a task is gone", task.order_id));
            let mut order = self.store.order(task.user_id, task.order_id).await?.ok_or_else(gone)?;
            let same = |current: RefundTask| (current.amount, current.since) == (task.amount, task.since);
            if !RefundTask::of(&order, path.payment).is_some_and(same) {
                // The task was closed, or opened anew, since it was read.
                continue;
            }
            let now = self.clock.now();
            let change = match wanted.outcome {
                TaskOutcome::Done => order.refunded_by_hand(task.payment),
                TaskOutcome::TriedAgain => order.retry_refund(task.payment, now)?,
            };
            let closed = ClosedRefundTask {
                task,
                outcome: wanted.outcome,
                note: wanted.note.clone(),
                by: admin.user,
                at: now,
            };
            let note = note(admin, &closed);
            match self.store.close_refund_task(&order, &change, &closed, &note).await {
                Ok(()) => return Ok(closed),
                Err(GateError::Failure(Failure::Refused(_))) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::unavailable("order_contended", "Others keep changing this order. Try again in a moment.")
            .retry_after(1))
    }

    /// How a task was closed, if that is what the request asks for: a repeated request succeeds.
    async fn closed(&self, admin: &Admin, path: TaskPath, wanted: &TaskClosing) -> Result<ClosedRefundTask> {
        let closed = self.store.closed_refund_task(admin.tenant, path.order, path.payment).await?;
        let closed = closed.ok_or_else(unknown)?;
        if closed.outcome == wanted.outcome && wanted.since.is_none_or(|since| since == closed.task.since) {
            return Ok(closed);
        }
        Err(changed())
    }
}

/// The audit log's entry about the closed task.
fn note(admin: &Admin, closed: &ClosedRefundTask) -> AuditNote {
    let action = match closed.outcome {
        TaskOutcome::Done => "refund_task.done",
        TaskOutcome::TriedAgain => "refund_task.retry",
    };
    admin.note(action.to_owned(), closed.task.order_id.to_string(), closed.at)
}

fn unknown() -> Error {
    Error::not_found(
        "refund_task_not_found",
        "You have no such refund to do: it never was, or the gateway said that the money is back.",
    )
}

fn changed() -> Error {
    Error::conflict(
        "refund_task_changed",
        "This refund was done, is tried again, or is for another amount meanwhile. Read the list again.",
    )
}
