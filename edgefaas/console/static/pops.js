// The table of the points of presence: everything that the map shows, in words.

import { byId, el, keyed, setAttribute, setText, shown, tableRow } from "./dom.js";
import { ms, rate, share } from "./numbers.js";

const COLUMNS = ["", "State", "Way there", "Requests/s", "Hit ratio", "p50", "p99", "5xx/s"];
const STATES = {
  here: "this POP",
  up: "up",
  draining: "draining",
  down: "down",
  unknown: "not asked yet",
  "no address": "no address",
};

/** Show the rows of /v1/live. */
export function showPops(pops) {
  const body = byId("pops").tBodies[0];
  keyed(body, pops, (pop) => pop.name, makeRow, fill);
  const answering = pops.filter((pop) => ["here", "up"].includes(pop.state)).length;
  const silent = pops.some((pop) => pop.state === "up" && !pop.live);
  setText(
    byId("pops-note"),
    pops.length > 1
      ? `${answering} of ${pops.length} in service${silent ? "; those without figures share no mesh secret with this one" : ""}`
      : "",
  );
}

function makeRow() {
  const row = tableRow(COLUMNS);
  const [name, state, ...numbers] = row.cells;
  name.append(el("b"), el("span", { class: "city" }));
  state.append(el("span", { class: "state" }));
  for (const cell of numbers) cell.className = "number";
  return row;
}

function fill(row, pop) {
  const [name, state, way, requests, ratio, p50, p99, errors] = row.cells;
  setText(name.firstChild, pop.name ? shown(pop.name, 40) : "this process");
  setText(name.lastChild, shown(pop.city, 60));
  setAttribute(row, "data-state", pop.state);
  setText(state.firstChild, STATES[pop.state] ?? shown(pop.state, 40));
  setAttribute(state.firstChild, "title", pop.problem ? shown(pop.problem, 200) : null);
  setText(way, pop.state === "here" ? "" : ms(pop.ms));
  const live = pop.live ?? {};
  setText(requests, rate(live.requests_per_s));
  setText(ratio, share(live.hit_ratio));
  setText(p50, ms(live.p50_ms));
  setText(p99, ms(live.p99_ms));
  setText(errors, rate(live.errors_per_s));
  errors.classList.toggle("bad", (live.errors_per_s ?? 0) > 0);
}
