// The page's life: sign in, ask once a second, show, sign out. What is shown is in the other modules.

import { Api, ApiError, wordsOf } from "./api.js";
import { Tile } from "./charts.js";
import { byId, el, keyed, setAttribute, setText, shown } from "./dom.js";
import { Functions } from "./functions.js";
import { Log } from "./logs.js";
import { WorldMap } from "./map.js";
import { ms, rate, share } from "./numbers.js";
import { showPops } from "./pops.js";
import { Purges } from "./purge.js";

const EVERY_MS = 1000;
const SLOWER_MS = [1000, 2000, 5000];
const LISTS_EVERY_MS = 5000;
const POINTS = 300;
const STORED = "edgefaas-token";
const ANSWERS = [
  ["hit", "hits"],
  ["refreshed", "revalidated"],
  ["miss", "misses"],
  ["function", "made by functions"],
  ["other", "other"],
];

const TILES = {
  requests_per_s: new Tile("Requests per second", rate, { low: 1, hint: "All answers of this POP" }),
  hit_ratio: new Tile("Hit ratio", share, { high: 1, hint: "Hits, of the answers that the cache could have given" }),
  p50_ms: new Tile("p50", ms, { low: 1, hint: "Half of the answers took no longer" }),
  p99_ms: new Tile("p99", ms, { low: 1, hint: "99 of 100 answers took no longer" }),
  errors_per_s: new Tile("5xx per second", rate, { low: 1, hint: "Answers with a status of 500 and above" }),
};

const map = new WorldMap(byId("map"));
byId("tiles").append(...Object.values(TILES).map((tile) => tile.element));
let board = null;

/** What is shown while somebody is signed in. */
class Board {
  constructor(api, who) {
    const can = (scope) => who.scopes.includes(scope) || who.scopes.includes("admin");
    this.api = api;
    this.functions = new Functions(api, can, sure);
    this.purges = new Purges(api, can, sure);
    this.log = new Log(api);
    this.curves = null;
    this.failures = 0;
    this.listsAt = -Infinity;
    this.ended = false;
    this.timer = null;
  }

  start() {
    this.log.start();
    this.tick();
  }

  close() {
    this.ended = true;
    clearTimeout(this.timer);
    this.log.close();
    this.purges.close();
    this.functions.close();
  }

  /** Ask and show once, then again after a while; not while nobody looks. */
  async tick() {
    clearTimeout(this.timer);
    if (this.ended || document.hidden) return;
    const began = performance.now();
    try {
      await this.#ask();
      this.failures = 0;
      say("live", "live");
    } catch (error) {
      if (this.ended) return;
      if (error instanceof ApiError && error.status === 401) {
        signOut(wordsOf(error));
        return;
      }
      this.failures += 1;
      this.curves = null; // read anew: seconds are missing
      say("lost", `${wordsOf(error)} Asking again.`);
    }
    if (this.ended) return;
    const every = this.failures ? SLOWER_MS[Math.min(this.failures, SLOWER_MS.length) - 1] : EVERY_MS;
    this.timer = setTimeout(() => this.tick(), Math.max(50, every - (performance.now() - began)));
  }

  async #ask() {
    const lists = performance.now() - this.listsAt > LISTS_EVERY_MS;
    const query = [this.curves ? [] : "history=1", lists ? "idle=1" : []].flat().join("&");
    const live = await this.api.get(`/v1/live?${query}`);
    if (this.ended) return;
    this.#show(live, lists);
    if (lists) {
      await Promise.all([this.functions.refresh(), this.purges.refresh()]);
      this.listsAt = performance.now();
      this.log.offer(this.functions.names);
    }
  }

  #show(live, whole) {
    if (live.history) this.curves = live.history;
    else this.#grow(live);
    for (const [name, tile] of Object.entries(TILES)) {
      tile.show(live.totals[name], this.curves[name], this.curves.at_s);
    }
    showAnswers(live.totals.answers_per_s);
    map.show(live.pops);
    showPops(live.pops);
    this.functions.show(live, whole);
    setText(byId("where"), [shown(live.site, 60), shown(live.pop, 40)].filter(Boolean).join(" · "));
    const { version, running, workers } = live.process;
    setText(byId("about"), `EdgeFaaS ${version}, ${running} of ${workers} workers running, ${live.totals.cpu_cores.toFixed(2)} cores busy.`);
    document.title = `${rate(live.totals.requests_per_s)}/s ${shown(live.pop || live.site, 40)} EdgeFaaS`;
  }

  /** Add the newest point to the curves: what the last second was is in the answer's own history. */
  #grow(live) {
    if (!live.last || live.last.at_s === this.curves.at_s.at(-1)) return;
    for (const [name, curve] of Object.entries(this.curves)) {
      curve.push(live.last[name]);
      if (curve.length > POINTS) curve.shift();
    }
  }
}

