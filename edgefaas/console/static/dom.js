// Elements made of text and attributes, never of markup: whatever a log line or a name holds, it is shown, not run.
// The page's Content-Security-Policy (require-trusted-types-for 'script') forbids the other ways to everybody.

const SVG = "http://www.w3.org/2000/svg";

// Control characters, and those that turn or hide text: they are shown by their number.
// eslint-disable-next-line no-control-regex
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** Return text as people may see it: nothing in it turns, hides or moves what stands beside it. */
export function shown(text, most = 4000) {
  const whole = String(text ?? "");
  const cut = whole.length > most ? `${whole.slice(0, most)} … ${whole.length - most} more characters` : whole;
  return cut.replace(UNSEEN, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Return the element with an id; it is there, index.html says so. */
export function byId(id) {
  return document.getElementById(id);
}

/** Make an element. Attributes are names and values; children are elements or text. */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) {
      made.setAttribute(name, value === true ? "" : value);
    }
  }
  made.append(...children);
  return made;
}

/** Make an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Set a text where it is another: what a screen reader or a selection holds on to stays. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Set an attribute where it is another; null takes it away. */
export function setAttribute(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

/**
 * Let a parent show these items, one child each, in their order. Children stay while their key does: focus,
 * selection and transitions survive.
 */
export function keyed(parent, items, keyOf, make, update) {
  const before = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let child = before.get(key);
    before.delete(key);
    if (!child) {
      child = make(item);
      child.dataset.key = key;
    }
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
    update(child, item);
  }
  for (const child of before.values()) child.remove();
}

/** Make a table's row: the first cell is its head. `names` are the columns', shown beside the values on phones. */
export function tableRow(names) {
  const row = el("tr", { role: "row" });
  names.forEach((name, number) => {
    const cell = number === 0 ? el("th", { scope: "row", role: "rowheader" }) : el("td", { role: "cell" });
    if (name) cell.dataset.name = name;
    row.append(cell);
  });
  return row;
}
