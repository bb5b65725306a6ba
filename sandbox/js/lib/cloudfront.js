// import cf from 'cloudfront': the key-value store, and the helpers that choose an origin.
(function (native) {
  'use strict';
  const { ask, text } = native.internals;
  const HELPER = 'edgefaas:origin'; // what edgefaas/events/origin_helpers.py reads in the returned request
  let choice;
  const decode = (bytes) => native.decode(bytes, 0, 0, bytes.length);
  class KeyValueStore {
    #id;
    constructor(id) { this.#id = id; }
    async #ask(operation, key) {
      return JSON.parse(decode(await ask('kv', JSON.stringify({ store: this.#id, operation, key }))));
    }
    async get(key, options) {
      const { value } = await this.#ask('get', String(key));
      if (value === null || value === undefined) throw Object.assign(new Error(`KeyNotFound: the key ${JSON.stringify(String(key))} was not found`), { name: 'KeyNotFoundError' });
      const format = options?.format ?? 'string';
      if (format === 'json') return JSON.parse(value);
      if (format === 'bytes' || format === 'buffer') return Buffer.from(value);
      return value;
    }
    async exists(key) { return (await this.#ask('exists', String(key))).exists; }
    async count() { return (await this.#ask('count')).count; }
    async meta() { return this.#ask('meta'); }
  }
  const cf = {
    kvs: (id) => new KeyValueStore(id === undefined ? '' : String(id)),
    updateRequestOrigin(parameters) { choice = { update: parameters ?? {} }; },
    selectRequestOriginById(id, overrides) { choice = { select: { ...overrides, originId: id } }; },
    createRequestOriginGroup(parameters) { choice = { group: parameters ?? {} }; },
    edge: { getRegion: () => 'edge' },
  };
  function decorate(result) {
    if (choice !== undefined && result !== null && typeof result === 'object' && result.statusCode === undefined) result[HELPER] = choice;
    return result;
  }
  return { module: cf, decorate, text };
})
