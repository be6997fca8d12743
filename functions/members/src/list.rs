use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::member::{MAX_TEXT, Member};
use domain::search::{Entry, Index, MAX_QUERY_CHARS};
use domain::text::Line;
use domain::user::Email;
use domain::{Result, TenantId};
use schemars::JsonSchema;
use serde::Deserialize;
use store::Store;
use web::{Answer, Json, Page, Paging, Query, Shared, Supervisor};

use crate::State;
use crate::fields::folded;
use crate::view::MemberView;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/users/list",
        get_with(list, |op| {
            op.id("listMembers").summary("List members").tag("Members").description(
                "The members of the caller's community who fit all filters, the last ones to be written first. \
                 At most 2000 members are looked at for one page, so one with filters may have few members, or \
                 none, and still a `next_cursor`: go on until there is none.",
            )
        }),
    )
}

/// The most members that are read for one page.
const MOST_LOOKED_AT: usize = 2000;
/// The members that are read at once when a filter may drop most of them.
const CHUNK: u16 = 250;

/// Filters of the list; a member must fit all that are set.
#[derive(Debug, Default, Deserialize, JsonSchema)]
struct Filter {
    /// Only members whose subscription is active, or is not.
    subscription_active: Option<bool>,
    /// Only members whose monthly fee is paid, or is not.
    monthly_fee_current: Option<bool>,
    /// Only members whose address bounces (a mail to it came back for good), or does not.
    email_bounced: Option<bool>,
    /// Only members of this city; accents and capitals do not matter.
    city: Option<Line<0, MAX_TEXT>>,
    /// Only members with this favourite genre of music; accents and capitals do not matter.
    favorite_music_genre: Option<Line<0, MAX_TEXT>>,
    /// Words of the name or the e-mail address; typos are forgiven. A whole address finds its
    /// member directly.
    q: Option<Line<0, MAX_QUERY_CHARS>>,
}

async fn list(
    Shared(state): Shared<State>,
    supervisor: Supervisor,
    Query(filter): Query<Filter>,
    paging: Paging,
) -> Answer<Json<Page<MemberView>>> {
    let filter = filter.said();
    if paging.after.is_none()
        && let Some(member) = state.with_address(supervisor.tenant, &filter).await?
    {
        let items = filter.fitting(vec![member]).into_iter().map(MemberView::from).collect();
        return Ok(Json(Page::new(items, None)));
    }
    let (members, last) = state.fitting(supervisor.tenant, &filter, paging).await?;
    Ok(Json(Page::new(members.into_iter().map(MemberView::from).collect(), last)))
}

impl State {
    /// The member whose whole e-mail address the query is, if it is one.
    async fn with_address(&self, tenant: TenantId, filter: &Filter) -> Result<Option<Member>> {
        match filter.q.as_deref().and_then(|q| q.parse::<Email>().ok()) {
            Some(email) => Ok(self.store.member_by_email(&self.fingerprints, tenant, &email).await?),
            None => Ok(None),
        }
    }

    /// A page of the members who fit the filter, and the cursor of the next page.
    async fn fitting(
        &self,
        tenant: TenantId,
        filter: &Filter,
        paging: Paging,
    ) -> Result<(Vec<Member>, Option<String>)> {
        let limit = usize::from(paging.limit);
        let chunk = if filter.is_empty() { paging.limit } else { CHUNK };
        let (mut found, mut looked_at, mut after) = (Vec::new(), 0, paging.after);
        loop {
            let page = self.store.members(tenant, after.as_deref(), chunk).await?;
            looked_at += page.items.len();
            found.extend(filter.fitting(page.items));
            if found.len() > limit {
                found.truncate(limit);
                let last = found.last().map(Store::after_member);
                return Ok((found, last));
            }
            if page.last.is_none() || found.len() == limit || looked_at >= MOST_LOOKED_AT {
                return Ok((found, page.last));
            }
            after = page.last;
        }
    }
}

impl Filter {
    /// The filter without its empty texts.
    fn said(self) -> Self {
        fn said<const MAX: usize>(text: Option<Line<0, MAX>>) -> Option<Line<0, MAX>> {
            text.filter(|text| !text.is_empty())
        }
        Self {
            city: said(self.city),
            favorite_music_genre: said(self.favorite_music_genre),
            q: said(self.q),
            ..self
        }
    }

    fn is_empty(&self) -> bool {
        matches!(
            self,
            Self {
                subscription_active: None,
                monthly_fee_current: None,
                email_bounced: None,
                city: None,
                favorite_music_genre: None,
                q: None,
            }
        )
    }

