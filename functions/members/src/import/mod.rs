//! Importing members from a file: first a preview, which changes nothing and names every
//! bad line, then the same file again to carry it out.

mod cells;
mod code_page;
mod columns;
#[cfg(test)]
mod corpus;
mod dates;
mod decode;
mod plan;
mod reason;
mod table;
mod writing;

use std::borrow::Cow;

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use axum::extract::DefaultBodyLimit;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::error::Fields;
use domain::{Error, MemberId, Result, TenantId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use web::{Answer, Json, Refuses, Shared, Supervisor};

use crate::State;
use decode::{Decoded, decode};
use plan::Step;
use reason::Reason;
use table::Table;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/users/import",
            post_with(import, |op| {
                op.id("importMembers")
                    .summary("Import members from CSV")
                    .tag("Members")
                    .description(DESCRIPTION)
                    .refuses(["import_changed", "refused_fields"])
            }),
        )
        .layer(DefaultBodyLimit::max(BODY_BYTES))
}

const DESCRIPTION: &str = "The first line names the columns: `email`, and any of `name`, `dni`, `country`, `phone`, `city`, \
     `registration_date`, `how_did_you_find_us`, `favorite_music_genre`, `subscription_active`, \
     `monthly_fee_current` and `language` in any order, in these words or in Spanish (`correo`, `nombre`, `rut`, \
     `cédula`, `teléfono`, `ciudad`, `cuota al día` and so on). Columns of our own lists such as `id` are skipped. \
     Commas, semicolons or tabs separate; a line whose e-mail address is a member's changes that member, and an empty \
     cell leaves what is there. Yes and no are `sí`, `verdadero`, `yes`, `true`, `x`, `1` and `no`, `falso`, `false`, \
     `0`. Dates are `2026-11-21` or `21/11/2026`; where some date of the file can only have the month first, all have. \
     What spreadsheets make of numbers, such as `2012345.0` or `1,5E+07`, is refused with its cell. Send the file's \
     text as `csv`, or its bytes as `file`. Without `confirm` nothing changes: the answer names every bad cell and has \
     a `digest`. The same file with that digest as `confirm` is carried out, except for its bad lines. Doing so again \
     is harmless.";

/// The largest file, in bytes: 2 MB.
const MAX_BYTES: usize = 2_000_000;
/// The most lines of a file, without the one that names the columns.
const MAX_LINES: usize = 5_000;
/// The largest body, in bytes: more than twice the file, because JSON writes a quotation
/// mark with a backslash.
const BODY_BYTES: usize = 4_500_000;

/// A file to import, as text in `csv` or as bytes in `file`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Import {
    /// The file's text: at most 5000 lines and 2 MB.
    #[schemars(length(max = 2_000_000))]
    csv: Option<String>,
    /// The file's bytes in Base64, for files that may not be UTF-8: UTF-16 with its
    /// mark, as Excel's "Unicode text" has, and Windows-1252 are read, too.
    #[schemars(length(max = 2_666_668))]
    file: Option<String>,
    /// The `digest` of the preview, to carry the import out. Without it, nothing changes.
    #[schemars(length(max = 64))]
    confirm: Option<String>,
}

/// What the import would change, or changed.
#[derive(Debug, Serialize, JsonSchema)]
struct ImportReport {
    /// The digest of the file. Send it as `confirm` to carry out what this report describes.
    digest: String,
    /// True if the import was carried out.
    confirmed: bool,
    /// The number of lines that are not empty, without the one that names the columns.
    lines: u32,
    /// The number of lines with new members.
    new: u32,
    /// The number of lines that change a member.
    changed: u32,
    /// The number of lines that change nothing: the member is already as they say.
    unchanged: u32,
    /// The number of lines with errors, which are not carried out.
    bad: u32,
    /// The errors of the bad lines, at most four for each line.
    errors: Vec<ImportError>,
    /// The result of each good line; empty in a preview.
    results: Vec<ImportResult>,
}

/// An error in a line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
struct ImportError {
    /// The line of the file, from 1.
    line: u32,
    /// The cell of the spreadsheet, such as `C7`, if the error is in one.
    cell: Option<String>,
    /// The column, such as `dni`, if the error is in one.
    field: Option<String>,
    /// The error and what to do about it, in English.
    reason: String,
    /// The same as `reason`, in Spanish.
    reason_es: String,
}

