//! Users: their address, the rules for their password, and their roles in tenants.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::access::{Role, email_unverified};
use crate::error::Fields;
use crate::second_factor::{Proof, has_two_factors, two_factors_needed};
use crate::text::plain;
use crate::{Error, Language, Result, TenantId, UserId};

/// The most characters of a name.
pub const MAX_NAME: usize = 120;
/// The most tenants for which one user works; keeps the user's item small.
pub const MAX_MEMBERSHIPS: usize = 50;

/// An e-mail address that is plausible, in one spelling: lower case, without space
/// around it, an international domain in its `xn--` form (IDNA, UTS 46), which is
/// the one that mail goes to.
///
/// Only forms that mail systems really accept: an unquoted ASCII local part and a domain of at
/// least two labels (RFC 5321). A mailed link proves that the address is read, not a stricter
/// check.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "Cow<'_, str>")]
pub struct Email(String);

impl Email {
    /// The longest address: the limit of a path in RFC 5321, less its brackets.
    pub const MAX_LEN: usize = 254;

    /// The address as text, lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the `@`.
    pub fn local_part(&self) -> &str {
        self.0.split_once('@').map_or("", |(local, _)| local)
    }
}

/// The text is not an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address such as ana@example.com, with at most 254 characters")]
pub struct InvalidEmail;

impl FromStr for Email {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let text = plain(text);
        let (local, domain) = text.trim().rsplit_once('@').ok_or(InvalidEmail)?;
        let domain = ascii(domain)?;
        let text = format!("{local}@{domain}").to_ascii_lowercase();
        let valid = text.len() <= Self::MAX_LEN && is_local_part(local) && is_domain(&domain);
        if valid { Ok(Self(text)) } else { Err(InvalidEmail) }
    }
}

/// The domain in ASCII, as mail systems have it.
fn ascii(domain: &str) -> Result<Cow<'_, str>, InvalidEmail> {
    if domain.is_ascii() {
        return Ok(domain.into());
    }
    let (deny, hyphens) = (AsciiDenyList::STD3, Hyphens::CheckFirstLast);
    let ascii = Uts46::new().to_ascii(domain.as_bytes(), deny, hyphens, DnsLength::Verify);
    ascii.map_err(|_| InvalidEmail)
}

fn is_local_part(local: &str) -> bool {
    // The characters of an "atom" in RFC 5322.
    let atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    local.len() <= 64 && local.split('.').all(|part| !part.is_empty() && part.bytes().all(atom))
}

fn is_domain(domain: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A last label of digits would be an IPv4 address.
    let last = domain.rsplit('.').next().unwrap_or_default();
    domain.contains('.')
        && domain.split('.').all(label)
        && last.len() >= 2
        && last.bytes().any(|byte| byte.is_ascii_alphabetic())
}

impl TryFrom<Cow<'_, str>> for Email {
    type Error = InvalidEmail;

    fn try_from(text: Cow<'_, str>) -> Result<Self, InvalidEmail> {
        text.parse()
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Email {
    /// Keeps addresses out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(..)")
    }
}

inline_schema!(Email, {
    "type": "string",
    "format": "idn-email",
    "maxLength": Self::MAX_LEN,
    "examples": ["ana@example.com"],
});

