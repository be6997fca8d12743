//! Handing a mail to SES.

use aws_sdk_sesv2::error::{BuildError, DisplayErrorContext};
use aws_sdk_sesv2::primitives::Blob;
use aws_sdk_sesv2::types::{
    Attachment, AttachmentContentDisposition, AttachmentContentTransferEncoding, Body, Content, Destination,
    EmailContent, Message, MessageHeader,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{Error, Result};
use queue::{Image, MailMessage};

use crate::State;
use crate::render::Rendered;

/// Sends the mail.
///
/// # Errors
/// If SES refuses or does not answer. Its limit of mails per second is a refusal
/// like others: the message comes again from its queue.
pub(crate) async fn send(state: &State, message: &MailMessage, rendered: Rendered) -> Result<()> {
    let content = content(message, rendered)?;
    let sent = state
        .ses
        .send_email()
        .from_email_address(&*state.sender)
        .destination(Destination::builder().to_addresses(&message.to.email).build())
        .set_reply_to_addresses(message.reply_to.clone().map(|address| vec![address]))
        .content(content)
        .send()
        .await
        .map_err(|error| Error::internal(format!("SES: {}", DisplayErrorContext(error))))?;
    tracing::info!(ses_message = sent.message_id(), "sent");
    Ok(())
}

fn content(message: &MailMessage, rendered: Rendered) -> Result<EmailContent> {
    let text = |text: String| Content::builder().data(text).charset("UTF-8").build();
    let built = |error: BuildError| Error::internal(error);
    let body = Body::builder()
        .html(text(rendered.html).map_err(built)?)
        .text(text(rendered.text).map_err(built)?)
        .build();
    // Keeps holiday notices from being sent in answer (RFC 3834).
    let automatic =
        MessageHeader::builder().name("Auto-Submitted").value("auto-generated").build().map_err(built)?;
    let attachments = message.images.iter().map(attachment).collect::<Result<Vec<_>>>()?;
    let message = Message::builder()
        .subject(text(rendered.subject).map_err(built)?)
        .body(body)
        .headers(automatic)
        .set_attachments(Some(attachments).filter(|attachments| !attachments.is_empty()))
        .build();
    Ok(EmailContent::builder().simple(message).build())
}

/// A picture that the text shows in its place, not below it.
fn attachment(image: &Image) -> Result<Attachment> {
    let png = STANDARD.decode(&image.png).map_err(Error::internal)?;
    Attachment::builder()
        .raw_content(Blob::new(png))
        .file_name(format!("{}.png", image.content_id))
        .content_type("image/png")
        .content_id(&image.content_id)
        .content_disposition(AttachmentContentDisposition::Inline)
        .content_transfer_encoding(AttachmentContentTransferEncoding::Base64)
        .build()
        .map_err(Error::internal)
}
