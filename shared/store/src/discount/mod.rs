//! Members' requests for discounts, and the discounts that shows have.
//!
//! A request is one item whose key follows from member, show and attempt; the sparse index lists a
//! tenant's requests by their state and time.

mod mailing;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValuesOnConditionCheckFailure, Select, TransactWriteItem,
};
use domain::audit::AuditNote;
use domain::discount::{DecisionType, DiscountRequest, Tab};
use domain::outbox::Outbox;
use domain::pricing::Promotion;
use domain::{DiscountRequestId, EventId, TenantId, Timestamp};
use futures::future::try_join_all;
use serde::Deserialize;

use crate::allotment::{APPROVALS, Claim, Refusal, Token};
use crate::event::places::discounts_pool;
use crate::failure::{Item, accept_if_written};
use crate::items::{Part, carried, from_item, number, string, to_item};
use crate::keys::RequestPlace;
use crate::tenant::audit::audited;
use crate::{EventRecord, Failure, Listing, Result, Store, keys};

pub use mailing::Mailing;

/// Bounds before and after the sort keys of all requests.
const BEFORE_ALL: &str = "0";
const AFTER_ALL: &str = "~";

/// A filter on the list of a tenant's discount requests.
#[derive(Debug, Clone, Copy)]
pub struct RequestFilter<'a> {
    /// The lists to read, merged into one.
    pub tabs: &'a [Tab],
    /// Only requests that were made at this time or later, to the second.
    pub from: Option<Timestamp>,
    /// Only requests that were made before this time, to the second.
    pub to: Option<Timestamp>,
    /// Newest first if true, otherwise oldest first.
    pub newest_first: bool,
    /// Only requests for this show.
    pub show: Option<EventId>,
    /// Only requests with this suggestion.
    pub suggestion: Option<DecisionType>,
}

impl<'a> RequestFilter<'a> {
    /// All requests of these lists, oldest first.
    pub const fn of(tabs: &'a [Tab]) -> Self {
        Self { tabs, from: None, to: None, newest_first: false, show: None, suggestion: None }
    }

    /// Whether entries must be filtered after they are read: the sort key's bounds do not do it.
    const fn is_narrowed(&self) -> bool {
        self.show.is_some() || self.suggestion.is_some()
    }

    fn includes(&self, place: &RequestPlace) -> bool {
        self.show.is_none_or(|show| show == place.show)
            && self.suggestion.is_none_or(|suggestion| suggestion == place.suggestion)
    }

    /// The bounds of the sort key in the index, both included, for the page that follows `after`.
    fn bounds(&self, after: Option<&str>) -> (String, String) {
        let bound = |time: Option<Timestamp>, other: &str| time.map_or(other.to_owned(), keys::key_time);
        let (mut low, mut high) = (bound(self.from, BEFORE_ALL), bound(self.to, AFTER_ALL));
        if let Some(after) = after {
            if self.newest_first {
                high = high.min(after.to_owned());
            } else {
                low = low.max(after.to_owned());
            }
        }
        (low, high)
    }
}

pub(crate) fn index_entry(request: &DiscountRequest) -> [(String, AttributeValue); 2] {
    let partition = keys::discount_requests(request.tenant_id, request.tab().name());
    [
        (keys::GSI1PK.to_owned(), string(partition)),
        (keys::GSI1SK.to_owned(), string(Store::after_discount_request(request))),
    ]
}

/// The other attributes of a request's item: index entry, audit note, outbox.
fn beside(request: &DiscountRequest, note: &AuditNote, outbox: Option<&Outbox>) -> Result<Item> {
    let mut attributes = Item::from(index_entry(request));
    attributes.extend(audited(note)?);
    attributes.extend(carried(outbox)?);
    Ok(attributes)
}

impl Store {
    /// The discount request, read consistently.
    pub async fn discount_request(&self, id: DiscountRequestId) -> Result<Option<DiscountRequest>> {
        self.get_consistent(&keys::discount_request(id)).await
    }

    /// The requests with these ids, in no particular order, without those that do not exist. The read
    /// is eventually consistent. An id must not appear twice.
    pub async fn discount_requests_of(&self, ids: &[DiscountRequestId]) -> Result<Vec<DiscountRequest>> {
        let keys: Vec<_> = ids.iter().map(|id| keys::discount_request(*id)).collect();
        self.get_many(&keys).await?.into_iter().map(from_item).collect()
    }

    /// Writes a new request. If there is one with its id already, returns that one and writes nothing.
    pub async fn open_discount_request(&self, request: &DiscountRequest) -> Result<Option<DiscountRequest>> {
        let mut item = to_item(&keys::discount_request(request.id), request)?;
        item.extend(index_entry(request));
        let sent = self
            .put_of(item)
            .condition_expression("attribute_not_exists(PK)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let found = match sent.map_err(Failure::from) {
            Ok(_) => return Ok(None),
            Err(Failure::Refused(Some(item))) => Some(from_item(item)?),
            Err(Failure::Refused(None)) => self.discount_request(request.id).await?,
            Err(failure) => return Err(failure),
        };
        // After a lost answer, the client's retry is refused because of its own success.
        Ok(found.filter(|found| found != request))
    }