/// A password as the user types it. Never stored, never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    /// The fewest characters of a new password.
    pub const MIN_CHARS: usize = 10;
    /// The most characters of any password; hashing a longer one is not worth the time.
    pub const MAX_CHARS: usize = 128;

    /// A password with this text, unchecked.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The password as it was typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bytes that are hashed.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Checks a new password: long enough, not one character over and over, and not the e-mail
    /// address, if that is known yet.
    pub fn check_new(&self, pointer: &str, email: Option<&Email>, fields: &mut Fields) {
        let (min, max) = (Self::MIN_CHARS, Self::MAX_CHARS);
        let count = self.0.chars().count();
        fields.check(
            (min..=max).contains(&count),
            pointer,
            format!("Must have between {min} and {max} characters."),
        );
        let first = self.0.chars().next();
        fields.rule(
            self.0.chars().any(|c| Some(c) != first),
            pointer,
            "Must have more than one different character.",
        );
        let lower = self.0.to_lowercase();
        fields.rule(
            email.is_none_or(|email| lower != email.as_str() && lower != email.local_part()),
            pointer,
            "Must not be the e-mail address.",
        );
    }

    /// Checks only the length of a password that is compared with a hash.
    pub fn check_length(&self, pointer: &str, fields: &mut Fields) {
        let max = Self::MAX_CHARS;
        fields.check(self.0.chars().count() <= max, pointer, format!("Must have at most {max} characters."));
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

inline_schema!(Password, {
    "type": "string",
    "format": "password",
    "maxLength": Self::MAX_CHARS,
    "description": "A new password needs at least 10 characters.",
});

/// The hash of a password as a PHC string, such as `$argon2id$v=19$...`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(pub String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// A person with a login.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The user's id.
    pub id: UserId,
    /// The e-mail address; no other user has it.
    pub email: Email,
    /// The name, possibly empty.
    #[serde(default)]
    pub name: String,
    /// The telephone number as it was written.
    pub phone: Option<String>,
    /// The language of mails to the user.
    #[serde(default)]
    pub language: Language,
    /// The hash of the password; a user who only signs in by links has none.
    pub password_hash: Option<PasswordHash>,
    /// Counts how often all sessions were ended at once. A session has the epoch of its start and
    /// is over when the user's is another one: a single write ends them all, whatever else happens
    /// at the same moment.
    #[serde(default)]
    pub session_epoch: u32,
    /// The role in each tenant for which the user works.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub staff: BTreeMap<TenantId, Role>,
    /// The tenant for which the user last chose to act; before a choice, the first one.
    pub last_tenant: Option<TenantId>,
    /// When the user confirmed the address by a mailed link.
    pub email_verified_at: Option<Timestamp>,
    /// When the user closed the account. What is left of it waits for the orders that need it.
    pub closed_at: Option<Timestamp>,
    /// When the user registered.
    pub created_at: Timestamp,
    /// When the user was last changed.
    pub updated_at: Timestamp,
    /// Counts changes; a change names the version that it is based on.
    pub version: u32,
}

/// The purpose of a mailed link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkPurpose {
    /// To sign in without a password.
    SignIn,
    /// To confirm the address of an account that was just registered, or whose signed-in user asks
    /// for it, and to sign in.
    Welcome,
    /// To choose a new password.
    ResetPassword,
    /// A mail without a link: the address that was registered again has an account, and only its
    /// owner may learn that.
    AlreadyRegistered,
}

impl LinkPurpose {
    /// The name under which it is stored, such as `sign_in`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Welcome => "welcome",
            Self::ResetPassword => "reset_password",
            Self::AlreadyRegistered => "already_registered",
        }
    }

    /// How long the link is valid, in seconds: a quarter of an hour for one that the user just
    /// asked for, a day for one that waits until the user reads mail.
    pub const fn lifetime_seconds(self) -> i64 {
        match self {
            Self::SignIn | Self::ResetPassword => 15 * 60,
            Self::Welcome | Self::AlreadyRegistered => 24 * 3600,
        }
    }
}

/// The role and the tenant that an access token gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActingRole {
    /// The role in `tenant`, or [`Role::User`] without one.
    pub role: Role,
    /// The tenant in which the role holds.
    pub tenant: Option<TenantId>,
}

/// What tenants demand of a session before it has a role there, and what it has.
#[derive(Debug, Clone, Copy)]
pub struct Demand<'a> {
    /// The tenants whose staff signs in with two factors.
    pub strict: &'a BTreeSet<TenantId>,
    /// What the session's user proved.
    pub proofs: &'a [Proof],
}

impl Demand<'_> {
    /// The demand where no tenant has one.
    pub const NONE: Demand<'static> = Demand { strict: &BTreeSet::new(), proofs: &[] };

    fn is_met(&self, tenant: TenantId) -> bool {
        !self.strict.contains(&tenant) || has_two_factors(self.proofs)
    }
}

impl ActingRole {
    /// A buyer, who has no role in a tenant.
    pub const BUYER: Self = Self { role: Role::User, tenant: None };
}

/// The user deleted the account, or never had one.
pub fn user_not_found() -> Error {
    Error::not_found("user_not_found", "There is no such person any more.")
}

