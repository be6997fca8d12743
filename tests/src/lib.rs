//! Tests of the whole box office, over HTTP, on real parts: one test binary.
#![cfg(test)]

mod chaos;
mod community;
mod contract;
mod crashes;
mod flows;
mod lambda;
mod operator;
mod products;
mod races;
mod second_factor;
mod table;
