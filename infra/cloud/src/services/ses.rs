//! SES v2: `SendEmail`, kept in the mailbox.
//!
//! Written here because `winterbaume-sesv2` 0.3 keeps of a message its sender,
//! recipients, subject and one body: no attachments, no headers, and nothing
//! of a raw message. Tests and the mailbox page need all of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boot::Clock;
use mailparse::{DispositionType, MailAddr, MailAddrList, MailHeaderMap, ParsedMail};
use serde::Deserialize;
use serde_json::json;

use super::chaos::{Chaos, Fault};
use super::mailbox::{Attachment, Mail, Mailbox, bare};
use super::reply::Reply;
use super::ses_events::Events;

/// The largest message that SES v2 takes.
pub(super) const MOST_BYTES: usize = 40 * 1024 * 1024;
/// SES takes at most so many recipients per message.
const MOST_RECIPIENTS: usize = 50;

/// The local SES. Clones share it.
#[derive(Clone)]
pub(super) struct Ses {
    mailbox: Mailbox,
    events: Events,
    chaos: Chaos,
    clock: Clock,
    sent: Arc<AtomicU64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendEmail {
    #[serde(default)]
    from_email_address: String,
    #[serde(default)]
    destination: Destination,
    #[serde(default)]
    reply_to_addresses: Vec<String>,
    content: Content,
    #[serde(default)]
    email_tags: Vec<NameAndValue>,
    configuration_set_name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Destination {
    to_addresses: Vec<String>,
    cc_addresses: Vec<String>,
    bcc_addresses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    simple: Option<Simple>,
    raw: Option<Raw>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Simple {
    subject: Text,
    body: Body,
    #[serde(default)]
    headers: Vec<NameAndValue>,
    #[serde(default)]
    attachments: Vec<SimpleAttachment>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    text: Option<Text>,
    html: Option<Text>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Text {
    data: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Raw {
    data: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NameAndValue {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SimpleAttachment {
    raw_content: String,
    file_name: String,
    content_type: Option<String>,
    content_id: Option<String>,
    content_disposition: Option<String>,
}

impl Ses {
    pub(super) fn new(mailbox: Mailbox, events: Events, chaos: Chaos, clock: Clock) -> Self {
        Self { mailbox, events, chaos, clock, sent: Arc::default() }
    }

    /// Answers one request of the REST protocol.
    pub(super) fn answer(&self, method: &Method, path: &str, body: &[u8]) -> Reply {
        if method != Method::POST || path != "/v2/email/outbound-emails" {
            return refuse(404, "NotFoundException", "The local SES only knows SendEmail.");
        }
        if self.chaos.strikes(Fault::MailThrottled, self.chaos.rates().mail_throttled) {
            return refuse(429, "TooManyRequestsException", "Maximum sending rate exceeded.");
        }
        let read = serde_json::from_slice(body).map_err(|error| error.to_string()).and_then(read);
        let mut mail = match read {
            Ok(mail) => mail,
            Err(problem) => return refuse(400, "BadRequestException", &problem),
        };
        if let Some(set) = mail.configuration_set.as_ref().filter(|set| !self.events.knows(set)) {
            return refuse(404, "NotFoundException", &format!("Configuration set <{set}> does not exist."));
        }
        mail.sent_at = self.clock.now();
        mail.id = format!(
            "{:016x}-{:08x}",
            mail.sent_at.as_millisecond(),
            self.sent.fetch_add(1, Ordering::Relaxed)
        );
        let answer = json!({ "MessageId": mail.id });
        if let Err(error) = self.mailbox.add(mail.clone()) {
            return refuse(500, "InternalServiceErrorException", &error.to_string());
        }
        self.events.publish(&mail);
        if self.chaos.strikes(Fault::MailAnswerLost, self.chaos.rates().mail_answer_lost) {
            return Reply::Dropped;
        }
        Reply::json(200, &answer)
    }
}

fn refuse(status: u16, name: &str, message: &str) -> Reply {
    let body = json!({ "message": message }).to_string().into_bytes();
    Reply::Json { status, error: Some(("x-amzn-errortype", name.to_owned())), body }
}

/// Reads a request into a mail that has no id and no time yet.
fn read(request: SendEmail) -> Result<Mail, String> {
    let pairs = |pairs: Vec<NameAndValue>| pairs.into_iter().map(|pair| (pair.name, pair.value)).collect();
    let mut mail = Mail {
        from: request.from_email_address,
        to: request.destination.to_addresses,
        cc: request.destination.cc_addresses,
        bcc: request.destination.bcc_addresses,
        reply_to: request.reply_to_addresses,
        tags: pairs(request.email_tags),
        configuration_set: request.configuration_set_name,
        ..Mail::default()
    };
    match request.content {
        Content { simple: Some(simple), raw: None } => {
            mail.subject = simple.subject.data;
            mail.html = simple.body.html.map(|text| text.data);
            mail.text = simple.body.text.map(|text| text.data);
            mail.headers = pairs(simple.headers);
            mail.attachments =
                simple.attachments.into_iter().map(read_attachment).collect::<Result<_, _>>()?;
        }
        Content { simple: None, raw: Some(raw) } => {
            let message = STANDARD.decode(raw.data).map_err(|_| "Raw.Data is not base64.".to_owned())?;
            read_mime(&message, &mut mail)?;
        }
        _ => return Err("Content must have exactly one of Simple and Raw.".to_owned()),
    }
    match mail.recipients().count() {
        _ if mail.from.is_empty() => Err("Missing FromEmailAddress.".to_owned()),
        _ if mail.recipients().any(|to| !bare(to).contains('@')) => Err("Missing final '@domain'".to_owned()),
        0 => Err("Missing destination.".to_owned()),
        1..=MOST_RECIPIENTS => Ok(mail),
        _ => Err("Recipient count exceeds 50.".to_owned()),
    }
}

fn read_attachment(attachment: SimpleAttachment) -> Result<Attachment, String> {
    let content = STANDARD
        .decode(attachment.raw_content)
        .map_err(|_| format!("The content of {} is not base64.", attachment.file_name))?;
    Ok(Attachment {
        file_name: attachment.file_name,
        content_type: attachment.content_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
        content_id: attachment.content_id,
        inline: attachment.content_disposition.as_deref() == Some("INLINE"),
        content,
    })
}

/// Reads a MIME message. What the request said about sender and recipients has
/// precedence over the message's headers, as in SES.
fn read_mime(message: &[u8], mail: &mut Mail) -> Result<(), String> {
    let parsed = mailparse::parse_mail(message).map_err(|error| error.to_string())?;
    mail.headers = parsed.headers.iter().map(|header| (header.get_key(), header.get_value())).collect();
    mail.subject = parsed.headers.get_first_value("Subject").unwrap_or_default();
    if mail.from.is_empty() {
        mail.from = parsed.headers.get_first_value("From").unwrap_or_default();
    }
    if mail.recipients().next().is_none() {
        mail.to = addresses(&parsed, "To");
        mail.cc = addresses(&parsed, "Cc");
        mail.bcc = addresses(&parsed, "Bcc");
    }
    if mail.reply_to.is_empty() {
        mail.reply_to = addresses(&parsed, "Reply-To");
    }
    for part in parsed.parts().filter(|part| part.subparts.is_empty()) {
        let disposition = part.get_content_disposition();
        let file_name = disposition.params.get("filename").or_else(|| part.ctype.params.get("name"));
        let is_text = file_name.is_none() && disposition.disposition != DispositionType::Attachment;
        let read = |error: mailparse::MailParseError| error.to_string();
        match part.ctype.mimetype.as_str() {
            "text/plain" if is_text && mail.text.is_none() => {
                mail.text = Some(part.get_body().map_err(read)?);
            }
            "text/html" if is_text && mail.html.is_none() => mail.html = Some(part.get_body().map_err(read)?),
            content_type => mail.attachments.push(Attachment {
                file_name: file_name.cloned().unwrap_or_default(),
                content_type: content_type.to_owned(),
                content_id: part
                    .headers
                    .get_first_value("Content-ID")
                    .map(|id| id.trim().trim_matches(['<', '>']).to_owned()),
                inline: disposition.disposition == DispositionType::Inline,
                content: part.get_body_raw().map_err(read)?,
            }),
        }
    }
    Ok(())
}

fn addresses(message: &ParsedMail<'_>, header: &str) -> Vec<String> {
    message
        .headers
        .get_all_headers(header)
        .into_iter()
        .filter_map(|header| mailparse::addrparse_header(header).ok())
        .flat_map(MailAddrList::into_inner)
        .flat_map(|address| match address {
            MailAddr::Single(single) => vec![single],
            MailAddr::Group(group) => group.addrs,
        })
        .map(|single| single.to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_sesv2::primitives::Blob;
    use aws_sdk_sesv2::types::{
        Attachment, AttachmentContentDisposition, Body, Content, Destination, EmailContent, Message,
        MessageHeader, RawMessage,
    };

    use crate::services::testing::{Folder, Local};

    fn text(data: &str) -> Content {
        Content::builder().data(data).build().unwrap()
    }

    fn to(address: &str) -> Destination {
        Destination::builder().to_addresses(address).build()
    }

    fn hello() -> EmailContent {
        let body = Body::builder().text(text("Hola")).build();
        let message = Message::builder().subject(text("Hola")).body(body).build();
        EmailContent::builder().simple(message).build()
    }

    #[tokio::test]
    async fn a_mail_with_an_inline_picture_is_kept_complete() {
        let local = Local::start().await;
        let picture = Attachment::builder()
            .file_name("qr.png")
            .content_type("image/png")
            .content_id("ticket-1")
            .content_disposition(AttachmentContentDisposition::Inline)
            .raw_content(Blob::new([0x89, b'P', b'N', b'G', 0]))
            .build()
            .unwrap();
        let header = MessageHeader::builder()
            .name("List-Unsubscribe")
            .value("<https://example.com/u>")
            .build()
            .unwrap();
        let message = Message::builder()
            .subject(text("Tus entradas"))
            .body(Body::builder().text(text("Hola")).html(text("<img src=\"cid:ticket-1\">")).build())
            .headers(header)
            .attachments(picture)
            .build();
        let sent = local
            .sesv2()
            .send_email()
            .from_email_address("Boletería <tickets@example.com>")
            .destination(to("Ana <ana@example.com>"))
            .content(EmailContent::builder().simple(message).build())
            .send()
            .await
            .unwrap();
        let found = local.services.mailbox().find("ANA@example.com");
        assert_eq!(found.len(), 1);
        assert_eq!(sent.message_id(), Some(found[0].id.as_str()));
        insta::assert_json_snapshot!(*found[0], { ".id" => "..", ".sent_at" => ".." }, @r#"
        {
          "id": "..",
          "sent_at": "..",
          "from": "Boletería <tickets@example.com>",
          "to": [
            "Ana <ana@example.com>"
          ],
          "cc": [],
          "bcc": [],
          "reply_to": [],
          "subject": "Tus entradas",
          "html": "<img src=\"cid:ticket-1\">",
          "text": "Hola",
          "headers": [
            [
              "List-Unsubscribe",
              "<https://example.com/u>"
            ]
          ],
          "attachments": [
            {
              "file_name": "qr.png",
              "content_type": "image/png",
              "content_id": "ticket-1",
              "inline": true,
              "content": "iVBORwA="
            }
          ],
          "tags": [],
          "configuration_set": null
        }
        "#);
    }

    #[tokio::test]
    async fn a_raw_message_is_taken_apart() {
        let local = Local::start().await;
        let mime = "From: Taquilla <tickets@example.com>\r\n\
            To: Ana <ana@example.com>, bruno@example.com\r\n\
            Subject: =?utf-8?q?Funci=C3=B3n?=\r\n\
            MIME-Version: 1.0\r\n\
            Content-Type: multipart/related; boundary=b\r\n\r\n\
            --b\r\nContent-Type: text/html; charset=utf-8\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\r\n<p>A=C3=B1o</p>\r\n\
            --b\r\nContent-Type: image/png; name=qr.png\r\nContent-ID: <qr>\r\n\
            Content-Disposition: inline; filename=qr.png\r\n\
            Content-Transfer-Encoding: base64\r\n\r\niVBORwA=\r\n--b--\r\n";
        let raw = RawMessage::builder().data(Blob::new(mime)).build().unwrap();
        local.sesv2().send_email().content(EmailContent::builder().raw(raw).build()).send().await.unwrap();
        let mail = &local.services.mailbox().messages()[0];
        assert_eq!(mail.from, "Taquilla <tickets@example.com>");
        assert!(mail.goes_to("ana@example.com") && mail.goes_to("bruno@example.com"));
        assert_eq!(mail.subject, "Función");
        assert_eq!(mail.html.as_deref().map(str::trim), Some("<p>Año</p>"));
        let qr = &mail.attachments[0];
        assert_eq!(
            (qr.file_name.as_str(), qr.content_id.as_deref(), qr.inline),
            ("qr.png", Some("qr"), true)
        );
        assert_eq!(qr.content, [0x89, b'P', b'N', b'G', 0]);
    }

    #[tokio::test]
    async fn what_ses_would_refuse_is_refused() {
        let local = Local::start().await;
        let send = local.sesv2().send_email().content(hello());
        let nobody = send.clone().from_email_address("a@example.com").send().await.unwrap_err();
        assert!(nobody.into_service_error().is_bad_request_exception());
        local.services.chaos().change(|rates| rates.mail_throttled = 1.0);
        let throttled =
            send.from_email_address("a@example.com").destination(to("b@example.com")).send().await;
        assert!(throttled.unwrap_err().into_service_error().is_too_many_requests_exception());
        assert!(local.services.mailbox().messages().is_empty());
    }

    #[tokio::test]
    async fn the_mailbox_survives_a_restart_until_it_is_cleared() {
        let folder = Folder::new();
        for already_there in 0..2 {
            let local = Local::start_in(&folder).await;
            let mailbox = local.services.mailbox().clone();
            assert_eq!(mailbox.messages().len(), already_there);
            let send = local.sesv2().send_email().content(hello());
            send.from_email_address("a@example.com").destination(to("b@example.com")).send().await.unwrap();
            local.services.stop().await;
        }
        let local = Local::start_in(&folder).await;
        let ids: Vec<String> =
            local.services.mailbox().messages().iter().map(|mail| mail.id.clone()).collect();
        assert_eq!(ids.len(), 2);
        assert_ne!(ids[0], ids[1]);
        local.services.mailbox().clear().unwrap();
        local.services.stop().await;
        assert!(Local::start_in(&folder).await.services.mailbox().messages().is_empty());
    }
}
