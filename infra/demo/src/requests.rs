//! Discount requests of members, in every list of the queue.

use boot::{Boot, Secret};
use domain::audit::AuditNote;
use domain::discount::{
    Case, DecisionType, DeliveryStatus, DiscountRequest, Reviewer, code, facts, promotion, suggest,
};
use domain::mail_template::{MailTemplate, render};
use domain::member::Member;
use domain::outbox::Outbox;
use domain::tenant::Tenant;
use domain::{Error, Person, Result, Timestamp};
use futures::future::try_join_all;
use jiff::SignedDuration;
use store::{Store, StoredEvent};

use crate::shows::{Sheets, sheet};

/// Shows that members ask for; those with more discounts more often.
const SHOWS: [&str; 8] = [
    "los-faroles",
    "festival-alto-viento",
    "niebla-de-enero",
    "los-faroles",
    "la-orilla-prestada",
    "los-grillos-de-cobre",
    "sobremesa",
    "marea-baja-quinteto",
];

/// The state of some requests.
struct RequestOutcome {
    /// Number of requests.
    count: usize,
    decision: Option<DecisionType>,
    is_sent: bool,
    notes: Option<&'static str>,
}

const fn outcome(count: usize, decision: Option<DecisionType>, is_sent: bool) -> RequestOutcome {
    RequestOutcome { count, decision, is_sent, notes: None }
}

/// Forty requests, the oldest first.
const OUTCOMES: [RequestOutcome; 7] = [
    outcome(7, Some(DecisionType::Approved), true),
    RequestOutcome {
        notes: Some("Ya fue dos veces este año."),
        ..outcome(2, Some(DecisionType::Rejected), true)
    },
    outcome(1, Some(DecisionType::NeedsClarification), true),
    outcome(7, Some(DecisionType::Approved), false),
    RequestOutcome {
        notes: Some("Sin cupo para este fin de semana."),
        ..outcome(5, Some(DecisionType::Rejected), false)
    },
    RequestOutcome {
        notes: Some("¿Con quién viene?"),
        ..outcome(4, Some(DecisionType::NeedsClarification), false)
    },
    outcome(14, None, false),
];

/// Messages of some members.
const MESSAGES: [&str; 4] = [
    "¡Es mi banda favorita!",
    "Voy con mi hermana, que también es socia.",
    "Cumplo años ese día.",
    "Nunca pude verlos en vivo.",
];

/// The reviewer of the requests, with the store and keys that deciding needs.
pub(super) struct DiscountReviewer<'a> {
    store: &'a Store,
    tenant: &'a Tenant,
    reviewer: Reviewer,
    codes: [u8; 32],
    public_url: String,
}

impl<'a> DiscountReviewer<'a> {
    /// Reads `DISCOUNT_SECRET` and `PUBLIC_URL`, as `supervision` does.
    pub(super) fn new(
        boot: &Boot,
        store: &'a Store,
        tenant: &'a Tenant,
        reviewer: Reviewer,
    ) -> Result<Self, boot::ConfigError> {
        Ok(Self {
            store,
            tenant,
            reviewer,
            codes: Secret::from_env(&boot.env, "DISCOUNT_SECRET")?.derive("discount codes"),
            public_url: boot.env.public_url()?.to_string(),
        })
    }

    /// Opens requests, decides most of them and sends some answers. The first `untouched` members
    /// stay without requests, for people who try the demo.
    pub(super) async fn open(
        &self,
        members: &[Member],
        untouched: usize,
        sheets: &Sheets,
        now: Timestamp,
    ) -> Result<()> {
        let outcomes = OUTCOMES.iter().flat_map(|outcome| std::iter::repeat_n(outcome, outcome.count));
        let may_ask = members.iter().skip(untouched).filter(|member| member.eligible().is_ok());
        // Requests of members whose address bounces stay undecided: no answer would arrive.
        let (bounced, reachable): (Vec<_>, Vec<_>) =
            may_ask.partition(|member| member.email_bounced_at.is_some());
        let mut bounced = bounced.into_iter();
        let mut reachable = reachable.into_iter();
        let mut asked = Vec::new();
        for (index, outcome) in outcomes.enumerate() {
            let unreachable =
                if outcome.decision.is_none() && index.is_multiple_of(5) { bounced.next() } else { None };
            let member = unreachable.or_else(|| reachable.next());
            let member = member.ok_or_else(|| Error::internal("too few members"))?;
            let show = sheet(sheets, SHOWS[index % SHOWS.len()])?;
            asked.push(self.one(index, outcome, member, show, now));
        }
        try_join_all(asked).await.map(drop)
    }

