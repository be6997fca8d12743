//! Asking gateways about payments whose buyer is here and waits.
//!
//! Notifications come by themselves, mostly within a second or two. Who comes back from the
//! gateway before them must not be asked to pay again: the gateway is asked, and what it says
//! is shown at once. It is written down only if it is still news at the next question, so that
//! an order whose notification comes costs nothing more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::order::{Order, Payment, Settlement};
use domain::payment::{PaymentReference, PaymentReport, PaymentStatus};
use domain::{OrderId, Result, Timestamp};
use futures::future::try_join_all;
use payments::{OpenPayment, PaymentGateway};
use store::Limit;
use store::limit::QUARTER;

use crate::State;

/// Nobody has paid sooner after setting out for the gateway.
const FROM: Duration = Duration::from_secs(5);
/// The time between two questions about one order, from one execution environment.
const PAUSE: Duration = Duration::from_secs(5);
/// How often gateways are asked for one buyer, from all environments: so many are started
/// as requests come at once, and each would ask. Whoever asks without an end would use up
/// what the gateway answers the organiser, before others who pay. A page that looks every
/// two seconds stays below it. A twentieth of a write each time.
const ASKED: Limit = Limit::sampled("gateway-asked", 500, QUARTER, 20);
/// How long after the hold the buyer is still waited for.
const UNTIL: Duration = Duration::from_secs(15 * 60);
/// How long a buyer waits for a gateway's answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a buyer who cancels waits for the gateways to cancel, too.
const CLOSING: Duration = Duration::from_secs(6);
/// The most orders that are remembered.
const MOST: usize = 256;

/// What gateways said lately.
#[derive(Debug, Default)]
pub(crate) struct Looks(Mutex<HashMap<OrderId, Look>>);

/// A try that the buyer has paid, and the gateway's id of the payment.
type Paid = (u8, String);

#[derive(Debug, Clone)]
struct Look {
    /// The order's version that it is about: what was heard before somebody changed the
    /// order is no news of it any more.
    version: u32,
    /// Not to be asked before.
    due: Timestamp,
    /// The tries that the buyer has paid, as the order does not say yet.
    paid: Vec<Paid>,
    /// True if the order does not say something that the gateway does.
    is_news: bool,
}

impl Looks {
    /// What was heard last, and whether it is time to ask again. Who is told so has to ask.
    fn turn(&self, order: OrderId, version: u32, now: Timestamp) -> (Option<Look>, bool) {
        let mut looks = self.lock();
        let known = looks.get(&order).filter(|look| look.version == version).cloned();
        if known.as_ref().is_some_and(|look| now < look.due) {
            return (known, false);
        }
        if looks.len() >= MOST && known.is_none() {
            looks.retain(|_, look| now < look.due);
            if looks.len() >= MOST {
                looks.clear();
            }
        }
        let (paid, is_news) =
            known.as_ref().map_or((Vec::new(), false), |look| (look.paid.clone(), look.is_news));
        looks.insert(order, Look { version, due: now + PAUSE, paid, is_news });
        (known, true)
    }

    fn heard(&self, order: OrderId, paid: Vec<Paid>, is_news: bool) {
        if let Some(look) = self.lock().get_mut(&order) {
            (look.paid, look.is_news) = (paid, is_news);
        }
    }

