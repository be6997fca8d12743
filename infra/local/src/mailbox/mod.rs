//! Pages that show what was sent by e-mail, for people and for scripts.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderValue, StatusCode, header};
use minijinja::value::Serde;
use minijinja::{Environment, context};
use serde::{Deserialize, Serialize};

use cloud::services::{Mail, MailOutcome, Mailbox};

/// The most messages that a page or a list shows.
const MOST_SHOWN: usize = 200;
/// Nothing but the page's own styles: what is shown was written by others.
const PAGE_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; form-action 'none'";
/// A message may style itself, show its own images, and open links in new tabs.
const MAIL_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; \
    sandbox allow-popups allow-popups-to-escape-sandbox";

struct Pages {
    mailbox: Mailbox,
    templates: Environment<'static>,
}

/// The routes under `/local/`.
pub(crate) fn routes(mailbox: Mailbox) -> Router {
    let mut templates = Environment::new();
    for (name, source) in [("list.html", include_str!("list.html")), ("mail.html", include_str!("mail.html"))]
    {
        templates
            .add_template(name, source)
            .expect("the template is part of the program and a test renders it");
    }
    templates.add_global("style", minijinja::Value::from_safe_string(include_str!("style.css").to_owned()));
    Router::new()
        .route("/local/mailbox", get(list))
        .route("/local/mailbox.json", get(list_json))
        .route("/local/mailbox/{id}", get(show))
        .route("/local/mailbox/{id}/html", get(show_html))
        .route("/local/mailbox/{id}/files/{index}", get(download))
        .with_state(Arc::new(Pages { mailbox, templates }))
}

/// A message as the pages and scripts see it.
#[derive(Serialize)]
struct View<'a> {
    id: &'a str,
    sent_at: String,
    from: &'a str,
    to: String,
    subject: &'a str,
    text: Option<&'a str>,
    html: Option<&'a str>,
    has_html: bool,
    /// What becomes of it: of several recipients, the worst.
    fate: &'static str,
    attachments: Vec<File<'a>>,
}

#[derive(Serialize)]
struct File<'a> {
    name: &'a str,
    content_type: &'a str,
    content_id: Option<&'a str>,
    bytes: usize,
    /// The address of its content.
    url: String,
}

impl<'a> View<'a> {
    fn new(mail: &'a Mail) -> Self {
        let file = |(index, file): (usize, &'a cloud::services::Attachment)| File {
            name: &file.file_name,
            content_type: &file.content_type,
            content_id: file.content_id.as_deref(),
            bytes: file.content.len(),
            url: format!("/local/mailbox/{}/files/{index}", mail.id),
        };
        Self {
            id: &mail.id,
            sent_at: mail.sent_at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            from: &mail.from,
            to: mail.recipients().collect::<Vec<_>>().join(", "),
            subject: &mail.subject,
            text: mail.text.as_deref(),
            html: mail.html.as_deref(),
            has_html: mail.html.is_some(),
            fate: mail.recipients().map(MailOutcome::of).max().unwrap_or(MailOutcome::Delivered).name(),
            attachments: mail.attachments.iter().enumerate().map(file).collect(),
        }
    }
}

async fn list(State(pages): State<Arc<Pages>>) -> Response {
    let mails = pages.mailbox.messages();
    let views: Vec<_> = mails.iter().rev().take(MOST_SHOWN).map(|mail| View::new(mail)).collect();
    pages.render("list.html", context! { mails => Serde(views) })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    /// Only messages to this address.
    to: Option<String>,
}

/// `GET /local/mailbox.json?to=`: the newest first.
async fn list_json(State(pages): State<Arc<Pages>>, Query(filter): Query<Filter>) -> Response {
    let mails = match &filter.to {
        Some(address) => pages.mailbox.find(address),
        None => pages.mailbox.messages(),
    };
    let views: Vec<_> = mails.iter().rev().take(MOST_SHOWN).map(|mail| View::new(mail)).collect();
    axum::Json(serde_json::json!({ "mails": views })).into_response()
}

async fn show(State(pages): State<Arc<Pages>>, Path(id): Path<String>) -> Response {
    let Some(mail) = pages.mailbox.message(&id) else { return missing() };
    pages.render("mail.html", context! { mail => Serde(View::new(&mail)) })
}

/// The HTML version alone, for the frame in the page.
async fn show_html(State(pages): State<Arc<Pages>>, Path(id): Path<String>) -> Response {
    let mail = pages.mailbox.message(&id);
    let Some(html) = mail.as_deref().and_then(with_images) else { return missing() };
    page(html, MAIL_POLICY)
}

