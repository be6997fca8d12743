//! A member's request for a discount.

use actions::{DiscountWish, ShowName};
use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::discount::MAX_MESSAGE;
use domain::text::{Line, Paragraph};
use domain::user::Email;
use domain::{Error, EventId, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use web::{Answer, ClientNetwork, Created, Json, MaybeBuyer, Refuses, Shared};

use crate::State;
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
            .refuses(["event_cancelled", "event_postponed"])
            .refuses(["request_open", "show_over", "refused_fields", "too_many_tries"])
        }),
    )
}

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
    fn wish(&self) -> Result<DiscountWish<'_>> {
        let show = match (self.show_id, &self.show_code) {
            (Some(show), None) => ShowName::Id(show),
            (None, Some(code)) => ShowName::Code(code),
            _ => {
                let detail = "Name the show by its `show_id` or by its `show_code`, one of both.";
                return Err(Error::refused_field("/show_id", detail));
            }
        };
        Ok(DiscountWish { email: &self.email, show, message: self.words() })
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
    let wish = asking.wish()?;
    let request = state.discounts.request(wish, buyer.as_ref(), &network, state.clock.now()).await?;
    Ok(Created(request.into()))
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
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
        assert!(asking(json!({"show_id": show})).wish().is_ok());
        assert!(asking(json!({"show_code": "FAROLES-1"})).wish().is_ok());
        for bad in [json!({}), json!({"show_id": show, "show_code": "FAROLES-1"})] {
            let error = asking(bad).wish().expect_err("refused");
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
