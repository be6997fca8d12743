//! The clients of real gateways against a stub that speaks like them, and all
//! signatures against known ones.

mod accounts;
mod flips;
mod mercado_pago;
mod payu;
mod payu_forgery;
mod slips;
mod statuses;
mod stub;
mod vectors;
mod wompi;
