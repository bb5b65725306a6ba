// URL and URLSearchParams (WHATWG URL), and Node's older url.parse, format and resolve.
(function (native, lib) {
  'use strict';
  const SPECIAL = { __proto__: null, 'http:': '80', 'https:': '443', 'ws:': '80', 'wss:': '443', 'ftp:': '21', 'file:': '' };
  const C0 = /[^\x21-\x7e ]/u;
  // Percent-encode sets (URL standard, 1.3), as classes of the ASCII characters in them.
  const FRAGMENT = /[\0-\x20"<>`\x7f-\u{10ffff}]/gu, QUERY = /[\0-\x20"#<>\x7f-\u{10ffff}]/gu, SPECIAL_QUERY = /[\0-\x20"#'<>\x7f-\u{10ffff}]/gu;
  const PATH = /[\0-\x20"#<>?^`{}\x7f-\u{10ffff}]/gu, USERINFO = /[\0-\x20"#<>?`{}/:;=@[\\\]^|\x7f-\u{10ffff}]/gu, CONTROL = /[\0-\x1f\x7f-\u{10ffff}]/gu;
  const FORM = /[^A-Za-z0-9*\-._ ]/gu;
  function percent(character) {
    const bytes = new Uint8Array(native.encode(character, 0));
    let out = '';
    for (const byte of bytes) out += '%' + (byte < 16 ? '0' : '') + byte.toString(16).toUpperCase();
    return out;
  }
  const encode = (text, set) => text.replace(set, percent);
  const HEX = /^[0-9a-fA-F]{2}$/;
  function decodeBytes(text) {
    const source = new Uint8Array(native.encode(text, 0));
    const out = new Uint8Array(source.length);
    let at = 0;
    for (let i = 0; i < source.length; i++) {
      if (source[i] === 37 && i + 2 < source.length + 0) {
        const hex = native.decode(source, 1, i + 1, i + 3);
        if (HEX.test(hex)) {
          out[at++] = parseInt(hex, 16);
          i += 2;
          continue;
        }
      }
      out[at++] = source[i];
    }
    return out.subarray(0, at);
  }
  const decode = (text) => {
    if (!text.includes('%')) return text.toWellFormed();
    const bytes = decodeBytes(text);
    return native.decode(bytes, 0, 0, bytes.length);
  };
  const invalid = (input, base) => {
    const error = new TypeError('Invalid URL');
    error.code = 'ERR_INVALID_URL';
    error.input = input;
    if (base !== undefined) error.base = base;
    return error;
  };

  // ---- hosts (URL standard, 3) --------------------------------------------------------------------
  const FORBIDDEN_HOST = /[\0\t\n\r #/:<>?@[\\\]^|]/, FORBIDDEN_DOMAIN = /[\0-\x20"#%/:<>?@[\\\]^`{|}\x7f]/;
  function parseNumber(text) {
    if (text === '') return NaN;
    let radix = 10;
    if (/^0[xX]/.test(text)) { text = text.slice(2); radix = 16; } else if (text.length > 1 && text.startsWith('0')) { text = text.slice(1); radix = 8; }
    if (text === '') return 0;
    const digits = radix === 16 ? /^[0-9a-fA-F]+$/ : radix === 8 ? /^[0-7]+$/ : /^[0-9]+$/;
    return digits.test(text) ? parseInt(text, radix) : NaN;
  }
  function parseIPv4(host) {
    const parts = host.split('.');
    if (parts[parts.length - 1] === '' && parts.length > 1) parts.pop();
    const last = parts[parts.length - 1];
    if (!/^[0-9]+$/.test(last) && !/^0[xX][0-9a-fA-F]*$/.test(last)) return undefined; // not a number: a domain
    if (parts.length > 4) return null;
    const numbers = parts.map(parseNumber);
    if (numbers.some(Number.isNaN) || numbers.slice(0, -1).some((n) => n > 255)) return null;
    let value = numbers[numbers.length - 1];
    if (value >= 256 ** (5 - numbers.length)) return null;
    for (let i = 0; i < numbers.length - 1; i++) value += numbers[i] * 256 ** (3 - i);
    return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
  }
  function parseIPv6(text) {
    let halves = text.split('::');
    if (halves.length > 2) return null;
    const pieces = (half) => {
      if (half === '') return [];
      const out = [];
      const parts = half.split(':');
      for (let i = 0; i < parts.length; i++) {
        if (i === parts.length - 1 && parts[i].includes('.')) {
          if (!/^(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}$/.test(parts[i])) return null;
          const n = parts[i].split('.').map(Number);
          out.push(n[0] * 256 + n[1], n[2] * 256 + n[3]);
        } else if (/^[0-9a-fA-F]{1,4}$/.test(parts[i])) out.push(parseInt(parts[i], 16));
        else return null;
      }
      return out;
    };
    const head = pieces(halves[0]), tail = halves.length === 2 ? pieces(halves[1]) : [];
    if (head === null || tail === null) return null;
    const missing = 8 - head.length - tail.length;
    if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
    const all = [...head, ...Array(missing).fill(0), ...tail];
    let best = -1, length = 1;
    for (let i = 0; i < 8; i++) {
      let j = i;
      while (j < 8 && all[j] === 0) j++;
      if (j - i > length) { best = i; length = j - i; }
    }
    let out = '';
    for (let i = 0; i < 8; i++) {
      if (i === best) { out += i === 0 ? '::' : ':'; i += length - 1; continue; }
      out += all[i].toString(16) + (i < 7 ? ':' : '');
    }
    return `[${out}]`;
  }
  function parseHost(text, special) {
    if (text.startsWith('[')) return text.endsWith(']') ? parseIPv6(text.slice(1, -1)) : null;
    if (!special) return FORBIDDEN_HOST.test(text) ? null : encode(text, CONTROL);
    let domain = decode(text);
    if (/[^\0-\x7f]/.test(domain)) {
      domain = domain.normalize('NFKC').toLowerCase().normalize('NFC').replace(/[\u00ad\u200b\u2060\ufeff]/g, '');
      domain = lib('punycode').toASCII(domain);
    } else domain = domain.toLowerCase();
    if (domain === '' || FORBIDDEN_DOMAIN.test(domain)) return null;
    const address = parseIPv4(domain);
    return address === undefined ? domain : address;
  }

  // ---- the parser (URL standard, 4.4), by pieces instead of by character ----------------------------
  const isDriveLetter = (text) => /^[A-Za-z][:|]$/.test(text);
  function parseURL(input, base) {
    input = input.replace(/^[\0-\x20]+|[\0-\x20]+$/g, '').replace(/[\t\n\r]/g, '');
    const url = { protocol: '', username: '', password: '', host: null, port: '', path: [], opaque: null, query: null, fragment: null };
    let rest = input;
    const hash = rest.indexOf('#');
    if (hash >= 0) {
      url.fragment = encode(rest.slice(hash + 1).toWellFormed(), FRAGMENT);
      rest = rest.slice(0, hash);
    }
    const scheme = /^([A-Za-z][A-Za-z0-9+\-.]*):/.exec(rest);
    if (scheme) {
      url.protocol = scheme[1].toLowerCase() + ':';
      rest = rest.slice(scheme[0].length);
      const special = url.protocol in SPECIAL;
      if (url.protocol === 'file:') return parseFile(url, rest, base && base.protocol === 'file:' ? base : null);
      if (special) {
        if (base && base.protocol === url.protocol && !/^[/\\]/.test(rest)) return parseRelative(url, rest, base);
        return parseAuthority(url, rest.replace(/^[/\\]*/, ''));
      }
      if (rest.startsWith('//')) return parseAuthority(url, rest.slice(2));
      if (rest.startsWith('/')) { parsePathAndQuery(url, rest); return url; }
      const at = rest.indexOf('?');
      if (at >= 0) { url.query = encode(rest.slice(at + 1).toWellFormed(), QUERY); rest = rest.slice(0, at); }
      url.opaque = encode(rest.toWellFormed(), CONTROL);
      return url;
    }
    if (!base) return null;
    if (base.opaque !== null) {
      if (rest !== '' || hash < 0) return null;
      return { ...base, fragment: url.fragment };
    }
    url.protocol = base.protocol;
    if (base.protocol === 'file:') return parseFile(url, rest, base);
    return parseRelative(url, rest, base);
  }
  function parseRelative(url, rest, base) {
    const special = url.protocol in SPECIAL;
    if (special ? /^[/\\]{2}/.test(rest) : rest.startsWith('//')) return parseAuthority(url, special ? rest.replace(/^[/\\]+/, '') : rest.slice(2));
    Object.assign(url, { username: base.username, password: base.password, host: base.host, port: base.port });
    if (/^\//.test(rest) || (special && rest.startsWith('\\'))) { parsePathAndQuery(url, rest); return url; }
    if (rest === '') { url.path = [...base.path]; url.query = base.query; return url; }
    if (rest.startsWith('?')) { url.path = [...base.path]; setQuery(url, rest.slice(1)); return url; }
    url.path = base.path.slice(0, -1);
    parsePathAndQuery(url, rest, true);
    return url;
  }
  function parseAuthority(url, rest) {
    const special = url.protocol in SPECIAL;
    const end = rest.search(special ? /[/\\?]/ : /[/?]/);
    let authority = end < 0 ? rest : rest.slice(0, end);
    const after = end < 0 ? '' : rest.slice(end);
    const at = authority.lastIndexOf('@');
    if (at >= 0) {
      const credentials = authority.slice(0, at).toWellFormed();
      authority = authority.slice(at + 1);
      if (authority === '') return null;
      const colon = credentials.indexOf(':');
      url.username = encode(colon < 0 ? credentials : credentials.slice(0, colon), USERINFO);
      url.password = colon < 0 ? '' : encode(credentials.slice(colon + 1), USERINFO);
    }
    const port = /:([^\]:]*)$/.exec(authority);
    if (port && !(authority.startsWith('[') && !authority.slice(0, port.index).endsWith(']'))) {
      authority = authority.slice(0, port.index);
      if (!setPort(url, port[1])) return null;
    }
    if (authority === '') {
      if (special || port || at >= 0) return null;
      url.host = '';
    } else {
      url.host = parseHost(authority, special);
      if (url.host === null) return null;
    }
    parsePathAndQuery(url, after);
    return url;
  }
  function setPort(url, text) {
    if (text === '') { url.port = ''; return true; }
    if (!/^[0-9]+$/.test(text) || Number(text) > 65535) return false;
    url.port = String(Number(text)) === SPECIAL[url.protocol] ? '' : String(Number(text));
    return true;
  }
  function parseFile(url, rest, base) {
    url.host = '';
    if (/^[/\\]{2}/.test(rest)) {
      rest = rest.slice(2);
      const end = rest.search(/[/\\?]/);
      const host = end < 0 ? rest : rest.slice(0, end);
      if (!isDriveLetter(host)) {
        if (host !== '') {
          url.host = parseHost(host, true);
          if (url.host === null) return null;
          if (url.host === 'localhost') url.host = '';
        }
        rest = end < 0 ? '' : rest.slice(end);
      }
      parsePathAndQuery(url, rest);
      return url;
    }
    if (/^[/\\]/.test(rest)) { if (base) url.host = base.host; parsePathAndQuery(url, rest); return url; }
    if (base) {
      url.host = base.host;
      if (rest === '') { url.path = [...base.path]; url.query = base.query; return url; }
      if (rest.startsWith('?')) { url.path = [...base.path]; setQuery(url, rest.slice(1)); return url; }
      url.path = base.path.slice(0, -1);
    }
    parsePathAndQuery(url, rest, true);
    return url;
  }
  function setQuery(url, text) { url.query = encode(text.toWellFormed(), url.protocol in SPECIAL ? SPECIAL_QUERY : QUERY); }
  function parsePathAndQuery(url, rest, relative) {
    const at = rest.indexOf('?');
    if (at >= 0) { setQuery(url, rest.slice(at + 1)); rest = rest.slice(0, at); }
    parsePath(url, rest, relative);
  }
  function parsePath(url, rest, relative) {
    const special = url.protocol in SPECIAL;
    if (special) rest = rest.replaceAll('\\', '/');
    if (rest === '' && !relative) { if (special && url.path.length === 0) url.path = ['']; return; }
    if (rest.startsWith('/')) rest = rest.slice(1);
    const parts = rest.split('/');
    for (let i = 0; i < parts.length; i++) {
      const last = i === parts.length - 1;
      const plain = parts[i].replace(/%2e/gi, '.');
      if (plain === '..') { if (!(url.protocol === 'file:' && url.path.length === 1 && /^[A-Za-z]:$/.test(url.path[0]))) url.path.pop(); if (last) url.path.push(''); }
      else if (plain === '.') { if (last) url.path.push(''); }
      else {
        let part = parts[i];
        if (url.protocol === 'file:' && url.path.length === 0 && isDriveLetter(part)) part = part[0] + ':';
        url.path.push(encode(part.toWellFormed(), PATH));
      }
    }
  }
  const pathOf = (url) => url.opaque !== null ? url.opaque : (url.path.length ? '/' + url.path.join('/') : '');
  function write(url) {
    let out = url.protocol;
    if (url.host !== null) {
      out += '//';
      if (url.username !== '' || url.password !== '') out += url.username + (url.password !== '' ? ':' + url.password : '') + '@';
      out += url.host + (url.port !== '' ? ':' + url.port : '');
    } else if (url.opaque === null && url.path.length > 1 && url.path[0] === '') out += '/.';
    return out + pathOf(url) + (url.query !== null ? '?' + url.query : '') + (url.fragment !== null ? '#' + url.fragment : '');
  }

  // ---- URLSearchParams --------------------------------------------------------------------------------
  const formEncode = (text) => String(text).toWellFormed().replace(FORM, percent).replaceAll(' ', '+');
  const formParse = (text) => text.split('&').filter((pair) => pair !== '').map((pair) => {
    const at = pair.indexOf('=');
    const plain = (part) => decode(part.replaceAll('+', ' '));
    return at < 0 ? [plain(pair), ''] : [plain(pair.slice(0, at)), plain(pair.slice(at + 1))];
  });
  class URLSearchParams {
    #list = []; #owner = null;
    constructor(init = '') {
      if (init !== null && typeof init === 'object' || typeof init === 'function') {
        const iterate = init[Symbol.iterator];
        if (iterate !== undefined && iterate !== null) {
          for (const pair of init) {
            const items = [...pair];
            if (items.length !== 2) throw Object.assign(new TypeError('Each query pair must be an iterable [name, value] tuple'), { code: 'ERR_INVALID_TUPLE' });
            this.#list.push([String(items[0]).toWellFormed(), String(items[1]).toWellFormed()]);
          }
        } else for (const name of Reflect.ownKeys(init)) if (Object.getOwnPropertyDescriptor(init, name).enumerable) this.#list.push([String(name).toWellFormed(), String(init[name]).toWellFormed()]);
      } else {
        init = String(init).toWellFormed();
        this.#list = formParse(init.startsWith('?') ? init.slice(1) : init);
      }
    }
    static bind(params, owner) { params.#owner = owner; return params; }
    static reset(params, query) { params.#list = formParse(query); }
    #changed() { if (this.#owner) this.#owner(this.toString()); }
    get size() { return this.#list.length; }
    append(name, value) { this.#list.push([String(name).toWellFormed(), String(value).toWellFormed()]); this.#changed(); }
    delete(name, value) { this.#list = this.#list.filter(([n, v]) => n !== String(name) || (value !== undefined && v !== String(value))); this.#changed(); }
    get(name) { const found = this.#list.find(([n]) => n === String(name)); return found ? found[1] : null; }
    getAll(name) { return this.#list.filter(([n]) => n === String(name)).map(([, v]) => v); }
    has(name, value) { return this.#list.some(([n, v]) => n === String(name) && (value === undefined || v === String(value))); }
    set(name, value) {
      name = String(name).toWellFormed();
      value = String(value).toWellFormed();
      const at = this.#list.findIndex(([n]) => n === name);
      if (at < 0) this.#list.push([name, value]);
      else {
        this.#list[at][1] = value;
        this.#list = this.#list.filter(([n], i) => n !== name || i <= at);
      }
      this.#changed();
    }
    sort() { this.#list.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)); this.#changed(); }
    forEach(callback, self) { for (const [name, value] of this.#list) callback.call(self, value, name, this); }
    *entries() { for (let i = 0; i < this.#list.length; i++) yield [...this.#list[i]]; }
    *keys() { for (let i = 0; i < this.#list.length; i++) yield this.#list[i][0]; }
    *values() { for (let i = 0; i < this.#list.length; i++) yield this.#list[i][1]; }
    [Symbol.iterator]() { return this.entries(); }
    toString() { return this.#list.map(([name, value]) => formEncode(name) + '=' + formEncode(value)).join('&'); }
    get [Symbol.toStringTag]() { return 'URLSearchParams'; }
    [Symbol.for('nodejs.util.inspect.custom')](depth, options, inspect) {
      return this.#list.length ? `URLSearchParams { ${this.#list.map(([n, v]) => `${inspect(n)} => ${inspect(v)}`).join(', ')} }` : 'URLSearchParams {}';
    }
  }
  const bindParams = URLSearchParams.bind, resetParams = URLSearchParams.reset;
  delete URLSearchParams.bind;
  delete URLSearchParams.reset;

  class URL {
    #url; #params;
    constructor(input, base) {
      let from = null;
      if (base !== undefined) {
        from = parseURL(String(base), null);
        if (from === null) throw invalid(String(input), String(base));
      }
      this.#url = parseURL(String(input), from);
      if (this.#url === null) throw invalid(String(input), base === undefined ? undefined : String(base));
    }
    static canParse(input, base) { try { return Boolean(new URL(input, base)); } catch { return false; } }
    static parse(input, base) { try { return new URL(input, base); } catch { return null; } }
    get href() { return write(this.#url); }
    set href(value) {
      const url = parseURL(String(value), null);
      if (url === null) throw invalid(String(value));
      this.#url = url;
      this.#sync();
    }
    #sync() { if (this.#params) resetParams(this.#params, this.#url.query ?? ''); }
    get origin() { return this.#url.protocol in SPECIAL && this.#url.protocol !== 'file:' ? `${this.#url.protocol}//${this.host}` : 'null'; }
    get protocol() { return this.#url.protocol; }
    set protocol(value) {
      const found = /^([A-Za-z][A-Za-z0-9+\-.]*):?/.exec(String(value));
      if (!found) return;
      const next = found[1].toLowerCase() + ':', url = this.#url;
      if (next in SPECIAL !== url.protocol in SPECIAL) return;
      if (next === 'file:' && (url.username || url.password || url.port)) return;
      if (url.protocol === 'file:' && url.host === '') return;
      url.protocol = next;
      if (url.port === SPECIAL[next]) url.port = '';
    }
    get username() { return this.#url.username; }
    set username(value) { if (this.#url.host && this.#url.protocol !== 'file:') this.#url.username = encode(String(value).toWellFormed(), USERINFO); }
    get password() { return this.#url.password; }
    set password(value) { if (this.#url.host && this.#url.protocol !== 'file:') this.#url.password = encode(String(value).toWellFormed(), USERINFO); }
    get host() { return this.#url.host === null ? '' : this.#url.host + (this.#url.port !== '' ? ':' + this.#url.port : ''); }
    set host(value) { this.#setHost(String(value), true); }
    get hostname() { return this.#url.host ?? ''; }
    set hostname(value) { this.#setHost(String(value), false); }
    #setHost(value, withPort) {
      const url = this.#url;
      if (url.opaque !== null) return;
      value = value.replace(/[\t\n\r]/g, '').split(url.protocol in SPECIAL ? /[/\\?#]/ : /[/?#]/)[0];
      const port = /:([0-9]*)[^\]]*$/.exec(value);
      if (port && !value.startsWith('[') || port && value.slice(0, port.index).endsWith(']')) {
        if (!withPort) return;
        value = value.slice(0, port.index);
      }
      if (value === '' && url.protocol in SPECIAL && url.protocol !== 'file:') return;
      const host = value === '' ? '' : parseHost(value, url.protocol in SPECIAL);
      if (host === null) return;
      url.host = host;
      if (withPort && port && port[1] !== '') setPort(url, port[1]);
    }
    get port() { return this.#url.port; }
    set port(value) {
      const url = this.#url;
      if (!url.host || url.protocol === 'file:') return;
      value = String(value);
      if (value === '') url.port = '';
      else { const digits = /^[0-9]+/.exec(value); if (digits) setPort(url, digits[0]); }
    }
    get pathname() { return pathOf(this.#url); }
    set pathname(value) {
      if (this.#url.opaque !== null) return;
      this.#url.path = [];
      parsePath(this.#url, String(value).replace(/[\t\n\r]/g, '').replace(/[?#]/g, percent), this.#url.protocol in SPECIAL);
    }
    get search() { return this.#url.query ? '?' + this.#url.query : ''; }
    set search(value) {
      value = String(value);
      if (value === '') this.#url.query = null;
      else setQuery(this.#url, (value.startsWith('?') ? value.slice(1) : value).replace(/[\t\n\r]/g, ''));
      this.#sync();
    }
    get searchParams() {
      if (!this.#params) this.#params = bindParams(new URLSearchParams(this.#url.query ?? ''), (query) => { this.#url.query = query === '' ? null : query; });
      return this.#params;
    }
    get hash() { return this.#url.fragment ? '#' + this.#url.fragment : ''; }
    set hash(value) {
      value = String(value);
      this.#url.fragment = value === '' ? null : encode((value.startsWith('#') ? value.slice(1) : value).toWellFormed(), FRAGMENT);
    }
    toString() { return this.href; }
    toJSON() { return this.href; }
    get [Symbol.toStringTag]() { return 'URL'; }
    [Symbol.for('nodejs.util.inspect.custom')](depth, options, inspect) {
      const shown = {};
      for (const name of ['href', 'origin', 'protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'searchParams', 'hash']) shown[name] = this[name];
      return 'URL ' + inspect(shown, options);
    }
  }
  for (const kind of [URL, URLSearchParams]) for (const name of Object.getOwnPropertyNames(kind.prototype)) {
    const own = Object.getOwnPropertyDescriptor(kind.prototype, name);
    if (name !== 'constructor') Object.defineProperty(kind.prototype, name, { ...own, enumerable: true });
  }

  // ---- the older API ----------------------------------------------------------------------------------
  function Url() {
    for (const name of ['protocol', 'slashes', 'auth', 'host', 'port', 'hostname', 'hash', 'search', 'query', 'pathname', 'path', 'href']) this[name] = null;
  }
  const SLASHED = new Set(['http:', 'https:', 'ftp:', 'file:', 'ws:', 'wss:', 'gopher:']);
  function parse(text, parseQuery, slashesDenoteHost) {
    if (text instanceof Url) return text;
    if (typeof text !== 'string') throw Object.assign(new TypeError(`The "url" argument must be of type string. Received ${lib('inspect').received(text)}`), { code: 'ERR_INVALID_ARG_TYPE' });
    const out = new Url();
    let rest = text.trim();
    const cut = rest.search(/[?#]/);
    rest = (cut < 0 ? rest : rest.slice(0, cut)).replaceAll('\\', '/') + (cut < 0 ? '' : rest.slice(cut));
    const scheme = /^([a-z0-9.+-]+:)/i.exec(rest);
    if (scheme) { out.protocol = scheme[1].toLowerCase(); rest = rest.slice(scheme[1].length); }
    if (slashesDenoteHost || scheme || /^\/\/[^@/]+@[^@/]+/.test(rest)) {
      if (rest.startsWith('//') && out.protocol !== 'javascript:') { out.slashes = true; rest = rest.slice(2); }
    }
    if (out.protocol !== 'javascript:' && (out.slashes || (out.protocol && !SLASHED.has(out.protocol)))) {
      const end = rest.search(/[/?# "<>\\^`{|}\t\n\r]/); // what follows cannot be part of a host
      let authority = end < 0 ? rest : rest.slice(0, end);
      rest = end < 0 ? '' : rest.slice(end);
      const at = authority.lastIndexOf('@');
      if (at >= 0) { out.auth = safeDecode(authority.slice(0, at)); authority = authority.slice(at + 1); }
      const port = /:([0-9]*)$/.exec(authority);
      if (port) { if (port[1] !== '') out.port = port[1]; authority = authority.slice(0, port.index); }
      let name = authority.toLowerCase();
      if (/[^\0-\x7f]/.test(name)) name = lib('punycode').toASCII(name);
      if (name || out.slashes) out.host = name + (out.port ? ':' + out.port : '');
      if (name || out.slashes) out.hostname = name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name;
    }
    rest = rest.replace(/[\t\n\r "<>\\^`{|}']/g, percent);
    const hash = rest.indexOf('#');
    if (hash >= 0) { out.hash = rest.slice(hash); rest = rest.slice(0, hash); }
    const query = rest.indexOf('?');
    if (query >= 0) {
      out.search = rest.slice(query);
      out.query = parseQuery ? lib('querystring').parse(rest.slice(query + 1)) : rest.slice(query + 1);
      rest = rest.slice(0, query);
    } else if (parseQuery) { out.search = null; out.query = Object.create(null); }
    if (rest !== '') out.pathname = rest;
    if (SLASHED.has(out.protocol) && out.hostname && !out.pathname) out.pathname = '/';
    if (out.pathname || out.search) out.path = (out.pathname ?? '') + (out.search ?? '');
    out.href = format(out);
    return out;
  }
  const safeDecode = (text) => { try { return decodeURIComponent(text); } catch { return text; } };
  function format(url, options) {
    if (typeof url === 'string') url = parse(url);
    if (url instanceof URL) {
      const copy = new URL(url.href);
      if (options?.fragment === false) copy.hash = '';
      if (options?.search === false) copy.search = '';
      if (options?.auth === false) { copy.username = ''; copy.password = ''; }
      return copy.href;
    }
    let { protocol, pathname, hash, search, host } = url;
    protocol = protocol ? (protocol.endsWith(':') ? protocol : protocol + ':') : '';
    const auth = url.auth ? encodeURIComponent(url.auth).replace('%3A', ':') + '@' : '';
    if (host) host = auth + host;
    else if (url.hostname) host = auth + (url.hostname.includes(':') && !url.hostname.startsWith('[') ? `[${url.hostname}]` : url.hostname) + (url.port ? ':' + url.port : '');
    if (!search && url.query !== null && typeof url.query === 'object') {
      const text = lib('querystring').stringify(url.query);
      search = text ? '?' + text : '';
    }
    pathname = (pathname ?? '').replace(/[?#]/g, encodeURIComponent);
    if (url.slashes || SLASHED.has(protocol) && host) {
      if (pathname && !pathname.startsWith('/')) pathname = '/' + pathname;
      host = '//' + (host ?? '');
    }
    if (hash && !hash.startsWith('#')) hash = '#' + hash;
    if (search && !search.startsWith('?')) search = '?' + search;
    return protocol + (host ?? '') + pathname + (search ?? '').replaceAll('#', '%23') + (hash ?? '');
  }
  function resolve(from, to) {
    const target = new URL(to, new URL(from, 'resolve://'));
    if (target.protocol === 'resolve:') return target.pathname + target.search + target.hash;
    return target.toString();
  }
  Url.prototype.format = function () { return format(this); };
  Url.prototype.resolve = function (to) { return resolve(this.href, to); };
  return {
    URL, URLSearchParams, Url, parse, format, resolve, resolveObject: (from, to) => parse(resolve(from, to)),
    domainToASCII: (domain) => parseHost(domain, true) ?? '', domainToUnicode: (domain) => lib('punycode').toUnicode(domain),
    fileURLToPath: (url) => decodeURIComponent((typeof url === 'string' ? new URL(url) : url).pathname),
    pathToFileURL: (path) => new URL('file://' + encodeURI(lib('path').resolve(path)).replace(/[?#]/g, encodeURIComponent)),
    urlToHttpOptions: (url) => ({ protocol: url.protocol, hostname: url.hostname.replace(/^\[|\]$/g, ''), hash: url.hash, search: url.search, pathname: url.pathname, path: url.pathname + url.search, href: url.href, ...(url.port !== '' ? { port: Number(url.port) } : {}), ...(url.username || url.password ? { auth: `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}` } : {}) }),
  };
})
