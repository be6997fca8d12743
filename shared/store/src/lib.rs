//! The table. The only crate that knows DynamoDB, its keys and its conditions.
//!
//! Callers see entities and rules ("taken", "changed meanwhile"), never
//! attribute names. Every method that can lose a race says so in its result; the
//! caller gives the loss its meaning with [`OnRefused`].

#![warn(missing_docs)]

mod allotment;
mod cache;
mod collision;
mod discount;
mod event;
mod failure;
mod fingerprint;
mod gate;
mod idempotency;
mod items;
mod keys;
pub mod limit;
mod member;
mod order;
mod plan;
mod product;
pub mod recount;
pub mod stream;
mod tenant;
#[cfg(test)]
mod testing;
mod user;

use std::sync::Arc;

use boot::{Boot, ConfigError};

pub use allotment::{AllotmentState, Refusal, RowKey, RowState, SeatClaim};
pub use cache::{Cache, ON_SALE_MILLIS, SOLD_MILLIS};
pub use discount::{Mailing, RequestFilter};
pub use event::{
    CapacityLease, EventCache, EventRecord, LostSeats, SeatChange, SeatChangeRefusal, SeatingCache,
    StagesLeft, StoredEvent, row_blocks, side_blocks,
};
pub(crate) use failure::Result;
pub use failure::{Failure, OnRefused, was_done};
pub use fingerprint::Fingerprints;
pub use gate::{
    Closed, Conflict, Gate, GateCursor, GateError, GateSummary, RECEIVED_START, Received, Redemption, Report,
    Scan,
};
pub use idempotency::{Once, key_reused};
pub use items::{Listing, Versioned};
pub use limit::{Count, Limit};
pub use member::{MEMBERS_AT_ONCE, MemberError};
pub use order::{BesideOrder, Held, HoldError, HoldRequest, SETTLING, StatementPlace, StatementStep};
pub use plan::PlanVersion;
pub use product::{StockLeft, StoredProducts};
pub use tenant::{AuditPlace, AuditStep, AuditWalk, Device, Invited, MAX_DEVICES, StaffEntry};
pub use user::{Link, LinkGrant};

/// A handle on the table; cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    client: aws_sdk_dynamodb::Client,
    table: Arc<str>,
    hints: Arc<allotment::Hints>,
    recent_rows: Arc<allotment::RecentRows>,
}

impl Store {
    /// The table named by `TABLE_NAME`.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        let table = boot.env.required("TABLE_NAME")?.into();
        let config = aws_sdk_dynamodb::config::Builder::from(&boot.aws.config())
            .retry_classifier(collision::Collisions)
            .build();
        let client = aws_sdk_dynamodb::Client::from_conf(config);
        Ok(Self { client, table, hints: Arc::default(), recent_rows: Arc::default() })
    }

    /// Opens the connection before the first request needs it: the TLS handshake then falls into the
    /// start of the environment. A function starts also if the table does not answer yet.
    pub async fn warm(&self) {
        let _ = self.ping().await;
    }

    /// Asks for an item that does not exist: half a read unit.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn ping(&self) -> Result<()> {
        self.exists(&keys::Key::new("PING", "PING")).await.map(drop)
    }
}
