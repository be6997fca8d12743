//! Seating plans: versions that never change, and which of them is the latest.
//!
//! They have partitions of their own: every quote reads the whole partition of its event.

use std::io::{Read as _, Write as _};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::plan::{PinnedPlan, Plan, generate, pack, unpack};
use domain::{Error, PlanId, TenantId, Timestamp, UserId};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use crate::failure::accept_if_written;
use crate::items::{Part, number, to_item};
use crate::{Failure, Listing, Result, Store, StoredEvent, keys};

/// The most bytes of a compressed plan; an item has at most 400 KB.
const MAX_PACKED: usize = 350_000;
/// The attribute of a version's compressed plan.
const PACKED: &str = "g";

/// A version of a plan, without its seats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanVersion {
    /// The number of the version, from 1.
    pub version: u32,
    /// The number of its seats.
    pub seats: u32,
    /// Who saved it.
    pub created_by: UserId,
    /// When it was saved.
    pub created_at: Timestamp,
}

/// The latest version of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Latest {
    tenant_id: TenantId,
    latest: u32,
}

impl Store {
    /// A version of a plan. It never changes, so that an eventually consistent read finds it or
    /// nothing; nothing is then asked for consistently.
    pub async fn plan_version(&self, pinned: PinnedPlan) -> Result<Option<Plan>> {
        let key = keys::plan_version(pinned.id, pinned.version);
        let item = match self.get_item(&key, false).await? {
            Some(item) => Some(item),
            None => self.get_item(&key, true).await?,
        };
        let packed = item.as_ref().and_then(|item| item.get(PACKED)?.as_b().ok());
        packed.map(|packed| unpacked(packed.as_ref())).transpose()
    }

    /// The plan that the event's buyers see: the published version, or one that is drawn from its areas.
    ///
    /// # Errors
    /// [`Failure::Fault`] if the event has a version that is not there.
    pub async fn published_plan(&self, sheet: &StoredEvent) -> Result<Plan> {
        match sheet.event.plan {
            None => Ok(generate(&sheet.areas)),
            Some(pinned) => {
                let plan = self.plan_version(pinned).await?;
                plan.ok_or_else(|| Failure::unreadable("an event whose plan is not there"))
            }
        }
    }

    /// The number of a plan's latest version, read consistently; 0 if there is none, or if it is another
    /// tenant's.
    pub async fn latest_plan(&self, tenant: TenantId, plan: PlanId) -> Result<u32> {
        let latest: Option<Latest> = self.get_consistent(&keys::plan(plan)).await?;
        Ok(latest.filter(|latest| latest.tenant_id == tenant).map_or(0, |latest| latest.latest))
    }

    /// Saves the version of a plan that follows `before`.
    ///
    /// # Errors
    /// `plan_too_large`, and `changed_meanwhile` if another version follows it already.
    pub async fn save_plan(
        &self,
        tenant: TenantId,
        id: PlanId,
        plan: &Plan,
        (before, by, now): (u32, UserId, Timestamp),
    ) -> Result<PlanVersion, Error> {
        let packed = packed(plan)?;
        if packed.len() > MAX_PACKED {
            let detail = "The plan takes too much room. Use fewer words for its seats and shapes.";
            return Err(Error::too_large("plan_too_large", detail));
        }
        let version = before + 1;
        let seats = u32::try_from(plan.seats().count()).unwrap_or(u32::MAX);
        let entry = PlanVersion { version, seats, created_by: by, created_at: now };
        let latest = Latest { tenant_id: tenant, latest: version };
        let key = keys::plan(id);
        let put = self.putting(to_item(&key, &latest)?);
        let put = match before {
            0 => put.condition_expression("attribute_not_exists(PK)"),
            before => put
                .condition_expression("latest = :before AND tenant_id = :tenant")
                .expression_attribute_values(":before", number(before))
                .expression_attribute_values(":tenant", AttributeValue::S(tenant.to_string())),
        };
        let mut whole = to_item(&keys::plan_version(id, version), &entry)?;
        whole.insert(PACKED.to_owned(), AttributeValue::B(Blob::new(packed)));
        let new = self.putting(whole).condition_expression("attribute_not_exists(PK)").part()?;
        let writes = vec![put.part()?, new, self.put_new_part(&keys::plan_entry(id, version), &entry)?];
        let is_written = async {
            let stored: Option<PlanVersion> = self.get_consistent(&keys::plan_entry(id, version)).await?;
            Ok(stored.as_ref() == Some(&entry))
        };
        match accept_if_written(self.transact(writes).await, is_written).await {
            Ok(()) => Ok(entry),
            Err(Failure::Refused(_)) => Err(Error::changed_meanwhile()),
            Err(failure) => Err(failure.into()),
        }
    }

