// ---- The public list

function showCard(show) {
  return h("li", { class: "card" },
    show.image && h("img", { class: "picture", src: show.image, alt: "", loading: "lazy" }),
    h("h2", {}, h("a", { class: "whole", href: `#/events/${show.slug}` }, show.name)),
    show.artist !== show.name && h("p", {}, show.artist),
    show.genre && h("p", { class: "soft" }, show.genre),
    h("p", { class: "soft" }, time(show.starts_at, show.time_zone, short)),
    h("p", { class: "soft" }, `${show.venue}, ${show.city}`),
    show.status !== "published" && h("p", {}, h("span", { class: "badge" }, words.state(show.status))),
    show.price_from != null && h("p", {}, show.price_from ? words.from(money(show.price_from, show.currency)) : words.free));
}

// Renames the fields of search results, whose format comes from another system.
const fromShort = ({ title, img, show_date, other_data: { city, time_zone, currency, price }, ...show }) =>
  ({ ...show, name: title, image: img, starts_at: show_date, city, time_zone, currency, price_from: show.sold_elsewhere ? null : price });

async function whatsOn(visit) {
  const list = h("ul", { class: "cards" });
  const none = h("p", { class: "soft" });
  const more = h("p");
  const put = (shows, empty) => {
    list.append(...shows.map(showCard));
    none.textContent = list.children.length ? "" : empty;
  };
  const load = async (cursor, signal) => {
    const page = await send(`/public/events?limit=24${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`, { signal });
    if (!cursor) list.replaceChildren();
    put(page.items, words.nothingOn);
    const error = h("p", { class: "error", role: "alert" });
    const button = h("button", { class: "button", type: "button", onclick: () =>
      busy(button, error, () => load(page.next_cursor, visit.signal)) }, words.more);
    more.replaceChildren(...(page.next_cursor ? [error, button] : []));
  };

  let typing = null;
  let wait = 0;
  const search = async text => {
    typing?.abort();
    typing = new AbortController();
    const { signal } = typing;
    try {
      if (!text) return await load(null, signal);
      const found = await send(`/shows/search?limit=30&q=${encodeURIComponent(text)}`, { signal });
      list.replaceChildren();
      more.replaceChildren();
      put(found.items.map(fromShort), words.nothingFound);
      announce(words.found(found.items.length));
    } catch (problem) {
      if (problem.name !== "AbortError") none.textContent = shown(problem);
    }
  };
  visit.leave(() => { clearTimeout(wait); typing?.abort(); });
  const input = h("input", { id: "search", type: "search", maxlength: 100, autocomplete: "off", enterkeyhint: "search", oninput: () => {
    clearTimeout(wait);
    wait = setTimeout(search, 150, input.value.trim());
  } });
  // At an organiser's own host, it is the organiser's programme.
  const site = send("/public/site", { signal: visit.signal }).catch(() => ({}));
  await load(null, visit.signal);
  const { organizer } = await site;
  return [h("h1", {}, organizer ? organizer.name : words.programme),
    h("form", { role: "search", onsubmit: event => event.preventDefault() }, h("div", {}, h("label", { for: "search" }, words.search), input)),
    none, list, more];
}

// ---- A show

// The buyer's choice of tickets, kept while they sign in.
class Choice {
  constructor(slug, most) {
    const before = kept.get("choice");
    const mine = before?.slug === slug ? before : {};
    Object.assign(this, { slug, most, code: mine.code ?? "", lines: new Map(mine.lines ?? []) });
  }

  set(area, line) {
    if (line.quantity || line.seats?.length) this.lines.set(area, line);
    else this.lines.delete(area);
    this.keep();
  }

  keep() { kept.set("choice", { slug: this.slug, code: this.code, lines: [...this.lines] }); }

  seats(area) { return this.lines.get(area)?.seats ?? []; }

  get count() { return [...this.lines.values()].reduce((sum, line) => sum + (line.seats?.length ?? line.quantity), 0); }

  request(event_id) {
    const lines = [...this.lines].map(([area_id, line]) => ({ area_id, ...line }));
    return { event_id, lines, ...(this.code && { promotion_code: this.code }) };
  }
}

