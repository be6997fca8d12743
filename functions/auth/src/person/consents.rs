//! What a person lets organisers use the address for.

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use axum::response::NoContent;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::consent::{Consent, ConsentPurpose, ConsentSource, UnsubscribeToken};
use domain::tenant::tenant_not_found;
use domain::user::Email;
use domain::{Error, Result, TenantId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use web::{Answer, Buyer, Json, Path, Refuses, Shared};

use crate::State;

pub(super) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/auth/me/consents",
            get_with(list, |op| {
                op.id("listConsents").tag("A person's data").summary("One's consents").description(
                    "What the confirmed address was given to organisers for, or taken back from. Without a word \
                     there is no consent. What belongs to a purchase needs none.",
                )
                .refuses(["email_unverified"])
            })
            .put_with(say, |op| {
                op.id("putConsent").tag("A person's data").summary("Give a consent, or take it back").description(
                    "For one organiser and purpose; the last word counts.",
                )
                .refuses(["email_unverified", "tenant_not_found"])
            }),
        )
        .api_route(
            "/api/v1/auth/unsubscribe/{token}",
            post_with(unsubscribe, |op| {
                op.id("unsubscribe").tag("A person's data").summary("Take a consent back with one click").description(
                    "The address of `List-Unsubscribe` in mails (RFC 8058), and of `unsubscribe_url`. Needs no \
                     sign-in, can be repeated, and says nothing of the person.",
                )
                .refuses(["unsubscribe_invalid", "body_too_large"])
            }),
        )
}

/// What a person last said to an organiser for a purpose.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ConsentView {
    /// What was said.
    #[serde(flatten)]
    consent: Consent,
    /// Where it is taken back with one click, by POST and without a sign-in.
    unsubscribe_url: String,
}

/// One's consents.
#[derive(Debug, Serialize, JsonSchema)]
struct Consents {
    /// The last word to each organiser for each purpose.
    items: Vec<ConsentView>,
}

/// A consent that is given or taken back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Said {
    /// The organiser's tenant id.
    tenant: TenantId,
    /// What it is for.
    purpose: ConsentPurpose,
    /// True to give it, false to take it back.
    given: bool,
    /// The version of the organiser's text that the person sees.
    #[schemars(range(min = 1))]
    text_version: u32,
}

async fn list(Shared(state): Shared<State>, buyer: Buyer) -> Answer<Json<Consents>> {
    let email: Email = buyer.confirmed_email()?.parse().map_err(Error::internal)?;
    Ok(Json(Consents { items: state.consents_of(&email).await? }))
}

async fn say(
    Shared(state): Shared<State>,
    buyer: Buyer,
    Json(said): Json<Said>,
) -> Answer<Json<ConsentView>> {
    let email: Email = buyer.confirmed_email()?.parse().map_err(Error::internal)?;
    if state.store.tenant(said.tenant).await?.is_none() {
        return Err(tenant_not_found().into());
    }
    let consent = Consent {
        tenant: said.tenant,
        purpose: said.purpose,
        given: said.given,
        at: state.clock.now(),
        text_version: said.text_version,
        source: ConsentSource::Account,
    };
    let fingerprint = state.fingerprints.email(&email);
    state.store.put_consent(&fingerprint, &consent).await?;
    Ok(Json(state.consent_view(&fingerprint, consent)?))
}

#[derive(Deserialize, JsonSchema)]
struct UnsubscribePath {
    /// The link's token.
    #[schemars(length(max = 120))]
    token: String,
}

async fn unsubscribe(
    Shared(state): Shared<State>,
    Path(UnsubscribePath { token }): Path<UnsubscribePath>,
) -> Answer<NoContent> {
    let token = UnsubscribeToken::decode(&token, &state.unsubscribe_key).ok_or_else(|| {
        Error::not_found("unsubscribe_invalid", "This link is not one of ours. Look for a later mail.")
    })?;
    let fingerprint = URL_SAFE_NO_PAD.encode(token.fingerprint);
    let is_this = |consent: &Consent| (consent.tenant, consent.purpose) == (token.tenant, token.purpose);
    let before = state.store.consents(&fingerprint).await?.into_iter().find(is_this);
    if before.as_ref().is_some_and(|consent| !consent.given) {
        return Ok(NoContent);
    }
    let consent = Consent {
        tenant: token.tenant,
        purpose: token.purpose,
        given: false,
        at: state.clock.now(),
        text_version: before.map_or(0, |consent| consent.text_version),
        source: ConsentSource::Link,
    };
    state.store.put_consent(&fingerprint, &consent).await?;
    Ok(NoContent)
}

impl State {
    /// The consents of an address.
    pub(super) async fn consents_of(&self, email: &Email) -> Result<Vec<ConsentView>> {
        let fingerprint = self.fingerprints.email(email);
        let consents = self.store.consents(&fingerprint).await?;
        consents.into_iter().map(|consent| self.consent_view(&fingerprint, consent)).collect()
    }

    fn consent_view(&self, fingerprint: &str, consent: Consent) -> Result<ConsentView> {
        let token = UnsubscribeToken::of(fingerprint, consent.tenant, consent.purpose)?;
        let unsubscribe_url = token.url(&self.public_url, &self.unsubscribe_key);
        Ok(ConsentView { consent, unsubscribe_url })
    }
}
