// The versions of one function, in a dialog: any of them can be made live.

import { functionPath, wordsOf } from "./api.js";
import { byId, el, keyed, setAttribute, setText, shown, tableRow } from "./dom.js";
import { bytes, date, of, short } from "./numbers.js";

const COLUMNS = ["", "Made", "Size", "Errors of runs", ""];

export class Versions {
  #api;
  #can;
  #change;
  #live = [];
  #shown = null;

  /** `change(name, expected, body)` makes a version live and returns how that ended, in words. */
  constructor(api, can, change) {
    this.#api = api;
    this.#can = can;
    this.#change = change;
    this.on = new AbortController();
    byId("versions").addEventListener("close", () => { this.#shown = null; }, { signal: this.on.signal });
  }

  close() {
    this.on.abort();
  }

  /** Take the functions' rows of /v1/live. */
  show(rows) {
    this.#live = rows;
    if (this.#shown) this.#draw();
  }

  /** Show the versions of a function. */
  async open(name) {
    this.#shown = { name, versions: [], live: null };
    setText(byId("versions-title"), `Versions of ${shown(name, 80)}`);
    setText(byId("versions-note"), "");
    setText(byId("versions-outcome"), "");
    byId("versions-rows").replaceChildren();
    byId("versions").showModal();
    await this.#read(name);
  }

  async #read(name) {
    try {
      const told = await this.#api.get(functionPath(name, "versions"));
      if (this.#shown?.name !== name) return;
      this.#shown = told;
      const last = told.history[0];
      const what = last ? `Last change: ${last.action} by ${shown(last.actor, 80)}, ${date(last.at_s)}.` : "";
      setText(byId("versions-note"), what);
      this.#draw();
    } catch (error) {
      setText(byId("versions-outcome"), wordsOf(error));
    }
  }

  #draw() {
    const { name, versions, live } = this.#shown;
    const counted = new Map(this.#live.filter((row) => row.name === name).map((row) => [row.version, row]));
    keyed(
      byId("versions-rows"),
      versions,
      (version) => version.version,
      (version) => this.#make(name, version),
      (row, version) => {
        const figures = counted.get(version.version);
        setText(row.cells[3], of(figures?.errors ?? 0, figures?.runs ?? 0));
        const button = row.cells[4].firstChild;
        const isLive = version.version === live;
        setText(button, isLive ? "live" : "Make live");
        setAttribute(button, "aria-label", isLive ? `Version ${version.number} is live` : `Make version ${version.number} live`);
        button.disabled = isLive || !this.#can("deploy");
        row.classList.toggle("chosen", isLive);
      },
    );
  }

  #make(name, version) {
    const row = tableRow(COLUMNS);
    const [digits, made, size, errors, actions] = row.cells;
    digits.append(el("b", {}, `v${version.number}`), el("code", {}, short(version.version)));
    setText(made, date(version.created_at_s));
    setText(size, bytes(version.size_bytes));
    size.className = errors.className = "number";
    const button = el("button", { type: "button" });
    button.addEventListener("click", () => this.#makeLive(name, version));
    actions.className = "actions";
    actions.append(button);
    return row;
  }

  async #makeLive(name, version) {
    const said = await this.#change(name, this.#shown.live, { version: version.version });
    setText(byId("versions-outcome"), said);
    await this.#read(name);
  }
}