async function oneShow(visit, slug) {
  const { signal } = visit;
  const at = `/public/events/${slug}`;
  const [event, first] = await Promise.all([send(at, { signal }), send(`${at}/areas`, { signal })]);
  const choice = new Choice(slug, event.max_tickets_per_order);
  for (const area of choice.lines.keys()) {
    if (!first.items.some(item => item.id === area)) choice.lines.delete(area);
  }

  const summary = quoteBox(visit, event, choice, reload);
  const areas = h("div");
  const draw = items => areas.replaceChildren(...items.map(area => areaCard(visit, event, area, choice, summary.changed)));
  // Availability is cached for two seconds, so the seat maps are loaded once more.
  async function reload() {
    draw((await send(`${at}/areas`, { signal })).items);
    const again = setTimeout(() => areas.querySelectorAll("details[open]").forEach(map => map.dispatchEvent(new Event("look"))), 4500);
    visit.leave(() => clearTimeout(again));
  }
  draw(first.items);
  summary.changed();

  const { name, legal_name, nit, pulep_code } = event.organizer;
  const seller = [legal_name ?? name, nit && `NIT ${nit}`, pulep_code && `PULEP ${pulep_code}`].filter(Boolean).join(" · ");
  return [
    h("h1", {}, event.name),
    event.img && h("div", { class: "card" }, h("img", { class: "picture", src: event.img, alt: "" })),
    event.artist !== event.name && h("p", {}, event.artist),
    event.genre && h("p", { class: "soft" }, event.genre),
    h("p", {}, time(event.starts_at, event.time_zone), event.doors_at && ` · ${words.doors} ${time(event.doors_at, event.time_zone, { timeStyle: "short" })}`),
    h("p", { class: "soft" }, [event.venue, event.address, event.city].filter(Boolean).join(", ")),
    h("p", { class: "text" }, event.description),
    event.status !== "published" ? h("p", { role: "status" }, words.state(event.status))
      : event.sold_elsewhere
      ? h("p", {}, h("a", { class: "button", href: event.ticketing_link, rel: "noopener noreferrer" }, words.buyElsewhere))
      : h("div", { class: "two" },
        h("section", {}, h("h2", {}, words.chooseTickets), areas),
        h("aside", {}, h("h2", {}, words.summary), summary.element)),
    h("p", { class: "soft" }, `${words.soldBy}: ${seller}`),
  ].filter(Boolean);
}

function areaCard(visit, event, area, choice, changed) {
  const { left } = area;
  const { total, currency, price: base, stage_name, stage_remaining, next: later } = area.price;
  const stage = stage_name && h("p", {}, h("span", { class: "badge" }, stage_name), " ",
    stage_remaining != null && h("span", { class: "soft" }, words.stageLeft(stage_remaining)));
  const next = later && h("p", { class: "soft" }, words.then(cost(later.total, currency), time(later.at, event.time_zone, short)));
  const left_text = left === 0 ? words.soldOut : area.availability === "few_left" ? words.lastLeft(left) : words.left(left);
  return h("section", { class: "card" },
    h("div", { class: "spread" }, h("h3", {}, area.area_name), h("p", {}, left_text)),
    area.description && h("p", { class: "soft" }, area.description),
    area.service && h("p", { class: "soft" }, area.service),
    area.unit_capacity > 1 && h("p", { class: "soft" }, words.admits(area.unit_capacity)),
    h("p", {}, h("span", { class: "big" }, cost(total, currency)), total ? ` ${words.each}` : null),
    total !== base && h("p", { class: "soft" }, words.feesIncluded),
    stage, next,
    area.kind === "seated" ? seatMap(visit, area, choice, changed) : quantity(area, choice, changed));
}

function quantity(area, choice, changed) {
  const most = Math.min(area.left, choice.most);
  const now = Math.min(choice.lines.get(area.id)?.quantity ?? 0, most);
  choice.set(area.id, { quantity: now });
  if (!most) return null;
  const options = Array.from({ length: most + 1 }, (_, n) => h("option", { value: n, selected: n === now }, n));
  const id = `quantity-${area.id}`;
  const select = h("select", { id, onchange: () => {
    choice.set(area.id, { quantity: Number(select.value) });
    changed();
  } }, options);
  return h("div", {}, h("label", { for: id }, h("span", { class: "hidden" }, words.quantity(area.area_name))), select);
}

