//! The organiser's own wordings of the mails about discounts.

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use axum::response::NoContent;
use domain::audit::AuditNote;
use domain::error::Fields;
use domain::mail_template::{
    Facts, MAX_BODY, MAX_SUBJECT, MailTemplate, TemplateName, Wording, check, page, render,
};
use domain::text::{Line, Paragraph};
use domain::{Error, Language, Result, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::OnRefused;
use web::{Answer, Json, Page, Paging, Path, Refuses, Shared, Supervisor, based_on};

use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    const WORDING: &str = "Plain text with the variables {{ name }}, {{ email }}, {{ show }}, {{ artist }}, \
         {{ venue }}, {{ city }}, {{ date }}, {{ organizer }}, {{ code }}, {{ link }} and {{ discount }}, and \
         with {% if code %} .. {% elif link %} .. {% else %} .. {% endif %}. An empty line begins a new paragraph, \
         and addresses become links. An approval must use {{ code }} or {{ link }}.";
    ApiRouter::new()
        .api_route(
            "/api/v1/supervision/templates",
            get_with(list, |op| {
                op.id("listMailTemplates")
                    .summary("List the wordings of all mails")
                    .tag("Supervision")
                    .description("For each mail and language your own wording or, with version 0, ours.")
            }),
        )
        .api_route(
            "/api/v1/supervision/templates/preview",
            post_with(preview, |op| {
                op.id("previewMailTemplate")
                    .summary("See a wording with sample data")
                    .tag("Supervision")
                    .description("As it would be mailed. Saves nothing.")
            }),
        )
        .api_route(
            "/api/v1/supervision/templates/{name}/{language}",
            get_with(show, |op| {
                op.id("showMailTemplate").summary("Show the wording of a mail").tag("Supervision")
            })
            .put_with(replace, |op| {
                op.id("replaceMailTemplate")
                    .summary("Word a mail yourself")
                    .tag("Supervision")
                    .description(WORDING)
                    .refuses(["changed_meanwhile", "refused_fields"])
            })
            .delete_with(reset, |op| {
                op.id("deleteMailTemplate")
                    .summary("Go back to our wording of a mail")
                    .tag("Supervision")
                    .description("Your versions stay and can be restored.")
                    .refuses(["changed_meanwhile"])
            }),
        )
        .api_route(
            "/api/v1/supervision/templates/{name}/{language}/versions",
            get_with(versions, |op| {
                op.id("listMailTemplateVersions")
                    .summary("List your wordings of a mail, the newest first")
                    .tag("Supervision")
            }),
        )
        .api_route(
            "/api/v1/supervision/templates/{name}/{language}/restore",
            post_with(restore, |op| {
                op.id("restoreMailTemplate")
                    .summary("Word a mail as it was once")
                    .tag("Supervision")
                    .description("The old wording becomes a new version.")
                    .refuses(["version_not_found", "changed_meanwhile"])
            }),
        )
}

/// `/templates/{name}/{language}`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
struct TemplatePath {
    /// The mail's name.
    name: TemplateName,
    /// The language of the wording.
    language: Language,
}

/// A new wording of a mail.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewWording {
    /// The subject, at most 150 characters.
    subject: Line<1, MAX_SUBJECT>,
    /// The body, at most 10,000 characters.
    body: Paragraph<1, MAX_BODY>,
    /// The version that the change is based on; refused if another is current. 0 is the built-in
    /// wording.
    version: Option<u32>,
}

/// A wording to preview.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Draft {
    /// The name of the mail that it words.
    name: TemplateName,
    /// The language of the wording.
    language: Language,
    /// The subject, at most 150 characters.
    subject: Line<1, MAX_SUBJECT>,
    /// The body, at most 10,000 characters.
    body: Paragraph<1, MAX_BODY>,
}

/// A mail as it would be sent, with sample data.
#[derive(Debug, Serialize, JsonSchema)]
struct Preview {
    /// The subject of the mail.
    subject: String,
    /// The body as plain text.
    text: String,
    /// The body as an HTML page.
    html: String,
}

/// The wording to restore.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OldVersion {
    /// The version to restore; 0 is the built-in wording.
    version: u32,
}

async fn list(Shared(state): Shared<State>, supervisor: Supervisor) -> Answer<Json<Page<MailTemplate>>> {
    // Three mails in two languages: there is never a second page.
    let all = state.store.mail_templates(supervisor.tenant).await?;
    Ok(Json(Page::new(all, None)))
}

