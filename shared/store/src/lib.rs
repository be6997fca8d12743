//! The table. The only crate that knows DynamoDB, its keys and its conditions.
//!
//! Callers see entities and rules ("taken", "changed meanwhile"), never
//! attribute names. Every method that can lose a race says so in its result; the
//! caller gives the loss its meaning with [`OnRefused`].

mod allotment;
mod area;
mod audit;
mod audit_walk;
mod closed_refund_task;
mod collision;
pub mod crowd;
mod device;
mod discount;
mod event;
mod failure;
mod fee_payment;
mod fingerprint;
mod fresh;
mod gate;
mod gateway_account;
mod holding;
mod idempotency;
mod invitation;
mod items;
mod keys;
pub mod limit;
mod link;
mod mail_template;
mod mailing;
mod member;
mod order;
mod payment_difference;
mod places;
mod pricing;
mod refund_task;
mod session;
mod settling;
mod sheets;
pub mod stream;
mod tenant;
#[cfg(test)]
mod testing;
mod transfer;
mod user;
mod waiting;

use std::sync::Arc;

use boot::{Boot, ConfigError};

pub use allotment::{AllotmentState, Refusal, RowState};
pub use area::PlacesChange;
pub use audit_walk::{AuditLook, AuditPlace, AuditWalk};
pub use device::{Device, MAX_DEVICES};
pub use discount::Wanted;
pub use event::{EventSheet, Show};
pub use failure::{Failure, OnRefused};
pub use fingerprint::Fingerprints;
pub use fresh::{Fresh, ON_SALE_MILLIS, SOLD_MILLIS};
pub use gate::{Closed, Conflict, Gate, GateCursor, GateError, GateSummary, Redemption, Report, Scan};
pub use holding::HoldRequest;
pub use idempotency::Once;
pub use invitation::{Invited, OnStaff};
pub use items::{Listing, Versioned};
pub use limit::{Count, Limit};
pub use link::{Link, LinkGrant};
pub use mailing::Mailing;
pub use member::{MEMBERS_AT_ONCE, MemberError};
pub use places::{area_blocks, discount_blocks, row_blocks};
pub use pricing::StagesLeft;
pub use settling::SETTLING;
pub use sheets::Sheets;
pub use transfer::{RECEIVED_START, Received};

/// A handle on the table; cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    client: aws_sdk_dynamodb::Client,
    table: Arc<str>,
    hints: Arc<allotment::Hints>,
}

impl Store {
    /// The table named by `TABLE_NAME`.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        let table = boot.env.required("TABLE_NAME")?.into();
        let config = aws_sdk_dynamodb::config::Builder::from(&boot.aws.config())
            .retry_classifier(collision::Collisions)
            .build();
        let client = aws_sdk_dynamodb::Client::from_conf(config);
        Ok(Self { client, table, hints: Arc::default() })
    }

    /// Opens the connection before the first request needs it: the TLS
    /// handshake then falls into the start of the environment. A table that does
    /// not answer yet is no reason not to start.
    pub async fn warm(&self) {
        let _ = self.ping().await;
    }

    /// Asks for an item that does not exist: half a read unit.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn ping(&self) -> Result<(), Failure> {
        self.exists(&keys::Key::new("PING", "PING")).await.map(drop)
    }
}
