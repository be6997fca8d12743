//! Series, their claims on slugs, and the lists of their dates.
//!
//! A date is written with its event. An event that comes or goes also changes the series itself, so that
//! a series is never deleted with an event in it, and never has more dates than one page takes.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::event::Event;
use domain::series::{MAX_DATES, Series, SeriesDate};
use domain::{SeriesId, TenantId};
use serde::{Deserialize, Serialize};

use crate::items::{Part, number};
use crate::{Failure, Listing, Result, Store, keys};

/// A claim on a slug, which may be an event's as well.
#[derive(Serialize, Deserialize)]
struct SeriesClaim {
    series_id: Option<SeriesId>,
    tenant_id: Option<TenantId>,
}

impl Store {
    /// Writes a new series and claims its slug; returns the stored series if there is one. Refused if an
    /// event or another series has the slug.
    pub async fn create_series(&self, series: &Series) -> Result<Series> {
        let key = keys::series(series.tenant_id, series.id);
        let claim = SeriesClaim { series_id: Some(series.id), tenant_id: Some(series.tenant_id) };
        let writes =
            vec![self.put_new_part(&key, series)?, self.put_new_part(&keys::slug(&series.slug), &claim)?];
        match self.transact(writes).await {
            Ok(()) => Ok(series.clone()),
            Err(refused @ Failure::Refused(_)) => self.get_consistent(&key).await?.ok_or(refused),
            Err(failure) => Err(failure),
        }
    }

    /// The tenant's series, read consistently.
    pub async fn series_of(&self, tenant: TenantId, id: SeriesId) -> Result<Option<Series>> {
        self.get_consistent(&keys::series(tenant, id)).await
    }

    /// The series as everybody may see it, by an eventually consistent read.
    pub async fn public_series(&self, tenant: TenantId, id: SeriesId) -> Result<Option<Series>> {
        self.get(&keys::series(tenant, id)).await
    }

    /// The series with this slug and its tenant, by an eventually consistent read.
    pub async fn series_by_slug(&self, slug: &str) -> Result<Option<(TenantId, SeriesId)>> {
        let claim: Option<SeriesClaim> = self.get(&keys::slug(slug)).await?;
        Ok(claim.and_then(|claim| claim.tenant_id.zip(claim.series_id)))
    }

