//! A user's workplaces: accepting and declining invitations, and leaving an organiser.
//!
//! An invitation is found by organiser and by the confirmed address of the signed-in
//! user, so its link carries no secret, and works for an address that registers only
//! after it was invited.

use aide::axum::ApiRouter;
use aide::axum::routing::{delete_with, get_with, post_with};
use axum::response::NoContent;
use domain::access::{Role, Workplace};
use domain::staff::{Invitation, InvitationState};
use domain::user::Email;
use domain::{Error, InvitationId, Result, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{OnRefused, was_done};
use web::{Answer, Buyer, Json, Path, Refuses, Shared};

use crate::State;

/// How often an acceptance is tried when other requests change the user or the invitation
/// at the same moment.
const TRIES: usize = 4;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/workplaces/{tenant}",
            delete_with(leave, |op| {
                op.id("leaveWorkplace").summary("Stop working for an organiser").tag("Workplaces").description(
                    "Tokens that were given out before keep the role for 15 minutes at most.",
                )
                .refuses(["user_not_found", "workplace_not_found"])
                .refuses(["changed_meanwhile", "last_admin"])
            }),
        )
        .api_route(
            "/api/v1/workplaces/{tenant}/invitation",
            get_with(show, |op| {
                op.id("showInvitation")
                    .summary("The organiser's invitation to one's address")
                    .tag("Workplaces")
                    .description("The caller's confirmed address must be the invited one.")
                    .refuses(["invitation_not_found", "invitation_accepted", "invitation_declined"])
                    .refuses(["invitation_expired", "invitation_revoked"])
            }),
        )
        .api_route(
            "/api/v1/workplaces/{tenant}/invitation/accept",
            post_with(accept, |op| {
                op.id("acceptInvitation").summary("Work for the organiser").tag("Workplaces").description(
                    "The role is in the next access token for this organiser: refresh the session, or sign in, \
                     with `tenant`. Other workplaces stay as they are. Accepting again answers the same.",
                )
                .refuses(["email_unverified", "invitation_not_found", "user_not_found"])
                .refuses(["changed_meanwhile", "invitation_accepted", "invitation_declined"])
                .refuses(["too_many_memberships", "too_many_staff"])
                .refuses(["invitation_expired", "invitation_revoked"])
            }),
        )
        .api_route(
            "/api/v1/workplaces/{tenant}/invitation/decline",
            post_with(decline, |op| {
                op.id("declineInvitation").summary("Do not work for the organiser").tag("Workplaces").description(
                    "The organiser sees that, and cannot invite the address again while the invitation would \
                     have stood.",
                )
                .refuses(["invitation_not_found"])
                .refuses(["changed_meanwhile", "invitation_accepted", "invitation_declined"])
                .refuses(["invitation_expired", "invitation_revoked"])
            }),
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct WorkplacePath {
    /// The organiser's id.
    tenant: TenantId,
}

/// An open invitation, as the invited person sees it.
#[derive(Debug, Serialize, JsonSchema)]
struct InvitationView {
    /// The organiser's id.
    tenant: TenantId,
    /// The organiser's name.
    name: String,
    /// The role that is offered.
    role: Role,
    /// The e-mail address of the admin who invites.
    invited_by: String,
    /// When the invitation expires.
    expires_at: Timestamp,
}

async fn show(
    Shared(state): Shared<State>,
    buyer: Buyer,
    Path(WorkplacePath { tenant }): Path<WorkplacePath>,
) -> Answer<Json<InvitationView>> {
    let invitation = state.own_invitation(tenant, &buyer).await?;
    invitation.open(state.clock.now())?;
    let Invitation { role, by, expires_at, .. } = invitation;
    let name = state.tenant(tenant).await?.name;
    Ok(Json(InvitationView { tenant, name, role, invited_by: by, expires_at }))
}

async fn accept(
    Shared(state): Shared<State>,
    buyer: Buyer,
    Path(WorkplacePath { tenant }): Path<WorkplacePath>,
) -> Answer<Json<Workplace>> {
    for _ in 0..TRIES {
        let invitation = state.own_invitation(tenant, &buyer).await?;
        let name = state.tenant(tenant).await?.name;
        let now = state.clock.now();
        let user = state.store.user(buyer.user).await?;
        let mut user = user.ok_or_else(|| Error::internal("an account is gone"))?;
        if let Some(&role) = user.staff.get(&tenant) {
            return Ok(Json(Workplace { tenant, name, role }));
        }
        invitation.open(now)?;
        let role = invitation.role;
        user.set_role(tenant, Some(role))?;
        user.touch(now);
        let accepted = invitation.decided(InvitationState::Accepted);
        if was_done(state.store.accept_invitation(&accepted, &user).await)? {
            return Ok(Json(Workplace { tenant, name, role }));
        }
    }
    Err(Error::changed_meanwhile().into())
}

async fn decline(
    Shared(state): Shared<State>,
    buyer: Buyer,
    Path(WorkplacePath { tenant }): Path<WorkplacePath>,
) -> Answer<NoContent> {
    let invitation = state.own_invitation(tenant, &buyer).await?;
    if invitation.state == InvitationState::Declined {
        return Ok(NoContent);
    }
    invitation.open(state.clock.now())?;
    let declined = invitation.decided(InvitationState::Declined);
    state.store.put_invitation(&declined, None).await.on_refused(Error::changed_meanwhile)?;
    Ok(NoContent)
}

async fn leave(
    Shared(state): Shared<State>,
    buyer: Buyer,
    Path(WorkplacePath { tenant }): Path<WorkplacePath>,
) -> Answer<NoContent> {
    let left = state.store.remove_staff(tenant, buyer.user, state.clock.now()).await?;
    left.ok_or_else(|| Error::not_found("workplace_not_found", "You do not work for this organiser."))?;
    Ok(NoContent)
}

impl State {
    /// The tenant's invitation to the caller's confirmed address, open or not.
    async fn own_invitation(&self, tenant: TenantId, buyer: &Buyer) -> Result<Invitation> {
        let email: Email = buyer.confirmed_email()?.parse().map_err(Error::internal)?;
        let id = InvitationId::of(tenant, &self.fingerprints.email(&email));
        self.store.invitation(tenant, id).await?.ok_or_else(not_found)
    }
}

fn not_found() -> Error {
    Error::not_found(
        "invitation_not_found",
        "This organiser did not invite the address with which you are signed in.",
    )
}