    /// The members who fit the filter, in the same order.
    fn fitting(&self, mut members: Vec<Member>) -> Vec<Member> {
        let is = |wanted: Option<bool>, is: bool| wanted.is_none_or(|wanted| wanted == is);
        let says = |wanted: Option<&str>, text: Option<&str>| {
            wanted.is_none_or(|wanted| {
                text.is_some_and(|text| text == wanted || folded(text) == folded(wanted))
            })
        };
        members.retain(|member| {
            is(self.subscription_active, member.subscription_active)
                && is(self.monthly_fee_current, member.monthly_fee_current)
                && is(self.email_bounced, member.email_bounced_at.is_some())
                && says(self.city.as_deref(), member.city.as_deref())
                && says(self.favorite_music_genre.as_deref(), member.favorite_music_genre.as_deref())
        });
        let Some(q) = &self.q else { return members };
        let entries = members.iter().enumerate().map(|(place, member)| Entry {
            id: place,
            title: &member.name,
            artist: member.email.as_str(),
            venue: "",
            city: "",
            genre: "",
        });
        let mut is_found = vec![false; members.len()];
        for (place, _) in Index::new(entries).search(q, members.len()) {
            is_found[place] = true;
        }
        let mut is_found = is_found.into_iter();
        members.retain(|_| is_found.next() == Some(true));
        members
    }
}

#[cfg(test)]
mod tests {
    use domain::{MemberId, Timestamp};
    use serde_json::json;

    use super::*;

    fn member(name: &str, email: &str, city: Option<&str>, flags: [bool; 3]) -> Member {
        let [subscription_active, monthly_fee_current, bounced] = flags;
        serde_json::from_value(json!({
            "id": MemberId::generate(Timestamp::UNIX_EPOCH), "tenant_id": TenantId::generate(Timestamp::UNIX_EPOCH),
            "name": name, "email": email, "country": "CO", "city": city,
            "registration_date": "2026-11-21T10:00:00Z", "created_at": "2026-11-21T10:00:00Z",
            "updated_at": "2026-11-21T10:00:00Z", "subscription_active": subscription_active,
            "monthly_fee_current": monthly_fee_current, "version": 1,
            "email_bounced_at": bounced.then_some("2026-11-21T10:00:00Z"),
        }))
        .expect("a member")
    }

    fn found(filter: Filter) -> Vec<String> {
        let members = vec![
            member("Ana Farola", "ana@example.com", Some("Bogotá"), [true, true, false]),
            member("Beto Bambalina", "beto@example.com", Some("Medellín"), [true, false, false]),
            member("Carla Candil", "carla@example.com", None, [false, false, true]),
            member("Ñusta Telón", "nusta@example.com", Some("bogota "), [false, true, false]),
        ];
        let found = filter.said().fitting(members).into_iter();
        found.map(|member| member.email.local_part().to_owned()).collect()
    }

    #[test]
    fn all_filters_must_fit() {
        assert_eq!(found(Filter::default()), ["ana", "beto", "carla", "nusta"]);
        assert_eq!(found(Filter { subscription_active: Some(true), ..Filter::default() }), ["ana", "beto"]);
        assert_eq!(
            found(Filter { monthly_fee_current: Some(false), ..Filter::default() }),
            ["beto", "carla"]
        );
        assert_eq!(found(Filter { email_bounced: Some(true), ..Filter::default() }), ["carla"]);
        let city = |city: &str| Some(city.parse().expect("a line"));
        assert_eq!(found(Filter { city: city(" BOGOTA"), ..Filter::default() }), ["ana", "nusta"]);
        let both = Filter { city: city("bogotá"), subscription_active: Some(true), ..Filter::default() };
        assert_eq!(found(both), ["ana"]);
        assert_eq!(found(Filter { q: Some("  ".parse().expect("a line")), ..Filter::default() }).len(), 4);
    }

    #[test]
    fn names_are_found_with_typos_and_in_the_order_of_the_list() {
        let search = |q: &str| found(Filter { q: Some(q.parse().expect("a line")), ..Filter::default() });
        assert_eq!(search("farolla"), ["ana"]);
        assert_eq!(search("telon nusta"), ["nusta"]);
        assert_eq!(search("example"), ["ana", "beto", "carla", "nusta"]);
        assert_eq!(search("carla@example.com"), ["carla"]);
        assert_eq!(search("nadie"), [""; 0]);
    }
}
