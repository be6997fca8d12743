//! The organiser's staff, and the addresses that are invited to it.
//!
//! An address is invited by mail whether or not it has an account, with the same
//! answer after the same work: the organiser learns the person's name only when the
//! person accepts (see [`crate::workplaces`]).

use aide::axum::ApiRouter;
use aide::axum::routing::{delete_with, get_with, patch_with};
use axum::response::NoContent;
use domain::access::Role;
use domain::error::Fields;
use domain::outbox::Outbox;
use domain::staff::{Invitation, InvitationState, MAX_STAFF, Offer, staff_not_found};
use domain::user::{Email, User};
use domain::{Error, InvitationId, Language, Result, TenantId, Timestamp, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Failure, Invited, OnRefused, StaffEntry};
use web::{Admin, Answer, ClientNetwork, Created, Json, Page, Paging, Path, Refuses, Shared};

use crate::State;
use crate::limits::InvitationCounts;

/// How often an invitation is tried when other requests change the invitation of the same
/// address at the same moment.
const TRIES: usize = 4;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/tenant/staff",
            get_with(list, |op| {
                op.id("listStaff").summary("List the staff, then the open invitations").tag("Organisers")
            })
            .post_with(invite, |op| {
                op.id("inviteStaff").summary("Invite somebody to the staff").tag("Organisers").description(
                    "Mails an invitation that stands for 14 days, whether or not the address has an account. The \
                     person accepts it once signed in with that address, and has no role before. Inviting an \
                     address again changes the role that is offered; it is mailed at most once in 24 hours.",
                )
                .refuses(["already_staff", "changed_meanwhile", "invitation_declined"])
                .refuses(["quota_reached", "too_many_staff", "too_many_tries"])
            }),
        )
        .api_route(
            "/api/v1/tenant/staff/invitations/{invitation}",
            delete_with(revoke, |op| {
                op.id("revokeInvitation")
                    .summary("Take an invitation back")
                    .tag("Organisers")
                    .refuses(["invitation_not_found", "changed_meanwhile"])
            }),
        )
        .api_route(
            "/api/v1/tenant/staff/{user}",
            patch_with(change_role, |op| {
                op.id("updateStaff").summary("Change somebody's role").tag("Organisers").description(
                    "The role is in the person's next access token.",
                )
                .refuses(["staff_not_found", "user_not_found", "changed_meanwhile", "last_admin"])
            })
            .delete_with(remove, |op| {
                op.id("removeStaff")
                    .summary("Remove somebody from the staff")
                    .tag("Organisers")
                    .refuses(["staff_not_found", "user_not_found", "changed_meanwhile", "last_admin"])
            }),
        )
}

/// Whether a person is on the staff or only invited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum StaffState {
    /// The person is on the staff.
    Active,
    /// The address is invited, and the person has not answered yet.
    Invited,
}

/// A person on the staff, or an address that is invited.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
struct StaffMember {
    /// Whether the person is on the staff or only invited.
    state: StaffState,
    /// The user's id, once on the staff.
    user_id: Option<UserId>,
    /// The invitation's id, until it is accepted.
    invitation_id: Option<InvitationId>,
    /// The e-mail address; of an invitation, as the organiser typed it.
    email: Email,
    /// The person's name, once on the staff; possibly empty.
    name: String,
    /// The role that the person has, or is offered.
    role: Role,
    /// When the invitation expires, 14 days after it was made.
    expires_at: Option<Timestamp>,
}

impl StaffMember {
    fn active(user: User, tenant: TenantId) -> Self {
        Self {
            state: StaffState::Active,
            user_id: Some(user.id),
            invitation_id: None,
            role: user.staff.get(&tenant).copied().unwrap_or(Role::User),
            email: user.email,
            name: user.name,
            expires_at: None,
        }
    }

    fn invited(invitation: Invitation) -> Self {
        Self {
            state: StaffState::Invited,
            user_id: None,
            invitation_id: Some(invitation.id),
            email: invitation.email,
            name: String::new(),
            role: invitation.role,
            expires_at: Some(invitation.expires_at),
        }
    }
}

/// An invitation of an address to the staff.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewStaff {
    /// The address to invite.
    email: Email,
    /// The role to offer.
    #[schemars(extend("enum" = ["scanner", "coordinator", "organizer", "admin"]))]
    role: Role,
    /// The language of the invitation's mail. `es` if missing.
    #[serde(default)]
    language: Language,
}

