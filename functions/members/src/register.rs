use actions::{Lookup, RegistrationScope};
use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::error::Fields;
use domain::member::{MAX_NAME, MAX_TEXT, Member, check_country};
use domain::text::{Line, Phone};
use domain::user::Email;
use domain::{Error, EventId, Language, MemberId, Moment, Result, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use store::MemberError;
use web::{Answer, ClientNetwork, Created, Json, MaybeBuyer, Refuses, Shared};

use crate::State;
use crate::fields::{WrittenId, capitals, check_past};
use crate::view::MemberView;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/users/register",
        post_with(register, |op| {
            op.id("registerMember").summary("Register a member").tag("Members").description(
                "Anybody may register in the community of `tenant_id` or of the show `show_id`; the subscription \
                 begins once the organiser has seen the first payment. Supervisors who are signed in register \
                 people in their own community and may say how far they are. Sent again with the same fields, it \
                 answers with the same member.",
            )
            .refuses(["tenant_not_found", "already_registered", "dni_taken", "email_taken"])
            .refuses(["refused_fields", "tenant_needed", "too_many_tries"])
        }),
    )
}

/// The data of a new member.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MemberRegistration {
    /// The full name.
    name: Line<1, MAX_NAME>,
    /// The e-mail address; no other member may have it.
    email: Email,
    /// The national id, as text or as a number; no other member may have it.
    dni: Option<WrittenId>,
    /// The country of the national id, as an ISO 3166-1 alpha-2 code. If missing, the
    /// organiser's.
    #[schemars(regex(pattern = "^[A-Za-z]{2}$"), extend("x-must" = "Must be the two letters of a country, such as CO, CL or AR."))]
    country: Option<String>,
    /// A telephone number, such as `+57 300 555 0100`.
    phone: Option<Phone>,
    /// The person's city.
    city: Option<Line<0, MAX_TEXT>>,
    /// How the person heard of the community.
    how_did_you_find_us: Option<Line<0, MAX_TEXT>>,
    /// The person's favourite genre of music.
    favorite_music_genre: Option<Line<0, MAX_TEXT>>,
    /// The language of mails to the member: `es` if missing.
    #[serde(default)]
    language: Language,
    /// When the person joined the community. If missing, now. Only supervisors may set it.
    registration_date: Option<Moment>,
    /// True if the subscription is active. Only supervisors may set it.
    #[serde(default)]
    subscription_active: bool,
    /// True if the monthly fee is paid. Only supervisors may set it.
    #[serde(default)]
    monthly_fee_current: bool,
    /// The id of the community's organiser.
    tenant_id: Option<TenantId>,
    /// The id of a show of the community, in place of `tenant_id`.
    show_id: Option<EventId>,
}

async fn register(
    Shared(state): Shared<State>,
    ClientNetwork(network): ClientNetwork,
    MaybeBuyer(caller): MaybeBuyer,
    Json(registration): Json<MemberRegistration>,
) -> Answer<Created<MemberView>> {
    let now = state.clock.now();
    let named =
        Lookup { email: &registration.email, tenant: registration.tenant_id, show: registration.show_id };
    let scope = state.community.of_registration(named, caller.as_ref(), &network, now).await?;
    let member = state.new_member(registration, scope, now).await?;
    let refused = |taken| state.community.registered_already(scope, taken, &network, now);
    let registered = match state.store.create_member(&state.fingerprints, &member).await {
        Ok(()) => member,
        // Perhaps a retry of a registration whose answer got lost.
        Err(error @ MemberError::EmailTaken(by)) => {
            let known = state.store.member(member.tenant_id, by).await?;
            match known.filter(|known| is_repetition(known, member)) {
                Some(known) => known,
                None => return Err(refused(error).await.into()),
            }
        }
        Err(error) => return Err(refused(error).await.into()),
    };
    Ok(Created(registered.into()))
}

/// True if an earlier registration with the fields of `new` made the `known` member, which
/// was not changed since.
fn is_repetition(known: &Member, new: Member) -> bool {
    let was_said_when = new.registration_date != new.created_at;
    let repeated = Member {
        id: known.id,
        registration_date: if was_said_when { new.registration_date } else { known.registration_date },
        created_at: known.created_at,
        updated_at: known.created_at,
        ..new
    };
    *known == repeated
}

impl State {
    async fn new_member(
        &self,
        registration: MemberRegistration,
        scope: RegistrationScope,
        now: Timestamp,
    ) -> Result<Member> {
        let tenant = self.store.tenant(scope.tenant).await?.ok_or_else(|| {
            Error::not_found("tenant_not_found", "There is no such community. Check `tenant_id`.")
        })?;
        let mut fields = Fields::new();
        if scope.supervisor.is_none() {
            for (pointer, is_said) in [
                ("/registration_date", registration.registration_date.is_some()),
                ("/subscription_active", registration.subscription_active),
                ("/monthly_fee_current", registration.monthly_fee_current),
            ] {
                fields.rule(!is_said, pointer, "Only the organiser's supervisors may set this.");
            }
        }
        let country = registration.country.as_deref().map_or(tenant.country, capitals);
        let member = Member {
            id: MemberId::generate(now),
            tenant_id: tenant.id,
            name: registration.name.into(),
            email: registration.email,
            dni: registration.dni.and_then(|written| written.read(&country, &mut fields)),
            country,
            phone: registration.phone.and_then(Phone::some),
            city: registration.city.and_then(Line::some),
            registration_date: registration.registration_date.map_or(now, Moment::time),
            how_did_you_find_us: registration.how_did_you_find_us.and_then(Line::some),
            favorite_music_genre: registration.favorite_music_genre.and_then(Line::some),
            subscription_active: registration.subscription_active,
            monthly_fee_current: registration.monthly_fee_current,
            language: registration.language,
            email_bounced_at: None,
            updated_by: scope.supervisor,
            created_at: now,
            updated_at: now,
            version: 1,
        };
        check_country(&member.country, &mut fields);
        check_past("/registration_date", member.registration_date, now, &mut fields);
        fields.finish()?;
        Ok(member)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn member() -> Member {
        serde_json::from_value(json!({
            "id": MemberId::generate(Timestamp::UNIX_EPOCH), "tenant_id": TenantId::generate(Timestamp::UNIX_EPOCH),
            "name": "Ana Ejemplo", "email": "ana@example.com", "country": "CO",
            "registration_date": "2026-11-21T10:00:00Z", "created_at": "2026-11-21T10:00:00Z",
            "updated_at": "2026-11-21T10:00:00Z", "subscription_active": false, "monthly_fee_current": false,
            "version": 1,
        }))
        .expect("a member")
    }

    #[test]
    fn a_repeated_registration_is_recognised() {
        let known = member();
        let now: Timestamp = "2026-11-21T10:00:07Z".parse().expect("a time");
        let again = Member {
            id: MemberId::generate(now),
            registration_date: now,
            created_at: now,
            updated_at: now,
            ..known.clone()
        };
        assert!(is_repetition(&known, again.clone()));
        for other in [
            Member { name: "Otra Ana".to_owned(), ..again.clone() },
            Member { registration_date: Timestamp::UNIX_EPOCH, ..again.clone() },
            Member { subscription_active: true, ..again.clone() },
        ] {
            assert!(!is_repetition(&known, other));
        }
        let mut touched = known;
        touched.touch(None, now);
        assert!(!is_repetition(&touched, again));
    }
}
