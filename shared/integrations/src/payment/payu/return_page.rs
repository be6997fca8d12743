//! What PayU adds to the address that the buyer's browser returns to. Not to be
//! settled by, signed or not: it only decides what the page says meanwhile.

use std::collections::BTreeMap;

use super::super::PaymentStatus;
use super::{PayuGateway, of_state, response_value};

/// A return page's parameters that PayU signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnPage {
    /// Our reference.
    pub reference: String,
    /// How far the payment was when the buyer left; `None` for a state that Taquilla
    /// does not know.
    pub status: Option<PaymentStatus>,
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
        let status = of_state(state);
        (ours & signed).then_some(ReturnPage { reference, status })
    }
}