function showAnswers(answers) {
  const all = ANSWERS.reduce((sum, [kind]) => sum + answers[kind], 0);
  const parts = ANSWERS.map(([kind, words]) => ({ kind, words, part: all ? answers[kind] / all : 0, perS: answers[kind] }));
  keyed(byId("answers-bar"), parts, ({ kind }) => kind, ({ kind }) => el("span", { class: `from-${kind}` }), (bar, { part }) => {
    bar.style.flexGrow = part.toFixed(4);
    bar.hidden = part === 0;
  });
  keyed(byId("answers-legend"), parts, ({ kind }) => kind, ({ kind, words }) => el("li", {}, el("i", { class: `from-${kind}` }), `${words} `, el("b")), (item, { part, perS }) => {
    setText(item.lastChild, perS ? share(part) : "0 %");
  });
}

/** Show how the connection is, in the head of the page. */
function say(state, words) {
  setAttribute(byId("pulse"), "data-state", state);
  setText(byId("pulse"), words);
}

/** Ask people whether they are sure; return their answer. */
function sure(title, text, yes) {
  const dialog = byId("sure");
  setText(byId("sure-title"), title);
  setText(byId("sure-text"), text);
  setText(byId("sure-yes"), yes);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

async function signIn(token) {
  const api = new Api(token);
  let who;
  try {
    who = await api.get("/v1/whoami");
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) forget();
    showSignIn(wordsOf(error));
    return;
  }
  keep(token);
  byId("sign-in").hidden = true;
  byId("sign-out").hidden = false;
  byId("board").hidden = false;
  setAttribute(byId("sign-out"), "title", `Signed in as ${who.name}, who may ${who.scopes.join(", ")}`);
  board?.close();
  board = new Board(api, who);
  board.start();
}

function showSignIn(problem) {
  byId("board").hidden = true;
  byId("sign-out").hidden = true;
  byId("sign-in").hidden = false;
  setText(byId("sign-in-problem"), problem);
  setAttribute(byId("token"), "aria-invalid", problem ? "true" : null);
  byId("token").focus();
  say("idle", "not signed in");
}

function signOut(problem = "") {
  board?.close();
  board = null;
  forget();
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  document.title = "EdgeFaaS";
  showSignIn(problem);
}

// The token is kept for this tab alone; where storing is forbidden, for this page alone.
function keep(token) {
  try {
    sessionStorage.setItem(STORED, token);
  } catch {
    // It lives as long as the page.
  }
}

function forget() {
  try {
    sessionStorage.removeItem(STORED);
  } catch {
    // There was nothing to forget.
  }
}

function kept() {
  try {
    return sessionStorage.getItem(STORED);
  } catch {
    return null;
  }
}

byId("sign-in-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const token = byId("token").value.trim();
  byId("token").value = "";
  if (/^[\x21-\x7e]+$/.test(token)) signIn(token);
  else showSignIn("That is no token: it has letters and digits only.");
});
byId("sign-out").addEventListener("click", () => signOut());
document.addEventListener("visibilitychange", () => {
  if (!board || document.hidden) return;
  board.curves = null; // the seconds that nobody looked at are read again
  board.tick();
});

/** Take the ticket of a link out of the address, where history would keep it; "" where there is none. */
function ticket() {
  const found = new URLSearchParams(location.hash.slice(1)).get("ticket") ?? "";
  if (found) history.replaceState(null, "", location.pathname);
  return found;
}

/** Sign in by a link of edgefaas ui, else by what this tab kept, else ask. */
async function begin() {
  const found = ticket();
  const before = kept();
  if (found) {
    try {
      const session = await new Api("").post("/v1/sessions", { ticket: found });
      await signIn(session.token);
      return;
    } catch (error) {
      if (!before) {
        showSignIn(wordsOf(error));
        return;
      }
    }
  }
  if (before) await signIn(before);
  else showSignIn("");
}

window.addEventListener("hashchange", () => {
  if (location.hash.startsWith("#ticket=")) begin(); // a link that was opened in this very tab
});
begin();
