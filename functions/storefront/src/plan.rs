//! The seating plan of a show, and the best of its seats that are free.

use actions::{SeatWish, Togetherness};
use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use domain::MAX_TICKETS_PER_ORDER;
use domain::error::Fields;
use domain::plan::{Length, Place, Plan, Point, SeatKind};
use domain::seat::{SeatLabel, Wanted};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use web::{Answer, Cached, Freshness, Json, Path, Refuses, Shared};

use crate::areas::AreaPath;
use crate::{SlugPath, State};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/public/events/{slug}/plan",
            get_with(show, |op| {
                op.id("showShowPlan").summary("Show the seating plan of a show").tag("Storefront").description(
                    "Where seats, tables, areas and the stage are. What is free stands at `/availability` of each \
                     area, under the same labels.",
                )
                .refuses(["event_not_found"])
            }),
        )
        .api_route(
            "/api/v1/public/events/{slug}/areas/{area}/best",
            post_with(best, |op| {
                op.id("chooseSeats").summary("Suggest the best free seats").tag("Storefront").description(
                    "The best seats of an area that were free some moments ago: neighbours if there are, else in two \
                     rows one behind the other, else apart if `together` is false. No choice leaves a single seat \
                     alone without need. Nothing is held: ask for a quote with these seats.",
                )
                .refuses(["area_not_found", "event_not_found", "area_not_seated"])
                .refuses(["no_adjacent_seats", "sold_out", "refused_fields"])
            }),
        )
}

/// How long clients may cache a plan, in seconds.
const PLAN_SECONDS: u32 = 60;

/// A wish for seats.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SeatsWanted {
    /// The number of seats, accessible and companion ones included.
    #[schemars(range(min = 1, max = 20))]
    quantity: u8,
    /// False to take seats apart if there are none together.
    #[serde(default = "yes")]
    together: bool,
    /// How many of the seats are for wheelchairs.
    #[serde(default)]
    #[schemars(range(max = 20))]
    accessible: u8,
    /// How many people come along with these. They get companion seats, or others beside.
    #[serde(default)]
    #[schemars(range(max = 20))]
    companions: u8,
    /// The point of the plan to be near to, if not its focal point.
    near: Option<Point>,
    /// Any text that stays the same for one buyer, such as a number made at random: of seats that are
    /// about equally good, buyers with different texts get different ones.
    #[schemars(regex(pattern = SEED_PATTERN))]
    seed: Option<String>,
}

/// The pattern of a `seed`.
const SEED_PATTERN: &str = "^[A-Za-z0-9_-]{1,64}$";

const fn yes() -> bool {
    true
}

/// The best seats that are free.
#[derive(Debug, Serialize, JsonSchema)]
struct SuggestedSeats {
    /// The seats.
    seats: Vec<SuggestedSeat>,
    /// How near to each other they are.
    together: Togetherness,
    /// The number of seats that the area has left.
    left: u32,
}

/// A seat of the suggestion.
#[derive(Debug, Serialize, JsonSchema)]
struct SuggestedSeat {
    /// The seat, such as `A-12`.
    seat: SeatLabel,
    /// Its place in the plan, to the right.
    x: Length,
    /// Its place in the plan, downwards.
    y: Length,
    /// For whom it is.
    kind: SeatKind,
}

impl From<Place> for SuggestedSeat {
    fn from(place: Place) -> Self {
        Self { seat: place.label, x: place.at.x, y: place.at.y, kind: place.kind }
    }
}

async fn show(
    Shared(state): Shared<State>,
    Path(path): Path<SlugPath>,
    freshness: Freshness,
) -> Answer<Cached<Plan>> {
    let now = state.clock.now();
    let event = state.catalog.event_by_slug(&path.slug, now).await?;
    let seatings = state.catalog.seatings(&event, now).await?;
    Cached::public(&seatings.plan, PLAN_SECONDS, &freshness)
}

async fn best(
    Shared(state): Shared<State>,
    Path(path): Path<AreaPath>,
    Json(wanted): Json<SeatsWanted>,
) -> Answer<Json<SuggestedSeats>> {
    wanted.check()?;
    let now = state.clock.now();
    let event = state.catalog.event_by_slug(&path.slug, now).await?;
    let wish = wanted.wish(now.as_second());
    let best = state.catalog.best_seats(&event, path.area, &wish, now).await?;
    Ok(Json(SuggestedSeats {
        seats: best.seats.into_iter().map(SuggestedSeat::from).collect(),
        together: best.together,
        left: best.left,
    }))
}

impl SeatsWanted {
    fn check(&self) -> domain::Result<()> {
        let most = MAX_TICKETS_PER_ORDER;
        let mut fields = Fields::new();
        fields.check((1..=most).contains(&self.quantity), "/quantity", format!("Must be 1 to {most}."));
        fields.check(
            self.seed.as_deref().is_none_or(is_seed),
            "/seed",
            "Must be 1 to 64 letters and digits.",
        );
        self.wanted().check("", &mut fields);
        fields.finish()
    }

    fn wanted(&self) -> Wanted {
        let Self { quantity: count, together, accessible, companions, .. } = *self;
        Wanted { count, accessible, companions, together }
    }

    /// The wish. Without a seed, buyers who ask in different seconds get different seats.
    fn wish(&self, second: i64) -> SeatWish {
        let seed = self.seed.clone().unwrap_or_else(|| second.to_string());
        SeatWish { wanted: self.wanted(), near: self.near, spread: spread(&seed) }
    }
}

fn is_seed(seed: &str) -> bool {
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&seed.len()) && seed.bytes().all(is_sign)
}

/// A number of a text, the same at every try: FNV-1a.
fn spread(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn bad(wanted: Value) -> String {
        let wanted: SeatsWanted = serde_json::from_value(wanted).expect("a wish");
        let Err(error) = wanted.check() else { return String::new() };
        let pointers: Vec<&str> = error.field_errors().iter().map(|field| field.pointer.as_str()).collect();
        format!("{} {}", error.code(), pointers.join(" "))
    }

    #[test]
    fn a_wish_is_bounded() {
        assert_eq!(bad(json!({"quantity": 2})), "");
        assert_eq!(bad(json!({"quantity": 4, "accessible": 2, "companions": 2, "seed": "a-1"})), "");
        assert_eq!(bad(json!({"quantity": 0})), "invalid_fields /quantity");
        assert_eq!(bad(json!({"quantity": 21, "seed": "á"})), "invalid_fields /quantity /seed");
        assert_eq!(
            bad(json!({"quantity": 1, "accessible": 1, "companions": 1})),
            "refused_fields /companions"
        );
        assert_eq!(bad(json!({"quantity": 2, "companions": 1})), "refused_fields /companions");
    }

    #[test]
    fn a_buyer_with_a_seed_is_suggested_the_same_again() {
        let wanted: SeatsWanted =
            serde_json::from_value(json!({"quantity": 2, "seed": "7"})).expect("a wish");
        assert_eq!(wanted.wish(1).spread, wanted.wish(2).spread);
        let wanted = SeatsWanted { seed: None, ..wanted };
        assert_ne!(wanted.wish(1).spread, wanted.wish(2).spread);
    }
}
