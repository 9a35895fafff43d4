// Follows the daemon's events and replaces the parts of the page that changed. The page says all it has to say without
// this module: it is asked for again whole, and each part with the attribute `data-part` that the daemon writes otherwise
// than before takes the place of its namesake.

const PAUSE_MS = 300; // Events that come together are one change.
const RENEW_MS = 30_000; // Counts go on between events.
const RETRY_MS = 3_000;

const body = document.body;
/** A page that is not renewed as a whole, as somebody writes in it or as it never changes, has its head from another. */
const address = body.dataset.renew ?? location.href;
const news = document.getElementById("news");
const connection = document.getElementById("connection");

/** What the daemon wrote of each part, before anything was put into the reader's words. */
const written = new Map();
const parts = (page) => page.querySelectorAll("[data-part][id]");

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

/** Writes times in the reader's zone and numbers in their locale. */
function localise(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    element.title = `${element.dateTime.replace("T", " ").replace("Z", "")} UTC`;
    element.textContent = moment.format(at);
  }
  for (const element of root.querySelectorAll("data[value]")) {
    element.textContent = number.format(Number(element.value));
  }
}

/** Every verdict and phase in a part, under the name of what it is of. */
function verdicts(root) {
  const found = new Map();
  for (const element of root.querySelectorAll("[data-verdict]")) {
    const words = element.cloneNode(true);
    for (const sign of words.querySelectorAll("[aria-hidden]")) sign.remove();
    found.set(element.dataset.name, [element.dataset.verdict, words.textContent.trim()]);
  }
  return found;
}

/** Which verdicts and phases are others now, a sentence each. */
function changes(before, after) {
  const said = [];
  for (const [name, [verdict, words]] of after) {
    const known = before.get(name);
    if (known && known[0] !== verdict) said.push(`${name}: ${words}.`);
  }
  return said;
}

/** Replaces a part, leaves what is open open and what has the focus in focus, and gives what is to be said of it. */
function replace(old, fresh) {
  const open = [...old.querySelectorAll("details[open][id]")].map((details) => details.id);
  const focusable = "a[href], button, input, select, summary, [tabindex]";
  const held = [...old.querySelectorAll(focusable)].indexOf(document.activeElement);
  const scrolled = old.scrollLeft;
  const said = changes(verdicts(old), verdicts(fresh));
  localise(fresh);
  for (const id of open) fresh.querySelector(`[id="${CSS.escape(id)}"]`)?.setAttribute("open", "");
  old.replaceWith(fresh);
  fresh.scrollLeft = scrolled;
  fresh.classList.add("fresh");
  if (held >= 0) fresh.querySelectorAll(focusable)[held]?.focus({ preventScroll: true });
  return said;
}

let asking = false;
let again = false;

/** Asks for this page again, one at a time, and shows what changed. */
async function renew() {
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  try {
    const answer = await fetch(address, { cache: "no-store", redirect: "manual" });
    const hasEnded = answer.type === "opaqueredirect";
    if (hasEnded && "keeps" in body.dataset) return lost("Your session has ended: sign in again in another window");
    // The session ended, or what was shown is gone: the page itself says so.
    if (hasEnded || answer.status === 404) return location.reload();
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!answer.ok) return lost(page.querySelector("[role=alert]")?.textContent.trim());
    const said = [];
    for (const fresh of parts(page)) {
      const old = document.getElementById(fresh.id);
      if (!old || written.get(fresh.id) === fresh.outerHTML) continue;
      written.set(fresh.id, fresh.outerHTML);
      said.push(...replace(old, document.adoptNode(fresh)));
    }
    if (said.length > 0) news.textContent = said.join(" ");
    found();
  } catch {
    lost();
  } finally {
    asking = false;
    if (again) {
      again = false;
      soon();
    }
  }
}

let waiting = 0;

/** Renews the page once events have stopped coming for a moment. */
function soon() {
  clearTimeout(waiting);
  waiting = setTimeout(renew, PAUSE_MS);
}

let lostAt = null;

/** Says that nothing new is shown, and why: not even that the daemon is well. */
function lost(why) {
  lostAt ??= new Date();
  const since = moment.format(lostAt);
  const sentence = why || "The daemon does not answer";
  const text = `✖ ${sentence}. Since ${since} nothing new is shown here.`;
  if (connection.textContent !== text) connection.textContent = text;
  connection.hidden = false;
  document.getElementById("health").hidden = true;
}

function found() {
  lostAt = null;
  connection.hidden = true;
  connection.textContent = "";
  document.getElementById("health").hidden = false;
}

let source = null;

/** Follows the events, and begins anew where the stream is refused or cut off for good. */
function follow() {
  source?.close();
  source = new EventSource(body.dataset.events);
  for (const type of body.dataset.eventTypes.split(" ")) source.addEventListener(type, soon);
  // Whatever happened while nobody listened is in the page that is asked for now.
  source.addEventListener("open", soon);
  // Whether the daemon is away, the session has ended or too many follow is seen when the page is asked for.
  source.addEventListener("error", (event) => {
    soon();
    if (event.target === source && source.readyState === EventSource.CLOSED) setTimeout(watch, RETRY_MS);
  });
}

/** Follows while somebody looks: a browser has few connections to one daemon, which other windows need too. */
function watch() {
  if (document.hidden) source?.close();
  else if (body.dataset.events) follow();
  else soon();
}

for (const part of parts(document)) written.set(part.id, part.outerHTML);
localise(document);
const zone = document.getElementById("zone");
if (zone) zone.textContent = `Times are in your zone, ${Intl.DateTimeFormat().resolvedOptions().timeZone}.`;
if (body.dataset.events || body.dataset.renew) {
  if (body.dataset.events) watch();
  setInterval(() => document.hidden || soon(), RENEW_MS);
  document.addEventListener("visibilitychange", watch);
}
