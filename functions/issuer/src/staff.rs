//! Mails that invite people to an organiser's staff.

use domain::{InvitationId, Person, Result, TenantId};
use queue::{InvitationMail, Mail, MailMessage};

use crate::State;
use crate::compose::organiser;

/// The mail with the invitation; `None` if it is no longer open.
pub(crate) async fn invited(
    state: &State,
    tenant: TenantId,
    invitation: InvitationId,
) -> Result<Option<MailMessage>> {
    let found = state.store.invitation(tenant, invitation).await?;
    let Some(invitation) = found.filter(|invitation| invitation.is_open(state.clock.now())) else {
        return Ok(None);
    };
    let organiser = organiser(&*state.tenant(tenant).await?);
    Ok(Some(MailMessage {
        // Without a name: it would tell the organiser that the address has an account.
        to: Person { email: invitation.email.as_str().to_owned(), name: String::new() },
        language: invitation.language,
        reply_to: Some(invitation.by.clone()),
        mail: Mail::StaffInvitation(InvitationMail {
            tenant,
            role: invitation.role,
            by: invitation.by,
            expires_at: invitation.expires_at,
            organiser,
        }),
        images: Vec::new(),
        consent: None,
    }))
}