    /// A page of a tenant's series, the latest first.
    pub async fn series_list(
        &self,
        tenant: TenantId,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Listing<Series>> {
        self.list(&keys::tenant_partition(tenant), keys::SERIES_PREFIX, after, limit, true).await
    }

    /// The dates of a series, drafts included, by their start.
    pub async fn series_dates(&self, series: SeriesId) -> Result<Vec<SeriesDate>> {
        self.list_consistent(&keys::series_partition(series), keys::TENANT_EVENT_PREFIX).await
    }

    /// Stores a changed series, its version counted up; the slug must not differ. Refused if it was
    /// changed, or an event came or went, meanwhile.
    pub async fn update_series(&self, series: &Series) -> Result<()> {
        self.replace(&keys::series(series.tenant_id, series.id), series).await
    }

    /// Deletes a series without events. Refused if it was changed, or an event came or went, meanwhile.
    pub async fn delete_series(&self, series: &Series) -> Result<()> {
        let key = keys::series(series.tenant_id, series.id);
        let writes =
            vec![self.delete_version_part(&key, series)?, self.delete_part(&keys::slug(&series.slug))?];
        self.transact(writes).await
    }

    /// The parts of an event's write that keep the lists of its series. `None` for an event that is not
    /// there before, or not any more after the write.
    pub(super) fn series_parts(
        &self,
        before: Option<&Event>,
        after: Option<&Event>,
    ) -> Result<Vec<TransactWriteItem>> {
        let date = |event: &Event| {
            event.series_id.map(|series| keys::series_date(series, event.starts_at, event.id))
        };
        let series = |event: &Event| event.series_id.map(|series| keys::series(event.tenant_id, series));
        let mut parts = Vec::new();
        if let Some(had) = before.and_then(date).filter(|had| after.and_then(date).as_ref() != Some(had)) {
            parts.push(self.delete_part(&had)?);
        }
        if let Some((has, event)) = after.and_then(|event| Some((date(event)?, event))) {
            parts.push(self.put_part(&has, &SeriesDate::new(event))?);
        }
        let (left, joined) = (before.and_then(series), after.and_then(series));
        if left == joined {
            return Ok(parts);
        }
        if let Some(left) = left {
            let update = self.updating(&left).update_expression("ADD dates :by, version :one");
            let update = update.condition_expression("dates > :none");
            let update = update.expression_attribute_values(":none", number(0));
            let update = update.expression_attribute_values(":by", number(-1));
            parts.push(update.expression_attribute_values(":one", number(1)).part()?);
        }
        if let Some(joined) = joined {
            let update = self.updating(&joined).update_expression("ADD dates :one, version :one");
            // Not of a series that is gone: without the attribute, the comparison is false.
            let update = update.condition_expression("dates < :most");
            let update = update.expression_attribute_values(":most", number(MAX_DATES));
            parts.push(update.expression_attribute_values(":one", number(1)).part()?);
        }
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::event::EventStatus;

    use super::super::tests::{event, sheet};
    use super::*;
    use crate::testing::{at_once, forgetful, store_with_clock};

    fn series(tenant_id: TenantId, slug: &str, now: Timestamp) -> Series {
        Series {
            id: SeriesId::generate(now),
            tenant_id,
            slug: slug.to_owned(),
            name: "Temporada de faroles".to_owned(),
            artist: "Los Faroles".to_owned(),
            description: String::new(),
            img: None,
            dates: 0,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }

    async fn dates(store: &Store, series: &Series) -> (u16, Vec<String>) {
        let stored = store.series_of(series.tenant_id, series.id).await.expect("read").expect("there");
        let dates = store.series_dates(series.id).await.expect("read");
        (stored.dates, dates.into_iter().map(|date| date.slug).collect())
    }

    #[tokio::test]
    async fn events_come_move_and_go_with_their_series() {
        let (store, clock) = store_with_clock().await;
        let now = clock.now();
        let first = event(&clock, "primera");
        let one = series(first.tenant_id, "temporada", now);
        let other = series(first.tenant_id, "gira", now);
        for series in [&one, &other] {
            store.create_series(series).await.expect("created");
        }
        let first = Event { series_id: Some(one.id), ..first };
        let second = Event {
            id: domain::EventId::generate(now),
            slug: "segunda".to_owned(),
            starts_at: first.starts_at - std::time::Duration::from_secs(3600),
            ..first.clone()
        };
        for event in [&first, &second] {
            store.create_event(event).await.expect("created");
        }
        assert_eq!(dates(&store, &one).await, (2, vec!["segunda".to_owned(), "primera".to_owned()]));
        let again = store.create_event(&first).await.expect("there already");
        assert_eq!((again, dates(&store, &one).await.0), (first.clone(), 2), "counted once");

        let before = sheet(&store, &first).await;
        let moved = Event {
            starts_at: first.starts_at - std::time::Duration::from_secs(7200),
            status: EventStatus::Published,
            version: 2,
            ..first.clone()
        };
        forgetful(&store, 1).update_event(&before, &moved).await.expect("moved");
        assert_eq!(dates(&store, &one).await, (2, vec!["primera".to_owned(), "segunda".to_owned()]));
        assert!(store.series_dates(one.id).await.expect("read")[0].listed);

        let before = sheet(&store, &moved).await;
        let elsewhere = Event { series_id: Some(other.id), version: 3, ..moved.clone() };
        store.update_event(&before, &elsewhere).await.expect("changed");
        assert_eq!(dates(&store, &one).await, (1, vec!["segunda".to_owned()]));
        assert_eq!(dates(&store, &other).await, (1, vec!["primera".to_owned()]));

        let change = store.lease_discounts(&second, now).await.expect("the lease");
        let last = sheet(&store, &second).await;
        store.delete_event(&change, &last).await.expect("deleted");
        assert_eq!(dates(&store, &one).await, (0, Vec::new()));
        let stored = store.series_of(one.tenant_id, one.id).await.expect("read").expect("there");
        store.delete_series(&stored).await.expect("deleted");
        assert_eq!(store.series_by_slug("temporada").await.expect("read"), None);
        assert_eq!(store.series_by_slug("gira").await.expect("read"), Some((other.tenant_id, other.id)));
        assert_eq!(store.event_by_slug("gira").await.expect("read"), None, "a series is no event");
        assert_eq!(store.series_by_slug("primera").await.expect("read"), None, "an event is no series");
    }

    #[tokio::test]
    async fn a_series_takes_no_more_than_fit_and_none_once_it_is_gone() {
        let (store, clock) = store_with_clock().await;
        let event = event(&clock, "primera");
        let full = Series { dates: MAX_DATES, ..series(event.tenant_id, "llena", clock.now()) };
        store.create_series(&full).await.expect("created");
        let refused = store.create_event(&Event { series_id: Some(full.id), ..event.clone() }).await;
        assert!(matches!(refused, Err(Failure::Refused(_))), "{refused:?}");
        let gone = Event { series_id: Some(SeriesId::generate(clock.now())), ..event.clone() };
        assert!(matches!(store.create_event(&gone).await, Err(Failure::Refused(_))));
        let stranger = series(TenantId::generate(clock.now()), "ajena", clock.now());
        store.create_series(&stranger).await.expect("created");
        let theirs = store.create_event(&Event { series_id: Some(stranger.id), ..event.clone() }).await;
        assert!(matches!(theirs, Err(Failure::Refused(_))), "another tenant's: {theirs:?}");
        store.create_event(&event).await.expect("nothing of the refused ones is left");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_event_that_joins_and_a_deletion_exclude_each_other() {
        let (store, clock) = store_with_clock().await;
        for round in 0..8 {
            let event = event(&clock, &format!("fecha-{round}"));
            let series = series(event.tenant_id, &format!("serie-{round}"), clock.now());
            store.create_series(&series).await.expect("created");
            let event = Event { series_id: Some(series.id), ..event };
            let attempts = at_once(2, |index| {
                let (store, series, event) = (store.clone(), series.clone(), event.clone());
                async move {
                    match index {
                        0 => store.create_event(&event).await.is_ok(),
                        _ => store.delete_series(&series).await.is_ok(),
                    }
                }
            });
            let attempts: Vec<bool> = attempts.await;
            assert!(attempts[0] != attempts[1], "one of both: {attempts:?}");
        }
    }
}
