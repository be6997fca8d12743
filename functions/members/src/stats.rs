use std::collections::HashMap;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::Timestamp;
use domain::member::Member;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Serialize;
use web::{Answer, Json, Shared, Supervisor};

use crate::State;
use crate::fields::folded;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/users/stats",
        get_with(stats, |op| {
            op.id("showMemberStats").summary("Count members").tag("Members").description(
                "Counts of the caller's community. At most 50000 members are counted; `complete` says whether \
                 these were all.",
            )
        }),
    )
}

/// The most members that are counted.
const MOST_COUNTED: u32 = 50_000;
/// The members that are read at once: about as many as DynamoDB returns in one page.
const CHUNK: u16 = 1500;
/// The most cities, genres and channels that are named.
const MOST_NAMED: usize = 20;
/// How long a registration counts as recent: 30 days.
const RECENT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Counts of a community's members.
#[derive(Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
struct MemberStats {
    /// All members that were counted.
    total: u32,
    /// Members whose subscription is active.
    subscription_active: u32,
    /// Members whose subscription is not active.
    subscription_inactive: u32,
    /// Members whose monthly fee is paid.
    monthly_fee_current: u32,
    /// Members whose subscription is active and whose monthly fee is not paid.
    monthly_fee_overdue: u32,
    /// Members who may ask for discounts: subscription active and monthly fee paid.
    eligible: u32,
    /// Members whose address bounces: a mail to it came back for good.
    email_bounced: u32,
    /// Members who registered in the last 30 days.
    registered_last_30_days: u32,
    /// The 20 most common cities, the most common first.
    by_city: Vec<MemberGroup>,
    /// The 20 most common favourite genres of music, the most common first.
    by_favorite_music_genre: Vec<MemberGroup>,
    /// The 20 most common answers to how the member heard of the community, the most common
    /// first.
    by_how_did_you_find_us: Vec<MemberGroup>,
    /// False if there are more members than the 50,000 that are counted.
    complete: bool,
}

/// Members with the same answer. Spellings that differ in accents and capitals only are
/// the same.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
struct MemberGroup {
    /// The answer, in its most common spelling.
    name: String,
    /// The number of members.
    count: u32,
}

async fn stats(Shared(state): Shared<State>, supervisor: Supervisor) -> Answer<Json<MemberStats>> {
    let mut tally = Tally::new(state.clock.now());
    let mut after = None;
    loop {
        let page = state.store.members(supervisor.tenant, after.as_deref(), CHUNK).await;
        let page = page?;
        page.items.iter().for_each(|member| tally.count(member));
        after = page.last;
        if after.is_none() || tally.stats.total >= MOST_COUNTED {
            return Ok(Json(tally.finish(after.is_none())));
        }
    }
}

struct Tally {
    recent: Timestamp,
    stats: MemberStats,
    cities: Words,
    genres: Words,
    channels: Words,
}

impl Tally {
    fn new(now: Timestamp) -> Self {
        let recent = now.saturating_sub(RECENT).unwrap_or(Timestamp::MIN);
        let words = Words::default;
        Self { recent, stats: MemberStats::default(), cities: words(), genres: words(), channels: words() }
    }

    fn count(&mut self, member: &Member) {
        let stats = &mut self.stats;
        stats.total += 1;
        for (count, is) in [
            (&mut stats.subscription_active, member.subscription_active),
            (&mut stats.subscription_inactive, !member.subscription_active),
            (&mut stats.monthly_fee_current, member.monthly_fee_current),
            (&mut stats.monthly_fee_overdue, member.subscription_active && !member.monthly_fee_current),
            (&mut stats.eligible, member.eligible().is_ok()),
            (&mut stats.email_bounced, member.email_bounced_at.is_some()),
            (&mut stats.registered_last_30_days, member.registration_date >= self.recent),
        ] {
            *count += u32::from(is);
        }
        self.cities.count(member.city.as_deref());
        self.genres.count(member.favorite_music_genre.as_deref());
        self.channels.count(member.how_did_you_find_us.as_deref());
    }

    fn finish(self, complete: bool) -> MemberStats {
        MemberStats {
            by_city: self.cities.most_common(),
            by_favorite_music_genre: self.genres.most_common(),
            by_how_did_you_find_us: self.channels.most_common(),
            complete,
            ..self.stats
        }
    }
}

/// How often each text occurs, by its folded form and then by spelling.
#[derive(Default)]
struct Words(HashMap<String, HashMap<String, u32>>);

impl Words {
    fn count(&mut self, text: Option<&str>) {
        let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return };
        let spellings = self.0.entry(folded(text)).or_default();
        *spellings.entry(text.to_owned()).or_default() += 1;
    }

    fn most_common(self) -> Vec<MemberGroup> {
        let mut groups: Vec<MemberGroup> = self
            .0
            .into_values()
            .filter_map(|spellings| {
                let count = spellings.values().sum();
                let usual = spellings.into_iter().max_by(|(one, often), (other, as_often)| {
                    often.cmp(as_often).then_with(|| other.cmp(one))
                });
                usual.map(|(name, _)| MemberGroup { name, count })
            })
            .collect();
        groups.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.name.cmp(&other.name)));
        groups.truncate(MOST_NAMED);
        groups
    }
}

#[cfg(test)]
mod tests {
    use domain::{MemberId, TenantId};
    use serde_json::json;

    use super::*;

    fn member(days_ago: i64, city: &str, [active, current]: [bool; 2]) -> Member {
        let registered = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * (1000 - days_ago));
        serde_json::from_value(json!({
            "id": MemberId::generate(Timestamp::UNIX_EPOCH), "tenant_id": TenantId::generate(Timestamp::UNIX_EPOCH),
            "name": "Ana", "email": "ana@example.com", "country": "CO", "city": city,
            "registration_date": registered, "created_at": registered, "updated_at": registered,
            "subscription_active": active, "monthly_fee_current": current, "version": 1,
        }))
        .expect("a member")
    }

    #[test]
    fn members_are_counted_by_status_and_city() {
        let mut tally = Tally::new(Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 1000));
        for member in [
            member(30, "Bogotá", [true, true]),
            member(31, "bogota", [true, false]),
            member(0, "Bogotá", [false, true]),
            member(400, "Cali", [false, false]),
            member(400, " ", [false, false]),
        ] {
            tally.count(&member);
        }
        let group = |name: &str, count| MemberGroup { name: name.to_owned(), count };
        let expected = MemberStats {
            total: 5,
            subscription_active: 2,
            subscription_inactive: 3,
            monthly_fee_current: 2,
            monthly_fee_overdue: 1,
            eligible: 1,
            email_bounced: 0,
            registered_last_30_days: 2,
            by_city: vec![group("Bogotá", 3), group("Cali", 1)],
            by_favorite_music_genre: Vec::new(),
            by_how_did_you_find_us: Vec::new(),
            complete: true,
        };
        assert_eq!(tally.finish(true), expected);
    }

    #[test]
    fn only_the_most_common_are_named() {
        let mut words = Words::default();
        for index in 0..30_u32 {
            (0..=index).for_each(|_| words.count(Some(&format!("Canal {index}"))));
        }
        let groups = words.most_common();
        assert_eq!((groups.len(), groups[0].count, groups[19].count), (20, 30, 11));
    }
}
