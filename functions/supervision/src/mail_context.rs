//! The data that the mails of requests are made of.

use std::collections::{BTreeSet, HashMap};
use std::ops::Deref;

use domain::discount::{DecisionType, DiscountRequest, code, facts};
use domain::mail_template::{MailTemplate, TemplateName, Wording, render};
use domain::tenant::Tenant;
use domain::{Error, EventId, Language, Result, TenantId};
use futures::future::try_join_all;
use store::EventRecord;

use crate::State;

/// A template, its language and its version.
type TemplateKey = (TemplateName, Language, u32);

/// The data for the mails of some of a tenant's requests, each item read once.
pub(crate) struct MailContext {
    secret: [u8; 32],
    public_url: String,
    pub(crate) tenant: Tenant,
    shows: HashMap<EventId, EventRecord>,
    templates: HashMap<TemplateKey, MailTemplate>,
}

fn template_key(request: &DiscountRequest) -> TemplateKey {
    (request.outcome().template(), request.language, request.template_version)
}

impl State {
    /// Reads the data for the mails of these requests of the tenant.
    pub(crate) async fn mail_context(
        &self,
        tenant: TenantId,
        requests: &[DiscountRequest],
    ) -> Result<MailContext> {
        let shows: BTreeSet<EventId> = requests.iter().map(|request| request.show_id).collect();
        let shows: Vec<EventId> = shows.into_iter().collect();
        let unworded = requests.iter().filter(|request| request.mail.is_none());
        let mut wanted: Vec<TemplateKey> = unworded.map(template_key).collect();
        wanted.sort_unstable_by_key(|(name, language, version)| (*name, language.code(), *version));
        wanted.dedup();
        let templates = wanted.into_iter().map(|(name, language, version)| async move {
            let found = self.store.mail_template_version(tenant, name, language, version).await?;
            Ok::<_, Error>(found.map(|template| ((name, language, version), template)))
        });
        let (found, shows, templates) = tokio::try_join!(
            async { Ok(self.store.tenant(tenant).await?) },
            async { Ok(self.store.events_of(&shows).await?) },
            try_join_all(templates),
        )?;
        Ok(MailContext {
            secret: *self.codes,
            public_url: self.public_url.to_string(),
            tenant: found
                .ok_or_else(|| Error::not_found("tenant_not_found", "There is no such organiser."))?,
            shows: shows.into_iter().map(|show| (show.id, show)).collect(),
            templates: templates.into_iter().flatten().collect(),
        })
    }
}

impl MailContext {
    /// The show of a request, if there still is one.
    pub(crate) fn show(&self, request: &DiscountRequest) -> Option<&EventRecord> {
        self.shows.get(&request.show_id)
    }

    /// The text that the mail of an approval must contain: the link of another seller of the
    /// tickets, or the code. `None` if the request is not to be approved.
    pub(crate) fn must_say(&self, request: &DiscountRequest) -> Option<String> {
        let is_approval = request.outcome() == DecisionType::Approved;
        let link = self.show(request).and_then(|show| show.ticketing_link.clone());
        is_approval.then(|| link.unwrap_or_else(|| code(request.id, &self.secret).to_string()))
    }

    /// The mail that answers the request: as it was worded or sent, else from its template.
    pub(crate) fn mail(&self, request: &DiscountRequest) -> Result<Wording> {
        if let Some(mail) = &request.mail {
            return Ok(mail.clone());
        }
        let (name, language, _) = template_key(request);
        let ours = || MailTemplate::ours(request.tenant_id, name, language);
        let template = self.templates.get(&template_key(request)).cloned().unwrap_or_else(ours);
        let code = code(request.id, &self.secret);
        let show = self.show(request).map(Deref::deref);
        let facts = facts(request, show, &self.tenant.name, &code, &self.public_url);
        render(&template.subject, &template.body, &facts)
    }
}
