//! Every route with every kind of caller: callers without the right are refused and change
//! nothing, the others succeed, and no caller sees another organiser's or buyer's data.

use std::fmt::Write as _;

use cloud::services::Checkpoint;
use domain::access::OPERATOR;
use serde_json::Value;
use testkit::{Answer, Request};

use super::calls::{Call, DataOwner, call, in_order};
use super::document::{Operation, operations};
use super::judge::Judge;
use super::world::SampleBoxOffice;

/// The routes that need no sign-in. A route is added here on purpose only.
const PUBLIC: [&str; 40] = [
    "GET /",
    "GET /.well-known/jwks.json",
    "GET /api/v1/discounts/health",
    "GET /api/v1/discounts/remaining/{show}",
    "GET /api/v1/discounts/requests/{id}",
    "GET /api/v1/public/events",
    "GET /api/v1/public/events/{slug}",
    "GET /api/v1/public/events/{slug}/areas",
    "GET /api/v1/public/events/{slug}/areas/{area}/availability",
    "GET /api/v1/public/events/{slug}/plan",
    "GET /api/v1/public/events/{slug}/products",
    "GET /api/v1/public/organizers/{slug}",
    "GET /api/v1/public/organizers/{slug}/policies/{kind}",
    "GET /api/v1/public/series/{slug}",
    "GET /api/v1/public/site",
    "GET /api/v1/shows/available",
    "GET /api/v1/shows/search",
    "GET /health",
    "GET /health/database",
    "GET /images/{owner}/{file}",
    "GET /problems/{code}",
    "GET /ready",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/magic-link",
    "POST /api/v1/auth/magic-link/redeem",
    "POST /api/v1/auth/password/forgot",
    "POST /api/v1/auth/password/reset",
    "POST /api/v1/auth/refresh",
    "POST /api/v1/auth/register",
    "POST /api/v1/auth/second-factor",
    "POST /api/v1/auth/unsubscribe/{token}",
    "POST /api/v1/discounts/request",
    "POST /api/v1/promotions/{code}/validate",
    "POST /api/v1/public/events/{slug}/areas/{area}/best",
    "POST /api/v1/public/quotes",
    "POST /api/v1/public/withdrawals",
    "POST /api/v1/reservations",
    "POST /api/v1/users/check-email",
    "POST /api/v1/users/register",
    "POST /api/v1/users/validate-email",
];

/// Routes that need no sign-in, but whose sender must have signed the body.
const SIGNED: [&str; 3] =
    ["POST /api/v1/purchases/webhook", "POST /api/v1/webhooks/ses", "POST /api/v1/webhooks/{gateway}"];

#[test]
fn routes_without_sign_in_are_listed_on_purpose() {
    let mut open: Vec<String> =
        operations().iter().filter(|operation| operation.roles().is_none()).map(Operation::route).collect();
    open.sort();
    let mut expected: Vec<&str> = PUBLIC.iter().chain(&SIGNED).copied().collect();
    expected.sort_unstable();
    assert_eq!(open, expected, "described without roles on the left, expected on the right");
}

/// A kind of caller, which is a column of the matrix.
struct Caller {
    name: &'static str,
    token: Option<String>,
    /// The role, if the token is valid.
    role: Option<&'static str>,
    /// True if it is the operator's, who has its own role besides.
    is_operator: bool,
    /// The link that is sent in place of a token.
    link: Option<LinkKind>,
}

/// A link to an order, as one that was forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinkKind {
    /// Of the order that the call is about.
    Newest,
    /// Of another order.
    Other,
    /// Of the order that the call is about, but ended since.
    Old,
}

impl Caller {
    fn request(&self, call: &Call, world: &SampleBoxOffice, operation: &Operation) -> Request {
        let request = call.request(world, operation, self.token.as_deref());
        let links = call.links.as_ref().unwrap_or(&world.guest_links);
        match self.link {
            None => request,
            Some(LinkKind::Newest) => request.link(&links.newest),
            Some(LinkKind::Other) => request.link(&world.other_link),
            Some(LinkKind::Old) => request.link(&links.old),
        }
    }
}