    /// A page of a plan's versions, newest first.
    pub async fn plan_versions(
        &self,
        id: PlanId,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Listing<PlanVersion>> {
        self.list(&keys::plan_partition(id), keys::PLAN_ENTRY_PREFIX, after, limit, true).await
    }
}

fn packed(plan: &Plan) -> Result<Vec<u8>> {
    let bytes = pack(plan).map_err(Failure::unreadable)?;
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(&bytes).and_then(|()| packer.finish()).map_err(Failure::unreadable)
}

fn unpacked(packed: &[u8]) -> Result<Plan> {
    let mut bytes = Vec::new();
    GzDecoder::new(packed).read_to_end(&mut bytes).map_err(Failure::unreadable)?;
    unpack(&bytes).map_err(Failure::unreadable)
}

#[cfg(test)]
mod tests {
    use domain::event::RowLayout;
    use domain::event::fixture::seated_area;
    use domain::testing::at;

    use super::*;
    use crate::testing::{at_once, forgetful, store};

    fn plan(rows: u16, seats: u16) -> Plan {
        let row = |row| RowLayout::new(format!("R{row}"), 1, seats);
        generate(&[seated_area("Platea", (0..rows).map(row).collect())])
    }

    #[tokio::test]
    async fn versions_stay_and_follow_each_other() {
        let store = store().await;
        let [tenant, other] = [1, 2].map(|second| TenantId::generate(at(second)));
        let (id, by) = (PlanId::generate(at(0)), UserId::generate(at(0)));
        let (one, two) = (plan(1, 4), plan(2, 4));
        store.save_plan(tenant, id, &one, (0, by, at(1))).await.expect("saved");
        let save = |tenant, before| store.save_plan(tenant, id, &two, (before, by, at(2)));
        assert_eq!(save(tenant, 0).await.expect_err("there is one").code(), "changed_meanwhile");
        assert_eq!(save(other, 1).await.expect_err("not theirs").code(), "changed_meanwhile");
        assert_eq!(save(tenant, 1).await.expect("saved").version, 2);
        let read = |version| store.plan_version(PinnedPlan { id, version });
        assert_eq!(read(1).await.expect("read"), Some(one));
        assert_eq!(read(2).await.expect("read"), Some(two.clone()));
        assert_eq!(read(3).await.expect("read"), None);
        assert_eq!(store.latest_plan(tenant, id).await.expect("read"), 2);
        assert_eq!(store.latest_plan(other, id).await.expect("read"), 0);
        let page = store.plan_versions(id, None, 1).await.expect("listed");
        assert_eq!(page.items.iter().map(|entry| (entry.version, entry.seats)).collect::<Vec<_>>(), [(2, 8)]);
        let page = store.plan_versions(id, page.last.as_deref(), 5).await.expect("listed");
        assert_eq!(page.items.iter().map(|entry| entry.version).collect::<Vec<_>>(), [1]);
    }

    #[tokio::test]
    async fn of_two_at_once_one_follows() {
        let store = store().await;
        let (tenant, id, by) = (TenantId::generate(at(0)), PlanId::generate(at(0)), UserId::generate(at(0)));
        let plans = [plan(1, 4), plan(1, 5)];
        let saved = at_once(2, |index| {
            let (store, plan) = (store.clone(), plans[index].clone());
            async move { store.save_plan(tenant, id, &plan, (0, by, at(1))).await.is_ok() }
        })
        .await;
        assert_eq!(saved.iter().filter(|saved| **saved).count(), 1);
        let stored = store.plan_version(PinnedPlan { id, version: 1 }).await.expect("read").expect("there");
        assert_eq!(stored, plans[saved.iter().position(|saved| *saved).expect("one")]);
    }

    #[tokio::test]
    async fn a_lost_answer_is_no_refusal() {
        let store = store().await;
        let (tenant, id, by) = (TenantId::generate(at(0)), PlanId::generate(at(0)), UserId::generate(at(0)));
        let saved = forgetful(&store, 1).save_plan(tenant, id, &plan(1, 4), (0, by, at(1))).await;
        assert_eq!(saved.expect("saved").version, 1);
    }

    #[tokio::test]
    async fn the_largest_plan_fits_and_a_larger_one_is_refused() {
        let store = store().await;
        let (tenant, id, by) = (TenantId::generate(at(0)), PlanId::generate(at(0)), UserId::generate(at(0)));
        let mut large = plan(200, 100);
        store.save_plan(tenant, id, &large, (0, by, at(1))).await.expect("20,000 seats fit");
        let mut random = 7_u64;
        for row in large.sections.iter_mut().flat_map(|section| &mut section.rows) {
            for seat in &mut row.seats {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                seat.guid = Some(format!("{random:x}{:x}", random.rotate_left(17).wrapping_mul(0x9E37_79B9)));
            }
        }
        let refused = store.save_plan(tenant, id, &large, (1, by, at(2))).await.expect_err("too large");
        assert_eq!(refused.code(), "plan_too_large");
    }
}
