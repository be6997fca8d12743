//! Keys of organisers: staff, scanners, promotions, mail templates, gateway accounts, audit.

use domain::audit::Month;
use domain::policy::PolicyKind;
use domain::pricing::PromotionCode;
use domain::site::SiteHost;
use domain::{AuditId, DeviceId, GatewayAccountId, InvitationId, TenantId, Timestamp, UserId};

use super::{Key, META, block, key_time};

/// Block `index` of a promotion's uses.
pub(crate) fn promotion_block(tenant: TenantId, code: &str, index: u16) -> Key {
    block(&format!("T#{}#P#{code}", tenant.suffix()), index)
}

/// One buyer's uses of a promotion.
pub(crate) fn promotion_buyer(tenant: TenantId, code: &str, user: UserId) -> Key {
    Key::new(format!("T#{}#P#{code}#U#{}", tenant.suffix(), user.suffix()), "B#0000")
}

/// Everything of one tenant.
pub(crate) fn tenant_partition(tenant: TenantId) -> String {
    format!("T#{}", tenant.suffix())
}

/// A tenant.
pub(crate) fn tenant(tenant: TenantId) -> Key {
    Key::new(tenant_partition(tenant), META)
}

/// The index partition with all tenants.
pub(crate) const TENANTS: &str = "TENANTS";

/// The sort key of a tenant in [`TENANTS`]: by when it was created.
pub(crate) fn tenant_place(created_at: Timestamp, tenant: TenantId) -> String {
    format!("{}#{}", key_time(created_at), tenant.suffix())
}

/// The partition of the suspended tenants, which lists of shows leave out.
pub(crate) const SUSPENDED: &str = "OP#SUSPENDED";

/// The entry of a tenant in [`SUSPENDED`].
pub(crate) fn suspended_tenant(tenant: TenantId) -> Key {
    Key::new(SUSPENDED, tenant.suffix())
}

/// The settings of the installation's operator.
pub(crate) fn operator_settings() -> Key {
    Key::new("OP", "SETTINGS")
}

/// Counts how often a tenant with a quota of published events published one.
pub(crate) fn publications(tenant: TenantId) -> Key {
    Key::new(tenant_partition(tenant), "PUBN")
}

/// The claim of a tenant on the readable part of its page's address.
pub(crate) fn tenant_slug(slug: &str) -> Key {
    Key::new(format!("TS#{slug}"), "C")
}

/// A version of a tenant's policy.
pub(crate) fn policy(tenant: TenantId, kind: PolicyKind, version: u16) -> Key {
    Key::new(format!("T#{}#POL#{}", tenant.suffix(), kind.as_str()), format!("V#{version:08}"))
}

/// A promotion of a tenant. `code` is in capital letters. Those of members' discounts have another
/// prefix: there are too many of them to list.
pub(crate) fn promotion(tenant: TenantId, code: &str) -> Key {
    let is_of_member = code.starts_with(PromotionCode::MEMBER_PREFIX);
    let prefix = if is_of_member { MEMBER_PROMOTION_PREFIX } else { PROMOTION_PREFIX };
    Key::new(tenant_partition(tenant), format!("{prefix}{code}"))
}

/// Prefix of the sort keys of members' promotions.
const MEMBER_PROMOTION_PREFIX: &str = "PM#";

/// Prefix of the sort keys of organisers' promotions.
pub(crate) const PROMOTION_PREFIX: &str = "P#";

/// A scanner of a tenant.
pub(crate) fn device(tenant: TenantId, device: DeviceId) -> Key {
    Key::new(tenant_partition(tenant), format!("{DEVICE_PREFIX}{}", device.suffix()))
}

/// Prefix of the sort keys of scanners.
pub(crate) const DEVICE_PREFIX: &str = "DEV#";

/// Points from a tenant to a user of its staff. The role itself is in the user's own item.
pub(crate) fn staff(tenant: TenantId, user: UserId) -> Key {
    Key::new(tenant_partition(tenant), format!("{STAFF_PREFIX}{}", user.suffix()))
}

/// Prefix of the sort keys of [`staff`].
pub(crate) const STAFF_PREFIX: &str = "M#";

/// Counts how often a tenant lost an admin.
pub(crate) fn admins_lost(tenant: TenantId) -> Key {
    Key::new(tenant_partition(tenant), "AL")
}

/// An invitation to a tenant's staff.
pub(crate) fn invitation(tenant: TenantId, invitation: InvitationId) -> Key {
    Key::new(tenant_partition(tenant), format!("{INVITATION_PREFIX}{}", invitation.suffix()))
}

