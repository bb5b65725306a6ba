// zlib: deflate, gzip, brotli and (decompressing) their variants, done by the host in short steps (host_zlib.py).
(function (native, lib) {
  'use strict';
  const { call, nextTick } = native.internals;
  const Buffer = lib('buffer').Buffer;
  const { Transform } = lib('stream');
  const constants = { Z_NO_FLUSH: 0, Z_PARTIAL_FLUSH: 1, Z_SYNC_FLUSH: 2, Z_FULL_FLUSH: 3, Z_FINISH: 4, Z_OK: 0, Z_STREAM_END: 1, Z_DATA_ERROR: -3, Z_BUF_ERROR: -5, Z_NO_COMPRESSION: 0, Z_BEST_SPEED: 1, Z_BEST_COMPRESSION: 9, Z_DEFAULT_COMPRESSION: -1, Z_DEFAULT_STRATEGY: 0, Z_DEFAULT_CHUNK: 16384, Z_MAX_WINDOWBITS: 15, Z_DEFAULT_WINDOWBITS: 15, Z_DEFAULT_MEMLEVEL: 8, BROTLI_OPERATION_PROCESS: 0, BROTLI_OPERATION_FLUSH: 1, BROTLI_OPERATION_FINISH: 2, BROTLI_OPERATION_EMIT_METADATA: 3, BROTLI_PARAM_MODE: 0, BROTLI_MODE_GENERIC: 0, BROTLI_MODE_TEXT: 1, BROTLI_MODE_FONT: 2, BROTLI_DEFAULT_MODE: 0, BROTLI_PARAM_QUALITY: 1, BROTLI_MIN_QUALITY: 0, BROTLI_MAX_QUALITY: 11, BROTLI_DEFAULT_QUALITY: 11, BROTLI_PARAM_LGWIN: 2, BROTLI_MIN_WINDOW_BITS: 10, BROTLI_MAX_WINDOW_BITS: 24, BROTLI_DEFAULT_WINDOW: 22, BROTLI_PARAM_LGBLOCK: 3, BROTLI_PARAM_DISABLE_LITERAL_CONTEXT_MODELING: 4, BROTLI_PARAM_SIZE_HINT: 5, BROTLI_PARAM_LARGE_WINDOW: 6 };
  const STEP = 65536;
  const bytesOf = (data) => typeof data === 'string' ? Buffer.from(data) : data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  function host(name, options, data) {
    try {
      return call('zlib.' + name, Buffer.concat([Buffer.from(JSON.stringify(options) + '\0'), data ?? Buffer.alloc(0)]));
    } catch (error) {
      const [code, message] = error.message.split(/: (.*)/s);
      throw Object.assign(new Error(message ?? code), { code, errno: constants[code] });
    }
  }
  class Engine {
    constructor(mode, options = {}, size = null) {
      this.most = options.maxOutputLength ?? Infinity;
      const quality = options.params?.[constants.BROTLI_PARAM_QUALITY] ?? constants.BROTLI_DEFAULT_QUALITY;
      this.handle = Number(Buffer.from(host('open', mode.includes('rotli') ? { mode, quality, size } : { mode, level: options.level ?? -1, windowBits: options.windowBits ?? 15, dictionary: options.dictionary ? Buffer.from(bytesOf(options.dictionary)).toString('base64') : null })).toString());
      this.made = 0;
    }
    // Every piece of output for this input; each host call does at most 64 kB either way.
    *feed(data, last) {
      for (let at = 0; at < data.length || (last && at === 0); at += STEP) {
        const part = data.subarray(at, at + STEP);
        let answer = host('step', { handle: this.handle, last: last && at + STEP >= data.length }, part);
        for (;;) {
          const more = answer[0] === 1;
          this.made += answer.length - 1;
          if (this.made > this.most) throw Object.assign(new RangeError(`Cannot create a Buffer larger than ${this.most} bytes`), { code: 'ERR_BUFFER_TOO_LARGE' });
          if (answer.length > 1) yield Buffer.from(answer.buffer, answer.byteOffset + 1, answer.length - 1);
          if (!more) break;
          answer = host('step', { handle: this.handle, last: last && at + STEP >= data.length });
        }
        if (data.length === 0) break;
      }
    }
    close() { host('close', { handle: this.handle }); }
  }
  function run(mode, data, options) {
    data = bytesOf(data);
    const engine = new Engine(mode, options, data.length);
    try { return Buffer.concat([...engine.feed(data, true)]); } finally { engine.close(); }
  }
  const api = { constants, ...constants, codes: {}, crc32: (data, value = 0) => {
    const bytes = bytesOf(data);
    for (let at = 0; at < bytes.length; at += 4 * STEP) value = Number(Buffer.from(host('crc32', { value }, bytes.subarray(at, at + 4 * STEP))).toString());
    return value;
  } };
  for (const [name, mode] of Object.entries({ deflate: 'deflate', inflate: 'inflate', gzip: 'gzip', gunzip: 'gunzip', deflateRaw: 'deflateRaw', inflateRaw: 'inflateRaw', unzip: 'unzip', brotliCompress: 'brotli', brotliDecompress: 'unbrotli' })) {
    const sync = (data, options) => run(mode, data, options);
    api[name + 'Sync'] = sync;
    api[name] = (data, options, callback) => {
      if (typeof options === 'function') { callback = options; options = {}; }
      let value, error = null;
      try { value = sync(data, options); } catch (thrown) { error = thrown; }
      nextTick(() => callback(error, value));
    };
    const type = name[0].toUpperCase() + name.slice(1);
    api[type] = { [type]: class extends Transform {
      constructor(options) { super(options); this._engine = new Engine(mode, options); this.bytesWritten = 0; }
      _transform(chunk, encoding, done) {
        try { this.bytesWritten += chunk.length; for (const piece of this._engine.feed(chunk, false)) this.push(piece); done(); } catch (error) { done(error); }
      }
      _flush(done) {
        try { for (const piece of this._engine.feed(Buffer.alloc(0), true)) this.push(piece); this._engine.close(); done(); } catch (error) { done(error); }
      }
      flush(kind, callback) { const done = typeof kind === 'function' ? kind : callback; if (done) nextTick(done); }
      close(callback) { if (callback) nextTick(callback); this.destroy(); }
    } }[type];
    api['create' + type] = (options) => new api[type](options);
  }
  for (const name of ['zstdCompress', 'zstdDecompress']) {
    api[name] = api[name + 'Sync'] = api['create' + name[0].toUpperCase() + name.slice(1)] = () => { throw native.internals.notHere('zlib.' + name); };
  }
  return api;
})
