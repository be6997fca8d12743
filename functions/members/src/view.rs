//! A member as supervisors see it in the API.

use domain::member::Member;
use domain::national_id::IdKind;
use domain::user::Email;
use domain::{Language, MemberId, Timestamp, UserId};
use schemars::JsonSchema;
use serde::Serialize;

/// A person in an organiser's community; needs no login.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MemberView {
    /// The member's id.
    id: MemberId,
    /// The full name.
    name: String,
    /// The e-mail address; no other member has it.
    email: Email,
    /// The national id without signs between its letters and digits; no other
    /// member has it.
    dni: Option<String>,
    /// The national id as people write it.
    dni_formatted: Option<String>,
    /// The kind of document that the national id is.
    dni_kind: Option<IdKind>,
    /// The country of the national id, as an ISO 3166-1 alpha-2 code.
    country: String,
    /// The telephone number as the person wrote it.
    phone: Option<String>,
    /// The person's city.
    city: Option<String>,
    /// When the person joined the community.
    registration_date: Timestamp,
    /// How the person heard of the community.
    how_did_you_find_us: Option<String>,
    /// The person's favourite genre of music.
    favorite_music_genre: Option<String>,
    /// True if the subscription is active. Needed to ask for discounts.
    subscription_active: bool,
    /// True if the monthly fee is paid. Needed to ask for discounts.
    monthly_fee_current: bool,
    /// The language of mails to the member.
    language: Language,
    /// When a mail to the address came back for good; null if none did.
    email_bounced_at: Option<Timestamp>,
    /// When the member was entered.
    created_at: Timestamp,
    /// When the member was last changed.
    updated_at: Timestamp,
    /// The id of the person on the staff who made the last change, if one did.
    updated_by: Option<UserId>,
    /// Counts changes, from 1. A change can name the version that it is based on.
    version: u32,
}

impl From<Member> for MemberView {
    fn from(member: Member) -> Self {
        Self {
            id: member.id,
            name: member.name,
            email: member.email,
            dni: member.dni.as_ref().map(|id| id.number().to_owned()),
            dni_formatted: member.dni.as_ref().map(ToString::to_string),
            dni_kind: member.dni.as_ref().map(|id| id.kind()),
            country: member.country,
            phone: member.phone,
            city: member.city,
            registration_date: member.registration_date,
            how_did_you_find_us: member.how_did_you_find_us,
            favorite_music_genre: member.favorite_music_genre,
            subscription_active: member.subscription_active,
            monthly_fee_current: member.monthly_fee_current,
            language: member.language,
            email_bounced_at: member.email_bounced_at,
            created_at: member.created_at,
            updated_at: member.updated_at,
            updated_by: member.updated_by,
            version: member.version,
        }
    }
}