async fn show(
    Shared(state): Shared<State>,
    supervisor: Supervisor,
    Path(path): Path<TemplatePath>,
) -> Answer<Json<MailTemplate>> {
    Ok(Json(holding(&state, &supervisor, path).await?))
}

async fn replace(
    Shared(state): Shared<State>,
    supervisor: Supervisor,
    Path(path): Path<TemplatePath>,
    Json(new): Json<NewWording>,
) -> Answer<Json<MailTemplate>> {
    checked(path.name, &new.subject, &new.body)?;
    let before = holding(&state, &supervisor, path).await?;
    let wording = Wording { subject: new.subject.into(), body: new.body.into() };
    Ok(Json(save(&state, &supervisor, before, wording, new.version, "save").await?))
}

async fn reset(
    Shared(state): Shared<State>,
    supervisor: Supervisor,
    Path(path): Path<TemplatePath>,
) -> Answer<NoContent> {
    let before = holding(&state, &supervisor, path).await?;
    let note = note(&supervisor, &before, "reset", state.clock.now());
    state.store.reset_mail_template(&before, &note).await.on_refused(Error::changed_meanwhile)?;
    Ok(NoContent)
}

async fn versions(
    Shared(state): Shared<State>,
    supervisor: Supervisor,
    Path(path): Path<TemplatePath>,
    paging: Paging,
) -> Answer<Json<Page<MailTemplate>>> {
    let after = paging.after.as_deref();
    let page = state
        .store
        .mail_template_versions(supervisor.tenant, path.name, path.language, after, paging.limit)
        .await?;
    Ok(Json(Page::new(page.items, page.last)))
}

async fn restore(
    Shared(state): Shared<State>,
    supervisor: Supervisor,
    Path(path): Path<TemplatePath>,
    Json(old): Json<OldVersion>,
) -> Answer<Json<MailTemplate>> {
    let before = holding(&state, &supervisor, path).await?;
    let TemplatePath { name, language } = path;
    let old = state.store.mail_template_version(supervisor.tenant, name, language, old.version).await;
    let old = old?.ok_or_else(|| {
        Error::not_found("version_not_found", "There is no such version. List the versions and choose one.")
    })?;
    if old.version == 0 {
        let note = note(&supervisor, &before, "restore", state.clock.now());
        state.store.reset_mail_template(&before, &note).await.on_refused(Error::changed_meanwhile)?;
        return Ok(Json(old));
    }
    Ok(Json(
        save(&state, &supervisor, before, Wording { subject: old.subject, body: old.body }, None, "restore")
            .await?,
    ))
}

async fn preview(
    Shared(state): Shared<State>,
    supervisor: Supervisor,
    Json(draft): Json<Draft>,
) -> Answer<Json<Preview>> {
    checked(draft.name, &draft.subject, &draft.body)?;
    let tenant = state.store.tenant(supervisor.tenant).await?;
    let tenant = tenant.ok_or_else(|| Error::not_found("tenant_not_found", "There is no such organiser."))?;
    let facts = Facts { organizer: tenant.name.clone(), ..Facts::sample(draft.name, draft.language) };
    let wording = render(&draft.subject, &draft.body, &facts)?;
    let page = page(&wording, draft.language, &tenant, &state.public_url)?;
    Ok(Json(Preview { subject: page.subject, text: page.text, html: page.html }))
}

/// The current wording: the organiser's own, or the built-in one with version 0.
async fn holding(state: &State, supervisor: &Supervisor, path: TemplatePath) -> Result<MailTemplate> {
    Ok(state.store.mail_template(supervisor.tenant, path.name, path.language).await?)
}

fn checked(name: TemplateName, subject: &str, body: &str) -> Result<()> {
    let mut fields = Fields::new();
    check(name, subject, body, &mut fields);
    fields.finish()
}

/// Saves a checked wording as a new version. One that is current already makes no new
/// version, so that a retry changes nothing.
async fn save(
    state: &State,
    supervisor: &Supervisor,
    before: MailTemplate,
    wording: Wording,
    version: Option<u32>,
    action: &str,
) -> Result<MailTemplate> {
    if before.version != 0 && (&before.subject, &before.body) == (&wording.subject, &wording.body) {
        return Ok(before);
    }
    based_on(version, before.version)?;
    let note = note(supervisor, &before, action, state.clock.now());
    state.store.save_mail_template(&before, wording, &note).await.on_refused(Error::changed_meanwhile)
}

fn note(supervisor: &Supervisor, template: &MailTemplate, action: &str, now: Timestamp) -> AuditNote {
    let subject = format!("{}.{}", template.name.name(), template.language.code());
    supervisor.note(format!("mail_template.{action}"), subject, now)
}
