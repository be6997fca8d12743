// ---- The page's own parts

// Text always becomes a text node: text that users wrote is never markup.
function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter(child => child !== null && child !== undefined && child !== false));
  return element;
}

const byId = id => document.getElementById(id);
const announce = text => { byId("status").textContent = text; };

// Without storage, values last until the page is closed.
const memory = new Map();
const kept = {
  get(key) {
    try { return JSON.parse(localStorage.getItem(`taquilla.${key}`)); } catch { return memory.get(key) ?? null; }
  },
  set(key, value) {
    memory.set(key, value);
    try { localStorage.setItem(`taquilla.${key}`, JSON.stringify(value)); } catch { /* `memory` has it. */ }
  },
  drop(key) {
    memory.delete(key);
    try { localStorage.removeItem(`taquilla.${key}`); } catch { /* Nothing was kept. */ }
  },
};

// ---- The API

class Problem extends Error {
  constructor(status, body) {
    const code = body?.code;
    super((lang === "es" && spanishProblems[code]) || body?.detail || words.failed);
    const { challenge, passkey, policies } = body ?? {};
    Object.assign(this, { status, code, challenge, passkey, policies, fields: body?.errors ?? [], alternatives: body?.alternatives ?? [] });
  }
}

const session = () => kept.get("session");

// Links that open a guest's order without a sign-in, by the order's id. Only requests about that order
// send one.
const orderLink = id => kept.get(`order.${id}`);
const keepOrderLink = (id, link) => kept.set(`order.${id}`, link);

function signedIn(answer) {
  const { access_token: access, refresh_token: refresh, device_token, expires_in, user } = answer;
  kept.set("device", device_token);
  kept.set("session", { access, refresh, ends: Date.now() + expires_in * 1000, email: user.email, name: user.name });
  navigation();
}

// Adds the token of a device that signed in before: failed logins of strangers do not lock it out.
const onThisDevice = values => ({ ...values, device_token: kept.get("device") });

function signedOut() {
  kept.drop("session");
  navigation();
}

// Milliseconds that this device's clock is behind the server's, for countdowns.
let behind = 0;

async function send(path, { method = "GET", body, signal, access, key } = {}) {
  const about = path.match(/ord_[a-z0-9]{26}/)?.[0] ?? body?.reservation_id;
  const headers = { Accept: "application/json, image/svg+xml" };
  if (body) headers["Content-Type"] = "application/json";
  if (access) headers.Authorization = `Bearer ${access}`;
  if (key) headers["Idempotency-Key"] = key;
  const link = about && orderLink(about);
  if (link) headers["X-Order-Access"] = link;
  let response;
  try {
    response = await fetch(`/api/v1${path}`, { method, headers, signal, body: body && JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw Object.assign(new Problem(0), { message: words.offline });
  }
  const date = Date.parse(response.headers.get("date"));
  if ((access || link) && date) behind = date - Date.now();
  if (!response.ok) {
    const problem = new Problem(response.status, await response.json().catch(() => null));
    if (problem.code === "order_link_invalid") kept.drop(`order.${about}`);
    throw problem;
  }
  if (response.status === 204) return null;
  if (response.headers.get("content-type").startsWith("image/")) return response.blob();
  const answer = await response.json();
  if (answer.order_access) keepOrderLink(answer.id, answer.order_access);
  return answer;
}

let refreshing = null;

// A refresh token works once, so only one tab at a time uses it.
function refreshed(used) {
  const run = async () => {
    const now = session();
    if (!now || now.access !== used.access) return now;
    try {
      signedIn(await send("/auth/refresh", { method: "POST", body: { refresh_token: now.refresh } }));
    } catch (error) {
      if (error.status !== 401) throw error;
      signedOut();
    }
    return session();
  };
  const locked = () => navigator.locks ? navigator.locks.request("taquilla.refresh", run) : run();
  refreshing ??= locked().finally(() => { refreshing = null; });
  return refreshing;
}

// Sends a request with the session, if there is one. Public lists are requested with `send`, so
// that caches can answer.
async function ask(path, options = {}) {
  let now = session();
  if (now && now.ends - 30_000 < Date.now()) now = await refreshed(now);
  try {
    return await send(path, { ...options, access: now?.access });
  } catch (error) {
    if (error.status !== 401 || !now) throw error;
    now = await refreshed(now);
    if (!now) throw error;
    return send(path, { ...options, access: now.access });
  }
}

const post = (path, body, options) => ask(path, { method: "POST", body, ...options });

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, byte => byte.toString(16).padStart(2, "0")).join("");
}

// Posts with an idempotency key, and retries once if the answer was lost.
async function postOnce(path, body) {
  const key = newKey();
  try {
    return await post(path, body, { key });
  } catch (error) {
    if (error.status !== 0) throw error;
    return post(path, body, { key });
  }
}

// ---- Forms

function field(name, label, attributes = {}) {
  const id = `field-${name}`;
  const error = h("p", { id: `${id}-error`, class: "field-error" });
  const input = h("input", { id, name, required: true, "aria-describedby": error.id, ...attributes });
  return h("div", {}, h("label", { for: id }, label), input, error);
}

const emailField = () => field("email", words.email, { type: "email", autocomplete: "username", maxlength: 254, inputmode: "email" });

