use std::collections::HashMap;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::RequestId;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::http::Response;
use domain::Error;

/// The attributes of an item.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// Why an operation on the table failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The condition of the write did not hold. With the stored item, if the write asked for it.
    #[error("the condition of the write did not hold")]
    Refused(Option<Item>),
    /// The caller's cursor is not one of this list.
    #[error("the cursor is of another list")]
    ForeignCursor,
    /// The table is too busy, or did not answer; then a write may have been carried out.
    #[error("the table does not answer: {0}")]
    Unavailable(String),
    /// A fault of this program, such as an item that can not be read.
    #[error("{0}")]
    Fault(String),
}

/// The result of what the store does.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// The failure for an item that can not be read as its type.
    pub(crate) fn unreadable(error: impl std::fmt::Display) -> Self {
        Self::Fault(format!("an item does not read: {error}"))
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(_) => Self::conflict(
                "changed_meanwhile",
                "Somebody changed this at the same moment. Read it again and repeat.",
            ),
            Failure::ForeignCursor => Self::refused_field(
                "#cursor",
                "Must be the `next_cursor` of an earlier page of this list, unchanged.",
            ),
            Failure::Unavailable(_) => {
                Self::unavailable("busy", "The box office is very busy. Try again in a moment.")
                    .retry_after(1)
                    .caused_by(failure)
            }
            Failure::Fault(_) => Self::internal(failure),
        }
    }
}

impl<E> From<SdkError<E, Response>> for Failure
where
    E: ProvideErrorMetadata + RefusedItem + std::error::Error + Send + Sync + 'static,
{
    fn from(error: SdkError<E, Response>) -> Self {
        let unanswered = matches!(
            error,
            SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_)
        );
        let code = error.code().map(str::to_owned);
        let request =
            error.as_service_error().and_then(|e| e.meta().request_id()).unwrap_or("none").to_owned();
        match code.as_deref() {
            Some("ConditionalCheckFailedException" | "TransactionCanceledException")
                if error.as_service_error().is_some_and(RefusedItem::is_refusal) =>
            {
                let SdkError::ServiceError(refusal) = error else { return Self::Refused(None) };
                Self::Refused(refusal.into_err().refused_item())
            }
            Some(
                code @ ("ProvisionedThroughputExceededException"
                | "RequestLimitExceeded"
                | "ThrottlingException"
                | "TransactionConflictException"
                | "TransactionCanceledException"
                | "TransactionInProgressException"
                | "InternalServerError"),
            ) => Self::Unavailable(format!("{code}, request {request}")),
            _ if unanswered => {
                Self::Unavailable(format!("{}", aws_sdk_dynamodb::error::DisplayErrorContext(&error)))
            }
            _ => Self::Fault(format!("{}", aws_sdk_dynamodb::error::DisplayErrorContext(&error))),
        }
    }
}

/// Finds the stored item in the error of an operation whose condition failed.
pub trait RefusedItem {
    /// The stored item, if the error carries it.
    fn refused_item(self) -> Option<Item>;

    /// True if a condition failed, false if a transaction collided.
    fn is_refusal(&self) -> bool {
        true
    }
}

macro_rules! refused_item {
    ($($with:path => $variant:ident;)* ; $($without:path;)*) => {
        $(impl RefusedItem for $with {
            fn refused_item(self) -> Option<Item> {
                match self {
                    Self::$variant(refused) => refused.item,
                    _ => None,
                }
            }
        })*
        $(impl RefusedItem for $without {
            fn refused_item(self) -> Option<Item> {
                None
            }
        })*
    };
}

refused_item! {
    aws_sdk_dynamodb::operation::put_item::PutItemError => ConditionalCheckFailedException;
    aws_sdk_dynamodb::operation::update_item::UpdateItemError => ConditionalCheckFailedException;
    aws_sdk_dynamodb::operation::delete_item::DeleteItemError => ConditionalCheckFailedException;
    ;
    aws_sdk_dynamodb::operation::get_item::GetItemError;
    aws_sdk_dynamodb::operation::query::QueryError;
    aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemError;
}

impl RefusedItem for aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError {
    fn refused_item(self) -> Option<Item> {
        match self {
            Self::TransactionCanceledException(cancelled) => {
                cancelled.cancellation_reasons.unwrap_or_default().into_iter().find_map(|reason| reason.item)
            }
            _ => None,
        }
    }

    fn is_refusal(&self) -> bool {
        match self {
            Self::TransactionCanceledException(cancelled) => cancelled
                .cancellation_reasons()
                .iter()
                .any(|reason| reason.code() == Some("ConditionalCheckFailed")),
            _ => false,
        }
    }
}

/// Whether a write was done: false if its condition did not hold.
pub fn was_done<T, E: Into<Failure>>(sent: Result<T, E>) -> Result<bool> {
    match sent.map_err(Into::into) {
        Ok(_) => Ok(true),
        Err(Failure::Refused(_)) => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// The result of a write that may be carried out although it was refused: after a lost answer, the
/// client retries and is refused because of its own success. Only after a refusal, `is_written` reads
/// whether the stored item is what was written.
pub(crate) async fn accept_if_written(
    sent: Result<()>,
    is_written: impl Future<Output = Result<bool>>,
) -> Result<()> {
    match sent {
        Err(refused @ Failure::Refused(_)) => {
            if is_written.await? {
                Ok(())
            } else {
                Err(refused)
            }
        }
        sent => sent,
    }
}

/// Turns a refused write into the caller's own error.
pub trait OnRefused<T> {
    /// The value, or `meaning()` if the condition did not hold; other failures become their own errors.
    fn on_refused(self, meaning: impl FnOnce() -> Error) -> Result<T, Error>;
}

impl<T> OnRefused<T> for Result<T> {
    fn on_refused(self, meaning: impl FnOnce() -> Error) -> Result<T, Error> {
        self.map_err(|failure| match failure {
            Failure::Refused(_) => meaning(),
            other => other.into(),
        })
    }
}
