//! What holds for every route and every function, whoever adds one: that it is
//! described, that it asks who is calling, that it survives nonsense, and that
//! its role allows what it does and nothing else.

mod authorisation;
mod calls;
mod document;
mod examples;
mod fuzz;
mod idempotency;
mod judge;
mod limits;
mod methods;
mod openapi;
mod parameters;
mod policies;
mod problems;
mod reach;
mod routes;
mod texts;
mod world;
