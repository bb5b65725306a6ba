// Web streams: ReadableStream, WritableStream, TransformStream and those built on them.
(function (native, lib) {
  'use strict';
  class ReadableStream {
    #queue = []; #waiters = []; #closed = false; #error; #failed = false; #locked = false; #source; #pulling = false; #started; #cancelled = false; #most;
    constructor(source = {}, strategy = {}) {
      this.#source = source;
      this.#most = strategy?.highWaterMark ?? 1;
      const controller = {
        enqueue: (chunk) => {
          if (this.#closed) throw new TypeError('Invalid state: Controller is already closed');
          if (this.#waiters.length) this.#waiters.shift().resolve({ value: chunk, done: false }); else this.#queue.push(chunk);
        },
        close: () => { this.#closed = true; if (!this.#queue.length) for (const w of this.#waiters.splice(0)) w.resolve({ value: undefined, done: true }); },
        error: (error) => { this.#failed = true; this.#error = error; for (const w of this.#waiters.splice(0)) w.reject(error); },
      };
      Object.defineProperty(controller, 'desiredSize', { get: () => (this.#failed ? null : this.#closed ? 0 : this.#most - this.#queue.length) });
      this.controller = undefined;
      Object.defineProperty(this, 'controller', { value: controller, enumerable: false });
      this.#started = Promise.resolve(source.start ? source.start(controller) : undefined).catch((error) => controller.error(error));
    }
    get locked() { return this.#locked; }
    #pull() {
      if (this.#pulling || this.#closed || this.#failed || !this.#source.pull) return;
      this.#pulling = true;
      this.#started.then(() => this.#source.pull(this.controller)).then(() => { this.#pulling = false; if (this.#waiters.length) this.#pull(); }, (error) => this.controller.error(error));
    }
    #read() {
      if (this.#queue.length) return Promise.resolve({ value: this.#queue.shift(), done: false });
      if (this.#failed) return Promise.reject(this.#error);
      if (this.#closed) return Promise.resolve({ value: undefined, done: true });
      return new Promise((resolve, reject) => { this.#waiters.push({ resolve, reject }); this.#pull(); });
    }
    getReader() {
      if (this.#locked) throw new TypeError('Invalid state: ReadableStream is locked');
      this.#locked = true;
      let close, fail;
      const closed = new Promise((resolve, reject) => { close = resolve; fail = reject; });
      closed.catch(() => {});
      return {
        closed, read: () => this.#read().then((result) => { if (result.done) close(); return result; }, (error) => { fail(error); throw error; }),
        releaseLock: () => { this.#locked = false; }, cancel: (reason) => { this.#locked = false; return this.cancel(reason); },
      };
    }
    async cancel(reason) { if (!this.#cancelled) { this.#cancelled = this.#closed = true; this.#queue = []; await this.#source.cancel?.(reason); } }
    async *values() {
      const reader = this.getReader();
      try { for (;;) { const { value, done } = await reader.read(); if (done) return; yield value; } } finally { reader.releaseLock(); }
    }
    [Symbol.asyncIterator]() { return this.values(); }
    async pipeTo(target, options = {}) {
      const writer = target.getWriter();
      try {
        for await (const chunk of this) await writer.write(chunk);
        if (!options.preventClose) await writer.close();
      } catch (error) { if (!options.preventAbort) await writer.abort(error); throw error; } finally { writer.releaseLock(); }
    }
    pipeThrough(pair, options) { this.pipeTo(pair.writable, options).catch(() => {}); return pair.readable; }
    tee() {
      const reader = this.getReader(), branches = [];
      const pull = () => reader.read().then(({ value, done }) => { for (const c of branches) if (done) c.close(); else c.enqueue(value); });
      const make = () => new ReadableStream({ start(c) { branches.push(c); }, pull });
      return [make(), make()];
    }
    static from(source) {
      const iterator = (source[Symbol.asyncIterator] ?? source[Symbol.iterator]).call(source);
      return new ReadableStream({ async pull(c) { const { value, done } = await iterator.next(); if (done) c.close(); else c.enqueue(value); } });
    }
    get [Symbol.toStringTag]() { return 'ReadableStream'; }
  }
  class WritableStream {
    #sink; #chain; #locked = false; #closed; #failed;
    constructor(sink = {}) {
      this.#sink = sink;
      const controller = { error: (error) => { this.#failed = error; }, signal: new AbortController().signal };
      this.#chain = Promise.resolve(sink.start?.(controller));
      Object.defineProperty(this, 'controller', { value: controller });
    }
    get locked() { return this.#locked; }
    getWriter() {
      if (this.#locked) throw new TypeError('Invalid state: WritableStream is locked');
      this.#locked = true;
      const then = (run) => (this.#chain = this.#chain.then(() => { if (this.#failed !== undefined) throw this.#failed; return run(); }));
      return {
        get ready() { return Promise.resolve(); }, desiredSize: 1, closed: new Promise((resolve) => { this.#closed = resolve; }),
        write: (chunk) => then(() => this.#sink.write?.(chunk, this.controller)),
        close: () => then(() => this.#sink.close?.()).then((value) => { this.#closed(); return value; }),
        abort: (reason) => { this.#failed = reason ?? new Error('aborted'); return Promise.resolve(this.#sink.abort?.(reason)); },
        releaseLock: () => { this.#locked = false; },
      };
    }
    async close() { const writer = this.getWriter(); await writer.close(); writer.releaseLock(); }
    async abort(reason) { const writer = this.getWriter(); await writer.abort(reason); writer.releaseLock(); }
    get [Symbol.toStringTag]() { return 'WritableStream'; }
  }
  class TransformStream {
    constructor(transformer = {}) {
      let out;
      this.readable = new ReadableStream({ start(c) { out = c; } });
      const controller = { enqueue: (chunk) => out.enqueue(chunk), error: (error) => out.error(error), terminate: () => out.close() };
      this.writable = new WritableStream({
        start: () => transformer.start?.(controller),
        write: (chunk) => (transformer.transform ? transformer.transform(chunk, controller) : controller.enqueue(chunk)),
        close: async () => { await transformer.flush?.(controller); out.close(); },
        abort: (reason) => out.error(reason),
      });
    }
    get [Symbol.toStringTag]() { return 'TransformStream'; }
  }
  class TextEncoderStream extends TransformStream { constructor() { const encoder = new TextEncoder(); super({ transform(chunk, c) { c.enqueue(encoder.encode(chunk)); } }); } }
  class TextDecoderStream extends TransformStream {
    constructor(label, options) { const decoder = new TextDecoder(label, options); super({ transform(chunk, c) { const text = decoder.decode(chunk, { stream: true }); if (text) c.enqueue(text); }, flush(c) { const text = decoder.decode(); if (text) c.enqueue(text); } }); }
  }
  const coder = (names) => class extends TransformStream {
    constructor(format) {
      const type = names[format];
      if (type === undefined) throw new TypeError(`${format} is not a compression format`);
      const stream = new (lib('zlib')[type])();
      super({ start(c) { stream.on('data', (chunk) => c.enqueue(new Uint8Array(chunk))); stream.on('error', (error) => c.error(new TypeError(error.message))); }, transform: (chunk) => new Promise((resolve, reject) => stream.write(Buffer.from(chunk), (error) => (error ? reject(error) : resolve()))), flush: () => new Promise((resolve) => { stream.once('end', resolve); stream.end(); }) });
    }
  };
  const CompressionStream = coder({ gzip: 'Gzip', deflate: 'Deflate', 'deflate-raw': 'DeflateRaw' });
  const DecompressionStream = coder({ gzip: 'Gunzip', deflate: 'Inflate', 'deflate-raw': 'InflateRaw' });
  return { ReadableStream, WritableStream, TransformStream, TextEncoderStream, TextDecoderStream, CompressionStream, DecompressionStream };
})
