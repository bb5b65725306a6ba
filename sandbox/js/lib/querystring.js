// querystring: Node's parse and stringify.
(function () {
  'use strict';
  const SAFE = /^[A-Za-z0-9\-_.!~*'()]*$/;
  const escape = (text) => {
    text = typeof text === 'string' ? text : typeof text === 'object' ? String(text) : text + '';
    return SAFE.test(text) ? text : encodeURIComponent(text);
  };
  function unescapeBuffer(text) {
    const source = Buffer.from(text), out = Buffer.alloc(source.length);
    let at = 0;
    for (let i = 0; i < source.length; i++) {
      if (source[i] === 37 && i + 2 < source.length) {
        const hex = source.latin1Slice(i + 1, i + 3);
        if (/^[0-9a-fA-F]{2}$/.test(hex)) {
          out[at++] = parseInt(hex, 16);
          i += 2;
          continue;
        }
      }
      out[at++] = source[i];
    }
    return out.subarray(0, at);
  }
  function unescape(text) {
    try { return decodeURIComponent(text); } catch { return unescapeBuffer(text).toString(); }
  }
  const primitive = (value) =>
    typeof value === 'string' ? value : typeof value === 'number' && Number.isFinite(value) || typeof value === 'bigint' || typeof value === 'boolean' ? '' + value : '';
  function stringify(object, separator = '&', equals = '=', options) {
    const encode = options?.encodeURIComponent ?? api.escape;
    if (object === null || typeof object !== 'object') return '';
    const parts = [];
    for (const name of Object.keys(object)) {
      const value = object[name], head = encode(primitive(name)) + (equals || '=');
      if (Array.isArray(value)) for (const item of value) parts.push(head + encode(primitive(item)));
      else parts.push(head + encode(primitive(value)));
    }
    return parts.join(separator || '&');
  }
  function parse(text, separator = '&', equals = '=', options) {
    const found = Object.create(null);
    if (typeof text !== 'string' || text.length === 0) return found;
    separator = separator ? separator + '' : '&';
    equals = equals ? equals + '' : '=';
    const decode = options?.decodeURIComponent ?? api.unescape;
    const decoded = (part) => {
      part = part.replaceAll('+', ' ');
      if (!part.includes('%') && !options?.decodeURIComponent) return part;
      try { return decode(part); } catch { return unescape(part); }
    };
    const most = typeof options?.maxKeys === 'number' ? options.maxKeys : 1000;
    let count = 0;
    for (const pair of text.split(separator)) {
      if (pair === '') continue;
      if (most > 0 && ++count > most) break;
      const at = pair.indexOf(equals);
      const name = decoded(at < 0 ? pair : pair.slice(0, at));
      const value = at < 0 ? '' : decoded(pair.slice(at + equals.length));
      if (!(name in found)) found[name] = value;
      else if (Array.isArray(found[name])) found[name].push(value);
      else found[name] = [found[name], value];
    }
    return found;
  }
  const api = { unescapeBuffer, unescape, escape, stringify, encode: stringify, parse, decode: parse };
  return api;
})
