// The points of presence on the world. The dots are land; see build_map.py.

import { el, keyed, setAttribute, setText, shown, svg } from "./dom.js";
import { LAND } from "./land.js";
import { rate } from "./numbers.js";

const COLUMNS = 360 / LAND.step;
const ROWS = LAND.rows.length;
const SIDES = ["right", "left", "below", "above"];

/** Return the dots as one path: a line of no length with round ends is a dot. */
function land() {
  let path = "";
  LAND.rows.forEach((row, y) => {
    [...row].forEach((digit, four) => {
      const bits = Number.parseInt(digit, 16);
      for (let bit = 0; bit < 4; bit += 1) {
        if (bits & (8 >> bit)) path += `M${four * 4 + bit + 0.5} ${y + 0.5}h0`;
      }
    });
  });
  return path;
}

/** Return where a place is on the map, as shares of its width and height. */
export function placeOf({ latitude, longitude }) {
  const x = (((longitude + 180) % 360) + 360) % 360 / 360;
  const y = (LAND.top - latitude) / (LAND.top - LAND.bottom);
  return { x, y: Math.min(1, Math.max(0, y)) };
}

export class WorldMap {
  #drawn = ""; // what the labels were arranged for

  constructor(container) {
    this.container = container;
    this.marks = el("div", { class: "marks" });
    const dots = svg("path", { class: "land", d: land() });
    container.append(svg("svg", { viewBox: `0 0 ${COLUMNS} ${ROWS}` }, dots), this.marks);
    new ResizeObserver(() => this.#arrange()).observe(container);
  }

  /** Show these POPs (rows of /v1/live); those without a place are left out. */
  show(pops) {
    const placed = pops.filter((pop) => pop.latitude !== null && pop.longitude !== null);
    this.container.hidden = placed.length === 0;
    const most = Math.max(1, ...placed.map((pop) => pop.live?.requests_per_s ?? 0));
    keyed(
      this.marks,
      placed,
      (pop) => pop.name,
      () => el("div", { class: "mark" }, el("span", { class: "halo" }), el("span", { class: "core" }), el("span", { class: "label" }, el("b"), el("span"))),
      (mark, pop) => {
        const { x, y } = placeOf(pop);
        mark.style.left = `${(x * 100).toFixed(2)}%`;
        mark.style.top = `${(y * 100).toFixed(2)}%`;
        setAttribute(mark, "data-state", pop.state);
        const requests = pop.live?.requests_per_s ?? 0;
        mark.style.setProperty("--size", requests ? (0.35 + 0.65 * Math.sqrt(requests / most)).toFixed(3) : "0");
        const [name, figure] = mark.lastElementChild.children;
        setText(name, shown(pop.name, 40));
        setText(figure, pop.live ? `${rate(pop.live.requests_per_s)}/s` : pop.state === "here" ? "" : pop.state);
      },
    );
    const drawn = placed.map((pop, n) => `${pop.name} ${this.marks.children[n].textContent.length}`).join();
    if (drawn !== this.#drawn) this.#arrange();
    this.#drawn = drawn;
  }

  /** Put each label where it covers no other; one that finds no place is not shown: the table has it. */
  #arrange() {
    const taken = [...this.marks.children].map((mark) => mark.querySelector(".core").getBoundingClientRect());
    const frame = this.container.getBoundingClientRect();
    for (const mark of this.marks.children) {
      const label = mark.lastElementChild;
      const side = SIDES.find((name) => {
        label.dataset.side = name;
        const box = label.getBoundingClientRect();
        return box.left >= frame.left && box.right <= frame.right && !taken.some((other) => overlap(box, other));
      });
      label.classList.toggle("no-room", !side);
      if (side) taken.push(label.getBoundingClientRect());
    }
  }
}

function overlap(one, other) {
  return one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
}
