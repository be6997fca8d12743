//! The decimals that payment gateways take, and so the amounts that buyers are asked for.
//!
//! Decimals belong to gateway × currency: Mercado Pago takes no centavos of COP, which ISO 4217 has
//! two of. A price must not change with the gateway that the buyer chooses, or that the organiser
//! connects after a poster is printed. So the currency alone decides what buyers are asked for:
//! amounts that all gateways accept that take the currency. Each part of a price is rounded to that
//! once, by the quote, before it is shown.

use crate::gateway_account::currencies_of;
use crate::money::{BasisPoints, round_div};
use crate::payment::GatewayName;
use crate::{Currency, Money};

/// Gateways that take fewer decimals of a currency than it has, with their number. The sources are
/// in `docs/payments.md`.
const FEWER: [(GatewayName, &str, u32); 1] = [(GatewayName::MercadoPago, "COP", 0)];

/// The number of decimals that amounts in `currency` may have at a gateway.
pub fn decimals(gateway: GatewayName, currency: Currency) -> u32 {
    let fewer = FEWER.iter().find(|(name, code, _)| *name == gateway && *code == currency.code());
    fewer.map_or(currency.exponent(), |(_, _, decimals)| *decimals)
}

/// True if the gateway takes this amount, as far as its decimals go.
pub fn fits(gateway: GatewayName, money: Money) -> bool {
    let more = money.currency.exponent().saturating_sub(decimals(gateway, money.currency));
    money.amount % 10_i64.pow(more) == 0
}

/// The unit of prices in a currency: they are whole multiples of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceUnit(i64);

impl PriceUnit {
    /// The smallest amount of `currency` that all gateways accept that take the currency.
    pub fn of(currency: Currency) -> Self {
        let takers =
            GatewayName::ALL.into_iter().filter(|gateway| currencies_of(*gateway).contains(&currency.code()));
        let decimals = takers.map(|gateway| decimals(gateway, currency)).min();
        let more = currency.exponent().saturating_sub(decimals.unwrap_or(u32::MAX));
        Self(10_i64.pow(more))
    }

    /// The unit in minor units of its currency.
    pub const fn minor_units(self) -> i64 {
        self.0
    }

    /// `amount` in minor units, rounded half away from zero to whole units.
    pub fn round(self, amount: i64) -> i64 {
        self.share(BasisPoints::WHOLE, amount, 0)
    }

    /// `amount` (0 or more) in minor units, rounded down to whole units.
    pub const fn floor(self, amount: i64) -> i64 {
        amount - amount % self.0
    }

    /// `rate` of `amount`, plus `plus`, both in minor units; rounded half away from zero to whole
    /// units, once.
    pub fn share(self, rate: BasisPoints, amount: i64, plus: i64) -> i64 {
        let whole = i128::from(BasisPoints::WHOLE.0);
        let exact = i128::from(amount) * i128::from(rate.0) + i128::from(plus) * whole;
        round_div(exact, whole * i128::from(self.0)).saturating_mul(self.0)
    }

    /// Divides `amount` (0 or more) into `parts` that differ by at most one unit, the larger ones
    /// first. A remainder below one unit, which only orders from before the rounding have, goes to
    /// the first.
    pub fn even_shares(self, amount: i64, parts: u8) -> impl Iterator<Item = i64> {
        let (units, crumbs) = (amount / self.0, amount % self.0);
        let count = i64::from(parts.max(1));
        let (share, rest) = (units / count, units % count);
        (0..i64::from(parts)).map(move |index| {
            (share + i64::from(index < rest)) * self.0 + if index == 0 { crumbs } else { 0 }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unit(currency: Currency) -> i64 {
        PriceUnit::of(currency).minor_units()
    }

    #[test]
    fn every_gateway_takes_whole_price_units() {
        assert_eq!([Currency::COP, Currency::CLP, Currency::ARS, Currency::USD].map(unit), [100, 1, 1, 1]);
        assert_eq!(unit(Currency::from_code("EUR").expect("a currency")), 1, "which no gateway takes");
        let pesos = Money::new(8_783_100, Currency::COP);
        let centavos = Money::new(8_783_050, Currency::COP);
        for gateway in GatewayName::ALL {
            assert!(fits(gateway, pesos));
            assert_eq!(fits(gateway, centavos), gateway != GatewayName::MercadoPago, "{gateway}");
        }
    }

    #[test]
    fn amounts_are_rounded_once() {
        let pesos = PriceUnit::of(Currency::COP);
        assert_eq!(
            [8_783_050, 8_783_049, -50, -49, 0].map(|amount| pesos.round(amount)),
            [8_783_100, 8_783_000, -100, 0, 0]
        );
        assert_eq!(pesos.floor(199), 100);
        // 3.5 % of 1,414 pesos is 49.49 pesos: to centavos first, 49.5 would be 50.
        assert_eq!(pesos.share(BasisPoints(350), 141_400, 0), 4_900);
        assert_eq!(pesos.share(BasisPoints(350), 141_400, 1), 5_000);
    }

    #[test]
    fn shares_are_even() {
        let (pesos, centavos) = (PriceUnit::of(Currency::COP), PriceUnit::of(Currency::ARS));
        let shares = |unit: PriceUnit, amount, parts| unit.even_shares(amount, parts).collect::<Vec<_>>();
        assert_eq!(shares(centavos, 10, 4), [3, 3, 2, 2]);
        assert_eq!(shares(centavos, 1, 3), [1, 0, 0]);
        assert_eq!(shares(centavos, 0, 2), [0, 0]);
        assert_eq!(shares(centavos, 5, 0), [0; 0]);
        assert_eq!(shares(pesos, 1_000, 3), [400, 300, 300]);
        assert_eq!(shares(pesos, 1_001, 3), [401, 300, 300], "an old order");
    }

    proptest! {
        #[test]
        fn shares_add_up_and_fit(units in 0_i64..10_000_000_000, parts in 1_u8..=20, centavos: bool) {
            let unit = PriceUnit::of(if centavos { Currency::ARS } else { Currency::COP });
            let amount = units * unit.minor_units();
            let shares: Vec<_> = unit.even_shares(amount, parts).collect();
            prop_assert_eq!(shares.iter().sum::<i64>(), amount);
            prop_assert!(shares.iter().all(|share| share % unit.minor_units() == 0));
        }
    }
}
