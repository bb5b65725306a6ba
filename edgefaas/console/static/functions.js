// Functions: what is live and how it does; the versions of one, and the way back to any of them.

import { functionPath, wordsOf } from "./api.js";
import { byId, el, keyed, setAttribute, setText, shown, tableRow } from "./dom.js";
import { bytes, cores, count, date, ms, NONE, of, rate, short } from "./numbers.js";

const COLUMNS = ["", "Live", "Runs/s", "CPU", "p50", "p99", "Errors/s", "Errors of runs", ""];
const STILL = { runs_per_s: 0, errors_per_s: 0, cpu_ms_per_s: 0, p50_ms: null, p99_ms: null };
const ROWS_MAX = 60; // shown at once; of more, the busiest
const FIND_FROM = 10; // so many functions need a field to find one
const SAID_MS = 15000;
const VERSION_COLUMNS = ["", "Made", "Size", "Errors of runs", ""];

export class Functions {
  #api;
  #can;
  #sure;
  #listed = [];
  #live = [];
  #pops = [];
  #said = "";
  #shown = null;

  /** `can(scope)` says what the token may do, `sure(...)` asks people; both come from main.js. */
  constructor(api, can, sure) {
    this.#api = api;
    this.#can = can;
    this.#sure = sure;
    this.on = new AbortController();
    const { signal } = this.on;
    byId("versions").addEventListener("close", () => { this.#shown = null; }, { signal });
    byId("functions-pop").addEventListener("change", () => this.#draw(), { signal });
    byId("functions-find").addEventListener("input", () => this.#draw(), { signal });
    byId("functions-where").addEventListener("submit", (event) => event.preventDefault(), { signal });
  }

  close() {
    this.on.abort();
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

  /** Return one row per function and live version, and one for each other version that runs just now. */
  #rows() {
    const counted = new Map(this.#live.map((row) => [`${row.name}@${row.version}`, row]));
    const rows = [];
    for (const listed of this.#listed) {
      rows.push({ listed, version: listed.version, figures: counted.get(`${listed.name}@${listed.version}`) });
      for (const figures of this.#live) {
        const other = figures.name === listed.name && figures.version !== listed.version;
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
    setText(byId("functions-note"), this.#said || (all.length ? `${number}; ${cores(cpu)} of a core together` : ""));
    keyed(byId("functions").tBodies[0], rows, keyOf, () => this.#make(), (row, item) => this.#fill(row, item));
    if (this.#shown) this.#drawVersions();
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
    const back = el("button", { type: "button" }, "Roll back");
    const versions = el("button", { type: "button" }, "Versions");
    back.addEventListener("click", () => this.#rollBack(row.item.listed));
    versions.addEventListener("click", () => this.#open(row.item.listed.name));
    row.cells[8].className = "actions";
    row.cells[8].append(versions, back);
    return row;
  }

  #fill(row, item) {
    row.item = item;
    const { listed, version, figures } = item;
    const isLive = listed.elsewhere || version === listed.version;
    const [name, live, runs, cpu, p50, p99, errors, total, actions] = row.cells;
    setText(name, isLive ? shown(listed.name, 80) : `${shown(listed.name, 80)}, another version`);
    const [number, digits, since] = live.children;
    setText(number, isLive && listed.number ? `v${listed.number}` : "");
    setText(digits, short(version));
    const sinceWords = listed.elsewhere ? "" : `since ${date(listed.since_s)}${listed.running ? "" : ", not running"}`;
    setText(since, isLive ? sinceWords : "not the live one");
    setText(runs, rate(figures?.runs_per_s ?? 0));
    setText(cpu, cores(figures?.cpu_ms_per_s ?? 0));
    setText(p50, ms(figures?.p50_ms));
    setText(p99, ms(figures?.p99_ms));
    setText(errors, rate(figures?.errors_per_s ?? 0));
    errors.classList.toggle("bad", (figures?.errors_per_s ?? 0) > 0);
    setText(total, listed.elsewhere ? NONE : of(figures?.errors ?? 0, figures?.runs ?? 0));
    actions.hidden = !isLive || Boolean(listed.elsewhere);
    const [versions, back] = actions.children;
    setAttribute(versions, "aria-label", `Versions of ${shown(listed.name, 80)}`);
    setAttribute(back, "aria-label", `Roll ${shown(listed.name, 80)} back`);
    back.disabled = !this.#can("deploy") || listed.number === 1;
    setAttribute(back, "title", this.#can("deploy") ? null : "This token may not deploy");
  }

  async #open(name) {
    this.#shown = { name, versions: [], live: null };
    setText(byId("versions-title"), `Versions of ${shown(name, 80)}`);
    setText(byId("versions-note"), "");
    setText(byId("versions-outcome"), "");
    byId("versions-rows").replaceChildren();
    byId("versions").showModal();
    await this.#readVersions(name);
  }

  async #readVersions(name) {
    try {
      const told = await this.#api.get(functionPath(name, "versions"));
      if (this.#shown?.name !== name) return;
      this.#shown = told;
      const last = told.history[0];
      const what = last ? `Last change: ${last.action} by ${shown(last.actor, 80)}, ${date(last.at_s)}.` : "";
      setText(byId("versions-note"), what);
      this.#drawVersions();
    } catch (error) {
      setText(byId("versions-outcome"), wordsOf(error));
    }
  }

  #drawVersions() {
    const { name, versions, live } = this.#shown;
    const counted = new Map(this.#live.filter((row) => row.name === name).map((row) => [row.version, row]));
    keyed(
      byId("versions-rows"),
      versions,
      (version) => version.version,
      (version) => this.#makeVersion(name, version),
      (row, version) => {
        const figures = counted.get(version.version);
        setText(row.cells[3], of(figures?.errors ?? 0, figures?.runs ?? 0));
        const button = row.cells[4].firstChild;
        const isLive = version.version === live;
        setText(button, isLive ? "live" : "Make live");
        button.disabled = isLive || !this.#can("deploy");
        row.classList.toggle("chosen", isLive);
      },
    );
  }

  #makeVersion(name, version) {
    const row = tableRow(VERSION_COLUMNS);
    const [digits, made, size, errors, actions] = row.cells;
    digits.append(el("b", {}, `v${version.number}`), el("code", {}, short(version.version)));
    setText(made, date(version.created_at_s));
    setText(size, bytes(version.size_bytes));
    size.className = errors.className = "number";
    const button = el("button", { type: "button", "aria-label": `Make version ${version.number} live` });
    button.addEventListener("click", () => this.#makeLive(name, version));
    actions.className = "actions";
    actions.append(button);
    return row;
  }

  async #makeLive(name, version) {
    const said = await this.#change(name, this.#shown.live, { version: version.version });
    setText(byId("versions-outcome"), said);
    await this.#readVersions(name);
  }

  async #rollBack(listed) {
    const name = shown(listed.name, 80);
    const yes = await this.#sure(`Roll ${name} back?`, `What was live before v${listed.number} (${short(listed.version)}) goes live again, at once, in every worker of this POP.`, "Roll back");
    if (yes) this.#say(await this.#change(listed.name, listed.version, {}));
  }

  /** Show how a change ended, in place of the summary, for a while. */
  #say(words) {
    this.#said = words;
    this.#draw();
    setTimeout(() => {
      this.#said = "";
    }, SAID_MS);
  }

  /** Ask for the change, unless somebody else was faster; return how it ended, in words. */
  async #change(name, expected, body) {
    try {
      const headers = expected ? { "If-Match": `"${expected}"` } : {};
      const done = await this.#api.post(functionPath(name, "rollback"), body, headers);
      await this.refresh();
      return `${shown(name, 80)} is v${done.number} ${short(done.version)} again.`;
    } catch (error) {
      return wordsOf(error);
    }
  }
}

function keyOf({ listed, version }) {
  return !listed.elsewhere && listed.version === version ? listed.name : `${listed.name}@${version}`;
}