fn callers(world: &SampleBoxOffice) -> Vec<Caller> {
    let caller = |name, token: Option<&str>, role| {
        let token = token.map(str::to_owned);
        Caller { name, token, role, is_operator: name == "operator", link: None }
    };
    let link = |name, link| Caller { name, token: None, role: None, is_operator: false, link: Some(link) };
    vec![
        caller("nobody", None, None),
        caller("expired", Some(&world.expired), None),
        caller("garbage", Some("eyJhbGciOiJub25lIn0.e30."), None),
        caller("user", Some(&world.buyer.token), Some("user")),
        caller("scanner", Some(&world.scanner.token), Some("scanner")),
        caller("coordinator", Some(&world.coordinator.token), Some("coordinator")),
        caller("organizer", Some(&world.organizer.token), Some("organizer")),
        caller("admin", Some(&world.admin.token), Some("admin")),
        caller("stale", Some(&world.stale), Some("admin")),
        caller("one factor", Some(&world.strict.token), Some("user")),
        caller("stranger", Some(&world.stranger.token), Some("admin")),
        caller("operator", Some(&world.operator.token), Some("user")),
        link("link", LinkKind::Newest),
        link("other link", LinkKind::Other),
        link("old link", LinkKind::Old),
    ]
}

/// The kind of answer that a caller must get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Success,
    /// A 401.
    Unknown,
    /// A 403.
    Forbidden,
    /// A 404: for this caller there is no such thing.
    Hidden,
    /// Success, or a 401 because a bad token is sent where none is needed.
    SuccessOrUnknown,
}

impl Due {
    fn to(caller: &Caller, operation: &Operation, whose: DataOwner) -> Self {
        let Some(roles) = operation.roles() else {
            return match (whose, &caller.token, caller.role) {
                (DataOwner::Gateway | DataOwner::Sns, ..) => Self::Unknown,
                (_, Some(_), None) => Self::SuccessOrUnknown,
                _ => Self::Success,
            };
        };
        match (caller.link, operation.takes_links()) {
            (Some(LinkKind::Newest), true) => return Self::Success,
            (Some(LinkKind::Other), true) => return Self::Hidden,
            _ => {}
        }
        match caller.role {
            None => Self::Unknown,
            Some(role) if !(roles.contains(&role) || caller.is_operator && roles.contains(&OPERATOR)) => {
                Self::Forbidden
            }
            Some(_) if operation.is_recent() && caller.name == "stale" => Self::Forbidden,
            Some(_) => match whose {
                DataOwner::Buyer if caller.name != "user" => Self::Hidden,
                DataOwner::Tenant if caller.name == "stranger" => Self::Hidden,
                _ => Self::Success,
            },
        }
    }

    fn fits(self, status: u16) -> bool {
        match self {
            Self::Success => (200..300).contains(&status) || status == 307,
            Self::Unknown => status == 401,
            Self::Forbidden => status == 403,
            Self::Hidden => status == 404,
            Self::SuccessOrUnknown => Self::Success.fits(status) || status == 401,
        }
    }
}

/// Collects what is wrong with the answers.
struct Notes<'a> {
    judge: Judge,
    world: &'a SampleBoxOffice,
    problems: Vec<String>,
    /// How far the table's stream was read.
    seen: Option<Checkpoint>,
}

