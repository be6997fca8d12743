//! Asks gateways about payments whose buyer is waiting.
//!
//! Notifications mostly arrive within a second or two. A buyer who comes back from the gateway
//! before that must not be asked to pay again: the gateway is asked, and its report shown at once.
//! The report is saved only if it is still news at the next question, so that an order whose
//! notification arrives costs nothing more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::order::{Order, Payment, Settlement};
use domain::payment::{PayLater, PaymentReference, PaymentReport, PaymentStatus};
use domain::{OrderId, Result, Timestamp};
use futures::future::try_join_all;
use payments::{OpenPayment, PaymentGateway};
use store::Limit;
use store::limit::QUARTER;

use crate::State;

/// The earliest time after its creation at which a payment can be paid; gateways are not asked
/// before.
const FROM: Duration = Duration::from_secs(5);
/// Time between two questions about one order, per execution environment.
const PAUSE: Duration = Duration::from_secs(5);
/// Time between two questions about an order whose buyer has yet to go to a counter.
const COUNTER_PAUSE: Duration = Duration::from_secs(60);
/// Questions to gateways for one buyer in a quarter of an hour, over all environments: Lambda
/// starts one per concurrent request, and each would ask. Without a limit one buyer could use up
/// what the gateway answers the organiser, at the cost of other buyers. A page that asks every two
/// seconds stays below it. Costs a twentieth of a write per question.
const ASKED: Limit = Limit::sampled("gateway-asked", 500, QUARTER, 20);
/// How long after the hold's end a payment may still be awaited.
const UNTIL: Duration = Duration::from_secs(15 * 60);
/// How long a buyer waits for a gateway's answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a buyer who cancels waits for the gateways to cancel their payments.
const CLOSING: Duration = Duration::from_secs(6);
/// The most orders whose last reports are cached.
const MOST: usize = 256;

/// The gateways' last reports about awaited orders, per execution environment.
#[derive(Debug, Default)]
pub(crate) struct GatewayReportCache(Mutex<HashMap<OrderId, CachedReports>>);

/// An attempt that the buyer has paid, and the gateway's id of the payment.
type Paid = (u8, String);

#[derive(Debug, Clone)]
struct CachedReports {
    /// The order's version for which the reports were made. Once the order has changed, they are
    /// out of date.
    version: u32,
    /// The gateways are not asked again before this time.
    due: Timestamp,
    /// Attempts that the buyer has paid, but the order does not show yet.
    paid: Vec<Paid>,
    /// True if a report said something that the order does not.
    is_news: bool,
}

impl GatewayReportCache {
    /// The last reports, and whether the caller has the turn: then it must ask the gateways, and no
    /// other request asks for a pause.
    fn turn(
        &self,
        order: OrderId,
        version: u32,
        now: Timestamp,
        pause: Duration,
    ) -> (Option<CachedReports>, bool) {
        let mut reports = self.lock();
        let known = reports.get(&order).filter(|look| look.version == version).cloned();
        if known.as_ref().is_some_and(|look| now < look.due) {
            return (known, false);
        }
        if reports.len() >= MOST && known.is_none() {
            reports.retain(|_, look| now < look.due);
            if reports.len() >= MOST {
                reports.clear();
            }
        }
        let (paid, is_news) =
            known.as_ref().map_or((Vec::new(), false), |look| (look.paid.clone(), look.is_news));
        reports.insert(order, CachedReports { version, due: now + pause, paid, is_news });
        (known, true)
    }

    fn heard(&self, order: OrderId, paid: Vec<Paid>, is_news: bool) {
        if let Some(look) = self.lock().get_mut(&order) {
            (look.paid, look.is_news) = (paid, is_news);
        }
    }

