//! Sends a mail with SES.

use aws_sdk_sesv2::config::Config;
use aws_sdk_sesv2::config::http::HttpResponse;
use aws_sdk_sesv2::config::retry::RetryConfig;
use aws_sdk_sesv2::error::{BuildError, DisplayErrorContext, SdkError};
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::primitives::Blob;
use aws_sdk_sesv2::types::{
    Attachment, AttachmentContentDisposition, AttachmentContentTransferEncoding, Body, Content, Destination,
    EmailContent, Message, MessageHeader, MessageTag,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::mail_template::Page;
use domain::{Error, Result};
use queue::{Image, MailMessage};

use crate::State;

/// Why a mail was not sent, or may not have been.
#[derive(Debug)]
pub(crate) enum SendError {
    /// The mail was not sent; another try can succeed.
    NotSent(Error),
    /// SES refuses this mail for good.
    Refused(Error),
    /// SES did not answer: the mail may have been sent.
    Unknown(Error),
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        match error {
            SendError::NotSent(error) | SendError::Refused(error) | SendError::Unknown(error) => error,
        }
    }
}

/// How often a mail may be handed to SES.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Guarantee<'a> {
    /// Rather twice than not at all: a lost answer leads to a retry.
    AtLeastOnce,
    /// Rather late than twice. SES publishes the mail's events under this tag.
    AtMostOnce {
        /// The configuration set that publishes SES's events.
        configuration_set: &'a str,
        /// Name and value of the tag that identifies the mail in SES's events.
        tag: (&'a str, &'a str),
    },
}

/// Sends the mail; returns SES's id of it. `unsubscribe` is the address that takes back the consent it
/// needs, if it needs one.
///
/// # Errors
/// If SES refuses or does not answer. Its limit of mails per second counts as such a refusal: the
/// queue delivers the message again.
pub(crate) async fn send(
    state: &State,
    message: &MailMessage,
    page: Page,
    unsubscribe: Option<&str>,
    guarantee: Guarantee<'_>,
) -> Result<String, SendError> {
    let content = content(message, page, unsubscribe).map_err(SendError::NotSent)?;
    let mut send = state
        .ses
        .send_email()
        .from_email_address(&*state.sender)
        .destination(Destination::builder().to_addresses(&message.to.email).build())
        .set_reply_to_addresses(message.reply_to.clone().map(|address| vec![address]))
        .content(content);
    let mut override_with = Config::builder();
    if let Guarantee::AtMostOnce { configuration_set, tag: (name, value) } = guarantee {
        let tag = MessageTag::builder().name(name).value(value).build();
        let tag = tag.map_err(|error| SendError::NotSent(Error::internal(error)))?;
        send = send.configuration_set_name(configuration_set).email_tags(tag);
        // The client would also repeat a request whose answer was lost.
        override_with = override_with.retry_config(RetryConfig::disabled());
    }
    let sent = send.customize().config_override(override_with).send().await.map_err(classify)?;
    tracing::info!(ses_message = sent.message_id(), "sent");
    Ok(sent.message_id.unwrap_or_default())
}

/// Classifies an SES error by whether the mail was sent.
fn classify(error: SdkError<SendEmailError, HttpResponse>) -> SendError {
    let error_of = |error: &SdkError<_, _>| Error::internal(format!("SES: {}", DisplayErrorContext(error)));
    match &error {
        SdkError::ConstructionFailure(_) => SendError::NotSent(error_of(&error)),
        SdkError::ServiceError(answer) => match answer.err() {
            SendEmailError::MessageRejected(_) | SendEmailError::BadRequestException(_) => {
                SendError::Refused(error_of(&error))
            }
            _ if answer.raw().status().is_server_error() => SendError::Unknown(error_of(&error)),
            _ => SendError::NotSent(error_of(&error)),
        },
        _ => SendError::Unknown(error_of(&error)),
    }
}

/// The headers of a mail. Mail programs offer to take a consent back by the last two, with one POST
/// (RFC 8058); what belongs to a purchase or an account has no such offer.
fn headers(unsubscribe: Option<&str>) -> Result<Vec<MessageHeader>> {
    let mut headers = Vec::from([
        // Keeps out-of-office replies from being sent (RFC 3834).
        ("Auto-Submitted", "auto-generated".to_owned()),
    ]);
    if let Some(address) = unsubscribe {
        headers.push(("List-Unsubscribe", format!("<{address}>")));
        headers.push(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
    }
    let header = |(name, value)| MessageHeader::builder().name(name).value(value).build();
    headers.into_iter().map(|named| header(named).map_err(Error::internal)).collect()
}

fn content(message: &MailMessage, page: Page, unsubscribe: Option<&str>) -> Result<EmailContent> {
    let text = |text: String| Content::builder().data(text).charset("UTF-8").build();
    let built = |error: BuildError| Error::internal(error);
    let body =
        Body::builder().html(text(page.html).map_err(built)?).text(text(page.text).map_err(built)?).build();
    let attachments = message.images.iter().map(attachment).collect::<Result<Vec<_>>>()?;
    let message = Message::builder()
        .subject(text(page.subject).map_err(built)?)
        .body(body)
        .set_headers(Some(headers(unsubscribe)?))
        .set_attachments(Some(attachments).filter(|attachments| !attachments.is_empty()))
        .build();
    Ok(EmailContent::builder().simple(message).build())
}

/// A picture that is shown within the text, not below it.
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
