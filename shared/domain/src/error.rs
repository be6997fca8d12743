//! The errors of the domain. They know no HTTP: the `web` crate turns a [`Kind`] into a status.
//! Everything in an error but its `source` is safe to show to the caller.

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::{Amount, BasisPoints, Money, Percent};

/// A result whose error can be shown to a caller.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The class of a failure, which tells the caller what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request itself is wrong; a retry does not help.
    Invalid,
    /// Well formed, but breaks a rule that no schema can state, or contradicts an earlier request
    /// (an idempotency key).
    Unprocessable,
    /// The caller is not signed in, or no longer.
    Unauthenticated,
    /// The caller is known and lacks the permission.
    Forbidden,
    /// The thing does not exist, or not for this caller.
    NotFound,
    /// The thing exists and does not take this method.
    WrongMethod,
    /// The thing's state does not allow the operation now.
    Conflict,
    /// The thing existed and has expired.
    Gone,
    /// The body is larger than the route takes.
    TooLarge,
    /// The body is of a type that the route does not take.
    UnsupportedType,
    /// Too many tries; see `retry_after`.
    TooMany,
    /// A service that Taquilla depends on does not answer; see `retry_after`.
    Unavailable,
    /// A fault of ours. The caller learns only the request id.
    Internal,
}

/// One bad field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// A JSON pointer (RFC 6901) into the body, or the parameter's name after `#`.
    pub pointer: String,
    /// How to correct the field, as a sentence.
    pub detail: String,
}

impl FieldError {
    /// The error of the field at `pointer`.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

/// A failure with a stable code and a sentence for the caller.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    code: &'static str,
    detail: Cow<'static, str>,
    fields: Vec<FieldError>,
    retry_after_seconds: Option<u32>,
    members: Map<String, Value>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $kind:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
            Self::new(Kind::$kind, code, detail)
        }
    )*};
}

impl Error {
    fn new(kind: Kind, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            code,
            detail: detail.into(),
            fields: Vec::new(),
            retry_after_seconds: None,
            members: Map::new(),
            source: None,
        }))
    }

    constructors! {
        /// See [`Kind::Invalid`].
        invalid => Invalid;
        /// See [`Kind::Unprocessable`].
        unprocessable => Unprocessable;
        /// See [`Kind::Unauthenticated`].
        unauthenticated => Unauthenticated;
        /// See [`Kind::Forbidden`].
        forbidden => Forbidden;
        /// See [`Kind::NotFound`].
        not_found => NotFound;
        /// See [`Kind::WrongMethod`].
        wrong_method => WrongMethod;
        /// See [`Kind::Conflict`].
        conflict => Conflict;
        /// See [`Kind::Gone`].
        gone => Gone;
        /// See [`Kind::TooLarge`].
        too_large => TooLarge;
        /// See [`Kind::UnsupportedType`].
        unsupported_type => UnsupportedType;
        /// See [`Kind::TooMany`].
        too_many => TooMany;
        /// See [`Kind::Unavailable`].
        unavailable => Unavailable;
    }

    /// The error for fields that break their schema; see [`Fields::finish`].
    pub fn fields(fields: Vec<FieldError>) -> Self {
        Self::invalid("invalid_fields", "Some fields of the request are not valid; see `errors`.")
            .with_fields(fields)
    }

    /// The error for fields that fit their schema and still break a rule; see [`Fields::rule`].
    pub fn refused_fields(fields: Vec<FieldError>) -> Self {
        Self::unprocessable(
            "refused_fields",
            "Some fields do not go together, or name what is not there; see `errors`.",
        )
        .with_fields(fields)
    }

    /// [`Error::refused_fields`] for a single field.
    pub fn refused_field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::refused_fields(vec![FieldError::new(pointer, detail)])
    }

    /// The error when another request changed the thing between our reading and our writing.
    pub fn changed_meanwhile() -> Self {
        Self::conflict(
            "changed_meanwhile",
            "Somebody changed this at the same moment. Read it again and repeat your change.",
        )
    }

    /// A fault of ours: the source goes to the log, never to the caller.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(
            Kind::Internal,
            "internal",
            "Something went wrong on our side. Nothing was changed that you cannot repeat; please try again.",
        )
        .caused_by(source)
    }

    /// Adds the source, for the log only.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds a JSON member to the answer, such as the seats that are taken.
    #[must_use]
    pub fn with(mut self, member: &'static str, value: impl Into<Value>) -> Self {
        self.0.members.insert(member.to_owned(), value.into());
        self
    }

    /// Adds the bad fields that the error is about.
    #[must_use]
    pub fn with_fields(mut self, fields: Vec<FieldError>) -> Self {
        self.0.fields = fields;
        self
    }

    /// Says after how many seconds a retry makes sense.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after_seconds = Some(seconds);
        self
    }

    /// The class of the failure.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The stable code that clients may branch on.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The sentence for a person.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The bad fields.
    pub fn field_errors(&self) -> &[FieldError] {
        &self.0.fields
    }

    /// Seconds until a retry makes sense.
    pub fn retry_after_seconds(&self) -> Option<u32> {
        self.0.retry_after_seconds
    }

    /// Further JSON members of the answer.
    pub fn members(&self) -> &Map<String, Value> {
        &self.0.members
    }
}

