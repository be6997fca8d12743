//! Chooses the gateway of a payment: the organiser's accounts in their order, and the alternatives
//! while one does not answer.

use std::sync::Arc;

use domain::gateway_account::{GatewayAccount, choose};
use domain::order::{Order, Payment};
use domain::payment::GatewayName;
use domain::{Currency, Error, GatewayAccountId, Kind, Result};
use futures::future::join_all;
use payments::PaymentGateway;
use serde_json::{Value, json};

use crate::State;

/// A gateway account to which a buyer can be sent.
#[derive(Debug)]
pub(crate) struct PaymentAccount {
    pub(crate) gateway: Arc<dyn PaymentGateway>,
    /// The organiser's account at the gateway; `None` for the sandbox.
    pub(crate) account: Option<GatewayAccountId>,
    /// The most instalments that the organiser wants.
    pub(crate) max_installments: Option<u8>,
    /// True if the gateway keeps the operator's commission of its payments.
    pub(crate) marketplace: bool,
}

/// The gateway accounts with which an order may be paid.
#[derive(Debug)]
pub(crate) struct PaymentAccounts<'a> {
    pub(crate) state: &'a State,
    accounts: Arc<Vec<GatewayAccount>>,
    currency: Currency,
}

impl<'a> PaymentAccounts<'a> {
    /// Gateways of the order's organiser, cached for some seconds.
    pub(crate) async fn of(state: &'a State, order: &Order) -> Result<Self> {
        Ok(Self { state, accounts: state.accounts(order.tenant).await?, currency: order.currency })
    }

    /// The account for a new payment: at the gateway that the buyer names, or the organiser's first
    /// choice.
    ///
    /// # Errors
    /// `payment_gateway_missing` (409) if there is none, `payment_gateway_unavailable` (503) if it
    /// does not answer; both with the alternatives.
    pub(crate) async fn open(&self, wanted: Option<GatewayName>) -> Result<PaymentAccount> {
        let takers = choose(&self.accounts, self.currency);
        let Some(first) = takers.first() else {
            let account =
                self.sandbox().filter(|account| wanted.is_none_or(|name| name == account.gateway.name()));
            return account.ok_or_else(missing);
        };
        let name = wanted.unwrap_or(first.gateway);
        let mut refused = missing();
        for account in takers.into_iter().filter(|account| account.gateway == name) {
            match self.account(account).await {
                Ok(account) => return Ok(account),
                Err(error) => refused = error,
            }
        }
        Err(self.with_alternatives(name, refused).await)
    }

    /// The accounts with which a payment could be begun now, in the organiser's order.
    pub(crate) async fn working(&self) -> Vec<PaymentAccount> {
        let takers = choose(&self.accounts, self.currency);
        if takers.is_empty() {
            return self.sandbox().into_iter().collect();
        }
        let asked = takers.into_iter().map(|account| self.account(account));
        join_all(asked).await.into_iter().filter_map(Result::ok).collect()
    }

    /// The account with which a payment was begun; `None` if it no longer exists. Accounts that
    /// start no new payments still finish those that they have.
    ///
    /// # Errors
    /// `payment_gateway_unavailable` (503) with the alternatives, if the gateway does not answer.
    pub(crate) async fn of_payment(&self, payment: &Payment) -> Result<Option<PaymentAccount>> {
        let Some(id) = payment.account else {
            return Ok(self.sandbox().filter(|account| account.gateway.name() == payment.gateway));
        };
        let Some(account) = self.accounts.iter().find(|account| account.id == id) else { return Ok(None) };
        match self.account(account).await {
            Ok(account) => Ok(Some(account)),
            Err(error) => Err(self.with_alternatives(payment.gateway, error).await),
        }
    }

    /// Adds the organiser's other working gateways to an error about one gateway.
    pub(crate) async fn with_alternatives(&self, gateway: GatewayName, error: Error) -> Error {
        let takers = choose(&self.accounts, self.currency);
        let mut names: Vec<GatewayName> = Vec::new();
        for name in takers.iter().map(|account| account.gateway).filter(|name| *name != gateway) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let working = names.into_iter().map(|name| {
            let accounts = takers.iter().filter(move |account| account.gateway == name);
            async move {
                for account in accounts {
                    if self.account(account).await.is_ok() {
                        return Some(json!({ "gateway": name }));
                    }
                }
                None
            }
        });
        let alternatives: Vec<Value> = join_all(working).await.into_iter().flatten().collect();
        error.with("alternatives", alternatives)
    }

    /// The account's client, if the gateway answers.
    async fn account(&self, account: &GatewayAccount) -> Result<PaymentAccount> {
        let open = async {
            self.state.gateways.available(account).await?;
            self.state.gateways.of(account).await
        };
        match open.await {
            Ok(gateway) => {
                let GatewayAccount { id, max_installments, marketplace, .. } = *account;
                Ok(PaymentAccount { gateway, account: Some(id), max_installments, marketplace })
            }
            Err(error) if error.kind() == Kind::Internal => {
                // A misconfigured account: a person must see the log, but the buyer need not wait
                // for that.
                tracing::error!(account = %account.id, ?error, "an account at a gateway cannot be used");
                Err(unusable(error))
            }
            Err(error) => Err(error),
        }
    }

    fn sandbox(&self) -> Option<PaymentAccount> {
        let sandbox = self.state.gateways.sandbox();
        sandbox.map(|gateway| PaymentAccount {
            gateway,
            account: None,
            max_installments: None,
            marketplace: false,
        })
    }
}

fn missing() -> Error {
    Error::conflict(
        "payment_gateway_missing",
        "This organiser takes no such payments. Leave `gateway` out, or contact the organiser.",
    )
}

fn unusable(error: Error) -> Error {
    Error::unavailable(
        "payment_gateway_unavailable",
        "The payment gateway cannot be used right now. Choose another, or try again later.",
    )
    .retry_after(30)
    .caused_by(error)
}
