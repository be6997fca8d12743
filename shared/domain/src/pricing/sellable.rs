//! What is priced by the unit: a ticket of an area, or a unit of a product's variant.

use crate::event::{Area, Event, Fees, Vat};
use crate::payable::PriceUnit;
use crate::product::{Product, Variant};
use crate::{BasisPoints, Currency, Error, Result};

use super::charge::Charge;
use super::{MAX_PRICE, Target};

/// The facts of one unit on which its price depends, besides stages and promotions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sellable {
    pub(super) target: Target,
    /// The price before adjustments, as the organiser wrote it.
    price: i64,
    currency: Currency,
    fees: Fees,
    vat: Vat,
}

impl Sellable {
    pub(super) fn ticket(event: &Event, area: &Area) -> Self {
        Self {
            target: Target::Area(area.id),
            price: area.price,
            currency: area.currency,
            fees: event.fees,
            vat: event.vat,
        }
    }

    pub(super) fn unit(event: &Event, product: &Product, variant: &Variant) -> Self {
        let rate = product.vat_rate.unwrap_or(event.vat.rate);
        Self {
            target: Target::Variant(variant.id),
            price: variant.price,
            currency: product.currency,
            fees: if product.has_fee { event.fees } else { Fees::default() },
            vat: Vat { rate, ..event.vat },
        }
    }

    /// Refuses prices with which the arithmetic could leave its range or mix currencies. Organisers
    /// can not store such prices; this is a second safeguard.
    pub(super) fn check(&self, event: &Event) -> Result<()> {
        let price = 0..=MAX_PRICE;
        let rate = BasisPoints(0)..=BasisPoints::WHOLE;
        let valid = price.contains(&self.price)
            && price.contains(&self.fees.convenience_fixed)
            && rate.contains(&self.fees.convenience_rate)
            && rate.contains(&self.vat.rate)
            && self.currency == event.currency;
        if valid {
            return Ok(());
        }
        let (name, id) = self.target.member();
        Err(Error::conflict(
            "prices_not_valid",
            "The prices of this event are not valid. The organiser has to correct them before tickets can be sold.",
        )
        .with(name, id))
    }

    /// The price of one unit before adjustments, in whole price units.
    pub(super) fn base(&self) -> i64 {
        PriceUnit::of(self.currency).round(self.price)
    }

    /// The charge for `quantity` units that cost `price` together.
    pub(super) fn charge(&self, price: i64, quantity: u8) -> Charge {
        Charge::of_units(price, quantity, self.fees, self.vat, PriceUnit::of(self.currency))
    }
}
