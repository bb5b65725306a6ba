// Functions: what is live and how it does, here and at the other POPs; canaries, and the way back.

import { functionPath, wordsOf } from "./api.js";
import { byId, el, keyed, setAttribute, setText, shown, tableRow } from "./dom.js";
import { cores, count, date, ms, NONE, of, rate, short, time } from "./numbers.js";
import { Versions } from "./versions.js";

const COLUMNS = ["", "Live", "Runs/s", "CPU", "p50", "p99", "Errors/s", "Errors of runs", ""];
const STILL = { runs_per_s: 0, errors_per_s: 0, cpu_ms_per_s: 0, p50_ms: null, p99_ms: null };
const ROWS_MAX = 60; // shown at once; of more, the busiest
const FIND_FROM = 10; // so many functions need a field to find one
const SAID_MS = 15000;

export class Functions {
  #api;
  #can;
  #sure;
  #listed = [];
  #live = [];
  #pops = [];
  #saying;
  #versions;

  /** `can(scope)` says what the token may do, `sure(...)` asks people; both come from main.js. */
  constructor(api, can, sure) {
    this.#api = api;
    this.#can = can;
    this.#sure = sure;
    this.#versions = new Versions(api, can, (...change) => this.#change(...change));
    this.on = new AbortController();
    const { signal } = this.on;
    byId("functions-pop").addEventListener("change", () => this.#draw(), { signal });
    byId("functions-find").addEventListener("input", () => this.#draw(), { signal });
    byId("functions-where").addEventListener("submit", (event) => event.preventDefault(), { signal });
  }

  close() {
    this.on.abort();
    this.#versions.close();
  }

  get names() {
    return this.#listed.map((row) => row.name);
  }

  /** Read what is deployed. Throws ApiError. */
  async refresh() {
    this.#listed = (await this.#api.get("/v1/functions")).functions;
    this.#draw();
  }

  /** Take the functions and the POPs of /v1/live; `whole`: those that do not run just now are among them. */
  show({ functions, pops }, whole) {
    const told = new Set(functions.map((row) => `${row.name}@${row.version}`));
    const idle = whole ? [] : this.#live.filter((row) => !told.has(`${row.name}@${row.version}`)).map((row) => ({ ...row, ...STILL }));
    this.#live = [...functions, ...idle];
    this.#pops = pops.filter((pop) => pop.live);
    const here = this.#pops.find((pop) => pop.state === "here");
    const select = byId("functions-pop");
    const options = [["", "this POP"], ...this.#pops.filter((pop) => pop !== here).map((pop) => [pop.name, shown(pop.name, 40)])];
    keyed(select, options, ([name]) => name, ([name]) => el("option", { value: name }), (option, [, words]) => setText(option, words));
    this.#draw();
  }

  /** Return the rows of another POP, as it tells: its busiest functions. */
  #elsewhere(pop) {
    return pop.live.functions.map((figures) => {
      const listed = this.#listed.find((row) => row.name === figures.name);
      const known = listed?.version.startsWith(figures.version) ? listed : { name: figures.name, elsewhere: true };
      return { listed: { ...known, elsewhere: true }, version: figures.version, figures };
    });
  }

  /** Return a row for each live version, for each canary, and for each other version that runs just now. */
  #rows() {
    const counted = new Map(this.#live.map((row) => [`${row.name}@${row.version}`, row]));
    const rows = [];
    for (const listed of this.#listed) {
      const canary = (listed.rollout?.percent ?? 100) < 100 ? listed.rollout.version : null;
      const own = canary ? [listed.version, canary] : [listed.version];
      for (const version of own) rows.push({ listed, version, figures: counted.get(`${listed.name}@${version}`) });
      for (const figures of this.#live) {
        const other = figures.name === listed.name && !own.includes(figures.version);
        if (other && figures.runs_per_s > 0) rows.push({ listed, version: figures.version, figures });
      }
    }
    return rows;
  }

  #draw() {
    const pop = this.#pops.find((other) => other.name === byId("functions-pop").value && other.state !== "here");
    const all = pop ? this.#elsewhere(pop) : this.#rows();
    const rows = this.#chosen(all);
    byId("functions").hidden = rows.length === 0;
    byId("functions-empty").hidden = this.#listed.length > 0 || Boolean(pop);
    byId("functions-find-row").hidden = this.#listed.length < FIND_FROM;
    byId("functions-where").hidden = this.#pops.length < 2 && this.#listed.length < FIND_FROM;
    byId("functions-pop-row").hidden = this.#pops.length < 2;
    const cpu = all.reduce((sum, row) => sum + (row.figures?.cpu_ms_per_s ?? 0), 0);
    const some = rows.length < all.length ? `, ${rows.length} shown` : "";
    const number = pop ? `the busiest ${rows.length}, as ${shown(pop.name, 40)} tells` : `${count(this.#listed.length)} live${some}`;
    setText(byId("functions-note"), all.length ? `${number}; ${cores(cpu)} of a core together` : "");
    keyed(byId("functions").tBodies[0], rows, keyOf, () => this.#make(), (row, item) => this.#fill(row, item));
    this.#versions.show(this.#live);
  }

  /** Return the rows to show: those that are looked for, and of too many the busiest, in the order of names. */
  #chosen(all) {
    const wanted = byId("functions-find").value.trim().toLowerCase();
    const found = wanted ? all.filter(({ listed }) => listed.name.toLowerCase().includes(wanted)) : all;
    if (found.length <= ROWS_MAX) return found;
    const cpuOf = ({ figures }) => (figures?.cpu_ms_per_s ?? 0) + (figures?.errors_per_s ?? 0);
    const busiest = new Set([...found].sort((one, other) => cpuOf(other) - cpuOf(one)).slice(0, ROWS_MAX));
    return found.filter((row) => busiest.has(row));
  }

  #make() {
    const row = tableRow(COLUMNS);
    [...row.cells].slice(2, 8).forEach((cell) => cell.classList.add("number"));
    row.cells[1].append(el("b"), el("code"), el("span", { class: "city" }));
    const first = el("button", { type: "button" });
    const back = el("button", { type: "button" });
    first.addEventListener("click", () => (isCanary(row.item) ? this.#promote(row.item.listed) : this.#versions.open(row.item.listed.name)));
    back.addEventListener("click", () => this.#rollBack(row.item));
    row.cells[8].className = "actions";
    row.cells[8].append(first, back);
    return row;
  }

  #fill(row, item) {
    row.item = item;
    const { listed, version, figures } = item;
    const isLive = listed.elsewhere || version === listed.version;
    const canary = isCanary(item);
    const [name, live, runs, cpu, p50, p99, errors, total, actions] = row.cells;
    setText(name, `${shown(listed.name, 80)}${isLive ? "" : canary ? ", canary" : ", another version"}`);
    const [number, digits, since] = live.children;
    setText(number, isLive && listed.number ? `v${listed.number}` : "");
    setText(digits, short(version));
    setText(since, sinceOf(item));
    setText(runs, rate(figures?.runs_per_s ?? 0));
    setText(cpu, cores(figures?.cpu_ms_per_s ?? 0));
    setText(p50, ms(figures?.p50_ms));
    setText(p99, ms(figures?.p99_ms));
    setText(errors, rate(figures?.errors_per_s ?? 0));
    errors.classList.toggle("bad", (figures?.errors_per_s ?? 0) > 0);
    setText(total, listed.elsewhere ? NONE : of(figures?.errors ?? 0, figures?.runs ?? 0));
    actions.hidden = !(isLive || canary) || Boolean(listed.elsewhere);
    const [first, back] = actions.children;
    const whose = shown(listed.name, 80);
    setText(first, canary ? "Promote" : "Versions");
    setText(back, canary ? "End" : "Roll back");
    setAttribute(first, "aria-label", canary ? `Promote the canary of ${whose}` : `Versions of ${whose}`);
    setAttribute(back, "aria-label", canary ? `End the canary of ${whose}` : `Roll ${whose} back`);
    const may = this.#can("deploy");
    first.disabled = canary && !may;
    // What is live goes back when the canary has ended; the POP would end the canary for either button.
    back.disabled = !may || (isLive && (listed.rollout?.percent ?? 100) < 100);
    setAttribute(back, "title", may ? null : "This token may not deploy");
  }

  async #rollBack(item) {
    const { listed } = item;
    const name = shown(listed.name, 80);
    const yes = isCanary(item)
      ? await this.#sure(`End the canary of ${name}?`, `Everybody gets v${listed.number} (${short(listed.version)}) again, at once.`, "End it")
      : await this.#sure(`Roll ${name} back?`, `What was live before v${listed.number} (${short(listed.version)}) goes live again, at once, in every worker of this POP.`, "Roll back");
    if (yes) this.#say(await this.#change(listed.name, listed.version, {}));
  }

  async #promote(listed) {
    const name = shown(listed.name, 80);
    const text = `Version ${short(listed.rollout.version)} goes live for everybody, with those that it was deployed with.`;
    if (!(await this.#sure(`Promote the canary of ${name}?`, text, "Promote"))) return;
    this.#say(await this.#change(listed.name, listed.version, {}, "promote"));
  }

  /** Show how a change ended, for a while. */
  #say(words) {
    setText(byId("functions-said"), words);
    clearTimeout(this.#saying);
    this.#saying = setTimeout(() => setText(byId("functions-said"), ""), SAID_MS);
  }

  /** Ask for the change, unless somebody else was faster; return how it ended, in words. */
  async #change(name, expected, body, how = "rollback") {
    try {
      const headers = expected ? { "If-Match": `"${expected}"` } : {};
      const told = await this.#api.post(functionPath(name, how), body, headers);
      const done = told.promoted ? told.promoted.find((row) => row.name === name) : told;
      await this.refresh();
      return `${shown(name, 80)} is v${done.number} ${short(done.version)}${told.promoted ? "" : " again"}.`;
    } catch (error) {
      return wordsOf(error);
    }
  }
}

function isCanary({ listed, version }) {
  return version !== listed.version && listed.rollout?.version === version;
}

/** Return since when a version is what it is, in words. */
function sinceOf({ listed, version }) {
  const { rollout } = listed;
  if (listed.elsewhere) return "";
  if (rollout?.version === version && rollout.percent < 100) return `for ${rollout.percent} % of the viewers since ${date(rollout.since_s)}`;
  if (version !== listed.version) return "not the live one";
  const watched = rollout?.version === version && rollout.until_s ? `, watched until ${time(rollout.until_s).slice(0, 8)}` : "";
  return `since ${date(listed.since_s)}${listed.running ? "" : ", not running"}${watched}`;
}

function keyOf({ listed, version }) {
  return !listed.elsewhere && listed.version === version ? listed.name : `${listed.name}@${version}`;
}
