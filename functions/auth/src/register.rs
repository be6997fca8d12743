use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::text::{Line, Phone};
use domain::user::{Email, LinkPurpose, MAX_NAME, Password, User};
use domain::{Error, Language};
use schemars::JsonSchema;
use serde::Deserialize;
use store::{Failure, LinkGrant};
use web::{Answer, ClientNetwork, Json, Refuses, Shared};

use crate::limits::Tries;
use crate::link::{Accepted, NewLink};
use crate::{State, hashing, strength};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/auth/register",
        post_with(register, |op| {
            op.id("register").tag("Auth").summary("Register").description(
                "Makes an account, in which one can sign in with the password at once, and mails a link that \
                 confirms the address. If the address has an account already, nothing changes and the mail \
                 says so; the answer is the same.",
            )
            .refuses(["too_many_tries"])
        }),
    )
}

/// The data of a new account.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Registration {
    /// The e-mail address, with which the user signs in.
    email: Email,
    /// The password: 10 to 128 characters, not a common one, and not made of the address or
    /// the name.
    #[schemars(length(min = 10))]
    password: Password,
    /// The name as it should stand on tickets. Empty if missing.
    #[serde(default)]
    name: Line<0, MAX_NAME>,
    /// A telephone number, such as `+57 300 555 0100`.
    phone: Option<Phone>,
    /// The language of mails to the user: `es` if missing.
    #[serde(default)]
    language: Language,
}

/// Does the same work for a new address as for a known one: one hash, the same reads, one
/// write with the mail. For a new account the write is a transaction, which takes a little
/// longer.
async fn register(
    Shared(state): Shared<State>,
    network: ClientNetwork,
    Json(registration): Json<Registration>,
) -> Answer<Accepted> {
    strength::check_new(&registration.password, &registration.email, &registration.name)?;
    let now = state.clock.now();
    let may_tell = Tries::new(&state, &registration.email, &network, None, now).count_notice().await?;
    let Registration { email, password, name, phone, language } = registration;
    let known = state.store.user_by_email(&state.fingerprints, &email).await?;
    if known.is_some() && !may_tell {
        // At least the fourth registration of this address today. No mail follows, so no hash is needed.
        return Ok(Accepted);
    }
    let hash = hashing::hash(password).await?;
    if let Some(user) = known {
        NewLink::new()?.mail_already_registered(&state, &user, now).await?;
        return Ok(Accepted);
    }
    let user = User {
        name: name.into(),
        phone: phone.and_then(Phone::some),
        language,
        password_hash: Some(hash),
        ..User::new(email, now)
    };
    let link = NewLink::new()?;
    let item = link.item(&state, &user, LinkGrant { purpose: LinkPurpose::Welcome, user: user.id }, now)?;
    match state.store.create_user(&state.fingerprints, &user, Some((&link.hash(), &item))).await {
        Ok(()) => {}
        // Another request registered the address after it was read.
        Err(Failure::Refused(_)) => {
            let owner = state.store.user_by_email(&state.fingerprints, &user.email).await;
            if let Some(user) = owner?.filter(|_| may_tell) {
                NewLink::new()?.mail_already_registered(&state, &user, now).await?;
            }
        }
        Err(failure) => return Err(Error::from(failure).into()),
    }
    Ok(Accepted)
}
