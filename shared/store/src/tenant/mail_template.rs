//! Tenants' own wordings of mails. Each version is an item that never changes; one more item says which
//! of them is current.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::audit::AuditNote;
use domain::mail_template::{MailTemplate, TemplateName, Wording};
use domain::{Language, TenantId};
use serde::{Deserialize, Serialize};

use crate::failure::accept_if_written;
use crate::items::{Part, number, to_item};
use crate::keys::Key;
use crate::tenant::audit::noted;
use crate::{Listing, Result, Store, keys};

/// The current version of a wording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Current {
    /// The current wording; if it is ours, its texts are not used.
    #[serde(flatten)]
    template: MailTemplate,
    /// The highest version that there ever was. Version numbers are never used again.
    latest: u32,
}

impl Current {
    /// The current wording.
    fn holds(self) -> MailTemplate {
        let MailTemplate { tenant_id, name, language, version, .. } = self.template;
        // Our wording may have changed since the tenant went back to it.
        if version == 0 { MailTemplate::ours(tenant_id, name, language) } else { self.template }
    }
}

impl Store {
    /// The current wording of the tenant's mail: the tenant's own or ours. Read consistently.
    pub async fn mail_template(
        &self,
        tenant: TenantId,
        name: TemplateName,
        language: Language,
    ) -> Result<MailTemplate> {
        let current = self.current_template(tenant, name, language).await?;
        Ok(current.map_or_else(|| MailTemplate::ours(tenant, name, language), Current::holds))
    }

    /// The current wordings of all of the tenant's mails, in every language.
    pub async fn mail_templates(&self, tenant: TenantId) -> Result<Vec<MailTemplate>> {
        let all =
            TemplateName::ALL.into_iter().flat_map(|name| Language::ALL.map(|language| (name, language)));
        let all: Vec<_> = all.collect();
        let partition = keys::tenant_partition(tenant);
        let own: Vec<Current> = self.list_all(&partition, keys::MAIL_TEMPLATE_PREFIX, all.len()).await?;
        let mut own: Vec<MailTemplate> = own.into_iter().map(Current::holds).collect();
        let mut holds = |name, language| {
            let place = own.iter().position(|own| own.name == name && own.language == language);
            place.map_or_else(|| MailTemplate::ours(tenant, name, language), |place| own.swap_remove(place))
        };
        Ok(all.into_iter().map(|(name, language)| holds(name, language)).collect())
    }

    /// A version of the tenant's wording; 0 is ours.
    pub async fn mail_template_version(
        &self,
        tenant: TenantId,
        name: TemplateName,
        language: Language,
        version: u32,
    ) -> Result<Option<MailTemplate>> {
        if version == 0 {
            return Ok(Some(MailTemplate::ours(tenant, name, language)));
        }
        self.get_consistent(&keys::mail_template_version(tenant, name.name(), language.code(), version)).await
    }

