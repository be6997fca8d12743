// ---- Signing in

const box = (title, ...content) => [h("div", { class: "narrow card" }, h("h1", {}, title), ...content)];
const links = (...items) => h("p", { class: "spread" }, items.map(([hash, text]) => h("a", { href: hash }, text)));
const toRegister = ["#/register", words.noAccount];
const toSignIn = ["#/sign-in", words.haveAccount];

// A form that asks for a mail, and then says that it was sent.
function mailed(fields, label, submit) {
  const place = h("div");
  place.append(form(fields, label, async values => {
    await submit(values);
    place.replaceChildren(h("p", { class: "note", role: "status" }, words.checkMail));
  }));
  return place;
}

// Does the first step of a sign-in, and asks in `place` for a second factor if the account has one.
// Resolves with the tokens.
function inTwoSteps(place, first) {
  return first().catch(problem => {
    if (!problem.challenge) throw problem;
    return new Promise(resolve => place.replaceChildren(...secondStep(problem, resolve)));
  });
}

function secondStep({ challenge, passkey }, done) {
  const answer = async proof => done(await send("/auth/second-factor", { method: "POST", body: onThisDevice({ challenge, ...proof }) }));
  const code = field("code", words.secondCode, { autocomplete: "one-time-code", maxlength: 40 });
  const byCode = form([code], words.goOn, values =>
    answer(/^[0-9 ]{6,8}$/.test(values.code) ? { code: values.code } : { recovery_code: values.code }));
  if (!passkey || !window.PublicKeyCredential?.parseRequestOptionsFromJSON) return [byCode];
  const byPasskey = form([], words.usePasskey, async () => {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(passkey);
    await answer({ assertion: (await navigator.credentials.get({ publicKey })).toJSON() });
  });
  return [byPasskey, byCode];
}

function signInPage(visit) {
  const token = visit.takeToken();
  // Mail scanners open links, too: only the user's click redeems the token.
  if (token) {
    return box(words.signIn, h("p", {}, words.linkReady), redeeming(token, words.linkUse), links(["#/sign-in", words.newLink]));
  }
  const password = field("password", words.password, { type: "password", autocomplete: "current-password", maxlength: 128 });
  const byPassword = h("div");
  byPassword.append(form([emailField(), password], words.signIn, async values => {
    signedIn(await inTwoSteps(byPassword, () => send("/auth/login", { method: "POST", body: onThisDevice(values) })));
    goOn();
  }));
  const byLink = h("a", { class: "button wide", href: "#/sign-in/link" }, words.byLink);
  return box(words.signIn, byPassword, h("p", {}, byLink), links(["#/reset-password", words.forgot], toRegister));
}

// A button that redeems a mailed link. In a signed-in browser, that also proves that account and
// mailbox have the same owner.
function redeeming(token, label) {
  const place = h("div");
  place.append(form([], label, async () => {
    const answer = await inTwoSteps(place, () => post("/auth/magic-link/redeem", { token }));
    signedIn(answer);
    if (answer.user.has_password) goOn();
    else place.replaceChildren(h("p", { class: "note", role: "status" }, words.noPassword),
      h("p", { class: "row" }, h("button", { class: "button main", type: "button", onclick: goOn }, words.goOn), h("a", { class: "button", href: "#/reset-password" }, words.reset)));
  }));
  return place;
}

// The page behind the link in a new account's mail. A stranger can register any address: without a
// session or the password, redeeming the link takes the account from that stranger.
function confirmPage(visit) {
  const token = visit.takeToken();
  if (!token) return signInPage(visit);
  if (session()) return box(words.confirm, h("p", {}, words.linkReady), redeeming(token, words.confirm));
  const password = field("password", words.password, { type: "password", autocomplete: "current-password", maxlength: 128 });
  const withPassword = form([emailField(), password], words.confirm, async values => {
    signedIn(await send("/auth/login", { method: "POST", body: onThisDevice(values) }));
    signedIn(await post("/auth/magic-link/redeem", { token }));
    goOn();
  });
  return box(words.confirm, h("p", {}, words.confirmFirst), withPassword, h("p", { class: "soft" }, words.confirmWithoutText), redeeming(token, words.confirmWithout));
}

function linkPage() {
  const ask = mailed([emailField()], words.sendLink, values => send("/auth/magic-link", { method: "POST", body: onThisDevice(values) }));
  return box(words.byLink, ask, links(["#/sign-in", words.signIn], toRegister));
}

