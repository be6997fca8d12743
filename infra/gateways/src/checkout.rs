//! The page on which a person plays the buyer, the bank and the reviewer.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use domain::{Language, Timestamp};
use minijinja::context;
use minijinja::value::Serde;
use serde::{Deserialize, Serialize};

use crate::actions::{ActError, Action, Disputes};
use crate::page::{amount, html, language_code, say};
use crate::purchase::{Attempt, Method, Purchase, Stage, Status};
use crate::service::Service;

/// How long after the expiry "pay after the deadline" pays: longer than a merchant
/// whose hold ends shortly after the payment's expiry keeps the goods.
const LATE_SECONDS: i64 = 120;

/// How long after now "pay tomorrow" pays, at the latest: a slip may end before.
const TOMORROW_SECONDS: i64 = 20 * 3600;

pub(super) fn router() -> Router<Arc<Service>> {
    Router::new().route("/pay/{id}", get(show)).route("/pay/{id}/{choice}", post(choose))
}

/// An answer that leads to the page of a purchase.
pub(super) fn to_page(purchase: &Purchase) -> Response {
    Redirect::to(&format!("/pay/{}", purchase.id)).into_response()
}

/// The language that a browser asks for.
pub(super) fn asked_language(headers: &HeaderMap) -> Language {
    let asked = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    if asked.unwrap_or_default().starts_with("en") { Language::En } else { Language::Es }
}

/// A page that says why there is nothing to pay.
pub(super) fn problem(service: &Service, status: StatusCode, language: Language, why: &str) -> Response {
    html(status, render(service, None, language, Some(why)))
}

