//! The bounds of markups and bargaining on the whole installation.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::error::Fields;
use domain::operator::OperatorSettings;
use domain::{Error, Percent, Result, Timestamp, Written};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::OnRefused;
use web::{Answer, Json, Operator, Recent, Refuses, Shared, based_on};

use super::TAG;
use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/operator/settings",
        get_with(show, |op| op.id("showOperatorSettings").summary("Show the settings of the box office").tag(TAG))
            .put_with(replace, |op| {
                op.id("replaceOperatorSettings").summary("Set the bounds of markups and bargaining").tag(TAG).description(
                    "For what is sold with a markup and bargained about. They hold for what begins from now on.",
                )
                .refuses(["changed_meanwhile", "refused_fields", "too_many_decimals"])
            }),
    )
}

/// The settings of the box office.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OperatorSettings")]
struct SettingsView {
    /// The least that is added to a supplier's price: 5 is 5 %.
    min_markup: Percent,
    /// The most that is added to a supplier's price.
    max_markup: Percent,
    /// How long buyer and box office bargain, in seconds.
    bargain_timeout: u32,
    /// How many offers a buyer may make.
    max_attempts: u8,
    /// The address of the operator who changed them last. Absent before the first change.
    changed_by: Option<String>,
    /// When they were changed last.
    updated_at: Option<Timestamp>,
    /// Counts changes; 0 before the first.
    version: u32,
}

impl From<OperatorSettings> for SettingsView {
    fn from(settings: OperatorSettings) -> Self {
        Self {
            min_markup: Percent::of(settings.min_markup),
            max_markup: Percent::of(settings.max_markup),
            bargain_timeout: settings.bargain_timeout,
            max_attempts: settings.max_attempts,
            changed_by: settings.changed_by,
            updated_at: settings.updated_at,
            version: settings.version,
        }
    }
}

/// New settings, all of them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewSettings {
    /// The version that the change is based on; refused if there is another by now.
    version: Option<u32>,
    /// The least that is added to a supplier's price: 5 is 5 %.
    #[schemars(range(min = 0, max = 100))]
    min_markup: Written,
    /// The most that is added to a supplier's price.
    #[schemars(range(min = 0, max = 100))]
    max_markup: Written,
    /// How long buyer and box office bargain, in seconds.
    #[schemars(range(min = 60, max = 3600))]
    bargain_timeout: u32,
    /// How many offers a buyer may make.
    #[schemars(range(min = 1, max = 10))]
    max_attempts: u8,
}

async fn show(Shared(state): Shared<State>, _operator: Operator) -> Answer<Json<SettingsView>> {
    Ok(Json(state.store.operator_settings().await?.into()))
}

async fn replace(
    Shared(state): Shared<State>,
    Recent(operator): Recent<Operator>,
    Json(new): Json<NewSettings>,
) -> Answer<Json<SettingsView>> {
    let before = state.store.operator_settings().await?;
    based_on(new.version, before.version)?;
    let after = new.settings(&operator, before.version + 1, state.clock.now())?;
    state.store.save_operator_settings(&after).await.on_refused(Error::changed_meanwhile)?;
    Ok(Json(after.into()))
}

impl NewSettings {
    fn settings(self, operator: &Operator, version: u32, now: Timestamp) -> Result<OperatorSettings> {
        let mut fields = Fields::new();
        let settings = OperatorSettings {
            min_markup: self.min_markup.percent("/min_markup", &mut fields),
            max_markup: self.max_markup.percent("/max_markup", &mut fields),
            bargain_timeout: self.bargain_timeout,
            max_attempts: self.max_attempts,
            changed_by: Some(operator.claims.email.clone()),
            updated_at: Some(now),
            version,
        };
        settings.check(&mut fields);
        fields.finish()?;
        Ok(settings)
    }
}
