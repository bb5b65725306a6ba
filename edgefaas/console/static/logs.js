// The end of the log, as it grows. Lines are strangers' text: they go through shown() into text nodes.

import { ApiError, wordsOf } from "./api.js";
import { byId, el, shown } from "./dom.js";
import { time } from "./numbers.js";

const LINES_MAX = 400;
const FIRST_LINES = 100;
const AGAIN_MS = [500, 1000, 2000, 5000];
const REQUEST_ID = /^[0-9a-f]{13,40}$/;

export class Log {
  #api;
  #stop = null;
  #paused = false;
  #names = "";

  constructor(api) {
    this.#api = api;
    this.lines = byId("lines");
    this.note = byId("logs-note");
    this.on = new AbortController();
    const listen = (id, event, act) => byId(id).addEventListener(event, act, { signal: this.on.signal });
    listen("logs-form", "submit", (event) => event.preventDefault());
    listen("logs-level", "change", () => this.start());
    listen("logs-function", "change", () => this.start());
    listen("logs-text", "change", () => this.start());
    listen("logs-text", "search", () => this.start());
    listen("logs-pause", "click", () => this.#pause());
    listen("lines", "click", (event) => this.#choose(event));
  }

  /** Let people choose among these functions. */
  offer(names) {
    const known = names.join("\n");
    if (known === this.#names) return;
    this.#names = known;
    const select = byId("logs-function");
    const chosen = select.value;
    const options = names.map((name) => el("option", { value: name }, shown(name, 80)));
    select.replaceChildren(el("option", { value: "" }, "everything"), ...options);
    select.value = names.includes(chosen) ? chosen : "";
  }

  /** Begin anew, with the filters as they are. */
  start() {
    this.#stop?.abort();
    if (this.#paused) this.#pause();
    this.#stop = new AbortController();
    this.#follow(this.#stop.signal);
  }

  /** End for good. */
  close() {
    this.#stop?.abort();
    this.on.abort();
    this.lines.replaceChildren();
  }

  #pause() {
    this.#paused = !this.#paused;
    byId("logs-pause").setAttribute("aria-pressed", String(this.#paused));
    byId("logs-pause").textContent = this.#paused ? "Go on" : "Pause";
    if (this.#paused) {
      this.#stop?.abort();
      this.note.textContent = "Paused.";
    } else {
      this.start();
    }
  }

  /** Show the lines of one request alone, when its id is clicked; again, and all are shown. */
  #choose(event) {
    if (!event.target.classList.contains("request")) return;
    const field = byId("logs-text");
    const id = event.target.textContent;
    field.value = field.value === id ? "" : id;
    this.start();
  }

  #path() {
    const query = new URLSearchParams({ follow: "1", limit: String(FIRST_LINES) });
    const text = byId("logs-text").value.trim();
    if (byId("logs-level").value) query.set("level", byId("logs-level").value);
    if (byId("logs-function").value) query.set("function", byId("logs-function").value);
    if (text) query.set(REQUEST_ID.test(text) ? "request_id" : "text", text);
    return `/v1/logs?${query}`;
  }

  async #follow(signal) {
    for (let failures = 0; !signal.aborted; ) {
      let fresh = true;
      try {
        await this.#api.lines(this.#path(), signal, (lines) => {
          if (signal.aborted) return;
          if (fresh) this.lines.replaceChildren(); // the stream begins with the last lines again
          fresh = false;
          failures = 0;
          this.#append(lines);
        });
        if (!signal.aborted) this.note.textContent = "The stream ended; it is opened again.";
      } catch (error) {
        if (signal.aborted) return;
        this.note.textContent = wordsOf(error);
        if (error instanceof ApiError && [401, 403].includes(error.status)) return;
      }
      const wait = AGAIN_MS[Math.min(failures, AGAIN_MS.length - 1)];
      failures += 1;
      await new Promise((resolve) => {
        setTimeout(resolve, wait);
      });
    }
  }

  #append(lines) {
    const box = this.lines;
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    box.append(...lines.slice(-LINES_MAX).map(lineElement));
    while (box.childElementCount > LINES_MAX) box.firstElementChild.remove();
    this.note.textContent = box.childElementCount ? "" : "No line yet: what functions say and what goes wrong is shown here, as is every request that was no hit.";
    if (atEnd) box.scrollTop = box.scrollHeight;
  }
}

function lineElement(line) {
  const level = ["debug", "info", "warn", "error"].includes(line.level) ? line.level : "info";
  const parts = [el("time", {}, time(Number(line.at_s))), el("span", { class: "level" }, level)];
  if (line.request_id) parts.push(el("span", { class: "request", title: "show this request alone" }, shown(line.request_id, 40)));
  if (line.function) parts.push(el("b", {}, shown(line.function, 80)));
  parts.push(el("span", { class: "text", dir: "ltr" }, shown(line.text)));
  const more = "status" in line ? "" : extra(line);
  if (more) parts.push(el("span", { class: "more", dir: "ltr" }, more));
  return el("li", { class: `line ${level}` }, ...parts.flatMap((part) => [part, " "]));
}

const OWN = new Set(["at_s", "worker", "request_id", "level", "text", "function", "version", "pop"]);

function extra(line) {
  const fields = Object.entries(line).filter(([name]) => !OWN.has(name));
  return fields.map(([name, value]) => `${shown(name, 80)}=${shown(typeof value === "object" ? JSON.stringify(value) : value, 400)}`).join(" ");
}