function registerPage() {
  const fields = [
    field("name", words.name, { autocomplete: "name", maxlength: 120 }), emailField(),
    field("password", words.newPassword, { type: "password", autocomplete: "new-password", minlength: 10, maxlength: 128 }),
  ];
  const ask = mailed(fields, words.register, async values => {
    await send("/auth/register", { method: "POST", body: { ...values, language: lang } });
    const { email, password } = values;
    // Signed in right away, so that the mailed link only confirms the address. If the address already
    // has an account, this login fails, and the account's owner gets a mail.
    await send("/auth/login", { method: "POST", body: onThisDevice({ email, password }) }).then(signedIn, () => null);
  });
  return box(words.register, ask, links(toSignIn));
}

function resetPage(visit) {
  const token = visit.takeToken();
  if (!token) {
    const ask = mailed([emailField()], words.sendLink, values => send("/auth/password/forgot", { method: "POST", body: onThisDevice(values) }));
    return box(words.reset, ask, links(toSignIn));
  }
  const place = h("div");
  const password = field("password", words.newPassword, { type: "password", autocomplete: "new-password", minlength: 10, maxlength: 128 });
  place.append(form([password], words.save, async values => {
    await send("/auth/password/reset", { method: "POST", body: { token, ...values } });
    signedOut();
    place.replaceChildren(h("p", { class: "note", role: "status" }, words.resetDone), h("a", { class: "button main wide", href: "#/sign-in" }, words.signIn));
  }));
  return box(words.reset, place, links(["#/reset-password", words.newLink]));
}

// ---- Orders

const isUndecided = order => order.payments.some(payment => ["pending", "processing"].includes(payment.status));
const isOpen = order => ["held", "awaiting_payment"].includes(order.status);

// How long a buyer who comes back from a gateway is not asked to pay again, in milliseconds,
// although no payment is reported yet: gateways' lists lag by some seconds.
const patience = 15_000;
let cameBack = null;

async function orderPage(visit, id) {
  const path = `/purchases/${id}`;
  const content = h("div");
  const left = h("p", { class: "note", role: "timer" });
  const refused = refusal?.id === id ? refusal.problem : null;
  refusal = null;
  let order = await ask(path, { signal: visit.signal });

  const comesBack = cameBack === id;
  cameBack = null;
  const arrived = Date.now();
  const isFresh = () => comesBack && Date.now() - arrived < patience;

  const draw = () => {
    const busyElsewhere = content.querySelector("button:disabled");
    if (busyElsewhere) return;
    const before = document.activeElement?.id;
    content.replaceChildren(...orderParts(order, left, show, refused, isFresh()));
    if (before) byId(before)?.focus();
  };
  const show = next => {
    const news = JSON.stringify(next) !== JSON.stringify(order);
    if (next.status !== order.status) announce(words.status[next.status]);
    order = next;
    if (news) draw();
  };
  const tick = () => {
    const seconds = Math.max(0, Math.ceil((Date.parse(order.expires_at) - Date.now() - behind) / 1000));
    left.hidden = !isOpen(order);
    left.textContent = seconds ? words.timeLeft(`${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`) : words.timeOver;
  };
  let looking = false;
  const look = async () => {
    const over = Date.parse(order.expires_at) - behind < Date.now();
    const late = order.status === "released" && isUndecided(order) && Date.now() + behind - Date.parse(order.expires_at) < 15 * 60_000;
    const wanted = late || order.status === "awaiting_payment" || (order.status === "held" && over) || (order.status === "paid" && !order.mailed_at);
    if (looking || !wanted) return;
    looking = true;
    // A lost connection is ignored: the next poll may reach the box office.
    await ask(path, { signal: visit.signal }).then(show, () => null);
    looking = false;
  };
  visit.every(2000, look);
  if (comesBack) {
    const end = setTimeout(draw, patience);
    visit.leave(() => clearTimeout(end));
  }
  visit.every(1000, tick);
  tick();
  draw();
  return [h("h1", {}, words.order), h("p", { class: "big" }, order.event_name), content];
}

