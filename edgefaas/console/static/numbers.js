// Numbers as people read them. Nothing here touches the page.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });

export const NONE = "–";

/** A rate: 0, 0.3, 12, 4,210. */
export function rate(value) {
  if (value === null || value === undefined) return NONE;
  if (value === 0) return "0";
  if (value < 0.05) return "< 0.1";
  return value < 9.95 ? value.toFixed(1) : whole.format(value);
}

/** A share of one, in per cent. 99.95 % is not 100 %. */
export function share(value) {
  if (value === null || value === undefined) return NONE;
  const percent = value * 100;
  if (percent === 0 || percent === 100) return `${percent} %`;
  if (percent > 99.9) return "> 99.9 %";
  if (percent < 0.1) return "< 0.1 %";
  return `${percent.toFixed(1)} %`;
}

/** Milliseconds. Hits that end in the parser's callback are counted as 0: they are under a tenth. */
export function ms(value) {
  if (value === null || value === undefined) return NONE;
  if (value < 0.1) return "< 0.1 ms";
  if (value < 10) return `${value.toFixed(1)} ms`;
  return value < 9999.5 ? `${whole.format(value)} ms` : `${(value / 1000).toFixed(1)} s`;
}

/** CPU time per second, as a share of one core. */
export function cores(msPerSecond) {
  if (!msPerSecond) return "0 %";
  return msPerSecond < 0.5 ? "< 0.1 %" : `${(msPerSecond / 10).toFixed(1)} %`;
}

/** Bytes in SI units. */
export function bytes(count) {
  for (const unit of ["B", "kB", "MB"]) {
    if (count < 1000) return `${unit === "B" ? whole.format(count) : count.toFixed(1)} ${unit}`;
    count /= 1000;
  }
  return `${count.toFixed(1)} GB`;
}

/** "3 of 1,204", for errors of runs. */
export function of(part, all) {
  return `${whole.format(part)} of ${whole.format(all)}`;
}

/** A whole number. */
export function count(value) {
  return whole.format(value);
}

/** The time of day of a Unix time, with milliseconds. */
export function time(atS) {
  const at = new Date(atS * 1000);
  return Number.isNaN(at.getTime()) ? NONE : `${clock.format(at)}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/** The day and time of a Unix time. */
export function date(atS) {
  const at = new Date(atS * 1000);
  return Number.isNaN(at.getTime()) ? NONE : day.format(at);
}

/** The digits of a version that people see. */
export function short(version) {
  return String(version ?? "").slice(0, 12);
}