impl Notes<'_> {
    fn check(&mut self, operation: &Operation, caller: &Caller, due: Due, answer: &Answer) {
        let mut problems = Vec::new();
        if !due.fits(answer.status) {
            problems.push(format!("{due:?} was due, {} came: {}", answer.status, answer.text()));
        }
        problems.extend(self.judge.verdict(Some(operation), answer).err());
        if caller.name == "stranger" || matches!(caller.link, Some(LinkKind::Other | LinkKind::Old)) {
            let text = answer.text();
            let secrets = self.world.secrets().into_iter().filter(|secret| text.contains(secret.as_str()));
            problems.extend(secrets.map(|secret| format!("tells {secret}")));
        }
        for problem in problems {
            self.problems.push(format!("{} as {}: {problem}", operation.route(), caller.name));
        }
    }

    /// Makes a call that must be refused and change nothing.
    async fn refused(&mut self, operation: &Operation, caller: &Caller, due: Due, call: &Call) -> u16 {
        let answer = caller.request(call, self.world, operation).send().await;
        self.check(operation, caller, due, &answer);
        for change in self.changes().await {
            self.problems.push(format!(
                "{} as {}: was refused and changed {change}",
                operation.route(),
                caller.name
            ));
        }
        answer.status
    }

    /// The keys that changed in the table since the last call.
    async fn changes(&mut self) -> Vec<Value> {
        let cloud = &self.world.app.cloud;
        let table = &cloud.stack().tables[0].name;
        let mut changes = Vec::new();
        loop {
            let records = cloud.services().dynamodb().stream_records(table, self.seen.as_ref(), 1_000).await;
            let (records, seen) = records.expect("the stream of the table");
            self.seen = seen;
            if records.is_empty() {
                return changes;
            }
            changes.extend(records.into_iter().map(|record| record["dynamodb"]["Keys"].clone()));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_answers_permitted_callers_and_refuses_all_others() {
    let world = SampleBoxOffice::open().await;
    let callers = callers(&world);
    let mut notes = Notes { judge: Judge::new(), world: &world, problems: Vec::new(), seen: None };
    let mut table = Vec::new();
    for operation in in_order() {
        let prepared = call(&world, operation).await;
        world.app.idle().await;
        let dues: Vec<Due> =
            callers.iter().map(|caller| Due::to(caller, operation, prepared.whose)).collect();
        let mut statuses = vec![0; callers.len()];
        notes.changes().await;
        // First the callers who must change nothing, all with the same call.
        for (index, caller) in callers.iter().enumerate() {
            if matches!(dues[index], Due::Unknown | Due::Forbidden | Due::Hidden) {
                statuses[index] = notes.refused(operation, caller, dues[index], &prepared).await;
            }
        }
        let mut prepared = Some(prepared);
        for (index, caller) in callers.iter().enumerate() {
            if matches!(dues[index], Due::Success | Due::SuccessOrUnknown) {
                let call = match prepared.take() {
                    Some(call) => call,
                    None => call(&world, operation).await,
                };
                let answer = caller.request(&call, &world, operation).send().await;
                notes.check(operation, caller, dues[index], &answer);
                statuses[index] = answer.status;
            }
        }
        table.push((operation.route(), statuses));
    }
    assert!(notes.problems.is_empty(), "{} problems:\n{}", notes.problems.len(), notes.problems.join("\n"));
    table.sort();
    insta::assert_snapshot!(print(&callers, &table), @"
                                                                 nobody expired garbage user scanner coordinator organizer admin stale one factor stranger operator link other link old link
    DELETE /api/v1/auth/me                                          401     401     401  yes     yes         yes       yes   yes   403        yes      yes      yes  401        401      401
    DELETE /api/v1/auth/me/factors/passkeys/{id}                    401     401     401  yes     404         404       404   404   403        404      404      404  401        401      401
    DELETE /api/v1/auth/me/factors/totp                             401     401     401  yes     404         404       404   404   403        404      404      404  401        401      401
    DELETE /api/v1/auth/sessions/{id}                               401     401     401  yes     404         404       404   404   404        404      404      404  401        401      401
    DELETE /api/v1/door/devices/{id}                                401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    DELETE /api/v1/events/{id}                                      401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    DELETE /api/v1/events/{id}/areas/{area}                         401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    DELETE /api/v1/events/{id}/images/{image}                       401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    DELETE /api/v1/events/{id}/sale-stages/{stage}                  401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    DELETE /api/v1/products/{id}                                    401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    DELETE /api/v1/products/{id}/variants/{variant}                 401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    DELETE /api/v1/promotions/{code}                                401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    DELETE /api/v1/reservations/{id}                                401     401     401  yes     404         404       404   404   404        404      404      404  yes        404      401
    DELETE /api/v1/series/{id}                                      401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    DELETE /api/v1/supervision/templates/{name}/{language}          401     401     401  403     403         yes       403   yes   yes        403      yes      403  401        401      401
    DELETE /api/v1/tenant/gateways/{id}                             401     401     401  403     403         403       403   yes   403        403      404      403  401        401      401
    DELETE /api/v1/tenant/logo                                      401     401     401  403     403         403       403   yes   yes        403      yes      403  401        401      401
    DELETE /api/v1/tenant/sites/{host}                              401     401     401  403     403         403       403   yes   403        403      404      403  401        401      401
    DELETE /api/v1/tenant/staff/invitations/{invitation}            401     401     401  403     403         403       403   yes   yes        403      404      403  401        401      401
    DELETE /api/v1/tenant/staff/{user}                              401     401     401  403     403         403       403   yes   yes        403      404      403  401        401      401
    DELETE /api/v1/workplaces/{tenant}                              401     401     401  yes     404         404       404   404   404        404      404      404  401        401      401
    GET /                                                           yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    GET /.well-known/jwks.json                                      yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    GET /api/v1/auth/me                                             401     401     401  yes     yes         yes       yes   yes   yes        yes      yes      yes  401        401      401
    GET /api/v1/auth/me/consents                                    401     401     401  yes     yes         yes       yes   yes   yes        yes      yes      yes  401        401      401
    GET /api/v1/auth/me/export                                      401     401     401  yes     yes         yes       yes   yes   403        yes      yes      yes  401        401      401
    GET /api/v1/auth/me/factors                                     401     401     401  yes     yes         yes       yes   yes   yes        yes      yes      yes  401        401      401
    GET /api/v1/auth/sessions                                       401     401     401  yes     yes         yes       yes   yes   yes        yes      yes      yes  401        401      401
    GET /api/v1/auth/verify                                         401     401     401  yes     yes         yes       yes   yes   yes        yes      yes      yes  401        401      401
    GET /api/v1/discounts/health                                    yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    GET /api/v1/discounts/remaining/{show}                          yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    GET /api/v1/discounts/requests/{id}                             yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    GET /api/v1/door/devices                                        401     401     401  403     yes         yes       yes   yes   yes        403      yes      403  401        401      401
    GET /api/v1/door/events/{id}/conflicts                          401     401     401  403     403         yes       yes   yes   yes        403      404      403  401        401      401
    GET /api/v1/door/events/{id}/manifest                           401     401     401  403     yes         yes       yes   yes   yes        403      404      403  401        401      401
    GET /api/v1/door/events/{id}/stats                              401     401     401  403     yes         yes       yes   yes   yes        403      404      403  401        401      401
    GET /api/v1/events                                              401     401     401  403     403         yes       yes   yes   yes        403      yes      403  401        401      401
    GET /api/v1/events/{id}                                         401     401     401  403     403         yes       yes   yes   yes        403      404      403  401        401      401
    GET /api/v1/events/{id}/areas                                   401     401     401  403     403         yes       yes   yes   yes        403      404      403  401        401      401
    GET /api/v1/events/{id}/areas/{area}                            401     401     401  403     403         yes       yes   yes   yes        403      404      403  401        401      401
    GET /api/v1/events/{id}/areas/{area}/units                      401     401     401  403     403         yes       yes   yes   yes        403      404      403  401        401      401
    GET /api/v1/events/{id}/areas/{area}/units/{seat}               401     401     401  403     403         yes       yes   yes   yes        403      404      403  401        401      401
    GET /api/v1/events/{id}/fees                                    401     401     401  403     403         yes       yes   yes   yes        403      404      403  401        401      401
    GET /api/v1/events/{id}/plan                                    401     401     401  403     403         yes       yes   yes   yes        403      404      403  401        401      401
    GET /api/v1/events/{id}/plan/export                             401     401     401  403     403         yes       yes   yes   yes        403      404      403  401        401      401
    GET /api/v1/events/{id}/plan/versions                           401     401     401  403     403         yes       yes   yes   yes        403      404      403  401        401      401
    GET /api/v1/events/{id}/sale-stages                             401     401     401  403     403         yes       yes   yes   yes        403      404      403  401        401      401
    GET /api/v1/operator/events                                     401     401     401  403     403         403       403   403   403        403      403      yes  401        401      401
    GET /api/v1/operator/settings                                   401     401     401  403     403         403       403   403   403        403      403      yes  401        401      401
    GET /api/v1/operator/statements                                 401     401     401  403     403         403       403   403   403        403      403      yes  401        401      401
    GET /api/v1/operator/tenants                                    401     401     401  403     403         403       403   403   403        403      403      yes  401        401      401
    GET /api/v1/operator/tenants/{id}                               401     401     401  403     403         403       403   403   403        403      403      yes  401        401      401
    GET /api/v1/products                                            401     401     401  403     403         yes       yes   yes   yes        403      404      403  401        401      401
    GET /api/v1/products/{id}                                       401     401     401  403     403         yes       yes   yes   yes        403      404      403  401        401      401
    GET /api/v1/promotions                                          401     401     401  403     403         yes       yes   yes   yes        403      yes      403  401        401      401
    GET /api/v1/promotions/{code}                                   401     401     401  403     403         yes       yes   yes   yes        403      404      403  401        401      401
    GET /api/v1/public/events                                       yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    GET /api/v1/public/events/{slug}                                yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    GET /api/v1/public/events/{slug}/areas                          yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    GET /api/v1/public/events/{slug}/areas/{area}/availability      yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    GET /api/v1/public/events/{slug}/plan                           yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    GET /api/v1/public/events/{slug}/products                       yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    GET /api/v1/public/organizers/{slug}                            yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    GET /api/v1/public/organizers/{slug}/policies/{kind}            yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    GET /api/v1/public/series/{slug}                                yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    GET /api/v1/public/site                                         yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    GET /api/v1/purchases                                           401     401     401  yes     yes         yes       yes   yes   yes        yes      yes      yes  401        401      401
    GET /api/v1/purchases/{id}                                      401     401     401  yes     404         404       404   404   404        404      404      404  yes        404      401
    GET /api/v1/purchases/{id}/billing                              401     401     401  yes     404         404       404   404   404        404      404      404  yes        404      401
    GET /api/v1/purchases/{id}/extra-attributes                     401     401     401  403     403         yes       yes   yes   yes        403      404      403  401        401      401
    GET /api/v1/qr/{ticket}                                         401     401     401  yes     404         404       404   404   404        404      404      404  yes        404      401
    GET /api/v1/reservations/{id}                                   401     401     401  yes     404         404       404   404   404        404      404      404  yes        404      401
    GET /api/v1/reservations/{id}/payment-methods                   401     401     401  yes     404         404       404   404   404        404      404      404  yes        404      401
    GET /api/v1/series                                              401     401     401  403     403         yes       yes   yes   yes        403      yes      403  401        401      401
    GET /api/v1/series/{id}                                         401     401     401  403     403         yes       yes   yes   yes        403      404      403  401        401      401
    GET /api/v1/shows/available                                     yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    GET /api/v1/shows/search                                        yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    GET /api/v1/supervision/audit                                   401     401     401  403     403         403       403   yes   yes        403      yes      403  401        401      401
    GET /api/v1/supervision/dashboard                               401     401     401  403     403         yes       403   yes   yes        403      yes      403  401        401      401
    GET /api/v1/supervision/queue                                   401     401     401  403     403         yes       403   yes   yes        403      yes      403  401        401      401
    GET /api/v1/supervision/queue/{id}                              401     401     401  403     403         yes       403   yes   yes        403      404      403  401        401      401
    GET /api/v1/supervision/stats                                   401     401     401  403     403         yes       403   yes   yes        403      yes      403  401        401      401
    GET /api/v1/supervision/templates                               401     401     401  403     403         yes       403   yes   yes        403      yes      403  401        401      401
    GET /api/v1/supervision/templates/{name}/{language}             401     401     401  403     403         yes       403   yes   yes        403      yes      403  401        401      401
    GET /api/v1/supervision/templates/{name}/{language}/versions    401     401     401  403     403         yes       403   yes   yes        403      yes      403  401        401      401
    GET /api/v1/tenant                                              401     401     401  403     403         403       403   yes   yes        403      yes      403  401        401      401
    GET /api/v1/tenant/gateways                                     401     401     401  403     403         403       403   yes   yes        403      yes      403  401        401      401
    GET /api/v1/tenant/gateways/{id}                                401     401     401  403     403         403       403   yes   yes        403      404      403  401        401      401
    GET /api/v1/tenant/legal-info                                   401     401     401  403     403         403       403   yes   yes        403      yes      403  401        401      401
    GET /api/v1/tenant/payment-differences                          401     401     401  403     403         403       403   yes   yes        403      yes      403  401        401      401
    GET /api/v1/tenant/policies                                     401     401     401  403     403         403       403   yes   yes        403      yes      403  401        401      401
    GET /api/v1/tenant/refund-tasks                                 401     401     401  403     403         403       403   yes   yes        403      yes      403  401        401      401
    GET /api/v1/tenant/sites                                        401     401     401  403     403         403       403   yes   yes        403      yes      403  401        401      401
    GET /api/v1/tenant/staff                                        401     401     401  403     403         403       403   yes   yes        403      yes      403  401        401      401
    GET /api/v1/tenant/statements                                   401     401     401  403     403         403       403   yes   yes        403      yes      403  401        401      401
    GET /api/v1/tickets                                             401     401     401  yes     yes         yes       yes   yes   yes        yes      yes      yes  401        401      401
    GET /api/v1/tickets/{id}                                        401     401     401  yes     404         404       404   404   404        404      404      404  yes        404      401
    GET /api/v1/transfers/history                                   401     401     401  yes     yes         yes       yes   yes   yes        yes      yes      yes  401        401      401
    GET /api/v1/users/list                                          401     401     401  403     403         yes       403   yes   yes        403      yes      403  401        401      401
    GET /api/v1/users/stats                                         401     401     401  403     403         yes       403   yes   yes        403      yes      403  401        401      401
    GET /api/v1/users/{id}                                          401     401     401  403     403         yes       403   yes   yes        403      404      403  401        401      401
    GET /api/v1/users/{id}/payments                                 401     401     401  403     403         yes       403   yes   yes        403      404      403  401        401      401
    GET /api/v1/workplaces/{tenant}/invitation                      401     401     401  yes     404         404       404   404   404        404      404      404  401        401      401
    GET /health                                                     yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    GET /health/database                                            yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    GET /images/{owner}/{file}                                      yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    GET /problems/{code}                                            yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    GET /ready                                                      yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    PATCH /api/v1/auth/me                                           401     401     401  yes     yes         yes       yes   yes   yes        yes      yes      yes  401        401      401
    PATCH /api/v1/events/{id}                                       401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    PATCH /api/v1/events/{id}/areas/{area}                          401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    PATCH /api/v1/events/{id}/areas/{area}/units/{seat}             401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    PATCH /api/v1/events/{id}/sale-stages/{stage}                   401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    PATCH /api/v1/operator/events/{id}                              401     401     401  403     403         403       403   403   403        403      403      yes  401        401      401
    PATCH /api/v1/operator/tenants/{id}                             401     401     401  403     403         403       403   403   403        403      403      yes  401        401      401
    PATCH /api/v1/operator/tenants/{id}/gateways/{account}          401     401     401  403     403         403       403   403   403        403      403      yes  401        401      401
    PATCH /api/v1/products/{id}                                     401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    PATCH /api/v1/products/{id}/variants/{variant}                  401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    PATCH /api/v1/promotions/{code}                                 401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    PATCH /api/v1/series/{id}                                       401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    PATCH /api/v1/tenant                                            401     401     401  403     403         403       403   yes   yes        403      yes      403  401        401      401
    PATCH /api/v1/tenant/gateways/{id}                              401     401     401  403     403         403       403   yes   yes        403      404      403  401        401      401
    PATCH /api/v1/tenant/staff/{user}                               401     401     401  403     403         403       403   yes   yes        403      404      403  401        401      401
    PATCH /api/v1/users/{id}                                        401     401     401  403     403         yes       403   yes   yes        403      404      403  401        401      401
    PATCH /api/v1/users/{id}/payment-status                         401     401     401  403     403         yes       403   yes   yes        403      404      403  401        401      401
    PATCH /api/v1/users/{id}/payments/{payment}                     401     401     401  403     403         yes       403   yes   yes        403      404      403  401        401      401
    POST /api/v1/auth/login                                         yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    POST /api/v1/auth/logout                                        401     401     401  yes     yes         yes       yes   yes   yes        yes      yes      yes  401        401      401
    POST /api/v1/auth/magic-link                                    yes     401     401  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    POST /api/v1/auth/magic-link/redeem                             yes     401     401  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    POST /api/v1/auth/me/factors/passkeys                           401     401     401  yes     404         404       404   404   403        404      404      404  401        401      401
    POST /api/v1/auth/me/factors/passkeys/options                   401     401     401  yes     yes         yes       yes   yes   403        yes      yes      yes  401        401      401
    POST /api/v1/auth/me/factors/totp                               401     401     401  yes     yes         yes       yes   yes   403        yes      yes      yes  401        401      401
    POST /api/v1/auth/me/factors/totp/confirm                       401     401     401  yes     404         404       404   404   403        404      404      404  401        401      401
    POST /api/v1/auth/me/recovery-codes                             401     401     401  yes     404         404       404   404   403        404      404      404  401        401      401
    POST /api/v1/auth/password/forgot                               yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    POST /api/v1/auth/password/reset                                yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    POST /api/v1/auth/reauthenticate                                401     401     401  yes     yes         yes       yes   yes   yes        yes      yes      yes  401        401      401
    POST /api/v1/auth/refresh                                       yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    POST /api/v1/auth/register                                      yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    POST /api/v1/auth/second-factor                                 yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    POST /api/v1/auth/unsubscribe/{token}                           yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    POST /api/v1/discounts/request                                  yes     401     401  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    POST /api/v1/door/devices                                       401     401     401  403     403         403       yes   yes   yes        403      yes      403  401        401      401
    POST /api/v1/door/sync                                          401     401     401  403     yes         yes       yes   yes   yes        403      404      403  401        401      401
    POST /api/v1/events                                             401     401     401  403     403         403       yes   yes   yes        403      yes      403  401        401      401
    POST /api/v1/events/{id}/areas                                  401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    POST /api/v1/events/{id}/areas/{area}/units                     401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    POST /api/v1/events/{id}/areas/{area}/units/block               401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    POST /api/v1/events/{id}/areas/{area}/units/unblock             401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    POST /api/v1/events/{id}/cancel                                 401     401     401  403     403         403       yes   yes   403        403      404      403  401        401      401
    POST /api/v1/events/{id}/duplicate                              401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    POST /api/v1/events/{id}/images                                 401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    POST /api/v1/events/{id}/plan/adopt                             401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    POST /api/v1/events/{id}/plan/import                            401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    POST /api/v1/events/{id}/plan/publish                           401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    POST /api/v1/events/{id}/postpone                               401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    POST /api/v1/events/{id}/publish                                401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    POST /api/v1/events/{id}/sale-stages                            401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    POST /api/v1/events/{id}/unpublish                              401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    POST /api/v1/products                                           401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    POST /api/v1/products/{id}/variants                             401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    POST /api/v1/promotions                                         401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    POST /api/v1/promotions/{code}/validate                         yes     401     401  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    POST /api/v1/public/events/{slug}/areas/{area}/best             yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    POST /api/v1/public/quotes                                      yes     401     401  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    POST /api/v1/public/withdrawals                                 yes     yes     yes  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    POST /api/v1/purchases                                          401     401     401  yes     404         404       404   404   404        404      404      404  yes        404      401
    POST /api/v1/purchases/webhook                                  401     401     401  401     401         401       401   401   401        401      401      401  401        401      401
    POST /api/v1/purchases/{id}/erase                               401     401     401  yes     404         404       404   404   404        404      404      404  yes        404      401
    POST /api/v1/purchases/{id}/link                                401     401     401  yes     404         404       404   404   404        404      404      404  yes        404      401
    POST /api/v1/purchases/{id}/refund                              401     401     401  403     403         403       yes   yes   403        403      404      403  401        401      401
    POST /api/v1/purchases/{id}/withdrawal                          401     401     401  yes     404         404       404   404   404        404      404      404  yes        404      401
    POST /api/v1/qr/validate                                        401     401     401  403     yes         yes       yes   yes   yes        403      404      403  401        401      401
    POST /api/v1/reservations                                       yes     401     401  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    POST /api/v1/series                                             401     401     401  403     403         403       yes   yes   yes        403      yes      403  401        401      401
    POST /api/v1/supervision/queue/bulk                             401     401     401  403     403         yes       403   yes   yes        403      yes      403  401        401      401
    POST /api/v1/supervision/queue/{id}/action                      401     401     401  403     403         yes       403   yes   yes        403      404      403  401        401      401
    POST /api/v1/supervision/queue/{id}/send                        401     401     401  403     403         yes       403   yes   yes        403      404      403  401        401      401
    POST /api/v1/supervision/templates/preview                      401     401     401  403     403         yes       403   yes   yes        403      yes      403  401        401      401
    POST /api/v1/supervision/templates/{name}/{language}/restore    401     401     401  403     403         yes       403   yes   yes        403      yes      403  401        401      401
    POST /api/v1/tenant/gateways                                    401     401     401  403     403         403       403   yes   yes        403      yes      403  401        401      401
    POST /api/v1/tenant/logo                                        401     401     401  403     403         403       403   yes   yes        403      yes      403  401        401      401
    POST /api/v1/tenant/refund-tasks/{order}/{payment}/done         401     401     401  403     403         403       403   yes   403        403      404      403  401        401      401
    POST /api/v1/tenant/refund-tasks/{order}/{payment}/retry        401     401     401  403     403         403       403   yes   yes        403      404      403  401        401      401
    POST /api/v1/tenant/sites                                       401     401     401  403     403         403       403   yes   yes        403      yes      403  401        401      401
    POST /api/v1/tenant/sites/{host}/verify                         401     401     401  403     403         403       403   yes   403        403      404      403  401        401      401
    POST /api/v1/tenant/staff                                       401     401     401  403     403         403       403   yes   yes        403      yes      403  401        401      401
    POST /api/v1/tenants                                            401     401     401  yes     yes         yes       yes   yes   yes        yes      yes      yes  401        401      401
    POST /api/v1/transfers/accept                                   401     401     401  yes     yes         yes       yes   yes   yes        yes      yes      yes  401        401      401
    POST /api/v1/transfers/cancel                                   401     401     401  yes     404         404       404   404   404        404      404      404  401        401      401
    POST /api/v1/transfers/initiate                                 401     401     401  yes     404         404       404   404   404        404      404      404  401        401      401
    POST /api/v1/users/check-email                                  yes     401     401  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    POST /api/v1/users/import                                       401     401     401  403     403         yes       403   yes   yes        403      yes      403  401        401      401
    POST /api/v1/users/register                                     yes     401     401  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    POST /api/v1/users/validate-email                               yes     401     401  yes     yes         yes       yes   yes   yes        yes      yes      yes  yes        yes      yes
    POST /api/v1/users/{id}/payments                                401     401     401  403     403         yes       403   yes   yes        403      404      403  401        401      401
    POST /api/v1/webhooks/ses                                       401     401     401  401     401         401       401   401   401        401      401      401  401        401      401
    POST /api/v1/webhooks/{gateway}                                 401     401     401  401     401         401       401   401   401        401      401      401  401        401      401
    POST /api/v1/workplaces/{tenant}/invitation/accept              401     401     401  yes     404         404       404   404   404        404      404      404  401        401      401
    POST /api/v1/workplaces/{tenant}/invitation/decline             401     401     401  yes     404         404       404   404   404        404      404      404  401        401      401
    PUT /api/v1/auth/me/consents                                    401     401     401  yes     yes         yes       yes   yes   yes        yes      yes      yes  401        401      401
    PUT /api/v1/events/{id}/fees                                    401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    PUT /api/v1/events/{id}/plan                                    401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    PUT /api/v1/operator/settings                                   401     401     401  403     403         403       403   403   403        403      403      yes  401        401      401
    PUT /api/v1/purchases/{id}/billing                              401     401     401  yes     404         404       404   404   404        404      404      404  yes        404      401
    PUT /api/v1/purchases/{id}/extra-attributes                     401     401     401  403     403         403       yes   yes   yes        403      404      403  401        401      401
    PUT /api/v1/supervision/queue/{id}/edit                         401     401     401  403     403         yes       403   yes   yes        403      404      403  401        401      401
    PUT /api/v1/supervision/templates/{name}/{language}             401     401     401  403     403         yes       403   yes   yes        403      yes      403  401        401      401
    PUT /api/v1/tenant/gateways/{id}/credentials                    401     401     401  403     403         403       403   yes   403        403      404      403  401        401      401
    PUT /api/v1/tenant/legal-info                                   401     401     401  403     403         403       403   yes   yes        403      yes      403  401        401      401
    PUT /api/v1/tenant/policies/{kind}                              401     401     401  403     403         403       403   yes   yes        403      yes      403  401        401      401
    ");
    world.app.close().await;
}

/// The matrix: `yes` for a success, else the status.
fn print(callers: &[Caller], table: &[(String, Vec<u16>)]) -> String {
    let width = table.iter().map(|(route, _)| route.len()).max().unwrap_or(0);
    let mut text = format!("{:width$}", "");
    for caller in callers {
        let _ = write!(text, " {}", caller.name);
    }
    for (route, statuses) in table {
        let _ = write!(text, "\n{route:width$}");
        for (caller, status) in callers.iter().zip(statuses) {
            let cell = if Due::Success.fits(*status) { "yes".to_owned() } else { status.to_string() };
            let _ = write!(text, " {cell:>width$}", width = caller.name.len());
        }
    }
    text
}
