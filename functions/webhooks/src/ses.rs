//! SES's events about mails, through SNS: marks the delivery of answers to discount requests, and
//! members whose address bounces.

use aide::NoApi;
use bytes::Bytes;
use domain::discount::DeliveryStatus;
use domain::user::Email;
use domain::{DiscountRequestId, Error, Result, TenantId, Timestamp};
use http::StatusCode;
use mail_events::ses::{Event, EventKind};
use mail_events::{MAX_BYTES, Verified};
use queue::REQUEST_TAG;
use web::{Answer, AnyQuery, Shared};

use crate::State;

pub(crate) async fn notify(
    Shared(state): Shared<State>,
    _: AnyQuery,
    NoApi(body): NoApi<Bytes>,
) -> Answer<StatusCode> {
    if body.len() > MAX_BYTES {
        return Err(Error::too_large("body_too_large", "SNS sends no messages of this size.").into());
    }
    let now = state.clock.now();
    match state.sns.verify(&body, now).await.map_err(Error::from)? {
        Verified::Notification { id, message } => match Event::parse(&message) {
            Ok(event) => note(&state, event, now).await?,
            // A retry would not parse either.
            Err(error) => tracing::warn!(id, %error, "a notification that is no event of SES"),
        },
        Verified::Subscription(confirmation) => {
            state.sns.confirm(&confirmation).await.map_err(|error| {
                Error::unavailable("sns_unavailable", "The subscription can not be confirmed now.")
                    .retry_after(20)
                    .caused_by(error)
            })?;
            tracing::info!("confirmed the subscription to SES's events");
        }
        Verified::Unsubscribed { topic } => {
            tracing::error!(topic, "the subscription to SES's events was cancelled");
        }
    }
    Ok(StatusCode::OK)
}

/// Applies an event. Repeated, late or out of order, it never overwrites a weightier state.
async fn note(state: &State, event: Event, now: Timestamp) -> Result<()> {
    let tag = event.tags.get(REQUEST_TAG).and_then(|values| values.first());
    let request: Option<DiscountRequestId> = tag.and_then(|id| id.parse().ok());
    let ses_message = event.ses_message;
    match event.kind {
        EventKind::Sent => {
            if let Some(request) = request {
                state.store.mark_request_mailed(request, &ses_message, now).await?;
            }
        }
        EventKind::Delivered => drop(mark(state, request, DeliveryStatus::Delivered, now).await?),
        EventKind::Rejected => {
            tracing::error!(ses_message, "SES rejected a mail that it had taken");
            mark(state, request, DeliveryStatus::Failed, now).await?;
        }
        EventKind::Bounced { permanent, recipients } => {
            let tenant = mark(state, request, DeliveryStatus::Bounced, now).await?;
            tracing::info!(ses_message, permanent, "a mail bounced");
            if permanent {
                mark_members(state, tenant, &recipients, now).await?;
            }
        }
        EventKind::Complained { not_spam: false, recipients } => {
            let tenant = mark(state, request, DeliveryStatus::Complained, now).await?;
            tracing::warn!(ses_message, "a receiver complained about a mail");
            mark_members(state, tenant, &recipients, now).await?;
        }
        EventKind::Complained { not_spam: true, .. } => {
            tracing::info!(ses_message, "a receiver said that a mail is no spam");
        }
        EventKind::Other(kind) => tracing::info!(ses_message, kind, "an event of no concern"),
    }
    Ok(())
}

/// Marks the delivery of a discount request's answer; returns the request's tenant.
async fn mark(
    state: &State,
    request: Option<DiscountRequestId>,
    status: DeliveryStatus,
    now: Timestamp,
) -> Result<Option<TenantId>> {
    let Some(request) = request else { return Ok(None) };
    let marked = state.store.mark_delivery(request, status, now).await?;
    Ok(marked.map(|request| request.tenant_id))
}

/// Marks the recipients' addresses as bouncing: with this tenant or, if the mail names none, with
/// all tenants of which they are members.
async fn mark_members(
    state: &State,
    tenant: Option<TenantId>,
    recipients: &[Email],
    now: Timestamp,
) -> Result<()> {
    for email in recipients {
        let tenants = match tenant {
            Some(tenant) => vec![tenant],
            None => {
                let memberships = state.store.memberships(&state.fingerprints, email).await?;
                memberships.into_iter().map(|(tenant, _)| tenant).collect()
            }
        };
        for tenant in tenants {
            state.store.mark_member_bounced(&state.fingerprints, tenant, email, now).await?;
        }
    }
    Ok(())
}
