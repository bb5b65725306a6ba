// structuredClone (HTML, section 2.7), for what exists here.
(function (native) {
  'use strict';
  const refuse = (value) => { throw new DOMException(`${typeof value === 'symbol' ? String(value) : native.internals.builtin('util').inspect(value)} could not be cloned.`, 'DataCloneError'); };
  function structuredClone(value, options) {
    const seen = new Map();
    const copyOf = (from) => {
      if (typeof from === 'function' || typeof from === 'symbol') refuse(from);
      if (from === null || typeof from !== 'object') return from;
      if (seen.has(from)) return seen.get(from);
      const keep = (to) => { seen.set(from, to); return to; };
      const kind = native.kind(from);
      switch (kind) {
        case 'Date': return keep(new Date(from.getTime()));
        case 'RegExp': return keep(new RegExp(from.source, from.flags));
        case 'Number': case 'String': case 'Boolean': case 'BigInt': return keep(Object(from.valueOf()));
        case 'ArrayBuffer': return keep(from.slice(0));
        case 'DataView': return keep(new DataView(copyOf(from.buffer), from.byteOffset, from.byteLength));
        case 'Map': { const to = keep(new Map()); for (const [k, v] of [...from]) to.set(copyOf(k), copyOf(v)); return to; }
        case 'Set': { const to = keep(new Set()); for (const item of [...from]) to.add(copyOf(item)); return to; }
        case 'Promise': case 'WeakMap': case 'WeakSet': case 'WeakRef': case 'Proxy': case 'Generator': return refuse(from);
      }
      if (ArrayBuffer.isView(from)) {
        const buffer = copyOf(from.buffer);
        return keep(new globalThis[kind](buffer, from.byteOffset, from.length));
      }
      if (from instanceof Error) {
        const type = { EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError }[from.name] ?? Error;
        const to = keep(Object.create(type.prototype));
        for (const name of ['message', 'stack', 'cause']) if (name in from) Object.defineProperty(to, name, { value: copyOf(from[name]), writable: true, configurable: true });
        return to;
      }
      const to = keep(Array.isArray(from) ? new Array(from.length) : {});
      for (const name of Object.keys(from)) to[name] = copyOf(from[name]);
      return to;
    };
    if (arguments.length === 0) throw new TypeError("The \"value\" argument must be specified");
    return copyOf(value);
  }
  return { structuredClone };
})
