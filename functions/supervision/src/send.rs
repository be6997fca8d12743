//! Sending the answer to a request: the moment in which a discount is given.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use axum::extract::State as Of;
use domain::discount::{DecisionType, DiscountRequest, Sending, code, promotion};
use domain::event::Event;
use domain::mail_template::Wording;
use domain::pricing::Promotion;
use domain::{DiscountRequestId, Error, Result, Timestamp};
use queue::{Outbox, Recipient};
use schemars::JsonSchema;
use serde::Deserialize;
use store::Failure;
use store::allotment::Refusal;
use web::{Answer, Json, Path, Supervisor};

use crate::State;
use crate::desk::Desk;
use crate::staff::{RequestPath, Staff};
use crate::view::Queued;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/supervision/queue/{id}/send",
        post_with(send, |op| {
            op.id("sendQueued").summary("Send the answer to a request").tag("Supervision").description(
                "An approval takes one of the show's discounts; without one left the answer is 409 \
                 `no_discounts_left` and nothing changes. Its code works from this moment on. The mail goes out \
                 once; sending it again answers the same to whoever sent it, and 409 `already_sent` to others.",
            )
        }),
    )
}

/// What is sent.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WhatToSend {
    /// The version that is to be sent; the current one if left out.
    version: Option<u32>,
}

async fn send(
    Of(state): Of<State>,
    supervisor: Supervisor,
    Path(path): Path<RequestPath>,
    what: Option<Json<WhatToSend>>,
) -> Answer<Json<Queued>> {
    let Json(what) = what.unwrap_or(Json(WhatToSend::default()));
    let request = state.send(&supervisor.into(), path.id, what.version).await?;
    Ok(Json(state.queued(request).await?))
}

impl State {
    /// Sends the answer to a request and answers with it.
    pub(crate) async fn send(
        &self,
        staff: &Staff,
        id: DiscountRequestId,
        version: Option<u32>,
    ) -> Result<DiscountRequest> {
        let now = self.clock.now();
        let before = self.request_of(staff.tenant, id).await?;
        let decision = match before.sending(&staff.reviewer, version)? {
            Sending::Ready(decision) => decision,
            Sending::Done => {
                // Perhaps it was cut off before this.
                self.give_back(&before).await?;
                return Ok(before);
            }
        };
        let (desk, before) = tokio::try_join!(
            self.desk(staff.tenant, std::slice::from_ref(&before)),
            self.reachable(&before),
        )?;
        let (mail, promotion) = match decision {
            DecisionType::Approved => self.approve(&before, &desk, now).await?,
            DecisionType::Rejected | DecisionType::NeedsClarification => (desk.mail(&before)?, None),
        };
        let code = promotion.as_ref().map(|promotion| promotion.promotion_code.clone());
        let after = before.sent(mail, code, &staff.reviewer, now);
        let outbox = Outbox::Discount {
            to: Recipient { email: after.user_email.clone(), name: after.user_name.clone() },
            language: after.language,
            reply_to: Some(desk.tenant.email.clone()).filter(|address| !address.is_empty()),
        };
        let note = staff.note(&after, "send", now);
        let written =
            self.store.send_discount_request(&after, promotion.as_ref(), Some(outbox.text()?), &note).await;
        match written {
            Ok(()) => {
                self.give_back(&after).await?;
                Ok(after)
            }
            Err(Failure::Refused(_)) => self.lost(staff, id).await,
            Err(failure) => Err(failure.into()),
        }
    }

    /// The request with the address that its member has now: it may have been
    /// put right since. Mails that came back before would come back again.
    async fn reachable(&self, request: &DiscountRequest) -> Result<DiscountRequest> {
        let member = self.store.member(request.tenant_id, request.member_id).await?;
        let Some(member) = member else { return Ok(request.clone()) };
        if member.email_bounced_at.is_some() {
            return Err(Error::conflict(
                "address_bounces",
                "Mails to this member come back. Change the member's address, then send the answer.",
            ));
        }
        Ok(DiscountRequest { user_email: member.email.to_string(), ..request.clone() })
    }

    /// Takes a discount for an approval, as which nothing is written yet, and
    /// words its mail. With the promotion behind its code, unless somebody else
    /// sells the tickets.
    async fn approve(
        &self,
        request: &DiscountRequest,
        desk: &Desk,
        now: Timestamp,
    ) -> Result<(Wording, Option<Promotion>)> {
        // As it is now: over how many blocks the discounts are spread may have changed.
        let show = self.store.event_of(request.tenant_id, request.show_id).await?;
        let show = show.filter(|show| now < show.ends_at).ok_or_else(show_over)?;
        let promotion = match &show.ticketing_link {
            Some(_) => None,
            None => Some(promotion(request, &show, code(request.id, &self.codes)).ok_or_else(|| {
                Error::conflict(
                    "no_member_discount",
                    "The show does not say what members get off. Set its `member_discount` first.",
                )
            })?),
        };
        let mail = desk.mail(request)?;
        let mail = match (&promotion, &show.ticketing_link) {
            (Some(promotion), _) => mail.with_code(promotion.promotion_code.as_str()),
            (None, Some(link)) => mail.with_link(link),
            (None, None) => mail,
        };
        self.take(&show, request, now).await?;
        Ok((mail, promotion))
    }

    async fn take(&self, show: &Event, request: &DiscountRequest, now: Timestamp) -> Result<()> {
        let taken = self.store.take_discount(show, request.id, now).await;
        taken.map_err(|refusal| {
            refusal.meaning(|_: Refusal| {
                Error::conflict(
                    "no_discounts_left",
                    "All discounts of this show are given. Reject the request, or raise the show's `max_discounts`.",
                )
                .with("remaining", 0)
            })
        })
    }

    /// What to tell somebody whose sending came second. The discount that was
    /// taken for it is the request's own: it goes back only if the request was
    /// answered otherwise, because somebody may be sending the approval right now.
    async fn lost(&self, staff: &Staff, id: DiscountRequestId) -> Result<DiscountRequest> {
        let now = self.request_of(staff.tenant, id).await?;
        match now.sending(&staff.reviewer, None) {
            Ok(Sending::Done) => Ok(now),
            Ok(Sending::Ready(_)) => Err(Error::conflict(
                "changed_meanwhile",
                "Somebody changed this at the same moment. Read it again before you send it.",
            )
            .with("version", now.version)),
            Err(error) => {
                self.give_back_of(&now).await?;
                Err(error)
            }
        }
    }

    /// Gives back what an approval took that was cut off and then taken back.
    async fn give_back(&self, sent: &DiscountRequest) -> Result<()> {
        if sent.was_approved { self.give_back_of(sent).await } else { Ok(()) }
    }

    /// Gives back a discount that was taken for a request which was sent as
    /// something else. Nobody can send it as an approval any more.
    async fn give_back_of(&self, sent: &DiscountRequest) -> Result<()> {
        let is_final = sent.sent_at.is_some() && sent.decision_type != Some(DecisionType::Approved);
        if !is_final {
            return Ok(());
        }
        if let Some(show) = self.store.event_of(sent.tenant_id, sent.show_id).await? {
            self.store.return_discount(&show, sent.id).await?;
        }
        Ok(())
    }
}

fn show_over() -> Error {
    Error::conflict("show_over", "This show is over. Reject the request instead.")
}