    /// Stores a changed request, whose version was counted up.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the request was changed meanwhile.
    pub async fn replace_discount_request(&self, request: &DiscountRequest, note: &AuditNote) -> Result<()> {
        let key = keys::discount_request(request.id);
        self.replace_with(&key, request, beside(request, note, None)?).await
    }

    /// Stores a request whose answer was sent, its version counted up. `outbox` mails the answer. With
    /// `promotion`, the code works from the same moment on: all or nothing.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the request was changed meanwhile.
    pub async fn send_discount_request(
        &self,
        request: &DiscountRequest,
        promotion: Option<&Promotion>,
        outbox: Option<&Outbox>,
        note: &AuditNote,
    ) -> Result<()> {
        let key = keys::discount_request(request.id);
        let attributes = beside(request, note, outbox)?;
        let sent = match promotion {
            None => self.replace_with(&key, request, attributes).await,
            Some(promotion) => self.transact(self.approval_parts(request, attributes, promotion)?).await,
        };
        // The worker that mails the answer may have counted the version up since.
        let is_written = async {
            let now = self.discount_request(request.id).await?;
            Ok(now.is_some_and(|now| now.sent_at == request.sent_at && now.sent_by == request.sent_by))
        };
        accept_if_written(sent, is_written).await
    }

    /// The parts of a transaction that sends an approval and makes its code work.
    fn approval_parts(
        &self,
        request: &DiscountRequest,
        attributes: Item,
        promotion: &Promotion,
    ) -> Result<Vec<TransactWriteItem>> {
        Ok(vec![
            self.replace_part_with(&keys::discount_request(request.id), request, attributes)?,
            self.put_part(
                &keys::promotion(promotion.tenant_id, promotion.promotion_code.as_str()),
                promotion,
            )?,
            self.new_uses_part(promotion)?,
        ])
    }

    /// The part of a transaction that creates the uses of a promotion, in one block.
    fn new_uses_part(&self, promotion: &Promotion) -> Result<TransactWriteItem> {
        let key = keys::promotion_block(promotion.tenant_id, promotion.promotion_code.as_str(), 0);
        self.updating(&key)
            .update_expression("SET c = if_not_exists(c, :uses), l = if_not_exists(l, :uses)")
            .expression_attribute_values(":uses", number(promotion.total_uses.unwrap_or(0)))
            .part()
    }

    /// A page of a tenant's requests. A request that left the lists after the index was read is left
    /// out. `after` is the sort key of the last request of the page before; another text is a
    /// [`Failure::ForeignCursor`].
    pub async fn discount_requests(
        &self,
        tenant: TenantId,
        wanted: RequestFilter<'_>,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Listing<DiscountRequest>> {
        if after.is_some_and(|after| keys::parse_discount_request_place(after).is_none()) {
            return Err(Failure::ForeignCursor);
        }
        let pages = wanted.tabs.iter().map(|tab| self.list_tab(tenant, *tab, wanted, after, limit));
        let (mut places, mut is_last) = (Vec::new(), true);
        for page in try_join_all(pages).await? {
            places.extend(page.items);
            is_last &= page.last.is_none();
        }
        places.sort_unstable();
        if wanted.newest_first {
            places.reverse();
        }
        is_last &= places.len() <= usize::from(limit);
        places.truncate(limit.into());
        let at = places.iter().filter_map(|at| keys::parse_discount_request_place(at));
        let ids: Vec<_> = at.map(|place| place.request).collect();
        let requests = self.discount_requests_of(&ids).await?;
        let mut requests: HashMap<_, _> = requests.into_iter().map(|request| (request.id, request)).collect();
        let mut items: Vec<_> = ids.iter().filter_map(|id| requests.remove(id)).collect();
        items.retain(|request| wanted.tabs.contains(&request.tab()));
        Ok(Listing { items, last: places.pop().filter(|_| !is_last) })
    }

    /// The sort keys of one list's requests, at least `limit` if there are so many.
    async fn list_tab(
        &self,
        tenant: TenantId,
        tab: Tab,
        wanted: RequestFilter<'_>,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Listing<String>> {
        let (low, high) = wanted.bounds(after);
        if low > high {
            return Ok(Listing { items: Vec::new(), last: None });
        }
        let query = self
            .index_of(keys::discount_requests(tenant, tab.name()))
            .key_condition_expression("GSI1PK = :pk AND GSI1SK BETWEEN :low AND :high")
            .expression_attribute_values(":low", string(low))
            .expression_attribute_values(":high", string(high))
            .scan_index_forward(!wanted.newest_first);
        let (mut places, mut start) = (Vec::new(), None);
        loop {
            let query = query.clone().set_exclusive_start_key(start.take());
            // One more, because the range includes `after`, the last request of the page before. A
            // filtered list takes as many as an answer holds, because few may match.
            let most = (!wanted.is_narrowed()).then(|| i32::from(limit) + 1);
            let answer = query.set_limit(most).send().await?;
            places.extend(answer.items.unwrap_or_default().into_iter().filter_map(|mut entry| {
                let Some(AttributeValue::S(place)) = entry.remove(keys::GSI1SK) else { return None };
                let is_wanted = || {
                    keys::parse_discount_request_place(&place).is_some_and(|place| wanted.includes(&place))
                };
                (Some(place.as_str()) != after && is_wanted()).then_some(place)
            }));
            start = answer.last_evaluated_key;
            if start.is_none() || !wanted.is_narrowed() || places.len() > usize::from(limit) {
                return Ok(Listing { items: places, last: start.map(|_| String::new()) });
            }
        }
    }