    /// A page of all versions of the tenant's wording, newest first.
    pub async fn mail_template_versions(
        &self,
        tenant: TenantId,
        name: TemplateName,
        language: Language,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Listing<MailTemplate>> {
        let partition = keys::mail_template_versions(tenant, name.name(), language.code());
        self.list(&partition, keys::MAIL_TEMPLATE_VERSION_PREFIX, after, limit, true).await
    }

    /// Saves a new version, which is current from then on, unless another version than `before` became
    /// current meanwhile. `note` says who does it and when.
    ///
    /// # Errors
    /// [`Failure::Refused`] if another version is current.
    pub async fn save_mail_template(
        &self,
        before: &MailTemplate,
        wording: Wording,
        note: &AuditNote,
    ) -> Result<MailTemplate> {
        let current = self.current_template(before.tenant_id, before.name, before.language).await?;
        let latest = current.as_ref().map_or(0, |current| current.latest);
        let template = MailTemplate {
            version: latest + 1,
            subject: wording.subject,
            body: wording.body,
            created_at: current.as_ref().map_or(note.at, |current| current.template.created_at),
            updated_at: note.at,
            updated_by: Some(note.by),
            ..before.clone()
        };
        let (name, language) = (template.name.name(), template.language.code());
        let key = keys::mail_template_version(template.tenant_id, name, language, template.version);
        let after = Current { template: template.clone(), latest: template.version };
        let writes = vec![
            self.put_new_part(&key, &template)?,
            self.current_part(&after, current.map(|current| current.latest), before.version, note)?,
        ];
        self.hold_template(writes, &after).await?;
        Ok(template)
    }

    /// Goes back to our own wording, unless another version than `before` became current meanwhile. The
    /// versions stay. Safe to repeat.
    ///
    /// # Errors
    /// [`Failure::Refused`] if another version is current.
    pub async fn reset_mail_template(&self, before: &MailTemplate, note: &AuditNote) -> Result<()> {
        let current = self.current_template(before.tenant_id, before.name, before.language).await?;
        let Some(current) = current.filter(|current| current.template.version != 0) else { return Ok(()) };
        let template = MailTemplate {
            created_at: current.template.created_at,
            updated_at: note.at,
            updated_by: Some(note.by),
            ..MailTemplate::ours(before.tenant_id, before.name, before.language)
        };
        let after = Current { template, latest: current.latest };
        let part = self.current_part(&after, Some(current.latest), before.version, note)?;
        self.hold_template(vec![part], &after).await
    }

    async fn current_template(
        &self,
        tenant: TenantId,
        name: TemplateName,
        language: Language,
    ) -> Result<Option<Current>> {
        self.get_consistent(&keys::mail_template(tenant, name.name(), language.code())).await
    }

    /// The part of a transaction that sets the current version, if version `holds` is still current and
    /// `latest` is the highest.
    fn current_part(
        &self,
        after: &Current,
        latest: Option<u32>,
        holds: u32,
        note: &AuditNote,
    ) -> Result<TransactWriteItem> {
        let mut item = to_item(&current_key(&after.template), after)?;
        item.extend([noted(note)?]);
        let put = self.putting(item);
        let put = match latest {
            None => put.condition_expression("attribute_not_exists(PK)"),
            Some(latest) => put
                .condition_expression("latest = :latest AND version = :holds")
                .expression_attribute_values(":latest", number(latest))
                .expression_attribute_values(":holds", number(holds)),
        };
        put.part()
    }

    /// Carries `writes` out. A refusal counts as success if `after` is stored: then only the answer was
    /// lost.
    async fn hold_template(&self, writes: Vec<TransactWriteItem>, after: &Current) -> Result<()> {
        let is_written = async {
            let current: Option<Current> = self.get_consistent(&current_key(&after.template)).await?;
            Ok(current.as_ref() == Some(after))
        };
        accept_if_written(self.transact(writes).await, is_written).await
    }
}

fn current_key(template: &MailTemplate) -> Key {
    keys::mail_template(template.tenant_id, template.name.name(), template.language.code())
}

#[cfg(test)]
mod tests {
    use domain::UserId;
    use domain::testing::at;

    use super::*;
    use crate::Failure;
    use crate::testing::{at_once, forgetful, store};

    const NAME: TemplateName = TemplateName::DiscountApproved;

    fn note(tenant_id: TenantId, second: i64) -> AuditNote {
        AuditNote {
            tenant_id,
            by: UserId::generate(at(0)),
            by_email: "coordina@example.com".to_owned(),
            action: "mail_template.save".to_owned(),
            subject: "discount_approved.es".to_owned(),
            at: at(second),
        }
    }

    async fn save(store: &Store, before: &MailTemplate, body: &str, second: i64) -> Result<MailTemplate> {
        let wording = Wording { subject: "Hola".to_owned(), body: body.to_owned() };
        store.save_mail_template(before, wording, &note(before.tenant_id, second)).await
    }

