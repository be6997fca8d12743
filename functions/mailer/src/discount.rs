//! Sends the answer to a discount request at most once: see `store::Mailing`.

use std::time::Duration;

use domain::discount::{DeliveryStatus, DiscountRequest};
use domain::mail_template::{Page, page};
use domain::{DiscountRequestId, Error, RequestId, Result, Timestamp};
use jiff::SignedDuration;
use queue::{MailMessage, REQUEST_TAG};
use store::Mailing;

use crate::State;
use crate::send::{self, Guarantee, SendError};

/// How long a worker has a mail to itself: longer than the function may run (30 seconds, see the
/// template), so that an ended lease belongs to a dead worker.
const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// Pauses before SES is asked again, when it limits mails per second.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(300), Duration::from_millis(900), Duration::from_millis(2700)];

/// Mails the answer, unless another worker did or is doing so.
///
/// # Errors
/// If the mail was not sent, or that is uncertain; the queue then delivers the message again.
pub(crate) async fn deliver(state: &State, message: &MailMessage, id: DiscountRequestId) -> Result<()> {
    let now = state.clock.now();
    let by = RequestId::generate(now);
    match state.store.begin_mailing(id, by, now, now + LEASE).await? {
        Mailing::Done => Ok(()),
        Mailing::Busy(until) => retry_after_lease(state, message, until, now).await,
        Mailing::Begun(request) => match try_to_send(state, message, &request).await {
            Ok(ses_message) => {
                let marked = state.store.mark_request_mailed(id, &ses_message, state.clock.now()).await;
                // The mail is sent all the same, and SES's event about it marks it, too.
                if let Err(error) = marked {
                    tracing::error!(request = %id, %error, "a sent mail could not be marked");
                }
                Ok(())
            }
            Err(SendError::Refused(error)) => {
                tracing::error!(request = %id, %error, "SES refused a mail for good");
                state.store.mark_delivery(id, DeliveryStatus::Failed, state.clock.now()).await?;
                Ok(())
            }
            Err(SendError::NotSent(error)) => {
                state.store.release_mailing(id, by).await?;
                Err(error)
            }
            // The lease stays: if SES took the mail, its event arrives before the lease ends.
            Err(SendError::Unknown(error)) => Err(error),
        },
    }
}

/// Queues the message again for the time when the lease of the worker that is sending it has ended.
async fn retry_after_lease(
    state: &State,
    message: &MailMessage,
    until: Timestamp,
    now: Timestamp,
) -> Result<()> {
    let left = Duration::try_from(until.duration_since(now)).unwrap_or_default();
    state.mails.send_later(message, left + Duration::from_secs(1)).await
}

async fn try_to_send(
    state: &State,
    message: &MailMessage,
    request: &DiscountRequest,
) -> Result<String, SendError> {
    let page = compose(state, message, request).await.map_err(SendError::NotSent)?;
    let (id, mut pauses) = (request.id.to_string(), PAUSES.into_iter());
    let guarantee =
        Guarantee::AtMostOnce { configuration_set: &state.configuration_set, tag: (REQUEST_TAG, &id) };
    loop {
        match (send::send(state, message, page.clone(), None, guarantee).await, pauses.next()) {
            (Err(SendError::NotSent(_)), Some(pause)) => tokio::time::sleep(pause).await,
            (result, _) => return result,
        }
    }
}

async fn compose(state: &State, message: &MailMessage, request: &DiscountRequest) -> Result<Page> {
    let wording = request.mail.as_ref().ok_or_else(|| Error::internal("an answer without its mail"))?;
    let tenant = state.store.tenant(request.tenant_id).await?;
    let tenant = tenant.ok_or_else(|| Error::internal("a request of no tenant"))?;
    page(wording, message.language, &tenant, &state.public_url)
}