/// Reads what [`invitation`] wrote; `None` for the key of anything else.
pub(crate) fn parse_invitation(key: &Key) -> Option<(TenantId, InvitationId)> {
    let invitation = InvitationId::from_suffix(key.sk.strip_prefix(INVITATION_PREFIX)?).ok()?;
    Some((parse_tenant(key)?, invitation))
}

/// Prefix of the sort keys of [`invitation`].
pub(crate) const INVITATION_PREFIX: &str = "MI#";

/// A tenant's own wording of an e-mail: its current version.
pub(crate) fn mail_template(tenant: TenantId, name: &str, language: &str) -> Key {
    Key::new(tenant_partition(tenant), format!("{MAIL_TEMPLATE_PREFIX}{name}#{language}"))
}

/// Prefix of the sort keys of [`mail_template`].
pub(crate) const MAIL_TEMPLATE_PREFIX: &str = "TPL#";

/// A version of a tenant's wording of an e-mail.
pub(crate) fn mail_template_version(tenant: TenantId, name: &str, language: &str, version: u32) -> Key {
    Key::new(
        mail_template_versions(tenant, name, language),
        format!("{MAIL_TEMPLATE_VERSION_PREFIX}{version:08}"),
    )
}

/// Prefix of the sort keys of [`mail_template_version`].
pub(crate) const MAIL_TEMPLATE_VERSION_PREFIX: &str = "V#";

/// All versions of a tenant's wording of an e-mail.
pub(crate) fn mail_template_versions(tenant: TenantId, name: &str, language: &str) -> String {
    format!("T#{}#TPL#{name}#{language}", tenant.suffix())
}

/// An account of a tenant at a payment gateway.
pub(crate) fn gateway_account(tenant: TenantId, account: GatewayAccountId) -> Key {
    Key::new(tenant_partition(tenant), format!("{GATEWAY_ACCOUNT_PREFIX}{}", account.suffix()))
}

/// Prefix of the sort keys of [`gateway_account`].
pub(crate) const GATEWAY_ACCOUNT_PREFIX: &str = "GW#";

/// How many of [`gateway_account`] a tenant has.
pub(crate) fn gateway_account_count(tenant: TenantId) -> Key {
    Key::new(tenant_partition(tenant), "GWN")
}

/// The claim of a tenant on a host.
pub(crate) fn site_claim(host: &SiteHost) -> Key {
    Key::new(format!("SITE#{host}"), "C")
}

/// A site of a tenant, proved or not.
pub(crate) fn site(tenant: TenantId, host: &SiteHost) -> Key {
    Key::new(tenant_partition(tenant), format!("{SITE_PREFIX}{host}"))
}

/// Prefix of the sort keys of [`site`].
pub(crate) const SITE_PREFIX: &str = "SITE#";

/// How many of [`site`] a tenant has.
pub(crate) fn site_count(tenant: TenantId) -> Key {
    Key::new(tenant_partition(tenant), "SITEN")
}

/// The index partition with the sites whose proof is looked for again.
pub(crate) const SITES: &str = "SITES";

/// The sort key of a site in [`SITES`]: by when its proof is looked for.
pub(crate) fn site_place(check_at: Timestamp, tenant: TenantId, host: &SiteHost) -> String {
    format!("{}#{}#{host}", key_time(check_at), tenant.suffix())
}

/// Reads what [`site_place`] wrote.
pub(crate) fn parse_site_place(place: &str) -> Option<(TenantId, SiteHost)> {
    let mut parts = place.split('#').skip(1);
    Some((TenantId::from_suffix(parts.next()?).ok()?, parts.next()?.parse().ok()?))
}

/// The tenant with which a sort key in the index begins.
pub(crate) fn parse_place_tenant(place: &str) -> Option<TenantId> {
    TenantId::from_suffix(place.split('#').next()?).ok()
}

/// The tenant whose partition an item is in, if it is in one.
pub(crate) fn parse_tenant(key: &Key) -> Option<TenantId> {
    TenantId::from_suffix(key.pk.strip_prefix("T#")?).ok()
}

/// The audit records of a tenant in one month.
pub(crate) fn audit_partition(tenant: TenantId, month: &Month) -> String {
    format!("AU#{}#{}", tenant.suffix(), month.as_str())
}

/// An audit record.
pub(crate) fn audit(tenant: TenantId, at: Timestamp, audit: AuditId) -> Key {
    Key::new(audit_partition(tenant, &Month::of(at)), format!("{}#{}", key_time(at), audit.suffix()))
}
