// punycode (RFC 3492), for host names and for those who require it.
(function () {
  'use strict';
  const BASE = 36, MIN = 1, MAX = 26, SKEW = 38, DAMP = 700;
  function adapt(delta, points, first) {
    let k = 0;
    delta = first ? Math.floor(delta / DAMP) : delta >> 1;
    delta += Math.floor(delta / points);
    for (; delta > ((BASE - MIN) * MAX) >> 1; k += BASE) delta = Math.floor(delta / (BASE - MIN));
    return Math.floor(k + (BASE - MIN + 1) * delta / (delta + SKEW));
  }
  const digit = (d) => String.fromCharCode(d < 26 ? d + 97 : d + 22);
  function encode(input) {
    const points = Array.from(input, (c) => c.codePointAt(0));
    const basic = points.filter((c) => c < 128);
    let out = String.fromCharCode(...basic), done = basic.length, n = 128, delta = 0, bias = 72;
    if (done) out += '-';
    const total = basic.length;
    let handled = total;
    while (handled < points.length) {
      let next = Infinity;
      for (const c of points) if (c >= n && c < next) next = c;
      delta += (next - n) * (handled + 1);
      n = next;
      for (const c of points) {
        if (c < n) delta++;
        if (c !== n) continue;
        let q = delta;
        for (let k = BASE; ; k += BASE) {
          const t = k <= bias ? MIN : k >= bias + MAX ? MAX : k - bias;
          if (q < t) break;
          out += digit(t + (q - t) % (BASE - t));
          q = Math.floor((q - t) / (BASE - t));
        }
        out += digit(q);
        bias = adapt(delta, handled + 1, handled === total);
        delta = 0;
        handled++;
      }
      delta++;
      n++;
    }
    return out;
  }
  function decode(input) {
    const out = [];
    const at = input.lastIndexOf('-');
    for (let i = 0; i < Math.max(at, 0); i++) out.push(input.charCodeAt(i));
    let n = 128, i = 0, bias = 72;
    for (let p = at > 0 ? at + 1 : 0; p < input.length;) {
      const old = i;
      for (let w = 1, k = BASE; ; k += BASE) {
        if (p >= input.length) throw new RangeError('Invalid input');
        const c = input.charCodeAt(p++);
        const d = c >= 48 && c < 58 ? c - 22 : c >= 65 && c < 91 ? c - 65 : c >= 97 && c < 123 ? c - 97 : BASE;
        if (d >= BASE) throw new RangeError('Invalid input');
        i += d * w;
        const t = k <= bias ? MIN : k >= bias + MAX ? MAX : k - bias;
        if (d < t) break;
        w *= BASE - t;
      }
      bias = adapt(i - old, out.length + 1, old === 0);
      n += Math.floor(i / (out.length + 1));
      i %= out.length + 1;
      out.splice(i++, 0, n);
    }
    return String.fromCodePoint(...out);
  }
  const map = (domain, change) => domain.replace(/[\u3002\uff0e\uff61]/g, '.').split('.').map(change).join('.');
  return {
    version: '2.3.1', encode, decode, ucs2: { decode: (text) => Array.from(text, (c) => c.codePointAt(0)), encode: (points) => String.fromCodePoint(...points) },
    toASCII: (domain) => map(domain, (label) => (/[^\0-\x7f]/.test(label) ? 'xn--' + encode(label) : label)),
    toUnicode: (domain) => map(domain, (label) => (label.startsWith('xn--') ? decode(label.slice(4).toLowerCase()) : label)),
  };
})
