//! Sending the answer to a request, which is when a member gets the discount.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::discount::{DecisionType, DiscountRequest, Sending, code, promotion};
use domain::mail_template::Wording;
use domain::outbox::Outbox;
use domain::pricing::Promotion;
use domain::{DiscountRequestId, Error, Person, Result, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use store::Failure;
use web::{Answer, Json, MaybeJson, Path, Refuses, Shared, Supervisor};

use crate::State;
use crate::mail_context::MailContext;
use crate::staff::{RequestPath, Staff};
use crate::view::RequestDetail;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/supervision/queue/{id}/send",
        post_with(send, |op| {
            op.id("sendQueued").summary("Send the answer to a request").tag("Supervision").description(
                "The code of an approval works from this moment on. The mail goes out \
                 once; sending it again answers the same to whoever sent it, and 409 `already_sent` to others. If the \
                 member did not ask signed in, the mail has no links but those to the tickets. An organiser sends \
                 1000 answers a day (`too_many_answers`), or fewer mails in all if the operator says so \
                 (`quota_reached`), and an address gets ten a day of all organisers \
                 (`address_answered_enough`), besides those that its reader asked for signed in.",
            )
            .refuses(["request_not_found"])
            .refuses(["address_bounces", "already_sent", "changed_meanwhile"])
            .refuses(["no_discounts_left", "no_member_discount", "not_decided", "show_over"])
            .refuses(["address_answered_enough", "quota_reached", "too_many_answers"])
        }),
    )
}

/// The version of the answer to send.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WhatToSend {
    /// The version to send; refused if the request has another by now. If missing, the current one.
    version: Option<u32>,
}

async fn send(
    Shared(state): Shared<State>,
    supervisor: Supervisor,
    Path(path): Path<RequestPath>,
    MaybeJson(what): MaybeJson<WhatToSend>,
) -> Answer<Json<RequestDetail>> {
    let what = what.unwrap_or_default();
    let request = state.send(&supervisor.into(), path.id, what.version).await?;
    Ok(Json(state.request_detail(request).await?))
}

impl State {
    /// Sends the answer to a request and returns the request.
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
                // An earlier try may have been cut off before this.
                self.give_back(&before).await?;
                return Ok(before);
            }
        };
        let (desk, before) = tokio::try_join!(
            self.mail_context(staff.tenant, std::slice::from_ref(&before)),
            self.reachable(&before),
        )?;
        self.count_answer(&desk.tenant, &before, now).await?;
        let sent = self.answer(staff, &before, decision, &desk, now).await;
        if sent.is_err() {
            // If this fails, too, the answer stays counted until tomorrow.
            drop(self.uncount_answer(&desk.tenant, &before, now).await);
        }
        sent
    }

    /// Writes the sent answer, with the outbox that mails it. The caller has counted it.
    async fn answer(
        &self,
        staff: &Staff,
        before: &DiscountRequest,
        decision: DecisionType,
        desk: &MailContext,
        now: Timestamp,
    ) -> Result<DiscountRequest> {
        let (mail, promotion) = match decision {
            DecisionType::Approved => self.approve(before, desk, now).await?,
            DecisionType::Rejected | DecisionType::NeedsClarification => (desk.mail(before)?, None),
        };
        let link = desk.show(before).and_then(|show| show.ticketing_link.as_deref());
        let mail = before.sendable(mail, link, &self.public_url);
        let code = promotion.as_ref().map(|promotion| promotion.promotion_code.clone());
        let after = before.sent(mail, code, &staff.reviewer, now);
        let outbox = Outbox::Discount {
            to: Person { email: after.user_email.clone(), name: after.user_name.clone() },
            language: after.language,
            reply_to: Some(desk.tenant.email.clone()).filter(|address| !address.is_empty()),
        };
        let note = staff.note(&after, "send", now);
        let written =
            self.store.send_discount_request(&after, promotion.as_ref(), Some(&outbox), &note).await;
        match written {
            Ok(()) => {
                self.give_back(&after).await?;
                Ok(after)
            }
            Err(Failure::Refused(_)) => self.result_of_lost_write(staff, before).await,
            Err(failure) => Err(failure.into()),
        }
    }

    /// The request with the member's current address, which may have been corrected since.
    /// Fails with `address_bounces` if a mail to the member came back: this one would, too.
    async fn reachable(&self, request: &DiscountRequest) -> Result<DiscountRequest> {
        let member = self.store.member(request.tenant_id, request.member_id).await?;
        let Some(member) = member else { return Ok(request.clone()) };
        if member.email_bounced_at.is_some() {
            return Err(Error::conflict(
                "address_bounces",
                "Mails to this member come back. Change the member's address, then send the answer.",
            ));
        }
        // The reader of a new address need not be the person who asked.
        let signed_in = request.signed_in && request.user_email == member.email.as_str();
        Ok(DiscountRequest { user_email: member.email.to_string(), signed_in, ..request.clone() })
    }

    /// Words the mail of an approval and makes sure that it has its discount, which was taken
    /// with the approval unless that was cut off. Also returns the promotion for the code,
    /// unless another seller sells the tickets.
    async fn approve(
        &self,
        request: &DiscountRequest,
        desk: &MailContext,
        now: Timestamp,
    ) -> Result<(Wording, Option<Promotion>)> {
        let show = self.show_of(request, now).await?;
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

    /// The result of a sending whose write lost against another change. If the approval was
    /// taken back meanwhile, gives back the discount that this sending took.
    async fn result_of_lost_write(&self, staff: &Staff, before: &DiscountRequest) -> Result<DiscountRequest> {
        let now = self.request_of(staff.tenant, before.id).await?;
        self.give_back(&now).await?;
        match now.sending(&staff.reviewer, None) {
            Ok(Sending::Done) => Ok(now),
            Ok(Sending::Ready(_)) => Err(Error::conflict(
                "changed_meanwhile",
                "Somebody changed this at the same moment. Read it again before you send it.",
            )
            .with("version", now.version)),
            Err(error) => Err(error),
        }
    }
}