function orderParts(order, left, show, refused, isFresh) {
  const error = h("p", { class: "error", role: "alert" }, isOpen(order) && refused ? shown(refused) : "");
  const last = order.payments.at(-1);
  const looked = order.payments.find(payment => payment.status === "processing") ?? (isFresh && last?.status === "pending" ? last : null);
  const parts = [h("p", {}, h("span", { class: "badge" }, words.status[order.status] ?? order.status))];
  if (isOpen(order)) {
    parts.push(left);
    if (looked) parts.push(h("div", { class: "note", role: "status" }, h("h2", {}, words.looking), h("p", {}, words.lookingAt(gatewayName(looked))), h("p", {}, words.lookingOn)));
    else if (order.status === "awaiting_payment") parts.push(h("p", {}, last?.status === "declined" ? words.declined : words.waiting));
    const toPay = h("button", { id: "pay", class: "button main", type: "button", onclick: () => busy(toPay, error, () => pay(order.id)) },
      last?.status === "pending" ? words.payAgain : words.pay);
    const cancel = h("button", { id: "cancel", class: "button", type: "button", onclick: () => busy(cancel, error, async () => {
      const next = await ask(`/reservations/${order.id}`, { method: "DELETE" });
      cancel.disabled = false;
      show(next);
    }) }, words.cancel);
    parts.push(error, ...otherWays(order, refused, error), h("p", { class: "row" }, !looked && toPay, cancel));
  } else if (order.tickets.some(ticket => !ticket.refunded)) {
    // Without a session there is no list of tickets: a guest has them in the mail.
    parts.push(order.mailed_at && h("p", {}, words.mailed), session() && h("p", {}, h("a", { class: "button main", href: "#/tickets" }, words.seeTickets)));
  } else {
    parts.push(order.payments.some(payment => payment.if_paid === "tickets_or_refund") && h("p", {}, words.waitingLate), h("p", {}, h("a", { class: "button", href: "#/" }, words.back)));
  }
  if (order.withdraw_until) parts.push(withdrawal(order, show));
  if (order.withdrawn_at) parts.push(h("p", { class: "note" }, words.withdrawn(time(order.withdrawn_at, undefined, short))));
  parts.push(...order.payments.flatMap(payment => aboutPayment(payment, order.currency)));
  const total = h("tr", { class: "total" }, h("th", { scope: "row" }, words.total), h("td", {}, cost(order.total, order.currency)));
  // A refunded second payment is no part of the price.
  const refunded = order.payments.reduce((sum, payment) => payment.unused_because === "paid_twice" ? sum : sum + payment.refunded, 0);
  const returned = refunded > 0 && h("tr", {}, h("th", { scope: "row" }, words.returned), h("td", {}, money(-refunded, order.currency)));
  parts.push(h("div", { class: "card" }, h("table", { class: "sums" },
    order.lines.map(line => h("tbody", {}, sums(line, order.currency))), h("tbody", {}, total, returned))));
  if (order.guest) parts.push(farewell(order));
  return parts.filter(Boolean);
}

// The buyer's right to withdraw, behind a second click: the tickets are worthless after it.
function withdrawal(order, show) {
  const error = h("p", { class: "error", role: "alert" });
  const button = h("button", { id: "withdraw", class: "button", type: "button", onclick: () => busy(button, error, async () => {
    const next = await ask(`/purchases/${order.id}/withdrawal`, { method: "POST" });
    button.disabled = false;
    show(next);
  }) }, words.withdrawNow);
  return h("details", {}, h("summary", {}, words.withdraw(time(order.withdraw_until, undefined, short))), h("p", {}, words.withdrawText), error, button);
}

// The end of a guest's data, which a mail to the order's address has to confirm.
function farewell(order) {
  const error = h("p", { class: "error", role: "alert" });
  const place = h("div");
  const button = h("button", { id: "erase", class: "button", type: "button", onclick: () => busy(button, error, async () => {
    const { mailed_to: to } = await post(`/purchases/${order.id}/erase`, {});
    place.replaceChildren(h("p", { class: "note", role: "status" }, words.eraseMailed(to)));
  }) }, words.eraseAsk);
  place.append(h("p", {}, words.eraseText), error, button);
  return h("details", {}, h("summary", {}, words.erase), place);
}

function erasePage(visit, id) {
  const confirmation = visit.takeToken();
  if (!confirmation) return box(words.erase, h("p", { class: "error" }, words.noToken));
  const place = h("div");
  place.append(form([], words.erase, async () => {
    const { waiting_for: waiting } = await post(`/purchases/${id}/erase`, { confirmation });
    place.replaceChildren(h("p", { class: "note", role: "status" }, waiting.length ? words.eraseWaits : words.erased));
  }));
  return box(words.erase, h("p", {}, words.eraseText), place);
}

