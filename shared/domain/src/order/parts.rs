//! The parts of an order: its lines, extras, claims, attendees, tickets and vouchers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::payable::PriceUnit;
use crate::pricing::{QuoteExtra, QuoteLine};
use crate::seat::SeatLabel;
use crate::{AreaId, Currency, ProductId, SaleStageId, TicketId, Timestamp, UserId, VariantId, VoucherId};

/// The person for whom a ticket is. The wire names are Spanish because clients of the Crowdify
/// system send them so.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attendee {
    /// The attendee's name.
    #[schemars(length(max = 100))]
    pub nombre: Option<String>,
    /// The attendee's national id.
    #[schemars(length(max = 20))]
    pub rut: Option<String>,
    /// The attendee's date of birth, `YYYY-MM-DD`.
    pub fecha_nacimiento: Option<jiff::civil::Date>,
}

/// Tickets of one area and price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLine {
    /// The area of the tickets.
    pub area: AreaId,
    /// The number of tickets.
    pub quantity: u8,
    /// The seats, one for each ticket; empty for general admission.
    pub seats: Vec<SeatLabel>,
    /// The sale stage that set the price.
    pub stage: Option<SaleStageId>,
    /// The price of the tickets before adjustments, in minor units.
    pub base: i64,
    /// The stage's adjustment: an addition, or a reduction if negative.
    pub stage_adjustment: i64,
    /// The promotion's reduction, zero or negative.
    pub promotion: i64,
    /// The convenience fee.
    pub fee: i64,
    /// The value added tax: contained in the other amounts, or on top of them.
    pub vat: i64,
    /// The total that the buyer pays for the line.
    pub total: i64,
}

/// The seats that were chosen for a line when they were held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenSeats {
    /// The index of the line.
    pub line: u8,
    /// The seats, in order.
    pub seats: Vec<SeatLabel>,
}

impl From<QuoteLine> for OrderLine {
    /// The order charges the price that the quote showed. Seats that are chosen when they are held are
    /// not those of the quote.
    fn from(line: QuoteLine) -> Self {
        let amounts = line.amounts;
        let seats = if line.wanted.is_some() { Vec::new() } else { line.seats };
        Self {
            area: line.area_id,
            quantity: amounts.quantity,
            seats,
            stage: amounts.stage_id,
            base: amounts.base,
            stage_adjustment: amounts.stage_adjustment,
            promotion: amounts.promotion,
            fee: amounts.fee,
            vat: amounts.vat,
            total: amounts.total,
        }
    }
}

/// Units of one kind and price that are sold beside tickets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraLine {
    /// What is sold.
    pub kind: ExtraKind,
    /// The name of a unit when it was bought: what the buyer has a right to, whatever became of the
    /// product since.
    pub name: String,
    /// The number of units.
    pub quantity: u8,
    /// The sale stage that set the price.
    pub stage: Option<SaleStageId>,
    /// The price of the units before adjustments, in minor units.
    pub base: i64,
    /// The stage's adjustment: an addition, or a reduction if negative.
    pub stage_adjustment: i64,
    /// The promotion's reduction, zero or negative.
    pub promotion: i64,
    /// The convenience fee.
    pub fee: i64,
    /// The value added tax: contained in the other amounts, or on top of them.
    pub vat: i64,
    /// The total that the buyer pays for the units.
    pub total: i64,
}

/// What an extra is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtraKind {
    /// A variant of a product, handed out for a voucher a unit.
    Product {
        /// The product.
        product: ProductId,
        /// Its variant.
        variant: VariantId,
    },
}

impl From<QuoteExtra> for ExtraLine {
    /// The order charges the price that the quote showed.
    fn from(extra: QuoteExtra) -> Self {
        let amounts = extra.amounts;
        Self {
            kind: ExtraKind::Product { product: extra.product_id, variant: extra.variant_id },
            name: extra.name,
            quantity: amounts.quantity,
            stage: amounts.stage_id,
            base: amounts.base,
            stage_adjustment: amounts.stage_adjustment,
            promotion: amounts.promotion,
            fee: amounts.fee,
            vat: amounts.vat,
            total: amounts.total,
        }
    }
}

impl ExtraLine {
    /// The total divided over the units: the amounts given back when they are refunded one by one.
    pub fn unit_totals(&self, currency: Currency) -> impl Iterator<Item = i64> {
        PriceUnit::of(currency).even_shares(self.total, self.quantity)
    }

    /// The variant of the product.
    pub fn variant(&self) -> VariantId {
        let ExtraKind::Product { variant, .. } = self.kind;
        variant
    }
}

impl OrderLine {
    /// The line's total divided over its tickets: the amounts given back when tickets are refunded
    /// one by one.
    pub fn ticket_totals(&self, currency: Currency) -> impl Iterator<Item = i64> {
        PriceUnit::of(currency).even_shares(self.total, self.quantity)
    }
}

/// A claim of an order on an allotment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holding {
    /// Seats of one row block of the line's area.
    Seats {
        /// Index into the order's lines.
        line: u8,
        /// Index of the row block in the area.
        row: u16,
        /// The seat numbers.
        seats: Vec<u16>,
    },
    /// Admissions of the line's area.
    Admissions {
        /// Index into the order's lines.
        line: u8,
        /// The quantities from each block.
        parts: Vec<Part>,
    },
    /// Tickets of a limited sale stage.
    Stage {
        /// The stage.
        stage: SaleStageId,
        /// The quantities from each block.
        parts: Vec<Part>,
    },
    /// Units of the extra's variant, which has a stock.
    Extra {
        /// Index into the order's extras.
        extra: u8,
        /// The quantities from each block.
        parts: Vec<Part>,
    },
    /// A use of the order's promotion.
    Promotion {
        /// The quantities from each block.
        parts: Vec<Part>,
    },
    /// One of the buyer's own uses of the order's promotion.
    PromotionBuyer,
}

/// A quantity from one block of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Index of the block.
    pub block: u16,
    /// The number of places or uses from it.
    pub quantity: u8,
}

/// The state of one ticket or voucher of an order; one without a state is valid and has its first code.
/// Vouchers have no other code, and no other holder than the buyer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TicketState {
    /// Counts the codes of the ticket: a new one makes the old ones worthless.
    pub serial: u16,
    /// True once it is refunded and no longer admits.
    pub refunded: bool,
    /// The holder after a transfer; `None` while it is the buyer.
    pub holder: Option<UserId>,
    /// When it changed hands the last time.
    pub transferred_at: Option<Timestamp>,
}

/// One ticket of a paid order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket<'a> {
    /// The ticket's id.
    pub id: TicketId,
    /// Its index in the order.
    pub index: u8,
    /// The area of the ticket.
    pub area: AreaId,
    /// The seat, if it has one.
    pub seat: Option<&'a SeatLabel>,
    /// The attendee, if the event asks for names.
    pub attendee: Option<&'a Attendee>,
    /// The serial of its valid code.
    pub serial: u16,
    /// True once it is refunded and no longer admits.
    pub refunded: bool,
    /// The holder: the buyer, or the receiver of the last transfer.
    pub holder: UserId,
    /// When it changed hands the last time.
    pub transferred_at: Option<Timestamp>,
}

/// One voucher of a paid order: the right to a unit of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voucher<'a> {
    /// The voucher's id.
    pub id: VoucherId,
    /// Its index among the order's vouchers.
    pub index: u8,
    /// What it is for.
    pub extra: &'a ExtraLine,
    /// True if it is refunded, and nothing is handed out for it any more.
    pub refunded: bool,
}
