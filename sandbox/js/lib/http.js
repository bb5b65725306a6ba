// http and https: request and get, over the same host operation as fetch.
(function (native, lib) {
  'use strict';
  const { Readable, Writable } = lib('stream');
  const EventEmitter = lib('events');
  const { notHere, nextTick } = native.internals;
  const Buffer = lib('buffer').Buffer;
  const STATUS_CODES = { 100: 'Continue', 101: 'Switching Protocols', 200: 'OK', 201: 'Created', 202: 'Accepted', 203: 'Non-Authoritative Information', 204: 'No Content', 205: 'Reset Content', 206: 'Partial Content', 300: 'Multiple Choices', 301: 'Moved Permanently', 302: 'Found', 303: 'See Other', 304: 'Not Modified', 307: 'Temporary Redirect', 308: 'Permanent Redirect', 400: 'Bad Request', 401: 'Unauthorized', 402: 'Payment Required', 403: 'Forbidden', 404: 'Not Found', 405: 'Method Not Allowed', 406: 'Not Acceptable', 408: 'Request Timeout', 409: 'Conflict', 410: 'Gone', 411: 'Length Required', 412: 'Precondition Failed', 413: 'Payload Too Large', 414: 'URI Too Long', 415: 'Unsupported Media Type', 416: 'Range Not Satisfiable', 417: 'Expectation Failed', 418: "I'm a Teapot", 421: 'Misdirected Request', 422: 'Unprocessable Entity', 425: 'Too Early', 426: 'Upgrade Required', 428: 'Precondition Required', 429: 'Too Many Requests', 431: 'Request Header Fields Too Large', 451: 'Unavailable For Legal Reasons', 500: 'Internal Server Error', 501: 'Not Implemented', 502: 'Bad Gateway', 503: 'Service Unavailable', 504: 'Gateway Timeout', 505: 'HTTP Version Not Supported' };
  const METHODS = ['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE'];
  class Agent extends EventEmitter {
    constructor(options = {}) { super(); this.options = options; this.maxSockets = options.maxSockets ?? Infinity; this.keepAlive = options.keepAlive ?? false; this.sockets = {}; this.requests = {}; }
    destroy() {}
  }
  class Socket extends EventEmitter {
    constructor() { super(); this.connecting = false; this.destroyed = false; this.encrypted = true; this.authorized = true; }
    setKeepAlive() { return this; } setNoDelay() { return this; } setTimeout() { return this; } ref() { return this; } unref() { return this; } destroy() { return this; }
  }
  class IncomingMessage extends Readable {
    constructor(told, socket) {
      super({ read() {} });
      this.statusCode = told.status;
      this.statusMessage = told.statusText || STATUS_CODES[told.status] || '';
      this.httpVersion = '1.1';
      this.httpVersionMajor = this.httpVersionMinor = 1;
      this.socket = this.connection = socket;
      this.headers = {};
      this.rawHeaders = [];
      this.trailers = {};
      this.complete = true;
      this.aborted = false;
      for (const [name, value] of told.headers) {
        const key = name.toLowerCase();
        this.rawHeaders.push(name, value);
        if (key === 'set-cookie') (this.headers[key] ??= []).push(value);
        else if (!(key in this.headers)) this.headers[key] = value;
        else if (!SINGLE.has(key)) this.headers[key] += (key === 'cookie' ? '; ' : ', ') + value;
      }
      if (told.body.length) this.push(told.body);
      this.push(null);
    }
    setTimeout() { return this; }
  }
  const SINGLE = new Set(['age', 'authorization', 'content-length', 'content-type', 'etag', 'expires', 'from', 'host', 'if-modified-since', 'if-unmodified-since', 'last-modified', 'location', 'max-forwards', 'proxy-authorization', 'referer', 'retry-after', 'server', 'user-agent']);
  class ClientRequest extends Writable {
    constructor(protocol, options, callback) {
      super({ decodeStrings: true });
      this._protocol = options.protocol ?? protocol;
      this.method = String(options.method ?? 'GET').toUpperCase();
      this.path = options.path ?? '/';
      if (/[\0-\x20]/.test(this.path)) throw Object.assign(new TypeError('Request path contains unescaped characters'), { code: 'ERR_UNESCAPED_CHARACTERS' });
      this._port = options.port;
      this.host = options.hostname ?? options.host ?? 'localhost';
      this.protocol = this._protocol;
      this._headers = new Map();
      this._chunks = [];
      this.aborted = false;
      this.reusedSocket = false;
      this.agent = options.agent;
      const given = options.headers ?? {};
      if (Array.isArray(given)) { for (let i = 0; i < given.length; i += Array.isArray(given[i]) ? 1 : 2) Array.isArray(given[i]) ? this.setHeader(given[i][0], given[i][1]) : this.setHeader(given[i], given[i + 1]); } else for (const name of Object.keys(given)) if (given[name] !== undefined) this.setHeader(name, given[name]);
      if (options.auth && !this.hasHeader('authorization')) this.setHeader('Authorization', 'Basic ' + Buffer.from(options.auth).toString('base64'));
      if (callback) this.once('response', callback);
      if (options.timeout) this.setTimeout(options.timeout);
      if (options.signal) options.signal.aborted ? this.destroy(options.signal.reason) : options.signal.addEventListener('abort', () => this.destroy(options.signal.reason));
      this.socket = this.connection = new Socket();
      nextTick(() => { if (!this.destroyed) this.emit('socket', this.socket); });
    }
    setHeader(name, value) { if (this._sent) throw Object.assign(new Error('Cannot set headers after they are sent to the client'), { code: 'ERR_HTTP_HEADERS_SENT' }); this._headers.set(String(name).toLowerCase(), [name, value]); return this; }
    appendHeader(name, value) { const now = this.getHeader(name); return this.setHeader(name, now === undefined ? value : [].concat(now, value)); }
    getHeader(name) { return this._headers.get(String(name).toLowerCase())?.[1]; }
    getHeaders() { return Object.fromEntries([...this._headers].map(([name, [, value]]) => [name, value])); }
    getHeaderNames() { return [...this._headers.keys()]; }
    getRawHeaderNames() { return [...this._headers.values()].map(([name]) => name); }
    hasHeader(name) { return this._headers.has(String(name).toLowerCase()); }
    removeHeader(name) { this._headers.delete(String(name).toLowerCase()); }
    flushHeaders() {} setNoDelay() { return this; } setSocketKeepAlive() { return this; }
    get headersSent() { return Boolean(this._sent); }
    get finished() { return this.writableEnded; }
    setTimeout(delay, callback) {
      if (callback) this.once('timeout', callback);
      clearTimeout(this._timer);
      if (delay) { this._timer = setTimeout(() => { if (!this._answered && !this.destroyed) { this.emit('timeout'); this.socket.emit('timeout'); } }, delay); this._timer.unref(); }
      return this;
    }
    abort() { if (!this.aborted) { this.aborted = true; nextTick(() => this.emit('abort')); this.destroy(); } }
    _write(chunk, encoding, callback) { this._chunks.push(chunk); callback(); }
    _final(callback) {
      this._sent = true;
      const headers = [];
      for (const [name, value] of this._headers.values()) for (const item of Array.isArray(value) ? value : [value]) headers.push([String(name), String(item)]);
      const host = this.host.includes(':') && !this.host.startsWith('[') ? `[${this.host}]` : this.host;
      const usual = this._protocol === 'https:' ? 443 : 80;
      const url = `${this._protocol}//${host}${this._port && Number(this._port) !== usual ? ':' + this._port : ''}${this.path}`;
      lib('fetch').exchange({ method: this.method, url, headers, body: Buffer.concat(this._chunks), redirect: 'manual' }, (this._grip = {})).then((told) => {
        if (this.destroyed && this.aborted) return;
        this._answered = true;
        clearTimeout(this._timer);
        const message = new IncomingMessage(told, this.socket);
        message.req = this;
        this.res = message;
        message.once('end', () => this.emit('close'));
        if (!this.emit('response', message)) message.resume();
      }, (error) => {
        clearTimeout(this._timer);
        if (this.destroyed && this.aborted) return;
        this._failed = Object.assign(error, { code: error.code ?? 'ECONNREFUSED', hostname: this.host, syscall: 'connect' });
        this.emit('error', this._failed);
      });
      callback();
    }
    _destroy(error, callback) {
      clearTimeout(this._timer);
      this.aborted = true;
      this._grip?.cancel?.(new Error('aborted'));
      if (this._failed) return callback(null); // its error was told
      callback(error ?? (this._answered || this._sent === undefined && !this.listenerCount('error') ? null : this._answered ? null : Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })));
    }
  }
  // A finished request is not destroyed by the stream machinery: its response is still to come.
  const destroy = Writable.prototype.destroy;
  ClientRequest.prototype.destroy = function (error, callback) {
    if (error === undefined && this._sent && !this._answered && !this.aborted && this._writableState.finished && !this._closing) { this._closing = true; return this; }
    return destroy.call(this, error, callback);
  };
  function client(protocol) {
    function request(target, options, callback) {
      if (typeof options === 'function') { callback = options; options = undefined; }
      if (typeof target === 'string') target = lib('url').urlToHttpOptions(new URL(target));
      else if (target instanceof URL) target = lib('url').urlToHttpOptions(target);
      else { callback ??= typeof options === 'function' ? options : undefined; target = { ...target }; }
      const merged = { ...target, ...options };
      if (merged.protocol && merged.protocol !== 'http:' && merged.protocol !== 'https:') throw Object.assign(new TypeError(`Protocol "${merged.protocol}" not supported. Expected "${protocol}"`), { code: 'ERR_INVALID_PROTOCOL' });
      return new ClientRequest(protocol, merged, callback);
    }
    function get(...args) { const made = request(...args); made.end(); return made; }
    return {
      request, get, Agent, ClientRequest, IncomingMessage, globalAgent: new Agent({ keepAlive: true }), METHODS, STATUS_CODES, maxHeaderSize: 16384,
      OutgoingMessage: Writable, Server: function Server() { throw notHere('http.Server'); }, ServerResponse: function ServerResponse() { throw notHere('http.ServerResponse'); },
      createServer() { throw notHere('http.createServer'); }, validateHeaderName() {}, validateHeaderValue() {},
    };
  }
  const http = client('http:');
  http.https = client('https:');
  return http;
})
