//! Rules for every route and every function, also for new ones: it is described, it checks its
//! caller, it survives nonsense, and its role allows what it does and nothing else.

mod authorisation;
mod calls;
mod document;
mod examples;
mod fuzz;
mod idempotency;
mod judge;
mod limits;
mod lists;
mod methods;
mod openapi;
mod parameters;
mod policies;
mod problems;
mod reach;
mod recent;
mod routes;
mod seeds;
mod sites;
mod texts;
mod world;