// A seat map, loaded when the buyer opens it and reloaded while it is open.
function seatMap(visit, area, choice, changed) {
  const grid = h("div", { class: "seats", role: "group", "aria-label": area.area_name });
  const note = h("p", { class: "note", role: "status" });
  const chosen = h("p", { class: "soft" });
  const buttons = new Map();
  const tell = () => {
    const seats = choice.seats(area.id);
    chosen.textContent = seats.length ? words.chosen(seats.join(", ")) : "";
  };
  const paint = (seat, free) => {
    const { button, name } = buttons.get(seat);
    const mine = choice.seats(area.id).includes(seat);
    button.setAttribute("aria-pressed", String(mine));
    button.setAttribute("aria-disabled", String(!free && !mine));
    button.setAttribute("aria-label", free || mine ? name : `${name}, ${words.taken}`);
    button.dataset.free = free ? "yes" : "";
  };
  const pick = seat => {
    const before = choice.seats(area.id);
    const mine = before.includes(seat);
    const { button } = buttons.get(seat);
    if (!mine && !button.dataset.free) return;
    note.textContent = "";
    if (!mine && choice.count >= choice.most) {
      note.textContent = words.mostTickets(choice.most);
      return;
    }
    choice.set(area.id, { seats: mine ? before.filter(other => other !== seat) : [...before, seat] });
    paint(seat, Boolean(button.dataset.free));
    tell();
    changed();
  };
  const build = rows => {
    for (const row of rows) {
      const line = row.seats.map((_, index) => {
        const number = row.first + index;
        const seat = `${row.label}-${number}`;
        const button = h("button", { type: "button", class: "seat", tabindex: buttons.size ? -1 : 0, onclick: () => pick(seat) }, number);
        buttons.set(seat, { button, name: words.seatName(row.label, number) });
        return button;
      });
      grid.append(h("div", {}, h("span", { "aria-hidden": "true" }, row.label), line));
    }
  };
  const load = async () => {
    const { rows } = await send(`/public/events/${choice.slug}/areas/${area.id}/availability`, { signal: visit.signal });
    if (!buttons.size) build(rows);
    const states = new Map(rows.flatMap(row => row.seats.map((state, index) => [`${row.label}-${row.first + index}`, state])));
    const gone = choice.seats(area.id).filter(seat => states.get(seat) !== "available");
    if (gone.length) {
      choice.set(area.id, { seats: choice.seats(area.id).filter(seat => !gone.includes(seat)) });
      note.textContent = words.seatsGone(gone.join(", "));
      changed();
    }
    for (const seat of buttons.keys()) paint(seat, states.get(seat) === "available");
    tell();
  };
  const look = () => load().catch(problem => { if (problem.name !== "AbortError") note.textContent = shown(problem); });
  grid.addEventListener("keydown", event => moveInGrid(event, grid));
  const details = h("details", { class: "map", ontoggle: () => { if (details.open) look(); }, onlook: look },
    h("summary", {}, words.seats(area.left)),
    h("p", { class: "stage", "aria-hidden": "true" }, words.stage), grid, chosen, note);
  if (choice.seats(area.id).length) details.open = true;
  visit.every(15_000, () => { if (details.open && details.isConnected) look(); });
  return details;
}

// The tab key reaches one seat; the arrow keys move from it to the others.
function moveInGrid(event, grid) {
  const seats = row => [...row.querySelectorAll("button")];
  const row = event.target.closest(".seats > div");
  if (!row || event.target.tagName !== "BUTTON") return;
  const column = seats(row).indexOf(event.target);
  const near = { ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1], ArrowUp: [row.previousElementSibling, column], ArrowDown: [row.nextElementSibling, column] }[event.key];
  if (!near) return;
  event.preventDefault();
  const line = near[0] ? seats(near[0]) : [];
  const to = line[Math.min(near[1], line.length - 1)];
  if (!to || near[1] < 0) return;
  grid.querySelectorAll("[tabindex='0']").forEach(button => button.setAttribute("tabindex", "-1"));
  to.setAttribute("tabindex", "0");
  to.focus();
}

