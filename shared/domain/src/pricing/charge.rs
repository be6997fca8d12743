//! The arithmetic of a quote: the charge for one ticket or unit, and the division of a discount.

use crate::event::{Fees, Vat};
use crate::payable::PriceUnit;

/// Fee, tax and total of one or more tickets or units of a product, in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Charge {
    pub(super) fee: i64,
    /// Part of `total` in either case: contained in price and fee, or added to them.
    pub(super) vat: i64,
    pub(super) total: i64,
}

impl Charge {
    /// The charge for one unit at `price`, after all discounts.
    pub(super) fn of_unit(price: i64, fees: Fees, vat: Vat, unit: PriceUnit) -> Self {
        let fee =
            if price > 0 { unit.share(fees.convenience_rate, price, fees.convenience_fixed) } else { 0 };
        let net_or_gross = price + fee;
        if vat.included {
            // Not paid on top, so its decimals do not reach a gateway.
            Self { fee, vat: vat.rate.contained_in(net_or_gross), total: net_or_gross }
        } else {
            let vat = unit.share(vat.rate, net_or_gross, 0);
            Self { fee, vat, total: net_or_gross + vat }
        }
    }

    /// The charge for `quantity` units that cost `price` together.
    pub(super) fn of_units(price: i64, quantity: u8, fees: Fees, vat: Vat, unit: PriceUnit) -> Self {
        unit.even_shares(price, quantity).fold(Self::default(), |sum, price| {
            let one = Self::of_unit(price, fees, vat, unit);
            Self { fee: sum.fee + one.fee, vat: sum.vat + one.vat, total: sum.total + one.total }
        })
    }
}

/// Divides `discount` over lines in proportion to their `prices`, in whole units that add up to it
/// exactly. No line gets more than its price. Of lines with an equal right to a unit, the earlier
/// one gets it.
///
/// `discount` must be between 0 and the sum of the prices, all of them whole units.
///
/// Every line gets its share rounded down; each unit that is left goes to the
/// line with the greatest price per unit that it would then have (the method of
/// Jefferson and D'Hondt). Unlike the method of the largest remainder it never
/// gives a line *less* of a *larger* discount (the "Alabama paradox"), and that
/// is what makes a larger discount never cost more, fees and taxes included.
pub(super) fn allocate(discount: i64, prices: &[i64], unit: PriceUnit) -> Vec<i64> {
    let units = |amount: i64| amount / unit.minor_units();
    let prices: Vec<i64> = prices.iter().copied().map(units).collect();
    let shares = allocate_units(units(discount), &prices);
    shares.into_iter().map(|share| share * unit.minor_units()).collect()
}

fn allocate_units(discount: i64, prices: &[i64]) -> Vec<i64> {
    let whole: i128 = prices.iter().copied().map(i128::from).sum();
    if whole == 0 {
        return vec![0; prices.len()];
    }
    let rounded_down = |price: &i64| i128::from(discount) * i128::from(*price) / whole;
    let mut shares: Vec<i128> = prices.iter().map(rounded_down).collect();
    let mut left = i128::from(discount) - shares.iter().sum::<i128>();
    while left > 0 {
        let mut best = 0;
        for index in 1..prices.len() {
            // prices[index] / (shares[index] + 1) > prices[best] / (shares[best] + 1), without dividing.
            if i128::from(prices[index]) * (shares[best] + 1) > i128::from(prices[best]) * (shares[index] + 1)
            {
                best = index;
            }
        }
        shares[best] += 1;
        left -= 1;
    }
    shares
        .into_iter()
        .map(|share| i64::try_from(share).expect("a share is at most its line's price"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::MAX_PRICE;
    use super::*;
    use crate::{BasisPoints, Currency};
    use proptest::prelude::*;

    fn allocate(discount: i64, prices: &[i64]) -> Vec<i64> {
        super::allocate(discount, prices, PriceUnit::of(Currency::ARS))
    }

    const fn fees(rate: i32, fixed: i64) -> Fees {
        Fees { convenience_rate: BasisPoints(rate), convenience_fixed: fixed }
    }

    #[test]
    fn fee_and_vat_of_one_ticket() {
        let added = Vat { rate: BasisPoints(1900), included: false };
        let included = Vat { rate: BasisPoints(1900), included: true };
        for (price, fees, vat, fee, tax, total) in [
            (10_000, fees(0, 0), Vat::default(), 0, 0, 10_000),
            (10_000, fees(350, 0), Vat::default(), 350, 0, 10_350),
            (10_000, fees(350, 500), Vat::default(), 850, 0, 10_850),
            (10_000, fees(1000, 0), added, 1000, 2090, 13_090),
            (10_000, fees(1000, 900), included, 1900, 1900, 11_900),
            (0, fees(1000, 900), added, 0, 0, 0),
            (1, fees(350, 0), added, 0, 0, 1),
        ] {
            let charge = Charge::of_unit(price, fees, vat, PriceUnit::of(Currency::ARS));
            assert_eq!((charge.fee, charge.vat, charge.total), (fee, tax, total), "{price} {fees:?} {vat:?}");
        }
    }

    #[test]
    fn a_discount_is_divided_in_proportion() {
        assert_eq!(allocate(100, &[300, 100]), [75, 25]);
        assert_eq!(allocate(10, &[100, 100, 100]), [4, 3, 3]);
        assert_eq!(allocate(1, &[5, 5]), [1, 0]);
        assert_eq!(allocate(7, &[0, 7]), [0, 7]);
        assert_eq!(allocate(0, &[0, 0]), [0, 0]);
        assert_eq!(allocate(0, &[]), [0; 0]);
    }

    #[test]
    fn buyers_in_colombia_pay_whole_pesos() {
        let unit = PriceUnit::of(Currency::COP);
        let added = Vat { rate: BasisPoints(1900), included: false };
        let charge = Charge::of_unit(8_783_100, fees(350, 0), added, unit);
        // 3,074.09 and 17,272.88 pesos.
        assert_eq!((charge.fee, charge.vat, charge.total), (307_400, 1_727_200, 10_817_700));
        assert_eq!(super::allocate(1_000, &[300, 300, 600], unit), [300, 200, 500]);
    }

    proptest! {
        #[test]
        fn a_divided_discount_adds_up_and_a_larger_one_gives_no_line_less(
            prices in proptest::collection::vec(0_i64..=60, 1..6),
        ) {
            // Every discount in turn, so that no case of the paradox is missed.
            let whole: i64 = prices.iter().sum();
            let mut before = vec![0; prices.len()];
            for discount in 0..=whole {
                let shares = allocate(discount, &prices);
                prop_assert_eq!(shares.iter().sum::<i64>(), discount);
                for index in 0..prices.len() {
                    prop_assert!(shares[index] >= before[index]);
                    prop_assert!(shares[index] <= prices[index]);
                }
                before = shares;
            }
        }

        #[test]
        fn large_amounts_are_divided_as_exactly(
            prices in proptest::collection::vec(0..=20 * MAX_PRICE, 1..11),
            thousandths in 0_i64..=1000,
        ) {
            let discount = prices.iter().sum::<i64>() / 1000 * thousandths;
            let shares = allocate(discount, &prices);
            prop_assert_eq!(shares.iter().sum::<i64>(), discount);
            prop_assert!(shares.iter().zip(&prices).all(|(share, price)| (0..=*price).contains(share)));
        }
    }
}