const gatewayNames = { sandbox: "Sandbox", mercado_pago: "Mercado Pago", wompi: "Wompi", payu: "PayU" };
const gatewayName = ({ gateway }) => gatewayNames[gateway] ?? gateway;

// Buttons for the organiser's other gateways, if the tried one does not answer.
function otherWays(order, refused, error) {
  const buttons = (refused?.alternatives ?? []).map(({ gateway }) => {
    const button = h("button", { id: `pay-${gateway}`, class: "button", type: "button", onclick: () => busy(button, error, () => pay(order.id, gateway)) },
      words.payWith(gatewayName({ gateway })));
    return button;
  });
  return buttons.length ? [h("p", {}, words.otherWays), h("p", { class: "row" }, buttons)] : [];
}

// Notes to the buyer about refunds, disputes and payments that are still open.
function aboutPayment(payment, currency) {
  const { refund, dispute, unused_because: unused, if_paid: ifPaid } = payment;
  // Finished refunds of the price are in the sums.
  const say = refund && (unused || refund.state !== "done") && words.refund[refund.state];
  const until = payment.pay_until && time(payment.pay_until, undefined, { timeStyle: "short" });
  return [
    ifPaid === "refund" && h("p", { class: "note" }, payment.status === "pending" ? words.stillOpen(gatewayName(payment), until) : words.stillDecided(gatewayName(payment))),
    unused && h("p", { class: "note" }, words.unused[unused]),
    say && h("p", { class: "note" }, say(money(refund.amount, currency), refund.since && time(refund.since, undefined, short))),
    dispute === "open" && h("p", { class: "note" }, words.disputed),
  ].filter(Boolean);
}

async function pages(path, visit, put) {
  const more = h("p");
  const load = async cursor => {
    const page = await ask(`${path}?limit=20${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`, { signal: visit.signal });
    put(page.items);
    const error = h("p", { class: "error", role: "alert" });
    const button = h("button", { class: "button", type: "button", onclick: () => busy(button, error, () => load(page.next_cursor)) }, words.more);
    more.replaceChildren(...(page.next_cursor ? [error, button] : []));
  };
  await load(null);
  return more;
}

async function ordersPage(visit) {
  const list = h("ul", { class: "cards" });
  const more = await pages("/purchases", visit, orders => list.append(...orders.map(order => h("li", { class: "card" },
    h("h2", {}, h("a", { class: "whole", href: `#/purchases/${order.id}` }, order.event_name)),
    h("p", {}, h("span", { class: "badge" }, words.status[order.status] ?? order.status)),
    h("p", { class: "soft" }, `${time(order.created_at, undefined, short)} · ${cost(order.total, order.currency)}`)))));
  return [h("h1", {}, words.orders), list.children.length ? list : h("p", {}, words.noOrders), more];
}

// ---- Tickets

function ticketCard(visit, ticket, seen) {
  const { event } = ticket;
  const what = [event.name, ticket.area, ticket.seat].filter(Boolean).join(", ");
  const status = ticket.used_at ? words.usedAt(time(ticket.used_at, event.time_zone, short)) : words.ticketStatus[ticket.status];
  const place = ticket.status === "valid" && h("div");
  if (place) {
    seen(place, async () => {
      const image = h("img", { class: "qr", alt: words.qrOf(what) });
      try {
        visit.picture(image, await ask(`/qr/${ticket.id}?format=svg`, { signal: visit.signal }));
        place.replaceChildren(image, h("p", { class: "soft" }, words.qrHint));
      } catch (problem) {
        if (problem.name !== "AbortError") place.replaceChildren(h("p", { class: "error" }, words.qrMissing, " ", shown(problem)));
      }
    });
  }
  return h("li", { class: "card" },
    h("h2", {}, event.name),
    h("p", {}, [ticket.area, ticket.seat && `${words.seat} ${ticket.seat}`].filter(Boolean).join(" · ")),
    ticket.attendee?.nombre && h("p", {}, ticket.attendee.nombre),
    h("p", { class: "soft" }, time(event.starts_at, event.time_zone, short), event.doors_at && ` · ${words.doors} ${time(event.doors_at, event.time_zone, { timeStyle: "short" })}`),
    h("p", { class: "soft" }, `${event.venue}, ${event.city}`),
    h("p", {}, h("span", { class: "badge" }, status), ticket.received && [" ", h("span", { class: "badge" }, words.received)],
      ticket.admits > 1 && [" ", h("span", { class: "soft" }, words.admits(ticket.admits))]),
    place);
}

