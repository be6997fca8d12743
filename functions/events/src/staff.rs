//! Who works for the organiser.

use aide::axum::ApiRouter;
use aide::axum::routing::{delete_with, get_with};
use axum::extract::State as Of;
use axum::response::NoContent;
use domain::access::Role;
use domain::error::Fields;
use domain::user::{Email, User};
use domain::{Error, TenantId, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use web::{Admin, Answer, Created, Json, Page, Paging, Path};

use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/tenant/staff",
            get_with(list, |op| op.id("listStaff").summary("List the staff").tag("Organisers")).post_with(
                add,
                |op| {
                    op.id("addStaff").summary("Add somebody to the staff, or change the role").tag("Organisers").description(
                        "The person must have registered with the address and confirmed it. The role is in the \
                         person's next access token. Repeating the request changes nothing.",
                    )
                },
            ),
        )
        .api_route(
            "/api/v1/tenant/staff/{user}",
            delete_with(remove, |op| {
                op.id("removeStaff").summary("Remove somebody from the staff").tag("Organisers")
            }),
        )
}

/// Somebody who works for the organiser.
#[derive(Debug, Serialize, JsonSchema)]
struct StaffMember {
    /// The person.
    user_id: UserId,
    /// The person's e-mail address.
    email: Email,
    /// The person's name, possibly empty.
    name: String,
    /// What the person may do.
    role: Role,
    /// False until the person has confirmed the address; the role rests until then.
    active: bool,
}

impl StaffMember {
    fn new(user: User, tenant: TenantId) -> Self {
        Self {
            user_id: user.id,
            role: user.staff.get(&tenant).copied().unwrap_or(Role::User),
            active: user.email_verified_at.is_some(),
            email: user.email,
            name: user.name,
        }
    }
}

/// Who is to work for the organiser, and as what.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewStaff {
    /// The address with which the person registered.
    email: Email,
    /// What the person may do.
    role: Role,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct StaffPath {
    /// The person.
    user: UserId,
}

async fn list(Of(state): Of<State>, admin: Admin, paging: Paging) -> Answer<Json<Page<StaffMember>>> {
    let staff = state.store.staff(admin.tenant, paging.after.as_deref(), paging.limit).await;
    let staff = staff.map_err(Error::from)?;
    let members = staff.items.into_iter().map(|user| StaffMember::new(user, admin.tenant)).collect();
    Ok(Json(Page::new(members, staff.last)))
}

async fn add(Of(state): Of<State>, admin: Admin, Json(new): Json<NewStaff>) -> Answer<Created<StaffMember>> {
    Fields::new()
        .check(new.role != Role::User, "/role", "Must be scanner, coordinator, organizer or admin.")
        .finish()?;
    let user = state.store.user_by_email(&state.fingerprints, &new.email).await.map_err(Error::from)?;
    let user = user.ok_or_else(|| {
        Error::not_found(
            "user_not_found",
            "Nobody has registered with this address. Ask the person to do that first.",
        )
    })?;
    let user = state.store.add_staff(admin.tenant, user.id, new.role, state.clock.now()).await?;
    Ok(Created(StaffMember::new(user, admin.tenant)))
}

async fn remove(Of(state): Of<State>, admin: Admin, Path(path): Path<StaffPath>) -> Answer<NoContent> {
    let user = state.store.user(path.user).await.map_err(Error::from)?;
    if user.is_none_or(|user| !user.staff.contains_key(&admin.tenant)) {
        return Err(Error::not_found("staff_not_found", "This person does not work for you.").into());
    }
    state.store.remove_staff(admin.tenant, path.user, state.clock.now()).await?;
    Ok(NoContent)
}
