//! Showing and changing one member.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::error::Fields;
use domain::member::{MAX_NAME, MAX_TEXT, Member, check_country};
use domain::text::{Line, Phone};
use domain::user::Email;
use domain::{Language, Moment, Result, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use web::{Answer, Json, Path, Refuses, Shared, Supervisor, based_on, nullable};

use crate::fields::{WrittenId, capitals, check_past};
use crate::view::MemberView;
use crate::{MemberPath, State};
use domain::member::member_not_found;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/users/{id}",
        get_with(show, |op| {
            op.id("showMember").summary("Show a member").tag("Members").refuses(["member_not_found"])
        })
        .patch_with(update, |op| {
            op.id("updateMember")
                .summary("Change a member")
                .tag("Members")
                .description(
                    "What is not sent stays as it is. Another e-mail address or national id must be free.",
                )
                .refuses(["member_not_found", "changed_meanwhile", "dni_taken", "email_taken"])
                .refuses(["refused_fields"])
        }),
    )
}

/// A change of a member. A missing field stays as it is, and `null` removes a value.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MemberChanges {
    /// The version that the change is based on; refused if the member has another by now.
    version: Option<u32>,
    /// The full name.
    name: Option<Line<1, MAX_NAME>>,
    /// The e-mail address; no other member may have it.
    email: Option<Email>,
    /// The national id, as text or as a number; no other member may have it.
    #[serde(default, deserialize_with = "nullable")]
    dni: Option<Option<WrittenId>>,
    /// The country of the national id, as an ISO 3166-1 alpha-2 code.
    #[schemars(regex(pattern = "^[A-Za-z]{2}$"), extend("x-must" = "Must be the two letters of a country, such as CO, CL or AR."))]
    country: Option<String>,
    /// A telephone number, such as `+57 300 555 0100`.
    #[serde(default, deserialize_with = "nullable")]
    phone: Option<Option<Phone>>,
    /// The person's city.
    #[serde(default, deserialize_with = "nullable")]
    city: Option<Option<Line<0, MAX_TEXT>>>,
    /// When the person joined the community.
    registration_date: Option<Moment>,
    /// How the person heard of the community.
    #[serde(default, deserialize_with = "nullable")]
    how_did_you_find_us: Option<Option<Line<0, MAX_TEXT>>>,
    /// The person's favourite genre of music.
    #[serde(default, deserialize_with = "nullable")]
    favorite_music_genre: Option<Option<Line<0, MAX_TEXT>>>,
    /// True if the subscription is active.
    subscription_active: Option<bool>,
    /// True if the monthly fee is paid.
    monthly_fee_current: Option<bool>,
    /// The language of mails to the member.
    language: Option<Language>,
}

async fn show(
    Shared(state): Shared<State>,
    supervisor: Supervisor,
    Path(path): Path<MemberPath>,
) -> Answer<Json<MemberView>> {
    let member = state.store.member(supervisor.tenant, path.id).await?;
    Ok(Json(member.ok_or_else(member_not_found)?.into()))
}

async fn update(
    Shared(state): Shared<State>,
    supervisor: Supervisor,
    Path(path): Path<MemberPath>,
    Json(changes): Json<MemberChanges>,
) -> Answer<Json<MemberView>> {
    let now = state.clock.now();
    let change = |member: &mut Member| {
        based_on(changes.version, member.version)?;
        let before = member.clone();
        changes.apply(member, now)?;
        if *member != before {
            member.touch(Some(supervisor.user), now);
        }
        Ok(())
    };
    let member = state.store.change_member(&state.fingerprints, supervisor.tenant, path.id, change).await?;
    Ok(Json(member.into()))
}

