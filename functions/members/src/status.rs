use aide::axum::ApiRouter;
use aide::axum::routing::patch_with;
use domain::member::Member;
use schemars::JsonSchema;
use serde::Deserialize;
use web::{Answer, Json, Path, Refuses, Shared, Supervisor, based_on};

use crate::view::MemberView;
use crate::{MemberPath, State};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/users/{id}/payment-status",
        patch_with(update, |op| {
            op.id("updatePaymentStatus").summary("Note that a member paid, or did not").tag("Members").description(
                "Sets what is sent. With neither field, `monthly_fee_current` becomes what it was not; to send \
                 that again safely, send the `version` that it is based on.",
            )
            .refuses(["member_not_found", "changed_meanwhile"])
        }),
    )
}

/// The payment status of a member. With neither field, `monthly_fee_current` is toggled.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MemberStatus {
    /// True if the monthly fee is paid.
    monthly_fee_current: Option<bool>,
    /// True if the subscription is active.
    subscription_active: Option<bool>,
    /// The version that the change is based on; refused if the member has another by now.
    version: Option<u32>,
}

async fn update(
    Shared(state): Shared<State>,
    supervisor: Supervisor,
    Path(path): Path<MemberPath>,
    Json(status): Json<MemberStatus>,
) -> Answer<Json<MemberView>> {
    let now = state.clock.now();
    let change = |member: &mut Member| {
        based_on(status.version, member.version)?;
        if status.apply(member) {
            member.touch(Some(supervisor.user), now);
        }
        Ok(())
    };
    let member = state.store.change_member(&state.fingerprints, supervisor.tenant, path.id, change).await?;
    Ok(Json(member.into()))
}

impl MemberStatus {
    /// Sets the status on the member. True if that changed the member.
    fn apply(self, member: &mut Member) -> bool {
        let before = (member.monthly_fee_current, member.subscription_active);
        let after = match (self.monthly_fee_current, self.subscription_active) {
            (None, None) => (!before.0, before.1),
            (current, active) => (current.unwrap_or(before.0), active.unwrap_or(before.1)),
        };
        (member.monthly_fee_current, member.subscription_active) = after;
        after != before
    }
}

#[cfg(test)]
mod tests {
    use domain::{MemberId, TenantId, Timestamp};
    use serde_json::json;

    use super::*;

    #[test]
    fn sent_fields_are_set_and_an_empty_body_toggles_the_fee() {
        let now = Timestamp::UNIX_EPOCH;
        let mut member: Member = serde_json::from_value(json!({
            "id": MemberId::generate(now), "tenant_id": TenantId::generate(now), "name": "Ana",
            "email": "ana@example.com", "country": "CO", "registration_date": now, "created_at": now,
            "updated_at": now, "subscription_active": false, "monthly_fee_current": false, "version": 1,
        }))
        .expect("a member");
        let mut apply = |monthly_fee_current, subscription_active| {
            let status = MemberStatus { monthly_fee_current, subscription_active, version: None };
            (status.apply(&mut member), member.monthly_fee_current, member.subscription_active)
        };
        assert_eq!(apply(None, None), (true, true, false));
        assert_eq!(apply(Some(true), None), (false, true, false));
        assert_eq!(apply(None, Some(true)), (true, true, true));
        assert_eq!(apply(None, None), (true, false, true));
        assert_eq!(apply(Some(true), Some(false)), (true, true, false));
    }
}