impl ImportError {
    fn new(line: u32, field: Option<&str>, reason: Reason) -> Self {
        let Reason { en, es } = reason;
        Self {
            line,
            cell: None,
            field: field.map(str::to_owned),
            reason: en.into_owned(),
            reason_es: es.into_owned(),
        }
    }
}

/// The result of a line that was carried out.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
struct ImportResult {
    /// The line of the file, from 1.
    line: u32,
    /// Whether the line created or changed a member.
    outcome: ImportOutcome,
    /// The id of the line's member.
    id: MemberId,
    /// Why the line failed; null if it did not.
    reason: Option<String>,
    /// The code of that problem; null if the line did not fail. Its page `/problems/{code}`
    /// says in Spanish what to do.
    code: Option<&'static str>,
}

/// Whether a line created or changed a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ImportOutcome {
    /// A new member was created.
    Created,
    /// The member was changed.
    Changed,
    /// The member was already as the line says.
    Unchanged,
    /// Nothing was written; `reason` says why. The same file may be sent again.
    Failed,
}

async fn import(
    Shared(state): Shared<State>,
    supervisor: Supervisor,
    Json(import): Json<Import>,
) -> Answer<Json<ImportReport>> {
    let (file, pointer) = import.bytes()?;
    let digest = digest(supervisor.tenant, &file);
    if import.confirm.as_ref().is_some_and(|confirmed| *confirmed != digest) {
        return Err(Error::conflict(
            "import_changed",
            "This is not the file that was previewed. Send it without `confirm` and look at it again.",
        )
        .into());
    }
    let plan = state.plan(&supervisor, read(&file, pointer)?).await?;
    let mut report = ImportReport {
        digest,
        confirmed: import.confirm.is_some(),
        lines: plan.lines,
        new: plan.count(|step| matches!(step, Step::New(_))),
        changed: plan.count(|step| matches!(step, Step::Changed { .. })),
        unchanged: plan.count(|step| matches!(step, Step::Unchanged(_))),
        bad: plan.bad_lines(),
        errors: plan.errors,
        results: Vec::new(),
    };
    if report.confirmed {
        report.results = state.carry_out(plan.steps).await;
    }
    Ok(Json(report))
}

impl Import {
    /// The file's bytes, and the JSON pointer of the field that has them.
    fn bytes(&self) -> Result<(Cow<'_, [u8]>, &'static str)> {
        let mut fields = Fields::new();
        let (bytes, pointer) = match (&self.csv, &self.file) {
            (Some(csv), None) => (Ok(Cow::Borrowed(csv.as_bytes())), "/csv"),
            (None, Some(file)) => (STANDARD.decode(file).map(Cow::Owned), "/file"),
            _ => {
                fields.rule(
                    false,
                    "/csv",
                    "Send the file's text as `csv`, or its bytes as `file`: one of both.",
                );
                (Ok(Cow::default()), "/csv")
            }
        };
        fields.rule(bytes.is_ok(), pointer, "Must be the file's bytes in Base64.");
        let bytes = bytes.unwrap_or_default();
        fields.rule(bytes.len() <= MAX_BYTES, pointer, format!("Must have at most {MAX_BYTES} bytes."));
        fields.finish()?;
        Ok((bytes, pointer))
    }
}

/// Reads a file as a table. A file whose letters are only guessed has no rows, only errors.
///
/// # Errors
/// `refused_fields` if the file is no text or has too many lines.
fn read(file: &[u8], pointer: &str) -> Result<Table> {
    let mut fields = Fields::new();
    let (decoded, unreadable) = match decode(file) {
        Ok(decoded) => (decoded, None),
        Err(reason) => (Decoded::default(), Some(reason.en)),
    };
    fields.rule(unreadable.is_none(), pointer, unreadable.unwrap_or_default()).finish()?;
    let table = Table::read(&decoded.text, MAX_LINES);
    fields
        .rule(table.is_some(), pointer, format!("Must have at most {MAX_LINES} lines. Send it in parts."))
        .finish()?;
    let mut table = table.unwrap_or_default();
    if !decoded.is_certain {
        table.report_guessed_letters();
    }
    Ok(table)
}

/// The SHA-256 of tenant and file, in hexadecimal: a confirmation holds for this file of
/// this tenant only.
fn digest(tenant: TenantId, file: &[u8]) -> String {
    hex::encode(Sha256::new().chain_update(tenant.uuid()).chain_update(file).finalize())
}