    /// What was heard is written down in this version.
    fn written(&self, order: OrderId, version: u32) {
        if let Some(look) = self.lock().get_mut(&order) {
            look.version = version;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OrderId, Look>> {
        // No code that can panic runs while it is locked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The order as its buyer should see it, after a look at the gateway if it is time for one.
pub(crate) async fn look(state: &State, mut order: Order, now: Timestamp) -> Order {
    if !is_awaited(&order, now) {
        return order;
    }
    let (known, is_turn) = state.looks.turn(order.id, order.version, now);
    let mut paid = known.as_ref().map(|look| look.paid.clone()).unwrap_or_default();
    if is_turn
        && may_ask(state, &order, now).await
        && let Some(reports) = ask(state, &order).await
    {
        let news = News::of(&order, &reports);
        paid = news.paid.clone();
        state.looks.heard(order.id, news.paid.clone(), news.is_any());
        // Its notification had the time of a pause to come.
        if news.is_any() && known.is_some_and(|before| before.is_news) {
            write_down(state, &mut order, &news, now).await;
            state.looks.written(order.id, order.version);
        }
    }
    order.show_processing(&paid);
    order
}

/// Counts a question about one of the buyer's orders, if there may be another.
async fn may_ask(state: &State, order: &Order, now: Timestamp) -> bool {
    let asked = [ASKED.of(&[&order.user.suffix()])];
    state.store.check_limits(&asked, now).await.is_ok() && state.store.count(&asked, now).await.is_ok()
}

/// True if the buyer has paid and the order does not say what became of it. Asks, unless
/// that was just heard: who is sent to a page now may have paid a second ago, and other
/// execution environments know nothing of what this one heard.
pub(crate) async fn is_processing(state: &State, order: &Order, now: Timestamp) -> bool {
    let mut seen = order.clone();
    if is_awaited(order, now) {
        let (known, is_old) = state.looks.turn(order.id, order.version, now);
        seen.show_processing(&known.filter(|_| !is_old).map(|look| look.paid).unwrap_or_default());
        if seen.processing_payment().is_none()
            && may_ask(state, order, now).await
            && let Some(reports) = ask(state, order).await
        {
            let news = News::of(order, &reports);
            seen.show_processing(&news.paid);
            state.looks.heard(order.id, news.paid.clone(), news.is_any());
        }
    }
    seen.processing_payment().is_some()
}

/// True if a gateway has the money of an order that does not say so yet. Then that is
/// written down, so that the tickets come.
pub(crate) async fn is_paid(state: &State, order: &mut Order, now: Timestamp) -> bool {
    let Some(reports) = ask(state, order).await else { return false };
    let news = News::of(order, &reports);
    if !news.sells {
        return false;
    }
    write_down(state, order, &news, now).await;
    true
}

/// Has the gateways cancel what is open of an order that its buyer cancelled, where they
/// can. What they do not answer to in time stays open.
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
        // Whoever else changed it meanwhile heard of it from the gateway.
        Err(error) => {
            tracing::info!(order = %order.id, ?error, "that payments are cancelled was not written down");
        }
    }
}

/// What gateways say that an order does not.
struct News {
    /// The tries that the buyer has paid.
    paid: Vec<Paid>,
    /// True if money is there that buys the tickets.
    sells: bool,
    /// True if it takes more than a note.
    is_to_settle: bool,
}

impl News {
    fn of(order: &Order, reports: &[(u8, PaymentReport)]) -> Self {
        let mut news = Self { paid: Vec::new(), sells: false, is_to_settle: false };
        for (attempt, report) in reports {
            match order.settlement(*attempt, report) {
                Settlement::Nothing => {}
                Settlement::Process => news.paid.push((*attempt, report.payment_id.clone())),
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

/// Notes what was heard and has the settler look, if that is not all. Does nothing if
/// somebody else changed the order, who then knew more.
async fn write_down(state: &State, order: &mut Order, news: &News, now: Timestamp) {
    let mut noted = order.clone();
    let change = noted.payments_processing(&news.paid, news.is_to_settle);
    match state.store.save_order(&noted, &change, now).await {
        Ok(saved) => *order = saved,
        Err(error) => tracing::info!(order = %order.id, ?error, "what a gateway said was not written down"),
    }
}

/// True if its buyer may be waiting for one of its payments.
fn is_awaited(order: &Order, now: Timestamp) -> bool {
    let may_be_paid = |payment: &Payment| payment.is_open() && payment.created_at + FROM <= now;
    order.is_payable() && now < order.expires_at + UNTIL && order.payments.iter().any(may_be_paid)
}

/// What the gateways have of the tries that are open; `None` if one does not answer soon.
async fn ask(state: &State, order: &Order) -> Option<Vec<(u8, PaymentReport)>> {
    let asked = async {
        let of_try = |payment| async move {
            let Some(client) = client(state, order, payment).await? else { return Ok(Vec::new()) };
            let found = client.payments_of(&reference(state, order, payment.attempt)).await?;
            // What only waits for its buyer is no news.
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
    PaymentReference { user: order.user, order: order.id, attempt }.encode(&state.keys.reference)
}

/// The client of the account that a payment was begun with; `None` if it is gone.
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
    use domain::{QuoteId, UserId};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).expect("in range")
    }

    #[test]
    fn an_order_is_asked_about_once_in_a_while_however_often_its_buyer_looks() {
        let looks = Looks::default();
        let orders: Vec<_> =
            (0..1000).map(|_| OrderId::of_quote(QuoteId::generate(at(0)), UserId::generate(at(0)))).collect();
        let order = |n: usize| orders[n];
        let asked = |n, second| looks.turn(order(n), 1, at(second)).1;
        assert!(asked(1, 0));
        let paid = vec![(0, "1".to_owned())];
        looks.heard(order(1), paid.clone(), true);
        assert!((0..5).all(|second| !asked(1, second)));
        assert!(asked(2, 1), "another order");
        let (known, is_turn) = looks.turn(order(1), 1, at(5));
        assert!(is_turn && known.is_some_and(|look| look.is_news && look.paid == paid));
        // Who was to ask and got no answer is not followed by others at once.
        assert!(!asked(1, 9) && asked(1, 10));
        // Somebody changed the order: what was heard is old.
        assert!(matches!(looks.turn(order(1), 2, at(11)), (None, true)));
        for n in 3..1000 {
            assert!(asked(n, 10));
        }
        assert!(looks.lock().len() <= MOST);
    }
}
