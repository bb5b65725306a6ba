// A curve of the last minutes: area, line, and the value under the pointer.

import { el, setAttribute, setText, svg } from "./dom.js";

const WIDTH = 300;
const HEIGHT = 48;
const POINTS = 300;
const TOP = 3;

/** One figure with its curve. `format` turns a value into text; `low` is the least height of the scale. */
export class Tile {
  #values = [];
  #times = [];

  constructor(name, format, { low = 0, high = null, hint = "" } = {}) {
    this.name = name;
    this.format = format;
    this.low = low;
    this.high = high;
    this.line = svg("path", { class: "curve-line" });
    this.area = svg("path", { class: "curve-area" });
    this.mark = svg("line", { class: "curve-mark", y1: 0, y2: HEIGHT, visibility: "hidden" });
    this.graph = svg(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" },
      this.area,
      this.line,
      this.mark,
    );
    this.value = el("span", { class: "tile-value" }, "–");
    this.under = el("span", { class: "tile-under" });
    this.element = el("div", { class: "tile", title: hint }, el("dt", {}, name), el("dd", {}, this.value, this.under, this.graph));
    this.graph.addEventListener("pointermove", (event) => this.#point(event));
    this.graph.addEventListener("pointerleave", () => this.#leave());
  }

  /** Show the figure of now, and the curve (null: nothing to measure at that moment). */
  show(now, values, times) {
    this.#values = values.slice(-POINTS);
    this.#times = times.slice(-POINTS);
    setText(this.value, this.format(now));
    const known = this.#values.filter((value) => value !== null);
    const most = known.length ? Math.max(...known) : 0;
    const scale = this.high ?? Math.max(most, this.low);
    this.#draw(scale);
    const peak = known.length ? `highest ${this.format(most)}` : "";
    this.peak = peak;
    if (this.mark.getAttribute("visibility") === "hidden") setText(this.under, peak);
    setAttribute(this.graph, "aria-label", `${this.name} in the last five minutes: now ${this.format(now)}${peak ? `, ${peak}` : ""}`);
  }

  #x(number) {
    return WIDTH - (this.#values.length - 1 - number) * (WIDTH / (POINTS - 1));
  }

  #draw(scale) {
    let line = "";
    let area = "";
    let begun = null;
    let last = null;
    this.#values.forEach((value, number) => {
      const x = this.#x(number).toFixed(1);
      if (value === null) {
        if (begun !== null) area += `L${last} ${HEIGHT}L${begun} ${HEIGHT}Z`;
        begun = null;
        return;
      }
      const y = (HEIGHT - 1 - (scale ? Math.min(1, value / scale) : 0) * (HEIGHT - 1 - TOP)).toFixed(1);
      line += `${begun === null ? "M" : "L"}${x} ${y}`;
      area += `${begun === null ? "M" : "L"}${x} ${y}`;
      begun ??= x;
      last = x;
    });
    if (begun !== null) area += `L${last} ${HEIGHT}L${begun} ${HEIGHT}Z`;
    setAttribute(this.line, "d", line);
    setAttribute(this.area, "d", area);
  }

  #point(event) {
    const box = this.graph.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * WIDTH;
    const number = Math.round(this.#values.length - 1 - (WIDTH - at) / (WIDTH / (POINTS - 1)));
    if (number < 0 || number >= this.#values.length) return this.#leave();
    const x = this.#x(number);
    setAttribute(this.mark, "x1", x);
    setAttribute(this.mark, "x2", x);
    setAttribute(this.mark, "visibility", "visible");
    const ago = Math.max(0, Math.round(this.#times.at(-1) - this.#times[number]));
    setText(this.under, `${this.format(this.#values[number])}, ${ago} s ago`);
    return undefined;
  }

  #leave() {
    setAttribute(this.mark, "visibility", "hidden");
    setText(this.under, this.peak ?? "");
  }
}
