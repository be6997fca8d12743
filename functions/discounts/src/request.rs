//! A member's request for a discount.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use boot::Stopwatch;
use domain::discount::{DiscountRequest, MAX_ATTEMPTS, MAX_MESSAGE, offered, suggest};
use domain::error::Fields;

use domain::member::{Ineligible, Member};
use domain::text::{Line, Paragraph};
use domain::user::Email;
use domain::{Error, EventId, Result, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use store::limit::QUARTER;
use store::{EventRecord, Limit};
use web::{Answer, ClientNetwork, Created, Json, MaybeBuyer, Refuses, Shared};

use crate::State;
use crate::rules::{History, asked_too_often, show_not_found};
use crate::show::RequestView;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/discounts/request",
        post_with(request, |op| {
            op.id("requestDiscount").tag("Discounts").summary("Ask for a discount").description(
                "Members whose subscription is active and whose fee is paid get an answer by mail, once somebody \
                 has looked at what is proposed. A member has one open request for a show: asking again answers \
                 409 `request_open` with its `id`, so sending a request twice does no harm. Who asks signed in, with \
                 the address confirmed, gets the answer with the links of its wording, and however many answers \
                 others had mailed there.",
            )
            .refuses(["email_not_found", "fee_overdue", "subscription_inactive"])
            .refuses(["show_not_found"])
            .refuses(["asked_too_often", "discount_already_given", "no_discounts_offered"])
            .refuses(["request_open", "show_over", "refused_fields", "too_many_tries"])
        }),
    )
}

/// Requests from one network.
const NETWORK: Limit = Limit::exact("discount", 100, QUARTER);
/// Refused requests for one address from one network. Not from all networks together: then
/// strangers could keep a member from asking.
const ADDRESS_HERE: Limit = Limit::exact("discount-refused", 20, QUARTER);
/// The longest code of a show, in characters.
const MAX_CODE: usize = 50;

/// A member's request for the discount of a show, which `show_id` or `show_code` names.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Asking {
    /// The member's e-mail address; older clients say `user_email`.
    #[serde(alias = "user_email")]
    #[schemars(extend("x-aliases" = ["user_email"]))]
    email: Email,
    /// The show's id.
    show_id: Option<EventId>,
    /// The organiser's own code for the show, if its id is not known.
    show_code: Option<Line<2, MAX_CODE>>,
    /// A message to the supervisor who decides, at most 280 characters.
    message: Option<Paragraph<0, MAX_MESSAGE>>,
    /// The member's description of the show, from older clients. It stands for a missing
    /// `message`.
    show_description: Option<Paragraph<0, MAX_MESSAGE>>,
}

impl Asking {
    fn check(&self) -> Result<()> {
        let mut fields = Fields::new();
        fields.rule(
            self.show_id.is_some() != self.show_code.is_some(),
            "/show_id",
            "Name the show by its `show_id` or by its `show_code`, one of both.",
        );
        fields.finish()
    }

    fn words(&self) -> Option<String> {
        let said = |text: &Option<Paragraph<0, MAX_MESSAGE>>| text.clone().and_then(Paragraph::some);
        said(&self.message).or_else(|| said(&self.show_description))
    }
}

async fn request(
    Shared(state): Shared<State>,
    ClientNetwork(network): ClientNetwork,
    MaybeBuyer(buyer): MaybeBuyer,
    Json(asking): Json<Asking>,
) -> Answer<Created<RequestView>> {
    let started = Stopwatch::start();
    let now = state.clock.now();
    asking.check()?;
    let address = state.fingerprints.email(&asking.email);
    let network = state.fingerprints.source(&network);
    let all = [NETWORK.of(&[&network])];
    let here = [ADDRESS_HERE.of(&[&address, &network])];
    // Both run to their end: a request that is refused for the address must be counted for
    // the network all the same.
    let (counted, left) = tokio::join!(state.store.count(&all, now), state.store.check_limits(&here, now),);
    counted.and(left)?;
    let opened = async {
        let (show, member) = state.show_and_member(&asking, now).await?;
        let own = buyer.as_ref().and_then(|buyer| buyer.confirmed_email().ok());
        let signed_in = own.is_some_and(|own| own == member.email.as_str());
        state.open(&show, &member, (asking.words(), signed_in), started, now).await
    };
    match opened.await {
        Ok(request) => Ok(Created(request.into())),
        Err(error) => {
            // Members have few requests; a caller who is refused again and again is guessing.
            state.store.count(&here, now).await?;
            Err(error.into())
        }
    }
}

