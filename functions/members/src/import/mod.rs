//! Members from a file: first a preview that changes nothing and names every bad
//! line, then the same file once more to carry it out.

mod cells;
mod plan;
mod table;
mod writing;

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use axum::extract::{DefaultBodyLimit, State as Of};
use domain::error::Fields;
use domain::{Error, MemberId, Result, TenantId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use web::{Answer, Json, Supervisor};

use crate::State;
use plan::Step;
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
            }),
        )
        .layer(DefaultBodyLimit::max(BODY_BYTES))
}

const DESCRIPTION: &str = "The first line names the columns: `email`, and any of `name`, `dni`, `country`, `phone`, `city`, \
     `registration_date`, `how_did_you_find_us`, `favorite_music_genre`, `subscription_active`, \
     `monthly_fee_current` and `language` in any order (`id`, `created_at` and `updated_at` are skipped). Commas or \
     semicolons separate; a line whose e-mail address is a member's changes that member, and an empty cell leaves \
     what is there. Yes and no are `si`, `sí`, `yes`, `true`, `1` and `no`, `false`, `0`; dates are `2026-11-21` or \
     `21/11/2026`. Without `confirm` nothing changes: the answer names every bad line and has a `digest`. The same \
     file with that digest as `confirm` is carried out, except for its bad lines. Doing so again is harmless.";

/// The largest file, in bytes: 2 MB.
const MAX_BYTES: usize = 2_000_000;
/// The most lines of a file, without the one that names the columns.
const MAX_LINES: usize = 5_000;
/// The largest body: a file of quotation marks has a backslash before each.
const BODY_BYTES: usize = 4_500_000;

/// A file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Import {
    /// The file's text: at most 5000 lines and 2 MB.
    #[schemars(length(max = 2_000_000))]
    csv: String,
    /// The digest of the preview, to carry it out.
    #[schemars(length(max = 64))]
    confirm: Option<String>,
}

/// What the file would do, or did.
#[derive(Debug, Serialize, JsonSchema)]
struct ImportReport {
    /// Send it as `confirm` to carry out what is described here.
    digest: String,
    /// True if it was carried out.
    confirmed: bool,
    /// Lines of the file that are not empty, without the one that names the columns.
    lines: u32,
    /// Lines with new members.
    new: u32,
    /// Lines that change a member.
    changed: u32,
    /// Lines that say what is known already.
    unchanged: u32,
    /// Lines that can not be carried out.
    bad: u32,
    /// What is wrong with them, at most four things for each line.
    errors: Vec<ImportError>,
    /// What became of each line that is not bad, if it was carried out.
    results: Vec<ImportResult>,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
struct ImportError {
    /// The line of the file, from 1.
    line: u32,
    /// The column, if it is about one.
    field: Option<String>,
    /// What to do about it.
    reason: String,
}

impl ImportError {
    fn new(line: u32, field: Option<&str>, reason: impl Into<String>) -> Self {
        Self { line, field: field.map(str::to_owned), reason: reason.into() }
    }
}

/// What became of a line.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
struct ImportResult {
    /// The line of the file, from 1.
    line: u32,
    /// What became of it.
    outcome: ImportOutcome,
    /// The member that it is about.
    id: MemberId,
    /// Why it failed, if it did.
    reason: Option<String>,
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ImportOutcome {
    /// The member is new.
    Created,
    /// The member was changed.
    Changed,
    /// The member was so already.
    Unchanged,
    /// Nothing was written; the reason says why. The same file may be sent again.
    Failed,
}

async fn import(
    Of(state): Of<State>,
    supervisor: Supervisor,
    Json(import): Json<Import>,
) -> Answer<Json<ImportReport>> {
    Fields::new()
        .check(import.csv.len() <= MAX_BYTES, "/csv", format!("Must have at most {MAX_BYTES} bytes."))
        .finish()?;
    let digest = digest(supervisor.tenant, &import.csv);
    if import.confirm.as_ref().is_some_and(|confirmed| *confirmed != digest) {
        return Err(Error::conflict(
            "import_changed",
            "This is not the file that was previewed. Send it without `confirm` and look at it again.",
        )
        .into());
    }
    let table = read(&import.csv)?;
    let plan = state.plan(&supervisor, table).await?;
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

/// The lines of a file that is not too long.
fn read(csv: &str) -> Result<Table> {
    let table = Table::read(csv, MAX_LINES);
    Fields::new()
        .check(table.is_some(), "/csv", format!("Must have at most {MAX_LINES} lines. Send it in parts."))
        .finish()?;
    Ok(table.unwrap_or_default())
}

/// What tells this file of this tenant's from all others.
fn digest(tenant: TenantId, csv: &str) -> String {
    hex::encode(Sha256::new().chain_update(tenant.uuid()).chain_update(csv).finalize())
}
