// import cf from 'cloudfront': the key-value store, and the helpers that choose an origin.
(function (native) {
  'use strict';
  const { ask, call, text } = native.internals;
  const HELPER = 'edgefaas:origin'; // what edgefaas/events/origin_helpers.py reads in the returned request
  let choice;
  const decode = (bytes) => native.decode(bytes, 0, 0, bytes.length);
  const encode = (string) => new Uint8Array(native.encode(string, 0));
  const formats = {
    __proto__: null, string: decode, json: (bytes) => JSON.parse(decode(bytes)), bytes: (bytes) => Buffer.from(bytes),
    buffer: (bytes) => Buffer.from(bytes),
  };
  function formatOf(options) {
    const format = formats[options?.format ?? 'string'];
    if (format === undefined) throw new TypeError(`format is ${String(options.format)}; use string, json or bytes`);
    return format;
  }
  function octets(value) {
    if (typeof value === 'string') return encode(value);
    if (value instanceof ArrayBuffer) return new Uint8Array(value);
    if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    throw new TypeError('a value is a string or bytes: use JSON.stringify for others');
  }
  function field(value, name) {
    if (value === undefined || value === null || value === '') throw new TypeError(`the ${name} is missing`);
    value = String(value);
    if (value.includes('\0')) throw new TypeError(`the ${name} holds a NUL`);
    return value;
  }
  const matching = (options) => options?.ifAbsent ? 'absent' : String(options?.ifMatch ?? '');
  // The host's errors begin with their code: "KeyNotFound: the key …".
  function named(error) {
    const code = /^([A-Z][A-Za-z]+): /.exec(error?.message)?.[1];
    if (code) error.name = code.endsWith('Error') ? code : `${code}Error`;
    return error;
  }
  class KeyValueStore {
    #id;
    constructor(id) { this.#id = id; }
    async #ask(operation, payload) {
      try {
        return await ask(`kv.${operation}`, payload);
      } catch (error) {
        throw named(error);
      }
    }
    #fields(...fields) { return [this.#id, ...fields].join('\0'); }
    async get(key, options) {
      const format = formatOf(options);
      return format(await this.#ask('get', this.#fields(field(key, 'key'))));
    }
    async exists(key) { return decode(await this.#ask('exists', this.#fields(field(key, 'key')))) === '1'; }
    async count() { return Number(decode(await this.#ask('count', this.#id))); }
    async meta() { return JSON.parse(decode(await this.#ask('meta', this.#id))); }
    // What follows is not CloudFront's.
    async entry(key, options) {
      const format = formatOf(options);
      const bytes = await this.#ask('entry', this.#fields(field(key, 'key')));
      const end = bytes.indexOf(0);
      return { etag: decode(bytes.subarray(0, end)), value: format(bytes.subarray(end + 1)) };
    }
    async list(options) {
      const { prefix = '', cursor, limit = '' } = options ?? {};
      return JSON.parse(decode(await this.#ask('list', this.#fields(prefix, cursor ?? '', limit))));
    }
    async put(key, value, options) {
      const head = encode(this.#fields(field(key, 'key'), matching(options), ''));
      const tail = octets(value);
      const payload = new Uint8Array(head.length + tail.length);
      payload.set(head);
      payload.set(tail, head.length);
      return { etag: decode(await this.#ask('put', payload)) };
    }
    async delete(key, options) { await this.#ask('delete', this.#fields(field(key, 'key'), matching(options))); }
  }
  const cf = {
    kvs: (id) => new KeyValueStore(id === undefined ? '' : String(id)),
    updateRequestOrigin(parameters) { choice = { update: parameters ?? {} }; },
    selectRequestOriginById(id, overrides) { choice = { select: { ...overrides, originId: id } }; },
    createRequestOriginGroup(parameters) { choice = { group: parameters ?? {} }; },
    logCustomData(text) { native.internals.console.log(String(text)); },
    // Of CloudFront's three members this POP has one: what it is called.
    get edgeLocation() { try { return { name: text(call('edge.name', '').buffer) }; } catch { return {}; } },
    edge: { getRegion: () => 'edge' },
  };
  function decorate(result) {
    if (choice !== undefined && result !== null && typeof result === 'object' && result.statusCode === undefined) result[HELPER] = choice;
    return result;
  }
  return { module: cf, decorate, text };
})
