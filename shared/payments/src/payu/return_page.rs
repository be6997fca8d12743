//! The parameters that PayU adds to the address that the buyer's browser returns to.
//!
//! Taquilla never reads it: our page asks our API about the order. The signature
//! is checked here because PayU documents it, with vectors, and because it is what
//! buyers can make confirmations of; tests play that.

use std::collections::BTreeMap;

use super::{PayuGateway, response_value};

/// A return page's parameters that PayU signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnPage {
    /// Our reference.
    pub reference: String,
    /// `transactionState`, when the buyer left: 4 approved, 5 expired, 6 declined, 7
    /// pending, 104 failed.
    pub state: String,
}

impl PayuGateway {
    /// Reads the query string of a return page; `None` if PayU did not sign it.
    pub fn return_page(&self, query: &str) -> Option<ReturnPage> {
        if query.len() > 8 * 1024 {
            return None;
        }
        let mut fields = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if fields.insert(name.into_owned(), value.into_owned()).is_some() {
                return None;
            }
        }
        let reference = fields.remove("referenceCode")?;
        let field = |name: &str| fields.get(name).map(String::as_str);
        let value = response_value(field("TX_VALUE")?)?;
        let (currency, state) = (field("currency")?, field("transactionState")?);
        let ours = field("merchantId")? == self.credentials.merchant_id;
        let signed = self.keys().fits(field("signature")?, &[&reference, &value, currency, state]);
        let state = state.to_owned();
        (ours & signed).then_some(ReturnPage { reference, state })
    }
}