    /// The reports were saved in this version of the order.
    fn written(&self, order: OrderId, version: u32) {
        if let Some(look) = self.lock().get_mut(&order) {
            look.version = version;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OrderId, CachedReports>> {
        // Nothing that can panic runs while the mutex is locked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The order for its buyer, with the gateways' reports if they are due.
pub(crate) async fn refresh_from_gateways(state: &State, mut order: Order, now: Timestamp) -> Order {
    let Some(pause) = pause(&order, now) else { return order };
    let (known, is_turn) = state.reports.turn(order.id, order.version, now, pause);
    let mut paid = known.as_ref().map(|look| look.paid.clone()).unwrap_or_default();
    if is_turn
        && may_ask(state, &order, now).await
        && let Some(reports) = ask(state, &order).await
    {
        let news = ReportedChanges::of(&order, &reports, now);
        paid = news.paid.clone();
        state.reports.heard(order.id, news.paid.clone(), news.is_any());
        // The notification had a whole pause to arrive.
        if news.is_any() && known.is_some_and(|before| before.is_news) {
            save_reported_changes(state, &mut order, &news, now).await;
            state.reports.written(order.id, order.version);
        }
    }
    order.show_processing(&paid);
    order
}

/// Counts a question against the buyer's limit; false if the limit is reached.
async fn may_ask(state: &State, order: &Order, now: Timestamp) -> bool {
    let asked = [ASKED.of(&[&order.user.suffix()])];
    state.store.check_limits(&asked, now).await.is_ok() && state.store.count(&asked, now).await.is_ok()
}

/// The payment that the buyer has made, and of which the outcome is not known yet. Asks the gateways unless the last
/// report is recent: a buyer about to be sent to a page may have paid a second ago, and other
/// execution environments do not know this one's reports.
pub(crate) async fn processing(state: &State, order: &Order, now: Timestamp) -> Option<Payment> {
    let mut seen = order.clone();
    if let Some(pause) = pause(order, now) {
        let (known, is_old) = state.reports.turn(order.id, order.version, now, pause);
        seen.show_processing(&known.filter(|_| !is_old).map(|look| look.paid).unwrap_or_default());
        if seen.processing_payment().is_none()
            && may_ask(state, order, now).await
            && let Some(reports) = ask(state, order).await
        {
            let news = ReportedChanges::of(order, &reports, now);
            seen.show_processing(&news.paid);
            state.reports.heard(order.id, news.paid.clone(), news.is_any());
        }
    }
    seen.processing_payment().cloned()
}

/// True if a gateway has approved a payment that the order does not show yet. The report is then
/// saved, so that the tickets are issued.
pub(crate) async fn is_paid(state: &State, order: &mut Order, now: Timestamp) -> bool {
    let Some(reports) = ask(state, order).await else { return false };
    let news = ReportedChanges::of(order, &reports, now);
    if !news.sells {
        return false;
    }
    save_reported_changes(state, order, &news, now).await;
    true
}

/// Asks the gateways to cancel the open payments of an order that its buyer cancelled, where they
/// can. Payments whose gateway does not answer in time stay open.
pub(crate) async fn close(state: &State, order: &mut Order, now: Timestamp) {
    let closing = async {
        let mut closed = Vec::new();
        for (place, payment) in order.payments.iter().enumerate().filter(|(_, payment)| payment.is_open()) {
            let open = OpenPayment {
                reference: reference(state, order, payment.attempt),
                payment_id: payment.payment_id.clone(),
                checkout_url: payment.checkout_url.clone(),
                now,
            };
            let Ok(Some(client)) = client(state, order, payment).await else { continue };
            match client.close(&open).await {
                Ok(()) => closed.push(place),
                Err(error) => {
                    tracing::info!(order = %order.id, gateway = %payment.gateway, %error, "a payment stays open");
                }
            }
        }
        closed
    };
    let Ok(closed) = tokio::time::timeout(CLOSING, closing).await else {
        tracing::warn!(order = %order.id, "gateways take long to cancel payments");
        return;
    };
    if closed.is_empty() {
        return;
    }
    let change = order.payments_closed(&closed);
    match state.store.save_order(order, &change, now).await {
        Ok(saved) => *order = saved,
        // A lost update: the other writer already heard from the gateway.
        Err(error) => {
            tracing::info!(order = %order.id, ?error, "that payments are cancelled was not written down");
        }
    }
}

/// The difference between gateways' reports and the order.
struct ReportedChanges {
    /// Attempts that the buyer has paid.
    paid: Vec<Paid>,
    /// True if an approved payment buys the tickets.
    sells: bool,
    /// True if the settler has to act on a report.
    is_to_settle: bool,
}

impl ReportedChanges {
    fn of(order: &Order, reports: &[(u8, PaymentReport)], now: Timestamp) -> Self {
        let mut news = Self { paid: Vec::new(), sells: false, is_to_settle: false };
        for (attempt, report) in reports {
            // The settler keeps the places, and notes what the buyer has to do.
            news.is_to_settle |= order.extension(*attempt, report, now).is_some();
            match order.settlement(*attempt, report) {
                Settlement::Nothing => {}
                Settlement::Process => {
                    news.is_to_settle |= PayLater::of(report).is_some();
                    news.paid.push((*attempt, report.payment_id.clone()));
                }
                settlement => {
                    news.is_to_settle = true;
                    if settlement == Settlement::Settle {
                        news.sells = true;
                        news.paid.push((*attempt, report.payment_id.clone()));
                    }
                }
            }
        }
        news
    }

    fn is_any(&self) -> bool {
        self.is_to_settle || !self.paid.is_empty()
    }
}

/// Saves that payments are processing, and calls the settler if more is to be done. Does nothing on
/// a lost update: the other writer knew more.
async fn save_reported_changes(state: &State, order: &mut Order, news: &ReportedChanges, now: Timestamp) {
    let mut noted = order.clone();
    let change = noted.payments_processing(&news.paid, news.is_to_settle);
    match state.store.save_order(&noted, &change, now).await {
        Ok(saved) => *order = saved,
        Err(error) => tracing::info!(order = %order.id, ?error, "what a gateway said was not written down"),
    }
}

/// Time between two questions if the buyer may be waiting for a payment of this order: short while a
/// page may be open, longer while only a slip is to be paid.
fn pause(order: &Order, now: Timestamp) -> Option<Duration> {
    let may_be_paid = |payment: &&Payment| payment.is_open() && payment.created_at + FROM <= now;
    let waiting = order.payments.iter().filter(may_be_paid);
    let ends = waiting.map(|payment| (now < order.page_end(payment) + UNTIL, payment.is_awaited()));
    let (pages, slips) =
        ends.fold((false, false), |(pages, slips), (page, slip)| (pages || page, slips || slip));
    match (order.is_payable(), pages, slips && now < order.expires_at + UNTIL) {
        (true, true, _) => Some(PAUSE),
        (true, false, true) => Some(COUNTER_PAUSE),
        _ => None,
    }
}

/// The gateways' reports about the open attempts; `None` if one does not answer in time.
async fn ask(state: &State, order: &Order) -> Option<Vec<(u8, PaymentReport)>> {
    let asked = async {
        let of_try = |payment| async move {
            let Some(client) = client(state, order, payment).await? else { return Ok(Vec::new()) };
            let found = client.payments_of(&reference(state, order, payment.attempt)).await?;
            // A payment that still waits for its buyer is no news.
            let begun = found.into_iter().filter(|report| report.status != PaymentStatus::Open);
            Ok::<_, domain::Error>(begun.map(|report| (payment.attempt, report)).collect())
        };
        let open = order.payments.iter().filter(|payment| payment.is_open());
        let reports: Vec<Vec<_>> = try_join_all(open.map(of_try)).await?;
        Ok::<_, domain::Error>(reports.into_iter().flatten().collect())
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(reports)) => Some(reports),
        Ok(Err(error)) => {
            tracing::warn!(order = %order.id, %error, "a gateway says nothing of a payment that is waited for");
            None
        }
        Err(_) => {
            tracing::warn!(order = %order.id, "a gateway takes long to say something of a payment");
            None
        }
    }
}

fn reference(state: &State, order: &Order, attempt: u8) -> String {
    PaymentReference { user: order.user, order: order.id, attempt }.encode(&state.reference_key.0)
}

/// The client of the account with which a payment was begun; `None` if the account was deleted.
async fn client(state: &State, order: &Order, payment: &Payment) -> Result<Option<Arc<dyn PaymentGateway>>> {
    let Some(id) = payment.account else {
        return Ok(state.gateways.sandbox().filter(|sandbox| sandbox.name() == payment.gateway));
    };
    let accounts = state.accounts(order.tenant).await?;
    match accounts.iter().find(|account| account.id == id) {
        Some(account) => state.gateways.of(account).await.map(Some),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use domain::testing::at;
    use domain::{QuoteId, UserId};

    use super::*;

    #[test]
    fn gateways_are_asked_about_an_order_at_most_once_per_pause() {
        let reports = GatewayReportCache::default();
        let orders: Vec<_> =
            (0..1000).map(|_| OrderId::of_quote(QuoteId::generate(at(0)), UserId::generate(at(0)))).collect();
        let order = |n: usize| orders[n];
        let asked = |n, second| reports.turn(order(n), 1, at(second), PAUSE).1;
        assert!(asked(1, 0));
        let paid = vec![(0, "1".to_owned())];
        reports.heard(order(1), paid.clone(), true);
        assert!((0..5).all(|second| !asked(1, second)));
        assert!(asked(2, 1), "another order");
        let (known, is_turn) = reports.turn(order(1), 1, at(5), PAUSE);
        assert!(is_turn && known.is_some_and(|look| look.is_news && look.paid == paid));
        // A request that took the turn and got no answer is not followed by another at once.
        assert!(!asked(1, 9) && asked(1, 10));
        // The order has changed: its reports are out of date.
        assert!(matches!(reports.turn(order(1), 2, at(11), PAUSE), (None, true)));
        for n in 3..1000 {
            assert!(asked(n, 10));
        }
        assert!(reports.lock().len() <= MOST);
    }
}
