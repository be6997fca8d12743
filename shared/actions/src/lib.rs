//! What a customer may do, once for every caller: the routes today; pages, chat and agents as they
//! come.
//!
//! An action takes the customer (the claims of a token or, where guests may act, a
//! [`Purchaser`](domain::purchaser::Purchaser)) and checked input, and returns plain data or
//! the refusal. It reads and writes by `store` and decides by `domain`; it knows nothing of HTTP and
//! nothing of payment gateways. Callers read the request, call one action, and word the answer.
//! Limits that protect what can be guessed are part of the action, so that no caller forgets them.

#![warn(missing_docs)]

mod catalog;
mod community;
mod discounts;
mod erasure;
mod merged;
mod opening;
mod orders;
mod quotes;
mod tickets;
mod withdrawals;

pub use catalog::{
    AreaAvailability, AreaOffer, BestSeats, Catalog, DateOffer, OrganizerPage, PricedShow, ProductOffer,
    SeatRow, SeatWish, SeriesPage, ShowFilter, ShowList, Togetherness, VariantOffer,
};
pub use community::{Community, Lookup, RegistrationScope};
pub use discounts::{DiscountWish, Discounts, ShowName};
pub use erasure::{ErasureProgress, Erasures};
pub use orders::{NewReservation, Orders, RequestDigest};
pub use quotes::{QuoteKey, Quotes};
pub use tickets::{BoughtVoucher, HeldTicket, TicketDetails, TicketStatus, Tickets};
pub use withdrawals::{WithdrawableOrder, Withdrawals};