async fn show(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Trouble> {
    let purchase = find(&service, &id)?;
    let Some(purchase) = purchase else {
        return Ok(html(StatusCode::NOT_FOUND, render(&service, None, asked_language(&headers), None)));
    };
    Ok(html(StatusCode::OK, render(&service, Some(&purchase), purchase.language, None)))
}

/// A page that there is not.
type Trouble = (StatusCode, String);

fn trouble(error: impl std::fmt::Display) -> Trouble {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

fn find(service: &Service, id: &str) -> Result<Option<Purchase>, Trouble> {
    service.with_ledger(|ledger| Ok::<_, std::io::Error>(ledger.get(id).cloned())).map_err(trouble)
}

/// A button.
#[derive(Debug, Serialize)]
struct Choice {
    action: String,
    label: String,
    main: bool,
    /// True for what only testers need.
    other: bool,
}

/// A try as the page shows it.
#[derive(Debug, Serialize)]
struct Line {
    method: &'static str,
    state: &'static str,
}

fn render(
    service: &Service,
    purchase: Option<&Purchase>,
    language: Language,
    problem: Option<&str>,
) -> Result<String, minijinja::Error> {
    let now = service.clock.now();
    let whole = purchase.map_or(0, |purchase| purchase.amount.amount);
    let line = |attempt: &Attempt| Line {
        method: service.protocol.method_name(attempt.method, language),
        state: state(attempt, whole, language),
    };
    let attempts = purchase.iter().flat_map(|purchase| &purchase.attempts);
    let lines: Vec<_> = attempts.filter(|attempt| attempt.status != Status::Open).map(line).collect();
    let latest = purchase.and_then(|purchase| purchase.attempts.last());
    service.templates.get_template("checkout.html")?.render(context! {
        lang => language_code(language),
        es => language == Language::Es,
        title => service.protocol.title(),
        problem => problem,
        purchase => purchase.map(Serde),
        amount => purchase.map(|purchase| amount(purchase.amount, language)),
        lines => Serde(lines),
        until => purchase.and_then(Purchase::slip).and_then(|slip| slip.slip_end).map(|end| end.to_string()),
        late => purchase.is_some_and(|purchase| purchase.expires_at.is_some_and(|end| end <= now)),
        choices => Serde(purchase.map_or_else(Vec::new, |purchase| choices(service, purchase, now))),
        back => purchase.and_then(|purchase| service.protocol.return_url(purchase, latest)),
    })
}

/// The state of a try, for people.
pub(super) fn state(attempt: &Attempt, whole: i64, language: Language) -> &'static str {
    let refunded = attempt.refunded();
    let (es, en) = match (attempt.status, attempt.dispute.as_ref().map(|dispute| dispute.stage)) {
        (Status::Open, _) => ("sin pagar", "not paid"),
        (Status::Pending, _) => ("pendiente", "pending"),
        (Status::Declined, _) => ("rechazado por el banco", "declined by the bank"),
        (Status::Failed, _) => ("fallido", "failed"),
        (Status::Cancelled, _) => ("abandonado", "abandoned"),
        (Status::Expired, _) => ("vencido", "expired"),
        (Status::Approved, Some(Stage::Mediation)) => ("aprobado, en reclamo", "approved, in mediation"),
        (Status::Approved, Some(Stage::Open)) => ("en contracargo", "charged back"),
        (Status::Approved, Some(Stage::Lost)) => ("contracargo perdido", "charged back, lost"),
        (Status::Approved, _) if refunded >= whole => ("devuelto", "refunded"),
        (Status::Approved, Some(Stage::Won)) => ("aprobado, contracargo ganado", "approved, dispute won"),
        (Status::Approved, None) if refunded > 0 => ("devuelto en parte", "refunded in part"),
        (Status::Approved, None) => ("aprobado", "approved"),
    };
    say(language, es, en)
}

/// What a person may do to a purchase now.
fn choices(service: &Service, purchase: &Purchase, now: Timestamp) -> Vec<Choice> {
    let protocol = &service.protocol;
    let say = |es, en| say(purchase.language, es, en).to_owned();
    let mut choices = Vec::new();
    let mut offer = |action: &str, label: String, main: bool, other: bool| {
        choices.push(Choice { action: action.to_owned(), label, main, other });
    };
    if let Some(paid) = purchase.newest(Status::Approved).map(|at| &purchase.attempts[at]) {
        let stage = paid.dispute.as_ref().map(|dispute| dispute.stage);
        let whole = purchase.left(paid) == 0;
        let disputes = protocol.rules().disputes;
        if disputes != Disputes::Untold && !whole {
            let staged = disputes == Disputes::Staged;
            if staged && matches!(stage, None | Some(Stage::Won)) {
                offer("mediate", say("Que el comprador reclame", "Have the buyer complain"), false, true);
            }
            if !matches!(stage, Some(Stage::Open | Stage::Lost)) {
                offer("charge-back", say("Hacer un contracargo", "Charge it back"), false, true);
            }
            if staged && matches!(stage, Some(Stage::Open | Stage::Mediation)) {
                offer("win", say("Que gane el vendedor", "Have the seller win"), false, true);
                offer("lose", say("Que gane el comprador", "Have the buyer win"), false, true);
            }
        }
        if !whole && matches!(stage, None | Some(Stage::Won)) {
            let label = say("Devolver todo, como el vendedor", "Refund all, as the seller");
            offer("refund", label, false, true);
        }
        return choices;
    }
    if purchase.slip().is_some() {
        offer("approve", say("Pagar en el mostrador", "Pay at the counter"), true, false);
        offer("tomorrow", say("Pagar mañana", "Pay tomorrow"), false, false);
        offer("expire", say("Dejar que venza", "Let it expire"), false, false);
    } else if purchase.newest(Status::Pending).is_some() {
        offer("approve", say("Que se apruebe lo pendiente", "Have what is pending approved"), true, false);
        offer("decline", say("Que se rechace lo pendiente", "Have what is pending declined"), false, false);
    }
    let late = purchase.expires_at.is_some_and(|end| end <= now);
    let only = purchase.only().map(|at| purchase.attempts[at].status);
    if only == Some(Status::Expired) {
        offer("approve", say("Pagar de todos modos", "Pay all the same"), true, false);
    }
    if only.is_some_and(|status| status != Status::Open) || (late && protocol.rules().closes) {
        return choices;
    }
    if purchase.newest(Status::Pending).is_some() {
        offer("again", say("Pagar además con tarjeta", "Pay by card as well"), false, true);
        return choices;
    }
    let by = |method: Method| protocol.method_name(method, purchase.language);
    offer("approve", say("Pagar", "Pay"), true, false);
    offer("decline", say("Que el banco lo rechace", "Have the bank decline it"), false, false);
    offer("leave", say("Cancelar y volver", "Cancel and go back"), false, false);
    for (method, name) in [(Method::Wallet, "wallet"), (Method::Bank, "bank")] {
        if purchase.methods.contains(&method) {
            let label = format!("{}: {}", say("Pagar", "Pay"), by(method));
            offer(&format!("approve?method={name}"), label, false, true);
        }
    }
    if purchase.methods.contains(&Method::Cash) {
        let label = format!("{}: {}", say("Pagar más tarde", "Pay later"), by(Method::Cash));
        offer("begin?method=cash", label, false, true);
    }
    let in_seconds = say("Quedar pendiente; aprobado en 15 segundos", "Pending; approved in 15 seconds");
    offer("later?seconds=15", in_seconds, false, true);
    let in_a_minute = say("Quedar pendiente; aprobado en un minuto", "Pending; approved in a minute");
    offer("later?seconds=60", in_a_minute, false, true);
    let no = say("Quedar pendiente; rechazado en 15 segundos", "Pending; declined in 15 seconds");
    offer("later-declined?seconds=15", no, false, true);
    if purchase.expires_at.is_some() && !late {
        let label =
            say("Quedar pendiente; aprobado con el plazo vencido", "Pending; approved after the deadline");
        offer("after-expiry", label, false, true);
    }
    choices
}

#[derive(Deserialize)]
struct Details {
    method: Option<Method>,
    seconds: Option<u32>,
}

/// Does what the person chose. After success the browser goes back to the shop, as
/// from real pages; after a refusal the buyer may try again.
async fn choose(
    State(service): State<Arc<Service>>,
    Path((id, choice)): Path<(String, String)>,
    Query(details): Query<Details>,
) -> Result<Response, Trouble> {
    let none = || (StatusCode::NOT_FOUND, "There is no such thing.".to_owned());
    let purchase = find(&service, &id)?.ok_or_else(none)?;
    let method = details.method.unwrap_or(Method::Card);
    let now = service.clock.now();
    let after = |seconds: i64| now + jiff::SignedDuration::from_secs(seconds);
    let later = after(i64::from(details.seconds.unwrap_or(15).min(30 * 24 * 3600)));
    let late = purchase.expires_at.unwrap_or(now) + jiff::SignedDuration::from_secs(LATE_SECONDS);
    let leaving = service.protocol.leaving();
    let action = match choice.as_str() {
        "approve" => Action::Decide(method, Status::Approved),
        "decline" => Action::Decide(method, Status::Declined),
        "begin" => Action::Begin(method),
        "later" => Action::BeginThen(method, Status::Approved, later),
        "later-declined" => Action::BeginThen(method, Status::Declined, later),
        "tomorrow" => {
            let end = purchase.slip().and_then(|slip| slip.slip_end);
            let tomorrow = after(TOMORROW_SECONDS);
            let last = end.map(|end| end - jiff::SignedDuration::from_secs(60));
            Action::Schedule(Status::Approved, last.map_or(tomorrow, |last| last.min(tomorrow)))
        }
        "expire" => Action::Decide(method, Status::Expired),
        "after-expiry" => Action::BeginThen(method, Status::Approved, late),
        "again" => Action::BeginThen(method, Status::Approved, now),
        "leave" => match leaving {
            Some(status) => Action::Decide(method, status),
            None => return Ok(back(&service, &purchase, None)),
        },
        "mediate" => Action::Mediate,
        "charge-back" => Action::ChargeBack,
        "win" => Action::CloseDispute { won: true },
        "lose" => Action::CloseDispute { won: false },
        "refund" => Action::Refund(None),
        _ => return Err(none()),
    };
    let stays = match action {
        // The buyer may try again, unless this was the only try.
        Action::Decide(_, Status::Declined) => purchase.only().is_none(),
        Action::Mediate | Action::ChargeBack | Action::CloseDispute { .. } | Action::Refund(_) => true,
        Action::Begin(_) | Action::BeginThen(..) | Action::Schedule(..) | Action::Decide(..) => false,
    };
    match service.act(&purchase.id, action) {
        Ok((purchase, _)) if stays => Ok(to_page(&purchase)),
        Ok((purchase, attempt)) => Ok(back(&service, &purchase, Some(&attempt))),
        // Somebody else was faster, or the time is over: the page says how it stands.
        Err(ActError::Refused(_)) => Ok(to_page(&purchase)),
        Err(error) => Err(trouble(error)),
    }
}

fn back(service: &Service, purchase: &Purchase, attempt: Option<&Attempt>) -> Response {
    match service.protocol.return_url(purchase, attempt) {
        Some(url) => Redirect::to(&url).into_response(),
        None => to_page(purchase),
    }
}