    async fn holds(store: &Store, tenant: TenantId) -> MailTemplate {
        store.mail_template(tenant, NAME, Language::Es).await.expect("read")
    }

    #[tokio::test]
    async fn versions_stay_and_their_numbers_are_never_used_again() {
        let store = store().await;
        let tenant = TenantId::generate(at(0));
        let ours = holds(&store, tenant).await;
        assert_eq!(ours, MailTemplate::ours(tenant, NAME, Language::Es));
        let first = save(&store, &ours, "Uno", 1).await.expect("saved");
        assert_eq!(holds(&store, tenant).await, first);
        let second = save(&store, &first, "Dos", 2).await.expect("saved");
        assert_eq!((second.version, second.created_at, second.updated_at), (2, at(1), at(2)));
        store.reset_mail_template(&second, &note(tenant, 3)).await.expect("reset");
        assert_eq!(holds(&store, tenant).await, ours);
        let third = save(&store, &ours, "Tres", 4).await.expect("saved");
        assert_eq!((third.version, third.created_at), (3, at(1)));

        let versions = |after: Option<String>| {
            let store = &store;
            async move {
                let page =
                    store.mail_template_versions(tenant, NAME, Language::Es, after.as_deref(), 2).await;
                page.expect("listed")
            }
        };
        let page = versions(None).await;
        assert_eq!(page.items, [third, second]);
        assert_eq!(versions(page.last).await.items, std::slice::from_ref(&first));
        let version = store.mail_template_version(tenant, NAME, Language::Es, 1).await;
        assert_eq!(version.expect("read"), Some(first));
        let english = store.mail_template(tenant, NAME, Language::En).await.expect("read");
        assert_eq!(english.version, 0);
        let all = store.mail_templates(tenant).await.expect("listed");
        assert_eq!(all.iter().map(|template| template.version).collect::<Vec<_>>(), [3, 0, 0, 0, 0, 0]);
        let other = TenantId::generate(at(0));
        let foreign = store.mail_template_version(other, NAME, Language::Es, 1).await;
        assert_eq!(foreign.expect("read"), None);
    }

    #[tokio::test]
    async fn a_stale_editor_does_not_overwrite_a_change() {
        let store = store().await;
        let tenant = TenantId::generate(at(0));
        let ours = holds(&store, tenant).await;
        let first = save(&store, &ours, "Uno", 1).await.expect("saved");
        assert!(matches!(save(&store, &ours, "Dos", 2).await, Err(Failure::Refused(_))));
        assert!(matches!(store.reset_mail_template(&ours, &note(tenant, 3)).await, Err(Failure::Refused(_))));
        store.reset_mail_template(&first, &note(tenant, 3)).await.expect("reset");
        store.reset_mail_template(&first, &note(tenant, 4)).await.expect("it is ours already");
        assert!(matches!(save(&store, &first, "Dos", 5).await, Err(Failure::Refused(_))));
        assert_eq!(holds(&store, tenant).await, ours);
    }

    #[tokio::test]
    async fn a_lost_answer_is_no_refusal() {
        let store = store().await;
        let tenant = TenantId::generate(at(0));
        let deaf = forgetful(&store, 1);
        let first = save(&deaf, &holds(&store, tenant).await, "Uno", 1).await.expect("saved");
        assert_eq!(first.version, 1);
        deaf.reset_mail_template(&first, &note(tenant, 2)).await.expect("reset");
        assert_eq!(holds(&store, tenant).await.version, 0);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_many_editors_one_saves_and_the_others_are_told() {
        let store = store().await;
        let tenant = TenantId::generate(at(0));
        let ours = holds(&store, tenant).await;
        let saved = at_once(16, |index| {
            let (store, ours) = (store.clone(), ours.clone());
            async move { save(&store, &ours, &format!("De {index}"), 1).await.ok() }
        });
        let saved: Vec<_> = saved.await.into_iter().flatten().collect();
        assert_eq!(saved, [holds(&store, tenant).await]);
    }
}