/// The HTML with the images that it refers to by `cid:` inside it, and with its
/// links opening outside of the frame.
fn with_images(mail: &Mail) -> Option<String> {
    let mut html = mail.html.clone()?.replacen("<head>", "<head><base target=\"_blank\">", 1);
    for file in &mail.attachments {
        let Some(id) = &file.content_id else { continue };
        // Only images can be harmless here, and only a plain type fits the quotes.
        let plain = |c: char| c.is_ascii_alphanumeric() || "/+.-".contains(c);
        if file.content_type.starts_with("image/") && file.content_type.chars().all(plain) {
            let data = format!("data:{};base64,{}", file.content_type, BASE64.encode(&file.content));
            html = html.replace(&format!("\"cid:{id}\""), &format!("\"{data}\""));
        }
    }
    Some(html)
}

async fn download(State(pages): State<Arc<Pages>>, Path((id, index)): Path<(String, usize)>) -> Response {
    let mail = pages.mailbox.message(&id);
    let Some(file) = mail.as_deref().and_then(|mail| mail.attachments.get(index)) else { return missing() };
    let mut response = file.content.clone().into_response();
    let headers = response.headers_mut();
    let content_type = HeaderValue::try_from(&file.content_type);
    headers.insert(
        header::CONTENT_TYPE,
        content_type.unwrap_or(HeaderValue::from_static("application/octet-stream")),
    );
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    response
}

impl Pages {
    fn render(&self, template: &str, context: minijinja::Value) -> Response {
        match self.templates.get_template(template).and_then(|template| template.render(context)) {
            Ok(html) => page(html, PAGE_POLICY),
            Err(error) => {
                tracing::error!(template, %error, "a page cannot be rendered");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

fn page(html: String, policy: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, policy),
    ];
    (headers, html).into_response()
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, "There is no such message in the mailbox.").into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use http::Request;
    use tower::ServiceExt;

    use super::*;
    use cloud::services::Attachment;

    fn a_mail() -> Mail {
        Mail {
            id: "0100".to_owned(),
            from: "Boletería <boleteria@taquilla.example>".to_owned(),
            to: vec!["\"<b>Ana</b>\" <ana@example.org>".to_owned()],
            subject: "<script>alert(1)</script>".to_owned(),
            html: Some("<html><head></head><body><img src=\"cid:qr-1\"></body></html>".to_owned()),
            text: Some("</pre><script>alert(2)</script>".to_owned()),
            attachments: vec![Attachment {
                file_name: "qr.png".to_owned(),
                content_type: "image/png".to_owned(),
                content_id: Some("qr-1".to_owned()),
                inline: true,
                content: b"\x89PNG".to_vec(),
            }],
            ..Mail::default()
        }
    }

    async fn get(path: &str) -> (StatusCode, String) {
        let mailbox = Mailbox::default();
        mailbox.add(a_mail()).expect("in memory");
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let response = routes(mailbox).oneshot(request).await.expect("infallible");
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await.expect("short");
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn pages_escape_what_others_wrote() {
        for path in ["/local/mailbox", "/local/mailbox/0100"] {
            let (status, body) = get(path).await;
            assert_eq!(status, StatusCode::OK);
            assert!(body.contains("&lt;script&gt;alert(1)"), "{body}");
            assert!(!body.contains("<script>") && !body.contains("<b>"), "{body}");
        }
    }

    #[tokio::test]
    async fn inline_images_show_and_can_be_fetched() {
        let (_, html) = get("/local/mailbox/0100/html").await;
        assert!(html.contains("<img src=\"data:image/png;base64,iVBORw==\">"), "{html}");
        assert!(html.contains("<base target=\"_blank\">"), "{html}");
        let (_, list) = get("/local/mailbox.json?to=ana@example.org").await;
        let list: serde_json::Value = serde_json::from_str(&list).expect("JSON");
        let url = list["mails"][0]["attachments"][0]["url"].as_str().expect("a link");
        assert_eq!(get(url).await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn scripts_can_ask_for_one_address() {
        let (_, list) = get("/local/mailbox.json?to=beto@example.org").await;
        assert_eq!(list, r#"{"mails":[]}"#);
        assert_eq!(get("/local/mailbox.json?from=x").await.0, StatusCode::BAD_REQUEST);
        assert_eq!(get("/local/mailbox/9999").await.0, StatusCode::NOT_FOUND);
    }
}