impl State {
    /// The show, if it has discounts for members, and the member, if eligible.
    async fn show_and_member(&self, asking: &Asking, now: Timestamp) -> Result<(EventRecord, Member)> {
        let show = match (asking.show_id, &asking.show_code) {
            (Some(show), _) => self.store.event(show).await?.ok_or_else(show_not_found)?,
            (None, Some(code)) => self.show_by_code(&asking.email, code).await?,
            (None, None) => return Err(show_not_found()),
        };
        offered(&show, now)?;
        let member = self.store.member_by_email(&self.fingerprints, show.tenant_id, &asking.email).await?;
        let member = member.ok_or_else(|| refused(Ineligible::EmailNotFound))?;
        member.eligible().map_err(refused)?;
        Ok((show, member))
    }

    /// The show with this code in a community of which the address is a member.
    async fn show_by_code(&self, email: &Email, code: &str) -> Result<EventRecord> {
        let memberships = self.store.memberships(&self.fingerprints, email).await?;
        if memberships.is_empty() {
            return Err(refused(Ineligible::EmailNotFound));
        }
        let mut found = None;
        for (tenant, _) in memberships {
            let Some(show) = self.store.show_code_owner(tenant, code).await? else { continue };
            if found.replace(show).is_some() {
                let mut fields = Fields::new();
                fields.rule(false, "/show_code", "Several shows have this code. Send the `show_id`.");
                fields.finish()?;
            }
        }
        let show = found.ok_or_else(show_not_found)?;
        self.store.event(show).await?.ok_or_else(show_not_found)
    }

    /// Suggests a decision and writes the request.
    async fn open(
        &self,
        show: &EventRecord,
        member: &Member,
        (message, signed_in): (Option<String>, bool),
        started: Stopwatch,
        now: Timestamp,
    ) -> Result<DiscountRequest> {
        let history = History::read(&self.store, show, member, now).await?;
        let suggestion = suggest(&history.case(member));
        let name = suggestion.decision_type.template();
        let template = self.store.mail_template(show.tenant_id, name, member.language).await?;
        let mut attempt = history.next_attempt()?;
        loop {
            let request =
                DiscountRequest::open(member, show, attempt, suggestion.clone(), template.version, now);
            let took = u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX);
            let request =
                DiscountRequest { message: message.clone(), signed_in, processing_us: took, ..request };
            let Some(found) = self.store.open_discount_request(&request).await? else { return Ok(request) };
            // Another request was made at the same moment, or too recently to be read before.
            found.check_may_ask_again()?;
            attempt += 1;
            if attempt >= MAX_ATTEMPTS {
                return Err(asked_too_often());
            }
        }
    }
}

fn refused(reason: Ineligible) -> Error {
    Error::forbidden(reason.code(), reason.detail())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asking(more: serde_json::Value) -> Asking {
        let mut body = json!({"email": "ana@example.com"});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        serde_json::from_value(body).expect("reads")
    }

    #[test]
    fn a_show_is_named_once() {
        let show = EventId::generate(Timestamp::UNIX_EPOCH);
        assert!(asking(json!({"show_id": show})).check().is_ok());
        assert!(asking(json!({"show_code": "FAROLES-1"})).check().is_ok());
        for bad in [json!({}), json!({"show_id": show, "show_code": "FAROLES-1"})] {
            let error = asking(bad).check().expect_err("refused");
            assert_eq!(error.field_errors()[0].pointer, "/show_id");
        }
    }

    #[test]
    fn a_show_description_stands_for_a_missing_message() {
        let words = |more| asking(more).words();
        assert_eq!(
            words(json!({"message": " ", "show_description": " Los Faroles "})).as_deref(),
            Some("Los Faroles")
        );
        assert_eq!(
            words(json!({"message": "Por favor", "show_description": "x"})).as_deref(),
            Some("Por favor")
        );
        assert_eq!(words(json!({})), None);
        let older: Asking = serde_json::from_value(json!({"user_email": "ana@example.com"})).expect("reads");
        assert_eq!(older.email.as_str(), "ana@example.com");
    }
}