// Fetches each code when its ticket is about to be visible.
function whenSeen(visit) {
  const work = new Map();
  const observer = new IntersectionObserver(entries => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      observer.unobserve(target);
      work.get(target)();
    }
  }, { rootMargin: "300px" });
  visit.leave(() => observer.disconnect());
  return (place, then) => {
    work.set(place, then);
    observer.observe(place);
  };
}

async function ticketsPage(visit) {
  const list = h("ul", { class: "cards" });
  const seen = whenSeen(visit);
  const more = await pages("/tickets", visit, tickets => list.append(...tickets.map(ticket => ticketCard(visit, ticket, seen))));
  return [h("h1", {}, words.tickets), list.children.length || more.children.length ? list : h("p", {}, words.noTickets), more];
}

function acceptPage(visit) {
  const token = visit.takeToken();
  if (!token) return box(words.transfer, h("p", { class: "error" }, words.noToken));
  const place = h("div");
  place.append(form([], words.accept, async () => {
    const ticket = await post("/transfers/accept", { token });
    const list = h("ul", { class: "cards" }, ticketCard(visit, ticket, whenSeen(visit)));
    place.replaceChildren(h("p", { class: "note", role: "status" }, words.accepted), list, h("a", { class: "button main wide", href: "#/tickets" }, words.seeTickets));
  }));
  return box(words.transfer, h("p", {}, words.transferText), place);
}

async function invitationPage(visit, tenant) {
  const path = `/workplaces/${tenant}/invitation`;
  const { name, role, invited_by } = await ask(path, { signal: visit.signal });
  const place = h("div");
  const error = h("p", { class: "error", role: "alert" });
  const done = text => place.replaceChildren(h("p", { class: "note", role: "status" }, text));
  const decline = h("button", { class: "button wide", type: "button", onclick: () => busy(decline, error, async () => {
    await post(`${path}/decline`);
    done(words.declined_invitation);
  }) }, words.decline);
  place.append(form([], words.join, async () => {
    await post(`${path}/accept`);
    done(words.joined(name));
  }), error, h("p", {}, decline));
  return box(words.invitation, h("p", {}, words.invitedTo(name, words.roles[role], invited_by)), place);
}

// ---- Routes

// Pattern of the hash, the page, and whether the user must be signed in.
const routes = [
  [/^$/, whatsOn, false],
  [/^events\/([a-z0-9-]{1,120})$/, oneShow, false],
  [/^sign-in$/, signInPage, false],
  [/^sign-in\/link$/, linkPage, false],
  [/^confirm$/, confirmPage, false],
  [/^register$/, registerPage, false],
  [/^reset-password$/, resetPage, false],
  [/^purchases$/, ordersPage, true],
  [/^purchases\/(ord_[a-z0-9]{26})$/, orderPage, true],
  [/^purchases\/(ord_[a-z0-9]{26})\/erase$/, erasePage, true],
  [/^tickets$/, ticketsPage, true],
  [/^transfers\/accept$/, acceptPage, true],
  [/^workplaces\/(tnt_[a-z0-9]{26})$/, invitationPage, true],
];

byId("skip").addEventListener("click", event => {
  event.preventDefault();
  byId("main").focus();
});
// Gateways send the buyer back to an order's path. The query that they append is not believed: the
// order's page asks the box office.
const [, returned] = location.pathname.match(/^\/purchases\/(ord_[a-z0-9]{26})$/) ?? [];
// Mails to guests lead to the same path, with the order's link behind the `#`, and perhaps what confirms
// that all data is to be erased.
const [, brought, confirms] = location.hash.match(/^#a=([\w-]{68})(?:&e=([\w-]{56}))?$/) ?? [];
if (returned) {
  if (brought) keepOrderLink(returned, brought);
  else cameBack = returned;
  history.replaceState(null, "", `/#/purchases/${returned}${confirms ? `/erase?token=${confirms}` : ""}`);
} else if (location.search || location.pathname !== "/") history.replaceState(null, "", `/${location.hash}`);
addEventListener("hashchange", open);
// Back from the gateway, the browser may restore the page as it was left.
addEventListener("pageshow", event => { if (event.persisted) open(); });
// The user signed in or out in another tab.
addEventListener("storage", event => { if (event.key === "taquilla.session") navigation(); });
open();
