//! Quotes: the price of an order, sealed, so that the hold can trust it.

use std::fmt;

use boot::{ConfigError, Env, Secret};
use domain::access::Claims;
use domain::pricing::{PromotionOffer, Quote, QuoteInput, QuoteRequest, open, quote, seal};
use domain::product::PricedProduct;
use domain::{QuoteId, Result, Timestamp};
use store::Fingerprints;
use store::limit::CODES_TRIED;

use crate::Catalog;

/// The key that seals quotes and opens sealed ones.
#[derive(Clone)]
pub struct QuoteKey([u8; 32]);

impl QuoteKey {
    /// Reads `QUOTE_SECRET`.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        Ok(Self(Secret::from_env(env, "QUOTE_SECRET")?.derive("quote")))
    }

    /// The text with which a reservation proves this quote.
    pub fn seal(&self, quote: &Quote) -> String {
        seal(quote, &self.0)
    }

    /// The quote of a sealed text.
    ///
    /// # Errors
    /// `quote_invalid` or `quote_expired`.
    pub(crate) fn open(&self, sealed: &str, now: Timestamp) -> Result<Quote> {
        open(sealed, &self.0, now)
    }
}

impl fmt::Debug for QuoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QuoteKey(..)")
    }
}

/// Asks for prices. Writes nothing but the count of wrong promotion codes.
#[derive(Clone)]
pub struct Quotes {
    catalog: Catalog,
    fingerprints: Fingerprints,
}

impl Quotes {
    /// Quotes of the events in `catalog`.
    pub fn new(catalog: Catalog, fingerprints: Fingerprints) -> Self {
        Self { catalog, fingerprints }
    }

    /// The price of an order for `buyer`, who asks from `network`. A code that does not apply is no
    /// error: the quote says so.
    ///
    /// # Errors
    /// `event_not_found`, `organiser_suspended`, what keeps the event from being sold, a stage or promotion that the request
    /// requires and does not get, and `too_many_tries` after too many wrong codes from the network.
    pub async fn quote(
        &self,
        request: &QuoteRequest,
        buyer: Option<&Claims>,
        network: &str,
        now: Timestamp,
    ) -> Result<Quote> {
        // Only a request with a code can be a guess. Without one, nothing is counted, and the quote
        // costs nothing more.
        let tried = request.code().map(|_| CODES_TRIED.of(&[&self.fingerprints.source(network)]));
        let tried: Vec<_> = tried.into_iter().collect();
        let quote = self.price(request, buyer, now);
        let quote = self.catalog.store.guess(&tried, now, quote, Quote::is_guess).await?;
        quote.check_required(request)?;
        Ok(quote)
    }

    async fn price(&self, request: &QuoteRequest, buyer: Option<&Claims>, now: Timestamp) -> Result<Quote> {
        let catalog = &self.catalog;
        let event = catalog.event(request.event_id, now).await?;
        catalog.organizer(&event, now).await?.may_sell()?;
        let stages_left = catalog.stages_left(&event, now).await?;
        let others = catalog.other_products(&event, request.variants(), now).await?;
        let products: Vec<&PricedProduct> =
            event.products.iter().chain(others.iter().flat_map(|others| others.iter())).collect();
        let promotion = match request.code() {
            Some(code) => catalog.promotion(event.event.tenant_id, code.as_str(), now).await?,
            None => None,
        };
        let offer = match promotion.as_deref() {
            Some((promotion, remaining)) => {
                let buyer_remaining = match buyer {
                    Some(buyer) => catalog.store.promotion_buyer_left(promotion, buyer.user, now).await?,
                    None => None,
                };
                Some(PromotionOffer { promotion, remaining: *remaining, buyer_remaining })
            }
            None => None,
        };
        let input = QuoteInput {
            id: QuoteId::generate(now),
            event: &event.event,
            areas: &event.areas,
            products: &products,
            stages: &stages_left.offers(&event.stages),
            promotion: offer,
            request,
            buyer: buyer.map(Claims::address),
        };
        let mut quote = quote(&input, now)?;
        catalog.suggest_seats(&event, &mut quote, now).await?;
        Ok(quote)
    }
}
