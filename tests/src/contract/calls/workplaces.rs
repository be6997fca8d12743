//! Calls of people who work for an organiser, or are invited to.

use domain::access::Role;
use domain::staff::{Invitation, Offer};
use domain::user::Email;
use domain::{InvitationId, TenantId, UserId};

use super::super::world::SampleBoxOffice;
use super::{Call, DataOwner};
use crate::table::{fingerprints, table_of};

/// A call of the buyer, whom the `inviting` organiser has invited; for `DELETE`, the buyer is on
/// its staff already. Written into the table, because invitations are limited.
pub(super) async fn call(world: &SampleBoxOffice, method: &str) -> Option<Call> {
    let (store, now) = (table_of(&world.app, "events"), world.app.clock.now());
    let tenant: TenantId = world.inviting.tenant.parse().expect("an id");
    let email: Email = world.buyer.email.parse().expect("an address");
    let id = InvitationId::of(tenant, &fingerprints(&world.app).email(&email));
    let before = store.invitation(tenant, id).await.expect("read");
    let version = before.map_or(1, |before| before.version + 1);
    let by = world.inviting.person.email.clone();
    let offer = Offer { email, role: Role::Scanner, language: Default::default(), by };
    let invitation = Invitation { version, ..Invitation::new(id, tenant, offer, now) };
    store.put_invitation(&invitation, None).await.expect("made");
    if method == "DELETE" {
        let buyer: UserId = world.buyer.id.parse().expect("an id");
        store.add_staff(tenant, buyer, Role::Scanner, now).await.expect("added");
    }
    Some(Call::new(DataOwner::Buyer).at("tenant", &world.inviting.tenant))
}