/// Checks that a change is based on the `current` version of a thing, if the
/// caller says on which it is based.
pub fn based_on(version: Option<u32>, current: u32) -> Result<()> {
    match version {
        Some(version) if version != current => Err(Error::conflict(
            "changed_meanwhile",
            "Somebody changed this since you read it. Read it again and repeat your change.",
        )
        .with("version", current)),
        _ => Ok(()),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.detail)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// Collects the bad fields of a request, so that the caller learns of all at once.
#[derive(Debug, Default)]
pub struct Fields {
    bad: Vec<FieldError>,
    /// How many bad fields are numbers with too many decimals.
    too_fine: usize,
    /// How many bad fields break a rule that no schema can state.
    ruled_out: usize,
}

impl Fields {
    /// No bad fields yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes `detail` for the field at `pointer` unless `valid`.
    pub fn check(&mut self, valid: bool, pointer: impl Into<String>, detail: impl Into<String>) -> &mut Self {
        if !valid {
            self.bad.push(FieldError::new(pointer, detail));
        }
        self
    }

    /// As [`Self::check`], for a rule that no schema can state: one between fields, or with stored
    /// data. A rule that a schema can state belongs in the field's type, and breaking it is another
    /// error.
    pub fn rule(&mut self, valid: bool, pointer: impl Into<String>, detail: impl Into<String>) -> &mut Self {
        self.ruled_out += usize::from(!valid);
        self.check(valid, pointer, detail)
    }

    /// Notes that the number at `pointer` has more decimals than its currency or unit.
    pub fn too_many_decimals(&mut self, pointer: impl Into<String>, detail: impl Into<String>) -> &mut Self {
        self.too_fine += 1;
        self.check(false, pointer, detail)
    }

    /// Checks that an amount lies within these minor units of its currency.
    pub fn amount(
        &mut self,
        pointer: impl Into<String>,
        amount: Money,
        range: RangeInclusive<i64>,
    ) -> &mut Self {
        let pointer = pointer.into();
        let bound = |minor: &i64| Amount::of(*minor, amount.currency);
        let (least, most) = (bound(range.start()), bound(range.end()));
        let detail = format!("Must be between {least} and {most} {}.", amount.currency);
        self.rule(range.contains(&amount.amount) || self.is_noted(&pointer), pointer, detail)
    }

    /// Checks that a percentage lies within these basis points.
    pub fn percent(
        &mut self,
        pointer: impl Into<String>,
        rate: i64,
        range: RangeInclusive<i32>,
    ) -> &mut Self {
        let pointer = pointer.into();
        let bound = |rate: &i32| Percent::of(BasisPoints(*rate));
        let detail = format!("Must be between {} and {} per cent.", bound(range.start()), bound(range.end()));
        let contains = i32::try_from(rate).is_ok_and(|rate| range.contains(&rate));
        self.rule(contains || self.is_noted(&pointer), pointer, detail)
    }

    /// Whether this field was noted as bad already.
    fn is_noted(&self, pointer: &str) -> bool {
        self.bad.iter().any(|field| field.pointer == pointer)
    }

    /// The error if any field was bad: `invalid_fields` (400) if one of them breaks what a
    /// schema says, else `too_many_decimals` or `refused_fields` (422).
    pub fn finish(&mut self) -> Result<()> {
        let Self { bad, too_fine, ruled_out } = std::mem::take(self);
        if bad.is_empty() {
            return Ok(());
        }
        if too_fine + ruled_out < bad.len() {
            return Err(Error::fields(bad));
        }
        if ruled_out > 0 {
            return Err(Error::refused_fields(bad));
        }
        let detail = "Some numbers have more decimals than what they count; see `errors`.";
        Err(Error::unprocessable("too_many_decimals", detail).with_fields(bad))
    }
}
