// stream: Readable, Writable, Duplex, Transform, pipeline, as far as HTTP bodies and libraries use them.
(function (native, lib) {
  'use strict';
  const EventEmitter = lib('events');
  const { nextTick, hidden } = native.internals;
  const Buffer = lib('buffer').Buffer;
  const coded = (code, message) => Object.assign(new Error(message), { code });

  function Stream(options) { EventEmitter.call(this, options); }
  Object.setPrototypeOf(Stream.prototype, EventEmitter.prototype);
  Object.setPrototypeOf(Stream, EventEmitter);

  const base = {
    destroy(error, callback) {
      if (this.destroyed) return this;
      this.destroyed = true;
      const done = (failure) => nextTick(() => {
        if (failure) { this.errored = failure; this.emit('error', failure); }
        this.closed = true;
        this.emit('close');
        if (callback) callback(failure);
      });
      if (this._destroy) this._destroy(error ?? null, (failure) => done(failure ?? error)); else done(error);
      return this;
    },
    _destroy(error, callback) { callback(error); },
  };

  // ---- Readable -----------------------------------------------------------------------------------------
  function Readable(options = {}) {
    if (!(this instanceof Readable)) return new Readable(options);
    Stream.call(this, options);
    initReadable(this, options);
  }
  function initReadable(stream, options) {
    const objectMode = Boolean(options.objectMode || options.readableObjectMode);
    stream._readableState = { objectMode, highWaterMark: options.highWaterMark ?? (objectMode ? 16 : 65536), buffer: [], length: 0, flowing: null, ended: false, endEmitted: false, reading: false, decoder: null, encoding: null, scheduled: false, needReadable: false, pipes: [], autoDestroy: options.autoDestroy !== false };
    stream.readable = true;
    stream.destroyed ??= false;
    if (typeof options.read === 'function') stream._read = options.read;
    if (typeof options.destroy === 'function') stream._destroy = options.destroy;
    if (options.encoding) stream.setEncoding(options.encoding);
  }
  const readable = {
    _read() { throw coded('ERR_METHOD_NOT_IMPLEMENTED', 'The _read() method is not implemented'); },
    push(chunk, encoding) {
      const state = this._readableState;
      state.reading = false;
      if (chunk === null) {
        if (state.decoder) {
          const rest = state.decoder.end();
          if (rest) { state.buffer.push(rest); state.length += rest.length; }
        }
        state.ended = true;
        wake(this);
        return false;
      }
      if (state.ended) { this.destroy(coded('ERR_STREAM_PUSH_AFTER_EOF', 'stream.push() after EOF')); return false; }
      if (!state.objectMode) {
        if (typeof chunk === 'string') chunk = Buffer.from(chunk, encoding);
        else if (!Buffer.isBuffer(chunk)) chunk = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
        if (state.decoder) chunk = state.decoder.write(chunk);
        if (chunk.length === 0) { wake(this); return true; }
      }
      state.buffer.push(chunk);
      state.length += state.objectMode ? 1 : chunk.length;
      wake(this);
      return state.length < state.highWaterMark;
    },
    unshift(chunk) {
      const state = this._readableState;
      state.buffer.unshift(chunk);
      state.length += state.objectMode ? 1 : chunk.length;
      wake(this);
    },
    read(size) {
      const state = this._readableState;
      if (size === undefined && state.buffer.length === 0 && !state.ended) fill(this);
      if (state.buffer.length === 0) {
        if (state.ended) finish(this);
        return null;
      }
      let chunk;
      if (state.objectMode) {
        chunk = state.buffer.shift();
        state.length--;
      } else {
        if (size !== undefined && size > state.length && !state.ended) { state.needReadable = true; fill(this); return null; }
        const all = state.buffer.length === 1 ? state.buffer[0] : state.decoder ? state.buffer.join('') : Buffer.concat(state.buffer);
        if (size === undefined || size >= all.length) { chunk = all; state.buffer = []; } else { chunk = all.slice(0, size); state.buffer = [all.slice(size)]; }
        state.length -= chunk.length;
      }
      if ((state.length === 0 || state.length < state.highWaterMark) && !state.ended) fill(this);
      if (state.length === 0 && state.ended) nextTick(finish, this);
      if (chunk !== null && state.flowing !== true) this.emit('data', chunk);
      return chunk;
    },
    on(name, listener) {
      Stream.prototype.on.call(this, name, listener);
      const state = this._readableState;
      if (name === 'data' && state.flowing !== false) this.resume();
      else if (name === 'readable') { state.flowing = false; state.needReadable = true; schedule(this); }
      return this;
    },
    addListener(name, listener) { return this.on(name, listener); },
    resume() { const state = this._readableState; if (state.flowing !== true) { state.flowing = true; schedule(this); } return this; },
    pause() { this._readableState.flowing = false; return this; },
    isPaused() { return this._readableState.flowing === false; },
    setEncoding(encoding) {
      const state = this._readableState;
      state.decoder = new (lib('string_decoder').StringDecoder)(encoding);
      state.encoding = encoding;
      if (state.buffer.length) { const text = state.decoder.write(Buffer.concat(state.buffer)); state.buffer = [text]; state.length = text.length; }
      return this;
    },
    pipe(target, options) {
      const source = this;
      source._readableState.pipes.push(target);
      const write = (chunk) => { if (target.write(chunk) === false) { source.pause(); target.once('drain', () => source.resume()); } };
      source.on('data', write);
      if (options?.end !== false) source.once('end', () => target.end());
      source._pipeWrite = write;
      target.emit('pipe', source);
      return target;
    },
    unpipe() { if (this._pipeWrite) this.removeListener('data', this._pipeWrite); return this; },
    wrap() { return this; },
    async *[Symbol.asyncIterator]() {
      let wakeUp = () => {}, failed, ended = this._readableState.endEmitted || this.destroyed;
      const on = (name, listener) => { this.on(name, listener); return () => this.removeListener(name, listener); };
      const off = [
        on('readable', () => wakeUp()), on('end', () => { ended = true; wakeUp(); }),
        on('error', (error) => { failed = error; wakeUp(); }), on('close', () => { ended = true; wakeUp(); }),
      ];
      try {
        for (;;) {
          const chunk = this.destroyed ? null : this.read();
          if (chunk !== null) yield chunk;
          else if (failed) throw failed;
          else if (ended) return;
          else await new Promise((resolve) => { wakeUp = resolve; });
        }
      } finally {
        for (const undo of off) undo();
        if (!this._readableState.endEmitted && this._readableState.autoDestroy) this.destroy();
      }
    },
    async toArray() { const all = []; for await (const chunk of this) all.push(chunk); return all; },
    map(change) { const source = this; return Readable.from((async function* () { for await (const chunk of source) yield change(chunk); })()); },
    filter(test) { const source = this; return Readable.from((async function* () { for await (const chunk of source) if (await test(chunk)) yield chunk; })()); },
    async forEach(visit) { for await (const chunk of this) await visit(chunk); },
  };
  function fill(stream) {
    const state = stream._readableState;
    if (state.reading || state.ended || stream.destroyed) return;
    state.reading = true;
    try { stream._read(state.highWaterMark); } catch (error) { stream.destroy(error); }
  }
  const wake = (stream) => schedule(stream);
  function schedule(stream) {
    const state = stream._readableState;
    if (state.scheduled) return;
    state.scheduled = true;
    nextTick(() => { state.scheduled = false; flow(stream); });
  }
  function flow(stream) {
    const state = stream._readableState;
    if (stream.destroyed && !state.ended) return;
    if (state.flowing === true) {
      while (state.flowing === true && state.buffer.length) {
        const chunk = state.buffer.shift();
        state.length -= state.objectMode ? 1 : chunk.length;
        stream.emit('data', chunk);
      }
      if (state.flowing !== true) return;
      if (state.ended) finish(stream); else fill(stream);
    } else if (state.needReadable || stream.listenerCount('readable')) {
      if (state.buffer.length || state.ended) { stream.emit('readable'); if (state.ended && state.buffer.length === 0) finish(stream); } else fill(stream);
    }
  }
  function finish(stream) {
    const state = stream._readableState;
    if (state.endEmitted || state.buffer.length) return;
    state.endEmitted = true;
    stream.readable = false;
    nextTick(() => {
      stream.emit('end');
      if (state.autoDestroy && (!stream._writableState || stream._writableState.finished)) stream.destroy();
    });
  }
  const accessor = (proto, name, get) => Object.defineProperty(proto, name, { configurable: true, get });
  function mix(proto, methods) { for (const name of Reflect.ownKeys(methods)) hidden(proto, name, methods[name]); }
  Object.setPrototypeOf(Readable.prototype, Stream.prototype);
  Object.setPrototypeOf(Readable, Stream);
  mix(Readable.prototype, base);
  mix(Readable.prototype, readable);
  function readableAccessors(proto) {
    accessor(proto, 'readableEnded', function () { return this._readableState.endEmitted; });
    accessor(proto, 'readableFlowing', function () { return this._readableState.flowing; });
    accessor(proto, 'readableLength', function () { return this._readableState.length; });
    accessor(proto, 'readableHighWaterMark', function () { return this._readableState.highWaterMark; });
    accessor(proto, 'readableObjectMode', function () { return this._readableState.objectMode; });
    accessor(proto, 'readableEncoding', function () { return this._readableState.encoding; });
  }
  readableAccessors(Readable.prototype);
  Readable.from = (source, options) => {
    const iterator = typeof source === 'string' || Buffer.isBuffer(source) ? [source][Symbol.iterator]() : (source[Symbol.asyncIterator] ?? source[Symbol.iterator]).call(source);
    return new Readable({
      objectMode: true, ...options,
      read() { Promise.resolve(iterator.next()).then(({ value, done }) => (done ? this.push(null) : Promise.resolve(value).then((item) => this.push(item))), (error) => this.destroy(error)).catch((error) => this.destroy(error)); },
    });
  };
  Readable.fromWeb = (web) => { const reader = web.getReader(); return new Readable({ read() { reader.read().then(({ value, done }) => this.push(done ? null : value), (error) => this.destroy(error)); } }); };
  Readable.toWeb = (stream) => new ReadableStream({ async start(controller) { try { for await (const chunk of stream) controller.enqueue(chunk); controller.close(); } catch (error) { controller.error(error); } } });

  // ---- Writable -----------------------------------------------------------------------------------------
  function Writable(options = {}) {
    if (!(this instanceof Writable) && !(this instanceof Duplex)) return new Writable(options);
    Stream.call(this, options);
    initWritable(this, options);
  }
  function initWritable(stream, options) {
    const objectMode = Boolean(options.objectMode || options.writableObjectMode);
    stream._writableState = { objectMode, highWaterMark: options.highWaterMark ?? (objectMode ? 16 : 65536), queue: [], length: 0, busy: false, ending: false, ended: false, finished: false, needDrain: false, corked: 0, decodeStrings: options.decodeStrings !== false, defaultEncoding: options.defaultEncoding ?? 'utf8' };
    stream.writable = true;
    stream.destroyed ??= false;
    if (typeof options.write === 'function') stream._write = options.write;
    if (typeof options.writev === 'function') stream._writev = options.writev;
    if (typeof options.final === 'function') stream._final = options.final;
    if (typeof options.destroy === 'function') stream._destroy = options.destroy;
  }
  const writable = {
    _write(chunk, encoding, callback) {
      if (this._writev) return this._writev([{ chunk, encoding }], callback);
      throw coded('ERR_METHOD_NOT_IMPLEMENTED', 'The _write() method is not implemented');
    },
    write(chunk, encoding, callback) {
      const state = this._writableState;
      if (typeof encoding === 'function') { callback = encoding; encoding = undefined; }
      if (state.ending || this.destroyed) {
        const error = coded(this.destroyed ? 'ERR_STREAM_DESTROYED' : 'ERR_STREAM_WRITE_AFTER_END', this.destroyed ? 'Cannot call write after a stream was destroyed' : 'write after end');
        nextTick(() => { if (callback) callback(error); this.emit('error', error); });
        return false;
      }
      if (chunk === null) throw Object.assign(new TypeError('May not write null values to stream'), { code: 'ERR_STREAM_NULL_VALUES' });
      if (!state.objectMode && typeof chunk === 'string' && state.decodeStrings) { chunk = Buffer.from(chunk, encoding ?? state.defaultEncoding); encoding = 'buffer'; }
      else if (!state.objectMode && typeof chunk !== 'string' && !ArrayBuffer.isView(chunk)) throw Object.assign(new TypeError(`The "chunk" argument must be of type string or an instance of Buffer, TypedArray, or DataView. Received ${lib('inspect').received(chunk)}`), { code: 'ERR_INVALID_ARG_TYPE' });
      else if (!state.objectMode && typeof chunk !== 'string' && !Buffer.isBuffer(chunk)) { chunk = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength); encoding = 'buffer'; }
      const size = state.objectMode ? 1 : chunk.length;
      state.length += size;
      state.queue.push({ chunk, encoding: encoding ?? state.defaultEncoding, callback, size });
      const room = state.length < state.highWaterMark;
      if (!room) state.needDrain = true;
      pump(this);
      return room;
    },
    end(chunk, encoding, callback) {
      if (typeof chunk === 'function') { callback = chunk; chunk = undefined; } else if (typeof encoding === 'function') { callback = encoding; encoding = undefined; }
      if (chunk !== undefined && chunk !== null) this.write(chunk, encoding);
      const state = this._writableState;
      if (callback) { if (state.finished) nextTick(callback); else this.once('finish', callback); }
      state.ending = true;
      state.corked = 0;
      pump(this);
      return this;
    },
    cork() { this._writableState.corked++; },
    uncork() { if (this._writableState.corked) this._writableState.corked--; pump(this); },
    setDefaultEncoding(encoding) { this._writableState.defaultEncoding = encoding; return this; },
  };
  function pump(stream) {
    const state = stream._writableState;
    if (state.busy || state.corked || stream.destroyed) return;
    const entry = state.queue.shift();
    if (entry === undefined) {
      if (state.ending && !state.ended) {
        state.ended = true;
        const done = (error) => {
          if (error) return stream.destroy(error);
          nextTick(() => {
            state.finished = true;
            stream.writable = false;
            stream.emit('finish');
            if (!stream._readableState || stream._readableState.endEmitted) stream.destroy();
          });
        };
        if (stream._final) { try { stream._final(done); } catch (error) { done(error); } } else done();
      }
      return;
    }
    state.busy = true;
    let called = false;
    const done = (error) => {
      if (called) return;
      called = true;
      state.busy = false;
      state.length -= entry.size;
      if (entry.callback) nextTick(entry.callback, error ?? null);
      if (error) return stream.destroy(error);
      if (state.needDrain && state.length === 0) { state.needDrain = false; nextTick(() => { if (!stream.destroyed) stream.emit('drain'); }); }
      pump(stream);
    };
    try { stream._write(entry.chunk, entry.encoding, done); } catch (error) { done(error); }
  }
  Object.setPrototypeOf(Writable.prototype, Stream.prototype);
  Object.setPrototypeOf(Writable, Stream);
  mix(Writable.prototype, base);
  mix(Writable.prototype, writable);
  function writableAccessors(proto) {
    accessor(proto, 'writableEnded', function () { return this._writableState.ending; });
    accessor(proto, 'writableFinished', function () { return this._writableState.finished; });
    accessor(proto, 'writableLength', function () { return this._writableState.length; });
    accessor(proto, 'writableHighWaterMark', function () { return this._writableState.highWaterMark; });
    accessor(proto, 'writableObjectMode', function () { return this._writableState.objectMode; });
    accessor(proto, 'writableNeedDrain', function () { return this._writableState.needDrain; });
  }
  writableAccessors(Writable.prototype);

  // ---- Duplex, Transform, PassThrough -----------------------------------------------------------------
  function Duplex(options = {}) {
    if (!(this instanceof Duplex)) return new Duplex(options);
    Stream.call(this, options);
    initReadable(this, options);
    initWritable(this, options);
    this.allowHalfOpen = options.allowHalfOpen !== false;
  }
  Object.setPrototypeOf(Duplex.prototype, Readable.prototype);
  Object.setPrototypeOf(Duplex, Readable);
  mix(Duplex.prototype, writable);
  writableAccessors(Duplex.prototype);
  Object.defineProperty(Writable, Symbol.hasInstance, { value(object) { return Function.prototype[Symbol.hasInstance].call(this, object) || (this === Writable && object !== null && typeof object === 'object' && object._writableState !== undefined && object instanceof Stream); } });
  function Transform(options = {}) {
    if (!(this instanceof Transform)) return new Transform(options);
    Duplex.call(this, options);
    if (typeof options.transform === 'function') this._transform = options.transform;
    if (typeof options.flush === 'function') this._flush = options.flush;
  }
  Object.setPrototypeOf(Transform.prototype, Duplex.prototype);
  Object.setPrototypeOf(Transform, Duplex);
  mix(Transform.prototype, {
    _transform() { throw coded('ERR_METHOD_NOT_IMPLEMENTED', 'The _transform() method is not implemented'); },
    _read() {},
    _write(chunk, encoding, callback) {
      this._transform(chunk, encoding, (error, value) => {
        if (error) return callback(error);
        if (value !== undefined && value !== null) this.push(value);
        callback();
      });
    },
    _final(callback) {
      const done = (error, value) => {
        if (error) return callback(error);
        if (value !== undefined && value !== null) this.push(value);
        this.push(null);
        callback();
      };
      if (this._flush) this._flush(done); else done();
    },
  });
  function PassThrough(options) {
    if (!(this instanceof PassThrough)) return new PassThrough(options);
    Transform.call(this, options);
  }
  Object.setPrototypeOf(PassThrough.prototype, Transform.prototype);
  Object.setPrototypeOf(PassThrough, Transform);
  hidden(PassThrough.prototype, '_transform', function (chunk, encoding, callback) { callback(null, chunk); });
  for (const kind of [Stream, Readable, Writable, Duplex, Transform, PassThrough]) hidden(kind.prototype, 'constructor', kind);

  function finished(stream, options, callback) {
    if (typeof options === 'function') { callback = options; options = {}; }
    let called = false;
    const done = (error) => { if (!called) { called = true; callback.call(stream, error); } };
    stream.on('error', done);
    let reading = stream._readableState !== undefined && !stream._readableState.endEmitted && options?.readable !== false;
    let writing = stream._writableState !== undefined && !stream._writableState.finished && options?.writable !== false;
    const check = () => { if (!reading && !writing) done(); };
    stream.on('end', () => { reading = false; check(); });
    stream.on('finish', () => { writing = false; check(); });
    stream.on('close', () => { if (reading || writing) done(coded('ERR_STREAM_PREMATURE_CLOSE', 'Premature close')); });
    if (!reading && !writing) nextTick(check);
    return () => { called = true; };
  }
  function pipeline(...streams) {
    const callback = typeof streams[streams.length - 1] === 'function' && streams.length > 1 && streams[streams.length - 1].length <= 1 && !streams[streams.length - 1][Symbol.asyncIterator] ? streams.pop() : () => {};
    if (streams.length === 1 && Array.isArray(streams[0])) streams = streams[0];
    streams = streams.map((stream, i) => {
      if (typeof stream === 'function') return i === 0 ? Readable.from(stream()) : stream;
      return stream instanceof Stream ? stream : Readable.from(stream);
    });
    let done = false;
    const end = (error, value) => {
      if (done) return;
      done = true;
      if (error) for (const stream of streams) if (stream.destroy && !stream.destroyed) { stream.on('error', () => {}); stream.destroy(); }
      callback(error, value);
    };
    let at = streams[0];
    for (let i = 1; i < streams.length; i++) {
      if (typeof streams[i] === 'function') {
        const made = streams[i](at);
        if (i === streams.length - 1 && made && typeof made.then === 'function') { made.then((value) => end(undefined, value), end); return made; }
        streams[i] = Readable.from(made);
      } else {
        at.on('error', end);
        at.pipe(streams[i]);
      }
      at = streams[i];
    }
    finished(at, { readable: false }, end);
    return at;
  }
  const promises = {
    pipeline: (...streams) => new Promise((resolve, reject) => { const options = streams[streams.length - 1]; if (options && typeof options === 'object' && !(options instanceof Stream) && 'signal' in options) streams.pop(); pipeline(...streams, (...ended) => (ended[0] ? reject(ended[0]) : resolve(ended[1]))); }),
    finished: (stream, options) => new Promise((resolve, reject) => finished(stream, options ?? {}, (error) => (error ? reject(error) : resolve()))),
  };
  hidden(pipeline, Symbol.for('nodejs.util.promisify.custom'), promises.pipeline);
  hidden(finished, Symbol.for('nodejs.util.promisify.custom'), promises.finished);
  return Object.assign(Stream, { Stream, Readable, Writable, Duplex, Transform, PassThrough, pipeline, finished, promises, addAbortSignal: (signal, stream) => { signal.addEventListener('abort', () => stream.destroy(signal.reason)); return stream; }, getDefaultHighWaterMark: (objectMode) => (objectMode ? 16 : 65536), isReadable: (s) => Boolean(s.readable), isErrored: (s) => Boolean(s.errored) });
})