function form(fields, label, submit) {
  const error = h("p", { class: "error", role: "alert" });
  const button = h("button", { class: "button main wide" }, label);
  const element = h("form", { novalidate: true, onsubmit: async event => {
    event.preventDefault();
    if (!element.reportValidity()) return;
    await busy(button, error, () => submit(Object.fromEntries(new FormData(element))), element);
  } }, fields, error, button);
  return element;
}

// Runs `work` once at a time and shows its error. `element` has the fields that a problem may name.
async function busy(button, error, work, element) {
  if (button.disabled) return;
  button.disabled = true;
  error.textContent = "";
  element?.querySelectorAll("input").forEach(input => input.removeAttribute("aria-invalid"));
  element?.querySelectorAll(".field-error").forEach(line => { line.textContent = ""; });
  try {
    await work();
  } catch (problem) {
    if (problem.name !== "AbortError") error.textContent = shown(problem, element);
  } finally {
    button.disabled = false;
  }
}

function shown(problem, element) {
  if (!(problem instanceof Problem)) {
    console.error(problem);
    return words.failed;
  }
  const others = [];
  let first = null;
  for (const { pointer, detail } of problem.fields) {
    const input = element?.elements?.namedItem(pointer.slice(1));
    if (!input) { others.push(detail); continue; }
    input.setAttribute("aria-invalid", "true");
    byId(input.getAttribute("aria-describedby")).textContent = detail;
    first ??= input;
  }
  first?.focus();
  return [problem.fields.length ? words.wrongFields : problem.message, ...others].join(" ");
}

// ---- Navigation

// Opens the sign-in page and keeps this address for afterwards, also for another tab.
function signInFirst() {
  kept.set("next", { hash: location.hash, until: Date.now() + 30 * 60_000 });
  // Replaced, so that the back button does not lead to a page that redirects here again.
  location.replace("#/sign-in");
}

function goOn() {
  const next = kept.get("next");
  kept.drop("next");
  location.replace(next && next.until > Date.now() && next.hash.startsWith("#/") ? next.hash : "#/");
}

let leaving = new AbortController();
let opened = false;

// A visit of a page: its query, and the timers and resources to release when it is left.
class Visit {
  constructor(signal, query) {
    this.signal = signal;
    this.query = query;
  }

  leave(work) { this.signal.addEventListener("abort", work, { once: true }); }

  every(milliseconds, work) {
    const timer = setInterval(() => { if (!document.hidden) work(); }, milliseconds);
    this.leave(() => clearInterval(timer));
    return () => clearInterval(timer);
  }

  // Removes the token from the address, so that the browser's history does not keep it.
  takeToken() {
    const token = this.query.get("token");
    if (token) history.replaceState(null, "", location.hash.split("?")[0]);
    return token;
  }

  // Shows a picture that was fetched with the session.
  picture(image, blob) {
    const url = URL.createObjectURL(blob);
    this.leave(() => URL.revokeObjectURL(url));
    image.src = url;
  }
}

function navigation() {
  const now = session();
  const here = location.hash.split("?")[0] || "#/";
  const link = (hash, text) => h("a", { href: hash, "aria-current": here === hash && "page" }, text);
  byId("nav").replaceChildren(link("#/", "Taquilla"), ...(now
    ? [link("#/tickets", words.ticketsShort), link("#/purchases", words.ordersShort), h("button", { type: "button", onclick: leave }, words.signOut)]
    : [link("#/sign-in", words.signIn)]));
  byId("skip").textContent = words.skip;
}

async function leave() {
  await post("/auth/logout").catch(() => null);
  signedOut();
  if (location.hash === "#/") open();
  else location.hash = "#/";
}

async function open() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const visit = new Visit(signal, new URLSearchParams(query));
  const main = byId("main");
  navigation();
  main.setAttribute("aria-busy", "true");
  const slow = setTimeout(() => main.replaceChildren(h("p", {}, words.loading)), 300);
  let content;
  try {
    const [pattern, show, needsSession] = routes.find(([pattern]) => pattern.test(path)) ?? [/^/, nowhere, false];
    const named = path.match(pattern).slice(1);
    if (needsSession && !session() && !orderLink(named[0])) return signInFirst();
    content = await show(visit, ...named);
  } catch (problem) {
    if (signal.aborted) return;
    if (problem.status === 401 && problem.code !== "order_link_invalid" && !session()) return signInFirst();
    content = [h("h1", {}, "Taquilla"), h("p", { class: "error", role: "alert" }, shown(problem)),
      h("p", { class: "row" }, h("button", { class: "button", type: "button", onclick: open }, words.retry), h("a", { class: "button", href: "#/" }, words.back))];
  } finally {
    clearTimeout(slow);
  }
  if (signal.aborted) return;
  main.removeAttribute("aria-busy");
  main.replaceChildren(...content);
  const title = main.querySelector("h1");
  document.title = title && path ? `${title.textContent} · Taquilla` : "Taquilla";
  if (opened) {
    scrollTo(0, 0);
    title?.setAttribute("tabindex", "-1");
    title?.focus();
  }
  opened = true;
}

function nowhere() {
  return [h("h1", {}, words.notFound), h("a", { class: "button", href: "#/" }, words.back)];
}
