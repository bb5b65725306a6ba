// The purge form, and what was purged before.

import { wordsOf } from "./api.js";
import { byId, el, keyed, setText, shown } from "./dom.js";
import { count, date } from "./numbers.js";

const KINDS = [
  ["url", "one response", "Path, or whole URL", "/index.html"],
  ["prefix", "everything that begins so", "Path, or URL", "/assets/"],
  ["wildcard", "everything that matches", "Path, or URL; * is any run of characters", "/images/*.jpg"],
  ["tag", "everything with a surrogate key", "Surrogate key", "product-42"],
  ["host", "everything of a host", "Host", "www.example.com"],
  ["everything", "everything", "", ""],
];

export class Purges {
  #api;
  #sure;

  constructor(api, can, sure) {
    this.#api = api;
    this.#sure = sure;
    this.on = new AbortController();
    const { signal } = this.on;
    const allowed = can("purge");
    byId("purge-kind").replaceChildren(...KINDS.map(([kind, words]) => el("option", { value: kind }, words)));
    byId("purge-kind").addEventListener("change", () => this.#choose(), { signal });
    byId("purge-form").addEventListener("submit", (event) => this.#submit(event), { signal });
    for (const field of byId("purge-form").elements) field.disabled = !allowed;
    setText(byId("purge-outcome"), allowed ? "" : "This token may not purge.");
    this.#choose();
  }

  close() {
    this.on.abort();
  }

  /** Read the last purges. Throws ApiError. */
  async refresh() {
    const { purges } = await this.#api.get("/v1/purges?limit=6");
    byId("purges-title").hidden = purges.length === 0;
    keyed(
      byId("purges"),
      purges,
      (row) => String(row.id),
      () => el("li", {}, el("code"), el("span", { class: "small" })),
      (item, { purge, removed, actor, at_s: atS }) => {
        const [what, how] = item.children;
        setText(what, purge.kind === "everything" ? "everything" : `${purge.kind} ${shown(purge.value, 120)}`);
        const ended = removed === null ? "not confirmed yet" : `${count(removed)} ${purge.soft ? "marked stale" : "dropped"}`;
        setText(how, `${ended}, by ${shown(actor, 60)}, ${date(atS)}`);
      },
    );
  }

  #choose() {
    const [kind, , label, example] = KINDS.find(([name]) => name === byId("purge-kind").value);
    byId("purge-value-row").hidden = kind === "everything";
    byId("purge-value").required = kind !== "everything";
    byId("purge-value").placeholder = example;
    setText(byId("purge-value-label"), label);
  }

  async #submit(event) {
    event.preventDefault();
    const kind = byId("purge-kind").value;
    const soft = byId("purge-soft").checked;
    const value = kind === "everything" ? "" : byId("purge-value").value.trim();
    const outcome = byId("purge-outcome");
    if (kind === "everything") {
      const then = soft ? "Every stored response becomes stale." : "Every stored response is dropped; the origins will be asked for all of them again.";
      if (!(await this.#sure("Purge everything?", then, "Purge everything"))) return;
    }
    setText(outcome, "Purging…");
    try {
      const { removed, complete } = await this.#api.post("/v1/purge", { kind, value, soft });
      setText(outcome, `Done: ${complete ? "" : "at least "}${count(removed)} stored response${removed === 1 ? "" : "s"} ${soft ? "marked stale" : "dropped"}.`);
      await this.refresh();
    } catch (error) {
      setText(outcome, wordsOf(error));
    }
  }
}
