// ---- The page's own parts

// Text always becomes a text node: nothing that somebody wrote is ever markup.
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

// Browsers that keep nothing still work until the page is closed.
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
    Object.assign(this, { status, code, fields: body?.errors ?? [], alternatives: body?.alternatives ?? [] });
  }
}

const session = () => kept.get("session");

function signedIn(answer) {
  const { access_token: access, refresh_token: refresh, device_token, expires_in, user } = answer;
  kept.set("device", device_token);
  kept.set("session", { access, refresh, ends: Date.now() + expires_in * 1000, email: user.email, name: user.name });
  navigation();
}

// Says that this device signed in before: then strangers who try the address do not stop it.
const onThisDevice = values => ({ ...values, device_token: kept.get("device") });

function signedOut() {
  kept.drop("session");
  navigation();
}

// How much this device's clock is behind the server's, for countdowns.
let behind = 0;

async function send(path, { method = "GET", body, signal, access, key } = {}) {
  const headers = { Accept: "application/json, image/svg+xml" };
  if (body) headers["Content-Type"] = "application/json";
  if (access) headers.Authorization = `Bearer ${access}`;
  if (key) headers["Idempotency-Key"] = key;
  let response;
  try {
    response = await fetch(`/api/v1${path}`, { method, headers, signal, body: body && JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw Object.assign(new Problem(0), { message: words.offline });
  }
  const date = Date.parse(response.headers.get("date"));
  if (access && date) behind = date - Date.now();
  if (!response.ok) throw new Problem(response.status, await response.json().catch(() => null));
  if (response.status === 204) return null;
  return response.headers.get("content-type").startsWith("image/") ? response.blob() : response.json();
}

let refreshing = null;

// A refresh token is good once, so one tab at a time uses it.
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

// With the session, if there is one. Lists that are the same for everybody are
// asked for with `send`, so that caches can answer.
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

// Sends the same request once more if its answer was lost: the key makes sure
// that nothing happens twice.
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

// Does something once, and shows what was wrong with it. `element` has fields
// that problems may be about.
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

// ---- Getting about

// Where to go on after signing in, even if that happens in another tab.
function signInFirst() {
  kept.set("next", { hash: location.hash, until: Date.now() + 30 * 60_000 });
  // Going back must not lead to a page that leads here again.
  location.replace("#/sign-in");
}

function goOn() {
  const next = kept.get("next");
  kept.drop("next");
  location.replace(next && next.until > Date.now() && next.hash.startsWith("#/") ? next.hash : "#/");
}

let leaving = new AbortController();
let opened = false;

// What a page needs to clean up after itself.
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

  // A token is used from memory, not from the history of the browser.
  takeToken() {
    const token = this.query.get("token");
    if (token) history.replaceState(null, "", location.hash.split("?")[0]);
    return token;
  }

  // Shows a picture that only its owner may fetch.
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
    if (needsSession && !session()) return signInFirst();
    content = await show(visit, ...path.match(pattern).slice(1));
  } catch (problem) {
    if (signal.aborted) return;
    if (problem.status === 401 && !session()) return signInFirst();
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