    /// How many undecided requests for a show have an approval as their suggestion; counts at most
    /// `most`. The count may be a moment old: it only feeds a suggestion, and an approval itself takes
    /// its discount from the exact number.
    pub async fn discount_requests_waiting(&self, tenant: TenantId, show: EventId, most: u32) -> Result<u32> {
        let suggestion = Some(DecisionType::Approved);
        let wanted = RequestFilter { show: Some(show), suggestion, ..RequestFilter::of(&[Tab::Undecided]) };
        let most = u16::try_from(most).unwrap_or(u16::MAX);
        let waiting = self.list_tab(tenant, Tab::Undecided, wanted, None, most).await?.items.len();
        Ok(u32::try_from(waiting).unwrap_or(u32::MAX).min(most.into()))
    }

    /// The cursor of [`Store::discount_requests`] after this request.
    pub fn after_discount_request(request: &DiscountRequest) -> String {
        let (show, suggestion) = (request.show_id, request.suggestion.decision_type);
        let place = RequestPlace { request: request.id, show, suggestion };
        keys::discount_request_place(request.created_at, &place)
    }

    /// How many of a tenant's requests are in a list. Reads the list's index entries, some 7,000 with
    /// each query, for 130 read units.
    pub async fn count_discount_requests(&self, tenant: TenantId, tab: Tab) -> Result<u64> {
        let mut pages = self
            .index_of(keys::discount_requests(tenant, tab.name()))
            .key_condition_expression("GSI1PK = :pk")
            .select(Select::Count)
            .into_paginator()
            .send();
        let mut count = 0;
        while let Some(page) = pages.try_next().await? {
            count += u64::try_from(page.count).unwrap_or(0);
        }
        Ok(count)
    }

    /// How many of a show's discounts no approval has taken.
    pub async fn discounts_left(&self, show: &EventRecord, now: Timestamp) -> Result<u32> {
        if show.discount_blocks == 0 {
            return Ok(0);
        }
        Ok(self.pool_state(&discounts_pool(show), now).await?.left)
    }

    /// Takes one of a show's discounts for a request's approval, for good. A repetition is fine and
    /// writes nothing: an approval never has more than one.
    ///
    /// # Errors
    /// [`Refusal::SoldOut`] if none is left.
    pub async fn take_discount(
        &self,
        show: &EventRecord,
        request: &DiscountRequest,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if show.discount_blocks == 0 {
            return Err(Refusal::SoldOut(0));
        }
        let token = Token::of_approval(request.id, request.taken_back);
        self.claim_admissions(&discounts_pool(show), 1, token, Claim::Sold, now).await.map(drop)
    }

    /// Returns the discounts of a request's last former approvals, those that were taken back; earlier
    /// ones were returned when they were the last. Safe to repeat at any time: the present approval has
    /// its own discount under another token.
    pub async fn return_discounts(&self, show: &EventRecord, request: &DiscountRequest) -> Result<()> {
        if show.discount_blocks == 0 {
            return Ok(());
        }
        for former in request.taken_back.saturating_sub(APPROVALS - 1)..request.taken_back {
            self.return_claims(&discounts_pool(show), Token::of_approval(request.id, former)).await?;
        }
        Ok(())
    }

    /// The events with these ids, in no particular order, without those that do not exist. The read is
    /// eventually consistent. An id must not appear twice.
    pub async fn events_of(&self, ids: &[EventId]) -> Result<Vec<EventRecord>> {
        let keys: Vec<_> = ids.iter().map(|id| keys::event(*id)).collect();
        self.get_many(&keys).await?.into_iter().map(from_item).collect()
    }

    /// The ids of the tenant's events that start at `from` or later and before `to`, at most `bound`.
    pub async fn events_starting(
        &self,
        tenant: TenantId,
        (from, to): (Timestamp, Timestamp),
        bound: u16,
    ) -> Result<Vec<EventId>> {
        #[derive(Deserialize)]
        struct Pointer {
            event_id: EventId,
        }
        let start = |time| format!("{}{}", keys::TENANT_EVENT_PREFIX, keys::key_time(time));
        let answer = self
            .query_of(keys::tenant_partition(tenant))
            .key_condition_expression("PK = :pk AND SK BETWEEN :from AND :to")
            .expression_attribute_values(":from", string(start(from)))
            .expression_attribute_values(":to", string(start(to)))
            .limit(i32::from(bound))
            .send()
            .await?;
        let pointers = answer.items.unwrap_or_default().into_iter();
        pointers.map(|item| from_item(item).map(|pointer: Pointer| pointer.event_id)).collect()
    }
}

#[cfg(test)]
mod tests;
