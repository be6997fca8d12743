//! Fees, taxes and sums of money as the API writes them: major units and per cent,
//! while the domain counts in minor units and basis points.

use domain::error::Fields;
use domain::event::{Fees, Vat};
use domain::{Amount, Currency, Language, Money, Percent, Written, format};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An amount with the currency's code, as organisers read it: `COP 50.000`. Theirs are the
/// mails' first language, whatever a request accepts: views are made, kept under idempotency
/// keys and told by their tags without their reader. An app in another language formats the
/// amount beside it.
pub fn formatted(minor: i64, currency: Currency) -> String {
    format::money(Money::new(minor, currency), Language::default())
}

/// An amount of money that a person has to look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Money")]
pub struct MoneyView {
    /// The amount in major units.
    pub amount: Amount,
    /// The currency.
    pub currency: Currency,
    /// Both as people write them.
    pub formatted: String,
}

impl From<Money> for MoneyView {
    fn from(money: Money) -> Self {
        Self {
            amount: Amount::of(money.amount, money.currency),
            currency: money.currency,
            formatted: formatted(money.amount, money.currency),
        }
    }
}

/// The convenience fee of a ticket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Fees")]
pub struct FeesView {
    /// A percentage of the ticket's price: 3.5 is 3.5 %.
    convenience_rate: Percent,
    /// A fixed amount for each ticket.
    convenience_fixed: Amount,
    /// The fixed amount as people write it.
    convenience_fixed_formatted: String,
}

impl FeesView {
    /// Fees whose amounts are in `currency`.
    pub fn new(fees: Fees, currency: Currency) -> Self {
        Self {
            convenience_rate: Percent::of(fees.convenience_rate),
            convenience_fixed: Amount::of(fees.convenience_fixed, currency),
            convenience_fixed_formatted: formatted(fees.convenience_fixed, currency),
        }
    }
}

/// The convenience fee that a ticket is to have.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConvenienceFees {
    /// A percentage of the ticket's price: 3.5 is 3.5 %.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    convenience_rate: Written,
    /// A fixed amount for each ticket.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000_000_i64))]
    convenience_fixed: Written,
}

impl NewConvenienceFees {
    /// The fees in `currency`. Faults are noted at `pointer`.
    pub fn read(self, currency: Currency, pointer: &str, fields: &mut Fields) -> Fees {
        let (rate, fixed) = (format!("{pointer}/convenience_rate"), format!("{pointer}/convenience_fixed"));
        let fees = Fees {
            convenience_rate: self.convenience_rate.percent(&rate, fields),
            convenience_fixed: self.convenience_fixed.amount(currency, &fixed, fields),
        };
        fees.check(currency, pointer, fields);
        fees
    }
}

/// The value added tax on price and fee.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Vat")]
pub struct VatView {
    /// The rate: 19 is 19 %.
    rate: Percent,
    /// True if prices already contain the tax, as consumer prices usually do.
    included: bool,
}

impl From<Vat> for VatView {
    fn from(vat: Vat) -> Self {
        Self { rate: Percent::of(vat.rate), included: vat.included }
    }
}

/// The value added tax that is to be on price and fee.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVat {
    /// The rate: 19 is 19 %.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    rate: Written,
    /// True if prices already contain the tax, as consumer prices usually do.
    #[serde(default)]
    included: bool,
}

impl NewVat {
    /// The tax. Faults are noted at `pointer`.
    pub fn read(self, pointer: &str, fields: &mut Fields) -> Vat {
        let rate = self.rate.percent(&format!("{pointer}/rate"), fields);
        let vat = Vat { rate, included: self.included };
        vat.check(pointer, fields);
        vat
    }
}