impl MemberChanges {
    fn apply(&self, member: &mut Member, now: Timestamp) -> Result<()> {
        let mut fields = Fields::new();
        if let Some(name) = &self.name {
            member.name = name.to_string();
        }
        if let Some(email) = &self.email {
            member.set_email(email.clone());
        }
        self.apply_id(member, &mut fields);
        for (text, changed) in [
            (&mut member.city, &self.city),
            (&mut member.how_did_you_find_us, &self.how_did_you_find_us),
            (&mut member.favorite_music_genre, &self.favorite_music_genre),
        ] {
            if let Some(changed) = changed {
                *text = changed.clone().and_then(Line::some);
            }
        }
        if let Some(changed) = &self.phone {
            member.phone = changed.clone().and_then(Phone::some);
        }
        if let Some(date) = self.registration_date.map(Moment::time) {
            check_past("/registration_date", date, now, &mut fields);
            member.registration_date = date;
        }
        member.subscription_active = self.subscription_active.unwrap_or(member.subscription_active);
        member.monthly_fee_current = self.monthly_fee_current.unwrap_or(member.monthly_fee_current);
        member.language = self.language.unwrap_or(member.language);
        check_country(&member.country, &mut fields);
        fields.finish()
    }

    /// Changes country and national id. An id that stays must be valid in the new country.
    fn apply_id(&self, member: &mut Member, fields: &mut Fields) {
        let country = self.country.as_deref().map(capitals);
        let is_moved = country.as_ref().is_some_and(|country| *country != member.country);
        if let Some(country) = country {
            member.country = country;
        }
        match &self.dni {
            Some(Some(written)) => member.dni = written.read(&member.country, fields),
            Some(None) => member.dni = None,
            None if is_moved => {
                let number = member.dni.as_ref().map(|id| id.number());
                let read =
                    number.map(|number| domain::national_id::NationalId::parse(&member.country, number));
                match read {
                    Some(Ok(id)) => member.dni = Some(id),
                    Some(Err(_)) => {
                        fields.rule(
                            false,
                            "/dni",
                            "Send the national id of the new country as well, or null.",
                        );
                    }
                    None => {}
                }
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::national_id::NationalId;
    use domain::{MemberId, TenantId};
    use serde_json::{Value, json};

    use domain::testing::at;

    use super::*;

    fn member() -> Member {
        let mut member: Member = serde_json::from_value(json!({
            "id": MemberId::generate(at(0)), "tenant_id": TenantId::generate(at(0)), "name": "Ana",
            "email": "ana@example.com", "country": "CO", "city": "Bogotá", "registration_date": at(0),
            "created_at": at(0), "updated_at": at(0), "subscription_active": true, "monthly_fee_current": false,
            "email_bounced_at": at(0), "version": 4,
        }))
        .expect("a member");
        member.dni = NationalId::parse("CO", "1020304050").ok();
        member
    }

    fn changed(changes: Value) -> Result<Member> {
        let changes: MemberChanges = serde_json::from_value(changes).expect("changes");
        let mut member = member();
        changes.apply(&mut member, at(0)).map(|()| member)
    }

    fn bad(changes: Value) -> Vec<String> {
        let error = changed(changes).expect_err("refused");
        error.field_errors().iter().map(|field| field.pointer.clone()).collect()
    }

    #[test]
    fn missing_fields_stay() {
        let same = changed(json!({})).expect("nothing to change");
        assert_eq!((same.city.as_deref(), same.version), (Some("Bogotá"), 4));
        let after =
            changed(json!({"city": null, "phone": " +57 1 ", "email": "Eva@example.com"})).expect("changed");
        assert_eq!((after.city, after.phone.as_deref()), (None, Some("+57 1")));
        assert_eq!((after.email.as_str(), after.email_bounced_at), ("eva@example.com", None));
    }

    #[test]
    fn an_id_belongs_to_its_country() {
        let moved = changed(json!({"country": "ar", "dni": 20_123_456})).expect("changed");
        assert_eq!(moved.identity().as_deref(), Some("AR:dni:20123456"));
        assert_eq!(bad(json!({"country": "AR"})), ["/dni"]);
        assert_eq!(bad(json!({"country": "CL", "dni": "12531909-3"})), ["/dni"]);
        assert_eq!(changed(json!({"dni": null, "country": "CL"})).expect("changed").identity(), None);
    }

    #[test]
    fn all_bad_fields_are_named() {
        let bad = bad(json!({
            "country": "Chile", "registration_date": "2090-01-01T00:00:00Z", "dni": "1",
        }));
        assert_eq!(bad, ["/dni", "/registration_date", "/country"]);
    }
}