/// A new role for a person on the staff.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StaffChanges {
    /// The new role, which is in the person's next access token.
    #[schemars(extend("enum" = ["scanner", "coordinator", "organizer", "admin"]))]
    role: Role,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct StaffPath {
    /// The user's id.
    user: UserId,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct InvitationPath {
    /// The invitation's id.
    invitation: InvitationId,
}

async fn list(Shared(state): Shared<State>, admin: Admin, paging: Paging) -> Answer<Json<Page<StaffMember>>> {
    let (after, now) = (paging.after.as_deref(), state.clock.now());
    let staff = state.store.staff_and_invited(admin.tenant, after, paging.limit, now).await;
    let entry = |entry| match entry {
        StaffEntry::Member(user) => StaffMember::active(*user, admin.tenant),
        StaffEntry::Invited(invitation) => StaffMember::invited(*invitation),
    };
    Ok(Json(Page::of(staff?, entry)))
}

async fn invite(
    Shared(state): Shared<State>,
    admin: Admin,
    network: ClientNetwork,
    Json(new): Json<NewStaff>,
) -> Answer<Created<StaffMember>> {
    check_role(new.role)?;
    let now = state.clock.now();
    let known = state.store.user_by_email(&state.fingerprints, &new.email).await?;
    if let Some(user) = known.filter(|user| user.staff.contains_key(&admin.tenant)) {
        return Err(Error::conflict(
            "already_staff",
            "This person works for you already. Change the role at `/api/v1/tenant/staff/{user}`.",
        )
        .with("user_id", user.id.to_string())
        .into());
    }
    let id = InvitationId::of(admin.tenant, &state.fingerprints.email(&new.email));
    let mails = InvitationCounts::new(&state, state.tenant(admin.tenant).await?, &new.email, &network);
    let offer =
        Offer { email: new.email, role: new.role, language: new.language, by: admin.claims.email.clone() };
    for _ in 0..TRIES {
        let before = state.store.invitation(admin.tenant, id).await?;
        let stands = before.as_ref().is_some_and(|before| before.is_open(now));
        let (invitation, is_due) = match &before {
            Some(before) => before.again(offer.clone(), now)?,
            None => (Invitation::new(id, admin.tenant, offer.clone(), now), true),
        };
        let mailed = is_due && mails.count(&state, now).await?;
        let invitation = if mailed { invitation } else { invitation.unmailed(before.as_ref()) };
        let outbox = mailed.then_some(Outbox::StaffInvited);
        let made = match stands {
            true => state.store.put_invitation(&invitation, outbox.as_ref()).await.map(|()| Invited::Made),
            false => state.store.invite(&invitation, outbox.as_ref(), now).await,
        };
        match made {
            Ok(Invited::Made) => return Ok(Created(StaffMember::invited(invitation))),
            Ok(Invited::Full) => return Err(full().into()),
            Err(Failure::Refused(_)) => {}
            Err(failure) => return Err(Error::from(failure).into()),
        }
    }
    Err(Error::changed_meanwhile().into())
}

async fn revoke(
    Shared(state): Shared<State>,
    admin: Admin,
    Path(path): Path<InvitationPath>,
) -> Answer<NoContent> {
    let found = state.store.invitation(admin.tenant, path.invitation).await?;
    let invitation = found
        .filter(|invitation| invitation.is_open(state.clock.now()))
        .ok_or_else(|| Error::not_found("invitation_not_found", "You have no such open invitation."))?;
    let revoked = invitation.decided(InvitationState::Revoked);
    state.store.put_invitation(&revoked, None).await.on_refused(Error::changed_meanwhile)?;
    Ok(NoContent)
}

async fn change_role(
    Shared(state): Shared<State>,
    admin: Admin,
    Path(path): Path<StaffPath>,
    Json(changes): Json<StaffChanges>,
) -> Answer<Json<StaffMember>> {
    check_role(changes.role)?;
    let user = state.store.change_role(admin.tenant, path.user, changes.role, state.clock.now()).await?;
    Ok(Json(StaffMember::active(user, admin.tenant)))
}

async fn remove(
    Shared(state): Shared<State>,
    admin: Admin,
    Path(path): Path<StaffPath>,
) -> Answer<NoContent> {
    let removed = state.store.remove_staff(admin.tenant, path.user, state.clock.now()).await?;
    removed.ok_or_else(staff_not_found)?;
    Ok(NoContent)
}

fn check_role(role: Role) -> Result<()> {
    Fields::new()
        .check(role != Role::User, "/role", "Must be scanner, coordinator, organizer or admin.")
        .finish()
}

fn full() -> Error {
    Error::conflict(
        "too_many_staff",
        format!("You have {MAX_STAFF} people on the staff or invited, which is the most."),
    )
}
