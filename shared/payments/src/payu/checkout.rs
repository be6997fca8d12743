//! The form that takes the buyer to PayU.

use domain::{Language, Money, Timestamp};

use super::{Algorithm, PayuGateway};
use crate::checkout::{BuyerStep, Checkout};
use crate::credentials::Mode;
use crate::decimal;
use crate::untrusted::clip;
use crate::{CreatePayment, GatewayError, GatewayName, Result};

/// The currencies that PayU takes.
const CURRENCIES: [&str; 7] = ["ARS", "BRL", "CLP", "COP", "MXN", "PEN", "USD"];

impl PayuGateway {
    /// The form for a payment.
    pub(super) fn form(&self, payment: &CreatePayment) -> Result<Checkout> {
        let currency = payment.amount.currency;
        if !CURRENCIES.contains(&currency.code()) || payment.amount.amount <= 0 {
            return Err(GatewayError::Refused {
                code: "currency".to_owned(),
                message: format!("PayU does not take {currency}."),
            });
        }
        decimal::payable(GatewayName::Payu, payment.amount)?;
        let amount = decimal::text(payment.amount);
        let algorithm = self.credentials.algorithm;
        let signature = self.keys().sign(algorithm, &[&payment.reference, &amount, currency.code()]);
        let (email, name) = (clip(&payment.buyer_email, 254), &payment.buyer_name);
        let language = match payment.language {
            Language::Es => "es",
            Language::En => "en",
        };
        let mut fields = vec![
            ("merchantId", self.credentials.merchant_id.clone()),
            ("accountId", self.credentials.account_id.clone()),
            ("description", clip(&payment.description, 255)),
            ("referenceCode", payment.reference.clone()),
            ("amount", amount),
            // Without these two PayU adds a value added tax of its own in Colombia. Ours
            // is in the price already.
            ("tax", "0".to_owned()),
            ("taxReturnBase", "0".to_owned()),
            ("currency", currency.code().to_owned()),
            ("signature", signature),
            ("test", if self.mode == Mode::Test { "1" } else { "0" }.to_owned()),
            ("lng", language.to_owned()),
            ("buyerEmail", email.clone()),
            ("buyerFullName", clip(name, 150)),
            ("payerEmail", email),
            ("payerFullName", clip(name, 50)),
            // The end of slips; cards are taken as long as the page is open.
            ("expirationDate", local_time(payment.cash_until.unwrap_or(payment.expires_at), payment.amount)),
            ("responseUrl", payment.return_url.clone()),
            ("confirmationUrl", payment.notification_url.clone()),
        ];
        // A buyer need not have said a name, and what is empty may be refused.
        fields.retain(|(_, value)| !value.is_empty());
        if algorithm != Algorithm::Md5 {
            fields.push(("algorithmSignature", algorithm.as_str().to_owned()));
        }
        Ok(Checkout {
            // The order comes into being when the form arrives.
            payment_id: None,
            step: BuyerStep::Post { action: self.checkout.to_string(), fields },
            is_repeatable: true,
            keeps_fee: false,
            expires_at: payment.expires_at,
        })
    }
}

/// A time as PayU's form has it, `YYYY-MM-DD HH:mm:ss`, on the clock of the country
/// of the money. Which clock is meant is not documented; it is for cash only.
fn local_time(time: Timestamp, amount: Money) -> String {
    let zone = match amount.currency.code() {
        "ARS" => "America/Argentina/Buenos_Aires",
        "BRL" => "America/Sao_Paulo",
        "CLP" => "America/Santiago",
        "MXN" => "America/Mexico_City",
        "PEN" => "America/Lima",
        _ => "America/Bogota",
    };
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    time.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use domain::Currency;

    use super::*;

    #[test]
    fn times_are_on_the_clock_of_the_money() {
        let time: Timestamp = "2026-11-20T02:15:00.9Z".parse().expect("a time");
        let local = |currency| local_time(time, Money::new(1, currency));
        assert_eq!(local(Currency::COP), "2026-11-19 21:15:00");
        assert_eq!(local(Currency::ARS), "2026-11-19 23:15:00");
        assert_eq!(local(Currency::CLP), "2026-11-19 23:15:00");
        assert_eq!(local(Currency::USD), "2026-11-19 21:15:00");
    }
}