impl User {
    /// A user who registers at `now`, without a password and with an unconfirmed address.
    pub fn new(email: Email, now: Timestamp) -> Self {
        Self {
            id: UserId::generate(now),
            email,
            name: String::new(),
            phone: None,
            language: Language::default(),
            password_hash: None,
            session_epoch: 0,
            staff: BTreeMap::new(),
            last_tenant: None,
            email_verified_at: None,
            closed_at: None,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }

    /// Notes a change of the user at `now`, which makes a new version.
    pub fn touch(&mut self, now: Timestamp) {
        self.updated_at = now;
        self.version += 1;
    }

    /// Sets a new password, which ends every session.
    pub fn change_password(&mut self, hash: PasswordHash) {
        self.password_hash = Some(hash);
        self.session_epoch += 1;
    }

    /// Notes that the registered user reads mail at the address: a browser that is signed in to the
    /// account opened a mailed link.
    pub fn verify_email(&mut self, now: Timestamp) {
        self.email_verified_at.get_or_insert(now);
    }

    /// Hands the account to the reader of its mail, whose browser is not signed in
    /// to it.
    ///
    /// Any address can be registered. If this one was never confirmed, then password, sessions,
    /// name and telephone may be a stranger's, who registered it first to wait for its owner, or to
    /// have us greet the owner with the stranger's words; they end here.
    pub fn claim(&mut self, now: Timestamp) {
        if self.email_verified_at.is_none() {
            self.password_hash = None;
            self.name.clear();
            self.phone = None;
            self.session_epoch += 1;
            self.email_verified_at = Some(now);
        }
    }

    /// The role and tenant of the user: in the tenant `asked` for; else in `before`, if the user
    /// still works there; else in the tenant chosen last; else in any that there is; else a buyer.
    ///
    /// Roles need a confirmed address: the user who registered it first need not be the person who
    /// was meant. In tenants that `demand` names, they need a session with two factors, too.
    pub fn standing(
        &self,
        asked: Option<TenantId>,
        before: Option<TenantId>,
        demand: &Demand<'_>,
    ) -> Result<ActingRole> {
        let in_tenant =
            |tenant: TenantId| Some(ActingRole { role: *self.staff.get(&tenant)?, tenant: Some(tenant) });
        let verified = self.email_verified_at.is_some();
        if let Some(tenant) = asked {
            let standing = in_tenant(tenant).ok_or_else(|| {
                Error::forbidden(
                    "not_a_member",
                    "You do not work for this organiser. Sign in without `tenant`, or ask the organiser to invite you.",
                )
            })?;
            return match (verified, demand.is_met(tenant)) {
                (false, _) => Err(email_unverified()),
                (true, true) => Ok(standing),
                (true, false) => Err(two_factors_needed(
                    "This organiser's staff signs in with a second factor. Sign in without `tenant`, add one at \
                     `/api/v1/auth/me/factors`, then sign in again with it.",
                )),
            };
        }
        let any = || self.staff.keys().copied().find(|tenant| demand.is_met(*tenant));
        let chosen = [before, self.last_tenant].into_iter().flatten().filter(|tenant| demand.is_met(*tenant));
        let standing = chosen.into_iter().find_map(in_tenant);
        let standing = standing.or_else(|| any().and_then(in_tenant));
        Ok(standing.filter(|_| verified).unwrap_or(ActingRole::BUYER))
    }

    /// Sets the user's role in `tenant`, or removes it with `None`.
    pub fn set_role(&mut self, tenant: TenantId, role: Option<Role>) -> Result<()> {
        if self.closed_at.is_some() && role.is_some() {
            return Err(user_not_found());
        }
        let Some(role) = role.filter(|role| *role != Role::User) else {
            self.staff.remove(&tenant);
            self.last_tenant = self.last_tenant.filter(|last| *last != tenant);
            return Ok(());
        };
        if self.staff.len() >= MAX_MEMBERSHIPS && !self.staff.contains_key(&tenant) {
            return Err(Error::conflict(
                "too_many_memberships",
                "This person works for 50 organisers already, which is the most.",
            ));
        }
        // A user without a choice so far keeps acting for the first organiser: a second one changes
        // nothing there.
        let so_far = self.last_tenant.or_else(|| self.staff.keys().next().copied());
        self.last_tenant = Some(so_far.unwrap_or(tenant));
        self.staff.insert(tenant, role);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        crate::testing::at(0)
    }

    fn user() -> User {
        User::new("ana@example.com".parse().expect("valid"), now())
    }

    fn tenants<const N: usize>() -> [TenantId; N] {
        std::array::from_fn(|_| TenantId::generate(now()))
    }

    #[test]
    fn plausible_addresses_are_taken_in_lower_case() {
        for (text, email) in [
            ("ana@example.com", "ana@example.com"),
            ("  Ana.Maria+shows@Mail.Example.COM\n", "ana.maria+shows@mail.example.com"),
            ("o'neill@xn--espaa-rta.example", "o'neill@xn--espaa-rta.example"),
            ("1@2.co", "1@2.co"),
            ("ana@ñandú.cl", "ana@xn--and-6ma2c.cl"),
            ("Ana@N\u{303}ANDU\u{301}.CL", "ana@xn--and-6ma2c.cl"),
            ("ana@ñandú。cl", "ana@xn--and-6ma2c.cl"),
            ("\u{feff}ana@example.com\u{200b}\u{a0}", "ana@example.com"),
        ] {
            assert_eq!(text.parse::<Email>().map(String::from).as_deref(), Ok(email));
        }
        let longest =
            format!("{}@{}.{}.{}.com", "a".repeat(64), "b".repeat(63), "c".repeat(63), "d".repeat(57));
        assert_eq!(longest.len(), Email::MAX_LEN);
        assert!(longest.parse::<Email>().is_ok());
        assert!(longest.replacen("@b", "@bb", 1).parse::<Email>().is_err());
    }

    #[test]
    fn texts_other_than_addresses_are_refused() {
        for text in [
            "",
            "@",
            "ana",
            "ana@",
            "@example.com",
            "ana@example",
            "ana@@example.com",
            "a b@example.com",
            "ana@exa mple.com",
            "ana@example..com",
            ".ana@example.com",
            "ana.@example.com",
            "a..b@example.com",
            "ana@-example.com",
            "ana@example-.com",
            "ana@127.0.0.1",
            "ana@[127.0.0.1]",
            "ana@example.c",
            "\"ana\"@example.com",
            "añá@example.com",
            "ana@-ñandú.cl",
            "ana@ñandú..cl",
            "ana@ñandú",
            "ana@ñan dú.cl",
            "ana@ñandú/x.cl",
            "ana@example.com.",
            "Ana <ana@example.com>",
            "ana@example.com\r\nBcc: eve@example.com",
            "ana,eva@example.com",
        ] {
            assert_eq!(text.parse::<Email>(), Err(InvalidEmail), "{text:?}");
        }
    }

    #[test]
    fn a_new_password_is_long_and_not_the_address() {
        let email: Email = "ana.maria.lopez@example.com".parse().expect("valid");
        let refused = |text: &str| {
            let mut fields = Fields::new();
            Password::new(text).check_new("/password", Some(&email), &mut fields);
            fields.finish().err().map(|error| error.field_errors()[0].detail.clone())
        };
        assert_eq!(refused("tres tristes tigres"), None);
        assert_eq!(refused("ñandú 1234"), None);
        assert_eq!(refused("123456789").as_deref(), Some("Must have between 10 and 128 characters."));
        assert_eq!(refused(&"ab".repeat(65)).as_deref(), Some("Must have between 10 and 128 characters."));
        assert_eq!(refused("aaaaaaaaaaaa").as_deref(), Some("Must have more than one different character."));
        assert_eq!(refused("Ana.Maria.Lopez").as_deref(), Some("Must not be the e-mail address."));
    }

    #[test]
    fn secrets_do_not_show_in_logs() {
        let mut user = user();
        user.change_password(PasswordHash("$argon2id$secret".to_owned()));
        let shown = format!("{user:?} {:?}", Password::new("correct horse"));
        assert!(!shown.contains("secret") && !shown.contains("horse") && !shown.contains("ana@"), "{shown}");
    }

    #[test]
    fn the_standing_follows_the_asked_the_former_then_the_last_chosen_tenant() {
        let [a, b, foreign] = tenants();
        let at = |role, tenant| Ok(ActingRole { role, tenant: Some(tenant) });
        let codes = |result: Result<ActingRole>| result.map_err(|error| error.code());
        let mut user = user();
        user.verify_email(now());
        assert_eq!(codes(user.standing(None, None, &Demand::NONE)), Ok(ActingRole::BUYER));

        user.set_role(b, Some(Role::Scanner)).expect("room");
        assert_eq!(codes(user.standing(None, None, &Demand::NONE)), at(Role::Scanner, b));

        user.set_role(a, Some(Role::Admin)).expect("room");
        assert_eq!(
            codes(user.standing(None, None, &Demand::NONE)),
            at(Role::Scanner, b),
            "a second workplace changes nothing"
        );
        assert_eq!(codes(user.standing(None, Some(a), &Demand::NONE)), at(Role::Admin, a));
        assert_eq!(codes(user.standing(Some(b), Some(a), &Demand::NONE)), at(Role::Scanner, b));
        assert_eq!(codes(user.standing(Some(foreign), Some(a), &Demand::NONE)), Err("not_a_member"));
        user.last_tenant = Some(a);
        assert_eq!(codes(user.standing(None, None, &Demand::NONE)), at(Role::Admin, a), "chosen last");

        user.set_role(a, None).expect("always");
        assert_eq!(codes(user.standing(None, Some(a), &Demand::NONE)), at(Role::Scanner, b), "what is left");
    }

    #[test]
    fn roles_wait_for_a_verified_address() {
        let [tenant] = tenants();
        let mut user = user();
        user.set_role(tenant, Some(Role::Organizer)).expect("room");
        assert_eq!(user.standing(None, Some(tenant), &Demand::NONE).expect("a buyer"), ActingRole::BUYER);
        assert_eq!(
            user.standing(Some(tenant), None, &Demand::NONE).expect_err("refused").code(),
            "email_unverified"
        );
    }

    #[test]
    fn memberships_are_bounded() {
        let mut user = user();
        for tenant in tenants::<MAX_MEMBERSHIPS>() {
            user.set_role(tenant, Some(Role::Scanner)).expect("room");
        }
        let first = *user.staff.first_key_value().expect("some").0;
        let [another] = tenants();
        assert_eq!(
            user.set_role(another, Some(Role::Scanner)).expect_err("full").code(),
            "too_many_memberships"
        );
        user.set_role(first, Some(Role::Admin)).expect("changes do not add");
        user.set_role(first, Some(Role::User)).expect("a buyer is no member");
        user.set_role(another, Some(Role::Scanner)).expect("room again");
    }

    #[test]
    fn the_owner_of_an_address_takes_the_account_from_a_stranger() {
        let mut user = user();
        user.password_hash = Some(PasswordHash("a stranger's".to_owned()));
        (user.name, user.phone) = ("Your account is blocked".to_owned(), Some("300 555 0100".to_owned()));
        user.claim(now());
        assert_eq!((user.password_hash.clone(), user.session_epoch), (None, 1));
        assert_eq!((user.name.as_str(), user.phone.as_deref()), ("", None));
        assert!(user.email_verified_at.is_some());

        user.change_password(PasswordHash("the owner's".to_owned()));
        user.claim(now());
        assert_eq!((user.password_hash.is_some(), user.session_epoch), (true, 2));
    }

    #[test]
    fn a_strict_tenant_gives_its_role_to_two_factors_only() {
        let mut user = user();
        user.verify_email(now());
        let [strict, other] = tenants();
        user.set_role(strict, Some(Role::Admin)).expect("a role");
        let demanding = BTreeSet::from([strict]);
        let one = Demand { strict: &demanding, proofs: &[Proof::Pwd] };
        let two = Demand { strict: &demanding, proofs: &[Proof::Pwd, Proof::Otp] };
        let code = |asked, demand| user.standing(asked, Some(strict), demand).map_err(|error| error.code());
        assert_eq!(code(Some(strict), &one), Err("second_factor_required"));
        assert_eq!(code(None, &one), Ok(ActingRole::BUYER), "a buyer all the same");
        let admin = ActingRole { role: Role::Admin, tenant: Some(strict) };
        assert_eq!((code(Some(strict), &two), code(None, &two)), (Ok(admin), Ok(admin)));
        user.set_role(other, Some(Role::Scanner)).expect("a role");
        let scanner = ActingRole { role: Role::Scanner, tenant: Some(other) };
        let standing = user.standing(None, Some(strict), &one).expect("a standing");
        assert_eq!(standing, scanner, "the one that one factor opens");
    }
}
