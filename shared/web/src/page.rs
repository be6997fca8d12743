use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::Operation;
use axum::extract::FromRequestParts;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Error, FieldError};
use http::request::Parts;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::Listing;

use crate::problem::Wording;
use crate::refusals::may_refuse;
use crate::{Problem, Query};

/// The part of a list to answer with: `?limit=` and `?cursor=`.
#[derive(Debug, Clone)]
pub struct Paging {
    /// At most this many items, 1 to 100.
    pub limit: u16,
    /// The sort key after which to go on. It comes from the caller: the store
    /// joins it to a partition that the caller may see and checks its form.
    pub after: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
struct PagingQuery {
    /// At most this many items.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    #[schemars(regex(pattern = "^[A-Za-z0-9_-]{1,400}$"), extend("x-must" = NO_CURSOR))]
    cursor: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(query) = Query::<PagingQuery>::from_request_parts(parts, state).await?;
        let limit = query.limit.unwrap_or(25);
        if !(1..=100).contains(&limit) {
            return Err(bad("#limit", "Must be between 1 and 100.", parts));
        }
        let after = match query.cursor.as_deref() {
            Some(cursor) if !is_cursor(cursor) => return Err(bad("#cursor", NO_CURSOR, parts)),
            Some(cursor) => {
                Some(Self::place(cursor).ok_or_else(|| Error::refused_field("#cursor", NO_CURSOR))?)
            }
            None => None,
        };
        Ok(Self { limit, after })
    }
}

const NO_CURSOR: &str = "Must be the `next_cursor` of an earlier page, unchanged.";

/// The most characters of a cursor of a plain list.
const MAX_CURSOR: usize = 400;

/// True if the description lets a text be a cursor.
fn is_cursor(text: &str) -> bool {
    is_cursor_within(text, MAX_CURSOR)
}

fn is_cursor_within(text: &str, most: usize) -> bool {
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=most).contains(&text.len()) && text.bytes().all(is_sign)
}

/// What a cursor of at most so many characters says, if it can have come from [`Page::new`].
pub fn cursor_text(cursor: &str, most: usize) -> Option<String> {
    let key = is_cursor_within(cursor, most).then(|| URL_SAFE_NO_PAD.decode(cursor).ok()).flatten();
    key.and_then(|key| String::from_utf8(key).ok())
        .filter(|key| !key.is_empty() && !key.chars().any(char::is_control))
}

fn bad(pointer: &str, detail: &str, parts: &Parts) -> Problem {
    Problem::parameter(FieldError::new(pointer, detail), Wording::Ours, parts)
}

impl Paging {
    /// The sort key behind a cursor, if it may be one.
    pub fn place(cursor: &str) -> Option<String> {
        cursor_text(cursor, MAX_CURSOR)
    }
}

impl OperationInput for Paging {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Query::<PagingQuery>::operation_input(ctx, operation);
        may_refuse(operation, ["refused_fields"]);
    }
}

/// One page of a list.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Page<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// Send it as `cursor` to get the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page that goes on after the sort key `last`, if there is more.
    pub fn new(items: Vec<T>, last: Option<String>) -> Self {
        Self { items, next_cursor: last.map(|key| URL_SAFE_NO_PAD.encode(key)) }
    }

    /// A page of a list of the store, with what `view` shows of each item.
    pub fn of<I>(listing: Listing<I>, view: impl FnMut(I) -> T) -> Self {
        Self::new(listing.items.into_iter().map(view).collect(), listing.last)
    }
}
