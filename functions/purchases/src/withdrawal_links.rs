//! Mails the links of purchases from which a buyer can withdraw, who may have neither an account nor the
//! mail any more.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::user::Email;
use domain::{OrderId, Result, Timestamp};
use http::StatusCode;
use queue::IssueMessage;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::Limit;
use store::limit::{DAY, HOUR, QUARTER};
use web::{Answer, ClientNetwork, Json, Refuses, Shared};

use crate::State;

/// Such mails to one address in an hour that one network asks for. Those of the hour have the links.
const LINKS_HERE: Limit = Limit::exact("withdrawal-here", 3, HOUR);
/// Such mails to one address in a day, whoever asks for them.
const LINKS_ADDRESS: Limit = Limit::exact("withdrawal-address", 20, DAY);
/// Such requests of one network in a quarter of an hour, for whatever addresses.
const LINKS_NETWORK: Limit = Limit::exact("withdrawal-network", 100, QUARTER);

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/public/withdrawals",
        post_with(ask, |op| {
            op.id("askWithdrawals")
                .tag("Purchases")
                .summary("Mail the links of purchases from which one can withdraw")
                .description(
                    "For a button that needs no sign-in, as Argentina asks for: the address is mailed the links of its \
                     orders, made with an account or without, from which their buyer can still withdraw \
                     (`withdraw_until`), or of the one that is named. Each opens its order, where the withdrawal is one \
                     click more. The answer is the same whether there are any. An address gets at most three such \
                     mails an hour for one network; further requests are answered alike and mail nothing.",
                )
                .response::<202, Json<WithdrawalsAsked>>()
                .refuses(["too_many_tries"])
        }),
    )
}

/// Whose purchases a withdrawal is about.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WithdrawalWish {
    /// The address with which was bought.
    email: Email,
    /// The one order. If missing, all from which one can still withdraw.
    order_id: Option<OrderId>,
}

/// The next step of the buyer.
#[derive(Debug, Serialize, JsonSchema)]
struct WithdrawalsAsked {
    /// Always `check_your_email`.
    status: WithdrawalsNext,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum WithdrawalsNext {
    /// The buyer looks into the mailbox of the address. A mail follows if there is such an order.
    CheckYourEmail,
}

async fn ask(
    Shared(state): Shared<State>,
    network: ClientNetwork,
    Json(WithdrawalWish { email, order_id }): Json<WithdrawalWish>,
) -> Answer<(StatusCode, Json<WithdrawalsAsked>)> {
    if state.may_mail_links(&email, &network, state.clock.now()).await? {
        // Also for addresses without orders: how long the answer takes must not tell.
        state.issues.send(&IssueMessage::WithdrawalAsked { email, order: order_id }).await?;
    }
    let status = WithdrawalsNext::CheckYourEmail;
    Ok((StatusCode::ACCEPTED, Json(WithdrawalsAsked { status })))
}

impl State {
    /// Counts a mail with links; false if the address had enough of them.
    ///
    /// # Errors
    /// `too_many_tries` if the network asks for too many addresses.
    async fn may_mail_links(&self, email: &Email, network: &ClientNetwork, now: Timestamp) -> Result<bool> {
        let fingerprints = self.keys.fingerprints();
        let (address, network) = (fingerprints.email(email), fingerprints.source(&network.0));
        self.store.count(&[LINKS_NETWORK.of(&[&network])], now).await?;
        // One after the other: a network above its own count must not fill the count of all networks.
        Ok(self.store.count_one(&LINKS_HERE.of(&[&address, &network]), now).await?
            && self.store.count_one(&LINKS_ADDRESS.of(&[&address]), now).await?)
    }
}