// ---- The price, and buying

function quoteBox(visit, event, choice, reload) {
  const price = h("div", { "aria-live": "polite" }, h("p", { class: "soft" }, words.nothingChosen));
  const people = h("div");
  const rules = policyBox(visit, event.organizer);
  const error = h("p", { class: "error", role: "alert" });
  const buy = h("button", { class: "button main wide", type: "submit", hidden: true });
  const form = h("form", { onsubmit: submitted => {
    submitted.preventDefault();
    if (!quote) return;
    if (session()) busy(buy, error, purchase, form);
    else signInFirst();
  } }, people, rules.element, error, buy);
  const code = h("input", { id: "code", value: choice.code, maxlength: 64, autocomplete: "off", autocapitalize: "characters" });
  const codeForm = h("form", { class: "row", hidden: true, onsubmit: submitted => {
    submitted.preventDefault();
    choice.code = code.value.trim();
    choice.keep();
    changed();
  } }, h("div", { class: "grow" }, h("label", { for: "code" }, words.code), code), h("button", { class: "button" }, words.apply));
  let quote = null;
  let asked = null;
  let wait = 0;
  let renewal = 0;

  function clear() {
    quote = null;
    buy.hidden = true;
  }

  async function fetchQuote() {
    asked?.abort();
    asked = new AbortController();
    const { signal } = asked;
    error.textContent = "";
    clear();
    codeForm.hidden = !choice.count;
    if (!choice.count) {
      people.replaceChildren();
      return price.replaceChildren(h("p", { class: "soft" }, words.nothingChosen));
    }
    try {
      const answer = await post("/public/quotes", choice.request(event.id), { signal });
      if (signal.aborted) return;
      quote = answer;
      price.replaceChildren(...quoteLines(quote));
      attendeeFields(people, event, quote.totals.quantity);
      buy.textContent = !session() ? words.signInToBuy : quote.totals.total ? words.reserve : words.reserveFree;
      buy.hidden = false;
      renewal = setTimeout(fetchQuote, Math.max(1000, Date.parse(quote.valid_until) - Date.now() - behind));
    } catch (problem) {
      if (problem.name === "AbortError") return;
      price.replaceChildren();
      error.textContent = shown(problem);
    }
  }

  function changed() {
    clearTimeout(wait);
    clearTimeout(renewal);
    clear();
    wait = setTimeout(fetchQuote, 200);
  }

  async function purchase() {
    const attendees = attendeesIn(form, event, quote.totals.quantity);
    let order;
    try {
      const accepts = rules.accepted();
      order = await postOnce("/reservations", { quote: quote.quote, ...(attendees.length && { attendees }), ...(accepts && { accepts }) });
    } catch (problem) {
      if (problem.policies) {
        rules.show(problem.policies);
        throw problem;
      }
      // Price or availability is stale: load both again.
      if ([409, 410].includes(problem.status)) {
        await reload();
        await fetchQuote();
      }
      throw problem;
    }
    kept.drop("choice");
    await pay(order.id);
  }

  visit.leave(() => { clearTimeout(wait); clearTimeout(renewal); asked?.abort(); });
  const note = h("p", { class: "soft" }, words.reserveNote(event.hold_minutes));
  return { element: h("div", { class: "card" }, price, codeForm, form, note), changed };
}

// The organiser's policies, which the buyer reads and accepts before reserving.
function policyBox(visit, organizer) {
  const element = h("div");
  let held = {};
  function show(policies) {
    held = policies;
    const kinds = Object.keys(policies);
    if (!kinds.length) return element.replaceChildren();
    const texts = kinds.map(kind => {
      const text = h("p", { class: "text" });
      const load = async () => {
        const policy = await send(`/public/organizers/${organizer.id}/policies/${kind}?version=${policies[kind]}`, { signal: visit.signal });
        text.textContent = (lang === "en" && policy.en) || policy.es;
      };
      return h("details", { ontoggle: ({ target }) => {
        if (target.open && !text.textContent) load().catch(problem => { if (problem.name !== "AbortError") text.textContent = shown(problem); });
      } }, h("summary", {}, words.policy(kind)), text);
    });
    const id = "accept-policies";
    element.replaceChildren(...texts, h("p", {}, h("input", { id, type: "checkbox", required: true }), " ", h("label", { for: id }, words.acceptPolicies)));
  }
  show(organizer.policies);
  return { element, show, accepted: () => Object.keys(held).length ? held : null };
}

