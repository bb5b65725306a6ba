// fetch, Headers, Request, Response (Fetch standard); the exchange itself is the host's operation "fetch".
(function (native, lib) {
  'use strict';
  const { ask } = native.internals;
  const Buffer = lib('buffer').Buffer;
  const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
  const nameOf = (name) => {
    name = String(name);
    if (!TOKEN.test(name)) throw new TypeError(`Headers: ${JSON.stringify(name)} is an invalid header name.`);
    return name.toLowerCase();
  };
  const valueOf = (value) => {
    value = String(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
    if (/[\0\r\n]/.test(value)) throw new TypeError(`Headers: ${JSON.stringify(value)} is an invalid header value.`);
    return value;
  };
  class Headers {
    #map = new Map(); #cookies = [];
    constructor(init) {
      if (init === undefined || init === null) return;
      if (typeof init !== 'object') throw new TypeError('Headers: init must be an object or a sequence');
      if (typeof init[Symbol.iterator] === 'function') {
        for (const pair of init) {
          const items = [...pair];
          if (items.length !== 2) throw new TypeError('Headers: each pair must have two items');
          this.append(items[0], items[1]);
        }
      } else for (const name of Object.keys(init)) this.append(name, init[name]);
    }
    append(name, value) {
      name = nameOf(name);
      value = valueOf(value);
      if (name === 'set-cookie') this.#cookies.push(value);
      this.#map.set(name, this.#map.has(name) ? `${this.#map.get(name)}, ${value}` : value);
    }
    set(name, value) { name = nameOf(name); value = valueOf(value); if (name === 'set-cookie') this.#cookies = [value]; this.#map.set(name, value); }
    get(name) { return this.#map.get(nameOf(name)) ?? null; }
    has(name) { return this.#map.has(nameOf(name)); }
    delete(name) { name = nameOf(name); if (name === 'set-cookie') this.#cookies = []; this.#map.delete(name); }
    getSetCookie() { return [...this.#cookies]; }
    forEach(callback, self) { for (const [name, value] of this) callback.call(self, value, name, this); }
    *entries() {
      for (const name of [...this.#map.keys()].sort()) {
        if (name === 'set-cookie') for (const cookie of this.#cookies) yield [name, cookie]; else yield [name, this.#map.get(name)];
      }
    }
    *keys() { for (const [name] of this.entries()) yield name; }
    *values() { for (const [, value] of this.entries()) yield value; }
    [Symbol.iterator]() { return this.entries(); }
    get [Symbol.toStringTag]() { return 'Headers'; }
    [Symbol.for('nodejs.util.inspect.custom')](depth, options, inspect) { return 'Headers ' + inspect(Object.fromEntries(this), options); }
  }
  class FormData {
    #list = [];
    append(name, value, file) { this.#list.push([String(name), entry(value, file)]); }
    set(name, value, file) { this.delete(name); this.append(name, value, file); }
    get(name) { return this.#list.find(([n]) => n === String(name))?.[1] ?? null; }
    getAll(name) { return this.#list.filter(([n]) => n === String(name)).map(([, v]) => v); }
    has(name) { return this.#list.some(([n]) => n === String(name)); }
    delete(name) { this.#list = this.#list.filter(([n]) => n !== String(name)); }
    forEach(callback, self) { for (const [n, v] of this.#list) callback.call(self, v, n, this); }
    *entries() { yield* this.#list.map((pair) => [...pair]); }
    *keys() { for (const [n] of this.#list) yield n; }
    *values() { for (const [, v] of this.#list) yield v; }
    [Symbol.iterator]() { return this.entries(); }
    get [Symbol.toStringTag]() { return 'FormData'; }
  }
  const entry = (value, name) => {
    const { Blob, File } = lib('buffer');
    return value instanceof Blob ? (value instanceof File && name === undefined ? value : Object.defineProperty(value, 'name', { value: name ?? 'blob', configurable: true })) : String(value);
  };
  async function multipart(form) {
    const { Blob } = lib('buffer');
    const boundary = '----edgefaas' + lib('crypto').randomBytes(12).toString('hex');
    const parts = [];
    const quote = (text) => text.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
    for (const [name, value] of form) {
      let head = `--${boundary}\r\nContent-Disposition: form-data; name="${quote(name)}"`;
      if (value instanceof Blob) {
        head += `; filename="${quote(value.name ?? 'blob')}"\r\nContent-Type: ${value.type || 'application/octet-stream'}`;
        parts.push(Buffer.from(head + '\r\n\r\n'), Buffer.from(await value.arrayBuffer()), Buffer.from('\r\n'));
      } else parts.push(Buffer.from(`${head}\r\n\r\n${value}\r\n`));
    }
    parts.push(Buffer.from(`--${boundary}--\r\n`));
    return [Buffer.concat(parts), `multipart/form-data; boundary=${boundary}`];
  }
  function parseMultipart(bytes, type) {
    const boundary = /boundary="?([^";]+)"?/i.exec(type)?.[1];
    const form = new FormData();
    if (!boundary) throw new TypeError('Failed to parse body as FormData.');
    const text = bytes.toString('latin1');
    for (const part of text.split('--' + boundary).slice(1, -1)) {
      const at = part.indexOf('\r\n\r\n');
      const head = Buffer.from(part.slice(0, at), 'latin1').toString(), body = Buffer.from(part.slice(at + 4, -2), 'latin1');
      const name = /name="([^"]*)"/i.exec(head)?.[1], file = /filename="([^"]*)"/i.exec(head)?.[1];
      form.append(name, file === undefined ? body.toString() : new (lib('buffer').File)([body], file, { type: /content-type:\s*([^\r\n]+)/i.exec(head)?.[1] ?? '' }));
    }
    return form;
  }
  // Bytes (or a promise, or a stream) and the type that goes with them.
  function extract(body) {
    const { Blob } = lib('buffer');
    if (body === null || body === undefined) return [null, null];
    if (typeof body === 'string') return [Buffer.from(body), 'text/plain;charset=UTF-8'];
    if (body instanceof ArrayBuffer) return [Buffer.from(body.slice(0)), null];
    if (ArrayBuffer.isView(body)) return [Buffer.from(new Uint8Array(body.buffer, body.byteOffset, body.byteLength)), null];
    if (body instanceof URLSearchParams) return [Buffer.from(body.toString()), 'application/x-www-form-urlencoded;charset=UTF-8'];
    if (body instanceof Blob) return [body.arrayBuffer().then((b) => Buffer.from(b)), body.type || null];
    if (body instanceof FormData) return [multipart(body), 'multipart'];
    if (typeof body[Symbol.asyncIterator] === 'function') {
      return [(async () => { const all = []; for await (const chunk of body) all.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk); return Buffer.concat(all); })(), null];
    }
    return [Buffer.from(String(body)), 'text/plain;charset=UTF-8'];
  }
  class Body {
    #bytes = null; #used = false; #stream;
    constructor(body, headers) {
      if (typeof globalThis.ReadableStream === 'function' && body instanceof ReadableStream) { this.#stream = body; }
      const [bytes, type] = extract(body);
      this.#bytes = bytes;
      if (type === 'multipart') {
        this.#bytes = bytes.then(([made, kind]) => { if (!headers.has('content-type')) headers.set('content-type', kind); return made; });
      } else if (type !== null && !headers.has('content-type')) headers.set('content-type', type);
    }
    get bodyUsed() { return this.#used; }
    get body() {
      if (this.#bytes === null) return null;
      if (!this.#stream) {
        const take = () => this.#take();
        this.#stream = new ReadableStream({ async pull(controller) { const bytes = await take(); if (bytes.length) controller.enqueue(new Uint8Array(bytes)); controller.close(); } });
      }
      return this.#stream;
    }
    async #take() {
      if (this.#used) throw new TypeError('Body is unusable: Body has already been read');
      this.#used = this.#bytes !== null;
      return this.#bytes === null ? Buffer.alloc(0) : await this.#bytes;
    }
    static take(body) { return body.#take(); }
    static source(body) {
      if (body.#used) throw new TypeError('Response.clone: Body has already been consumed.');
      return body.#bytes;
    }
    static fill(body, bytes) { body.#bytes = bytes; }
    async arrayBuffer() { const b = await this.#take(); return b.buffer.slice(b.byteOffset, b.byteOffset + b.length); }
    async bytes() { return new Uint8Array(await this.arrayBuffer()); }
    async text() { const b = await this.#take(); const text = b.toString(); return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text; }
    async json() { return JSON.parse(await this.text()); }
    async blob() { return new (lib('buffer').Blob)([await this.#take()], { type: this.headers.get('content-type') ?? '' }); }
    async formData() {
      const type = this.headers.get('content-type') ?? '', bytes = await this.#take();
      if (/^multipart\/form-data/i.test(type)) return parseMultipart(bytes, type);
      const form = new FormData();
      for (const [name, value] of new URLSearchParams(bytes.toString())) form.append(name, value);
      return form;
    }
  }
  const { take, source, fill } = Body;
  delete Body.take; delete Body.source; delete Body.fill;
  const METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH'];
  class Request extends Body {
    constructor(input, init = {}) {
      const from = input instanceof Request ? input : null;
      let method = String(init.method ?? from?.method ?? 'GET');
      if (!TOKEN.test(method)) throw new TypeError(`'${method}' is not a valid HTTP method.`);
      if (METHODS.includes(method.toUpperCase()) && method.toUpperCase() !== 'PATCH') method = method.toUpperCase();
      const headers = new Headers(init.headers ?? from?.headers);
      const body = init.body !== undefined ? init.body : from ? null : null;
      if (body !== null && body !== undefined && (method === 'GET' || method === 'HEAD')) throw new TypeError('Request with GET/HEAD method cannot have body.');
      super(body, headers);
      const url = from ? new URL(from.url) : new URL(String(input));
      if (url.username || url.password) throw new TypeError('Request cannot be constructed from a URL that includes credentials: ' + url);
      if (from && init.body === undefined) fill(this, source(from));
      Object.defineProperties(this, Object.fromEntries(Object.entries({
        method, url: url.href, headers, redirect: init.redirect ?? from?.redirect ?? 'follow', signal: init.signal ?? from?.signal ?? null,
        credentials: init.credentials ?? 'same-origin', mode: init.mode ?? 'cors', cache: init.cache ?? 'default', referrer: 'about:client',
        referrerPolicy: '', integrity: '', keepalive: false, destination: '', duplex: 'half',
      }).map(([name, value]) => [name, { value, enumerable: true }])));
    }
    clone() { const copy = new Request(this.url, { method: this.method, headers: this.headers, redirect: this.redirect, signal: this.signal }); fill(copy, source(this)); return copy; }
    get [Symbol.toStringTag]() { return 'Request'; }
  }
  const NULL_BODY = [101, 103, 204, 205, 304];
  class Response extends Body {
    constructor(body = null, init = {}) {
      const status = init.status ?? 200;
      if (!(Number.isInteger(Number(status)) && status >= 200 && status <= 599)) throw new RangeError('init["status"] must be in the range of 200 to 599, inclusive.');
      if (body !== null && NULL_BODY.includes(status)) throw new TypeError(`Response constructor: Invalid response status code ${status}`);
      const headers = new Headers(init.headers);
      super(body, headers);
      this.#facts({ status: Number(status), statusText: init.statusText ?? '', headers, type: 'default', url: '', redirected: false });
    }
    #facts(facts) { Object.defineProperties(this, Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, { value, enumerable: true, configurable: true }]))); }
    static received(told) {
      const response = new Response(null, { status: 200 });
      response.#facts({ status: told.status, statusText: told.statusText ?? '', headers: new Headers(told.headers), type: 'basic', url: told.url ?? '', redirected: Boolean(told.redirected) });
      if (!NULL_BODY.includes(told.status)) fill(response, told.body);
      return response;
    }
    get ok() { return this.status >= 200 && this.status <= 299; }
    clone() {
      const copy = new Response(null, { headers: this.headers, statusText: this.statusText });
      copy.#facts({ status: this.status, url: this.url, type: this.type, redirected: this.redirected });
      fill(copy, source(this));
      return copy;
    }
    static json(data, init = {}) {
      const headers = new Headers(init.headers);
      if (!headers.has('content-type')) headers.set('content-type', 'application/json');
      return new Response(JSON.stringify(data), { ...init, headers });
    }
    static error() { const response = new Response(); response.#facts({ status: 0, type: 'error' }); return response; }
    static redirect(url, status = 302) {
      if (![301, 302, 303, 307, 308].includes(status)) throw new RangeError(`Invalid status code ${status}`);
      return new Response(null, { status, headers: { location: new URL(url).href } });
    }
    get [Symbol.toStringTag]() { return 'Response'; }
  }
  const received = Response.received;
  delete Response.received;

  // One exchange: {method, url, headers: [[name, value]], body: base64, redirect} → {status, statusText, headers, body, url, redirected}.
  async function exchange({ method, url, headers, body, redirect }, grip) {
    const payload = JSON.stringify({ method, url, headers, body: body === null || body.length === 0 ? null : Buffer.from(body.buffer, body.byteOffset, body.length).toString('base64'), redirect });
    const answer = await ask('fetch', payload, grip);
    const told = JSON.parse(native.decode(answer, 0, 0, answer.length));
    return { ...told, body: told.body ? Buffer.from(told.body, 'base64') : Buffer.alloc(0) };
  }
  // Codings are undone, the last one first (Fetch standard, "handle content codings"); fields stay as they came.
  const UNDO = { __proto__: null, gzip: 'gunzipSync', 'x-gzip': 'gunzipSync', deflate: 'inflateSync', br: 'brotliDecompressSync' };
  function decoded({ status, headers, body }) {
    const coding = headers.find(([name]) => name.toLowerCase() === 'content-encoding')?.[1].toLowerCase().split(',').map((one) => one.trim());
    if (!coding || body.length === 0 || NULL_BODY.includes(status) || !coding.every((one) => one in UNDO)) return body;
    try { return coding.reduceRight((bytes, one) => lib('zlib')[UNDO[one]](bytes), body); } catch (error) { throw new TypeError('terminated', { cause: error }); }
  }
  async function fetch(input, init) {
    const request = new Request(input, init);
    const signal = request.signal;
    signal?.throwIfAborted();
    const { protocol } = new URL(request.url);
    if (protocol === 'data:') {
      const [, type, base64, data] = /^data:([^,]*?)(;base64)?,(.*)$/s.exec(request.url);
      return new Response(base64 ? Buffer.from(decodeURIComponent(data), 'base64') : Buffer.from(decodeURIComponent(data)), { headers: { 'content-type': type || 'text/plain;charset=US-ASCII' } });
    }
    if (protocol !== 'http:' && protocol !== 'https:') throw new TypeError('fetch failed', { cause: new Error(`unknown scheme ${protocol}`) });
    const body = await take(request);
    const grip = {};
    const abort = () => grip.cancel?.(signal.reason);
    signal?.addEventListener('abort', abort, { once: true });
    let told;
    try {
      told = await exchange({ method: request.method, url: request.url.split('#')[0], headers: [...request.headers], body, redirect: request.redirect }, grip);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw new TypeError('fetch failed', { cause: error });
    } finally {
      signal?.removeEventListener('abort', abort);
    }
    return received({ url: request.url, ...told, body: decoded(told) });
  }
  return { fetch, Headers, Request, Response, FormData, exchange };
})
