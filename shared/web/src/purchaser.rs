//! Buyers and holders of tickets, as extractors: signed in, or with the link of one order.

use std::ops::Deref;

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::Operation;
use axum::extract::{FromRef, FromRequestParts};
use boot::{ConfigError, Env, Secret};
use domain::access::{Claims, Role};
use domain::erasure_confirmation::ErasureConfirmation;
use domain::order::Order;
use domain::order_link::{OrderLink, order_link_invalid};
use domain::purchaser::{self, OrderAccess};
use domain::user::Email;
use domain::{Error, Result, Timestamp, UserId};
use http::request::Parts;
use indexmap::IndexMap;
use store::Fingerprints;

use crate::access::{Buyer, MaybeBuyer, require_roles};
use crate::refusals::may_refuse;
use crate::{Problem, TokenVerifier};

/// The header with an order's link.
const ORDER_ACCESS: &str = "x-order-access";
/// The name of this way in, in the description's security schemes.
pub(crate) const ORDER_ACCESS_SCHEME: &str = "orderAccess";
/// The extension that marks operations which an order's link opens.
const ORDER_ACCESS_MARK: &str = "x-order-access";

/// The keys with which functions know guests and their orders' links.
#[derive(Clone)]
pub struct OrderKeys {
    link: [u8; 32],
    fingerprints: Fingerprints,
}

impl std::fmt::Debug for OrderKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OrderKeys(..)")
    }
}

impl OrderKeys {
    /// Reads `ORDER_LINK_SECRET` and `HASH_SECRET`.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        Ok(Self {
            link: Secret::from_env(env, "ORDER_LINK_SECRET")?.derive(OrderLink::PURPOSE),
            fingerprints: Fingerprints::from_env(env)?,
        })
    }

    /// The fingerprints of addresses and networks.
    pub const fn fingerprints(&self) -> &Fingerprints {
        &self.fingerprints
    }

    /// The text of the link that opens `order` now.
    pub fn link_of(&self, order: &Order) -> String {
        OrderLink::of(order).encode(&self.link)
    }

    /// Checks that `text` confirms that the guest `user` wants all data erased.
    ///
    /// # Errors
    /// `confirmation_invalid`.
    pub fn check_confirmation(&self, text: &str, user: UserId, now: Timestamp) -> Result<()> {
        ErasureConfirmation::check(text, &self.link, user, now)
    }

    /// The person of a token.
    ///
    /// # Errors
    /// None that tokens of ours allow.
    pub fn purchaser(&self, claims: &Claims) -> Result<purchaser::Purchaser> {
        let email: Email = claims.email.parse().map_err(Error::internal)?;
        Ok(purchaser::Purchaser::signed_in(claims, self.fingerprints.guest(&email)))
    }

    /// The link of a request, if it sends one.
    fn link(&self, parts: &Parts) -> Result<Option<OrderLink>> {
        let Some(value) = parts.headers.get(ORDER_ACCESS) else { return Ok(None) };
        let text = value.to_str().map_err(|_| order_link_invalid())?;
        OrderLink::decode(text, &self.link).map(Some).ok_or_else(order_link_invalid)
    }
}

/// A signed-in caller with all user ids under which their orders are.
#[derive(Debug, Clone)]
pub struct Purchaser(pub purchaser::Purchaser);

impl Deref for Purchaser {
    type Target = purchaser::Purchaser;

    fn deref(&self) -> &purchaser::Purchaser {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Purchaser
where
    TokenVerifier: FromRef<S>,
    OrderKeys: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Buyer(claims) = Buyer::from_request_parts(parts, state).await?;
        Ok(Self(OrderKeys::from_ref(state).purchaser(&claims)?))
    }
}

impl OperationInput for Purchaser {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        require_roles(operation, &Role::ALL);
    }
}

/// A caller who may open one order: signed in, with the order's link in `X-Order-Access`, or with
/// both. What is sent must be valid.
#[derive(Debug, Clone)]
pub struct Opener(pub OrderAccess);

impl Deref for Opener {
    type Target = OrderAccess;

    fn deref(&self) -> &OrderAccess {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Opener
where
    TokenVerifier: FromRef<S>,
    OrderKeys: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let keys = OrderKeys::from_ref(state);
        let Some(link) = keys.link(parts)? else {
            let Purchaser(purchaser) = Purchaser::from_request_parts(parts, state).await?;
            return Ok(Self(OrderAccess { purchaser: Some(purchaser), link: None }));
        };
        let MaybeBuyer(claims) = MaybeBuyer::from_request_parts(parts, state).await?;
        let purchaser = claims.map(|claims| keys.purchaser(&claims)).transpose()?;
        Ok(Self(OrderAccess { purchaser, link: Some(link) }))
    }
}

impl OperationInput for Opener {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        require_roles(operation, &Role::ALL);
        operation.security.push(IndexMap::from([(ORDER_ACCESS_SCHEME.to_owned(), Vec::new())]));
        operation.extensions.insert(ORDER_ACCESS_MARK.to_owned(), true.into());
        may_refuse(operation, ["order_link_invalid", "order_link_over"]);
    }
}