// The refusal of the last payment, for its order's page.
let refusal = null;

// Opens the gateway's page. If there is nothing to pay, or on a refusal, opens the order's page,
// which shows the refusal.
async function pay(id, gateway) {
  const there = `#/purchases/${id}`;
  let url = null;
  refusal = null;
  try {
    const { checkout_url } = await postOnce("/purchases", { reservation_id: id, ...(gateway && { gateway }) });
    url = checkout_url && new URL(checkout_url, location.href);
    if (url && !["http:", "https:"].includes(url.protocol)) throw new Problem(0);
  } catch (problem) {
    refusal = { id, problem };
  }
  if (url) {
    // The back button leads from there to the order.
    if (location.hash !== there) history.pushState(null, "", there);
    location.assign(url);
  } else if (location.hash === there) {
    await open();
  } else {
    location.hash = there;
  }
}

function sums(line, currency, stage) {
  const row = (name, amount) => amount !== 0 && h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, money(amount, currency)));
  const what = `${line.area_name} × ${line.quantity}`;
  const seats = line.seats.length ? ` (${line.seats.join(", ")})` : "";
  const added = dusted(line.total - line.base - line.stage_adjustment - line.promotion - line.fee);
  return [h("tr", { class: "head" }, h("th", { scope: "rowgroup", colspan: 2 }, what + seats)),
    row(words.base, line.base), row(words.stageLine(stage), line.stage_adjustment), row(words.promotion, line.promotion), row(words.fee, line.fee), row(words.vat, added)];
}

function quoteLines(quote) {
  const { currency, totals, promotion } = quote;
  const stage = line => quote.stages.find(stage => stage.id === line.stage_id)?.name;
  const why = (lang === "es" && spanishReasons[promotion?.reason]) || promotion?.detail;
  return [
    h("table", { class: "sums" },
      quote.lines.map(line => h("tbody", {}, sums(line, currency, stage(line)))),
      h("tbody", {},
        h("tr", { class: "total" }, h("th", { scope: "row" }, words.total), h("td", {}, cost(totals.total, currency))),
        totals.vat !== 0 && quote.vat_included && h("tr", { class: "soft" }, h("th", { scope: "row" }, words.vatIncluded), h("td", {}, money(totals.vat, currency))))),
    ...quote.outgrown_stages.map(({ name, left, unit_total }) => h("p", { class: "note" }, words.outgrown(name, left, money(unit_total, currency)))),
    quote.promotion_applied && h("p", { class: "soft" }, words.codeApplied(promotion.code)),
    quote.promotion_applied === false && h("p", { class: "note" }, words.codeNotApplied(promotion.code, why)),
  ].filter(Boolean);
}

const fieldKinds = {
  nombre: { maxlength: 100, autocomplete: "off" },
  rut: { maxlength: 20, autocomplete: "off" },
  fecha_nacimiento: { type: "date", min: "1901-01-01" },
};

// Adds or removes attendees' fields; the texts in the others stay.
function attendeeFields(people, event, count) {
  if (!event.attendee_fields.length) return;
  while (people.children.length > count) people.lastElementChild.remove();
  while (people.children.length < count) {
    const index = people.children.length;
    people.append(h("fieldset", {}, h("legend", {}, words.attendee(index + 1)),
      event.attendee_fields.map(name => field(`attendees/${index}/${name}`, words[name], fieldKinds[name]))));
  }
}

function attendeesIn(form, event, count) {
  if (!event.attendee_fields.length) return [];
  const value = (index, name) => form.elements.namedItem(`attendees/${index}/${name}`).value.trim();
  return Array.from({ length: count }, (_, index) =>
    Object.fromEntries(event.attendee_fields.map(name => [name, value(index, name)])));
}