    async fn one(
        &self,
        index: usize,
        outcome: &RequestOutcome,
        member: &Member,
        sheet: &StoredEvent,
        now: Timestamp,
    ) -> Result<()> {
        let show = &sheet.event;
        let case = Case {
            remaining: show.max_discounts,
            address_bounces: member.email_bounced_at.is_some(),
            ..Case::default()
        };
        // Oldest first, about an hour and a half apart.
        let age = i64::try_from(41 - index).map_err(Error::internal)?;
        let asked_at = now - SignedDuration::from_mins(age * 97);
        let request = DiscountRequest {
            message: index.is_multiple_of(3).then(|| MESSAGES[index / 3 % MESSAGES.len()].to_owned()),
            processing_us: 2_100 + u32::try_from(index * 53 % 900).unwrap_or(0),
            ..DiscountRequest::open(member, show, 0, suggest(&case), 0, asked_at)
        };
        let decided_at = asked_at + SignedDuration::from_mins(50);
        let request = match outcome.decision {
            None => request,
            Some(decision) => request.decide(decision, outcome.notes, &self.reviewer, None, 0, decided_at)?,
        };
        self.store.open_discount_request(&request).await?;
        if request.decision_type == Some(DecisionType::Approved) {
            let taken = self.store.take_discount(&sheet.record(), &request, now).await;
            taken.map_err(|refusal| refusal.meaning(|_| Error::internal("no discounts left")))?;
        }
        if outcome.is_sent { self.send(index, &request, sheet).await } else { Ok(()) }
    }

    async fn send(&self, index: usize, request: &DiscountRequest, sheet: &StoredEvent) -> Result<()> {
        let show = &sheet.event;
        let code = code(request.id, &self.codes);
        let template = MailTemplate::ours(request.tenant_id, request.outcome().template(), request.language);
        let facts = facts(request, Some(show), &self.tenant.name, &code, &self.public_url);
        let mail = render(&template.subject, &template.body, &facts)?;
        let promotion = match (request.outcome(), &show.ticketing_link) {
            (DecisionType::Approved, None) => promotion(request, show, code.clone()),
            _ => None,
        };
        let code = promotion.is_some().then_some(code);
        let sent_at = request.created_at + SignedDuration::from_mins(75);
        let mut sent = request.sent(mail, code, &self.reviewer, sent_at);
        // Two deliveries that failed; the others are mailed when the demo starts.
        sent.email_delivery_status = match index {
            5 => Some(DeliveryStatus::Bounced),
            6 => Some(DeliveryStatus::Failed),
            _ => sent.email_delivery_status,
        };
        let outbox = Outbox::Discount {
            to: Person { email: sent.user_email.clone(), name: sent.user_name.clone() },
            language: sent.language,
            reply_to: Some(self.tenant.email.clone()),
        };
        let note = AuditNote {
            tenant_id: sent.tenant_id,
            by: self.reviewer.user,
            by_email: self.reviewer.email.clone(),
            action: "discount_request.send".to_owned(),
            subject: sent.id.to_string(),
            at: sent_at,
        };
        let is_mailed = sent.email_delivery_status == Some(DeliveryStatus::Sent);
        let outbox = is_mailed.then_some(outbox);
        self.store.send_discount_request(&sent, promotion.as_ref(), outbox.as_ref(), &note).await?;
        Ok(())
    }
}
