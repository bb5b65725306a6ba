// events: EventEmitter.
(function (native, lib) {
  'use strict';
  const { hidden } = native.internals;
  const errorMonitor = Symbol('events.errorMonitor'), captureRejection = Symbol.for('nodejs.rejection');
  function EventEmitter(options) {
    if (!this._events || this._events === Object.getPrototypeOf(this)._events) this._events = Object.create(null);
    this._eventsCount ??= 0;
    if (this._maxListeners === undefined) this._maxListeners = undefined;
  }
  const check = (listener) => {
    if (typeof listener !== 'function') throw Object.assign(new TypeError(`The "listener" argument must be of type function. Received ${lib('inspect').received(listener)}`), { code: 'ERR_INVALID_ARG_TYPE' });
  };
  const listOf = (emitter, name) => (emitter._events ??= Object.create(null))[name];
  function add(emitter, name, listener, first) {
    check(listener);
    const events = emitter._events ??= Object.create(null);
    if (events.newListener) emitter.emit('newListener', name, listener.listener ?? listener);
    const list = events[name] ??= [];
    events[name] = first ? [listener, ...list] : [...list, listener];
    return emitter;
  }
  function wrap(emitter, name, listener) {
    check(listener);
    function once(...args) {
      emitter.removeListener(name, once);
      return listener.apply(emitter, args);
    }
    once.listener = listener;
    return once;
  }
  Object.assign(EventEmitter.prototype, {
    _events: undefined, _eventsCount: 0, _maxListeners: undefined,
    on(name, listener) { return add(this, name, listener, false); },
    addListener(name, listener) { return add(this, name, listener, false); },
    prependListener(name, listener) { return add(this, name, listener, true); },
    once(name, listener) { return add(this, name, wrap(this, name, listener), false); },
    prependOnceListener(name, listener) { return add(this, name, wrap(this, name, listener), true); },
    removeListener(name, listener) {
      check(listener);
      const list = listOf(this, name);
      if (list === undefined) return this;
      for (let i = list.length; i--;) {
        if (list[i] !== listener && list[i].listener !== listener) continue;
        const left = list.filter((_, j) => j !== i);
        if (left.length) this._events[name] = left;
        else delete this._events[name];
        if (this._events.removeListener) this.emit('removeListener', name, listener);
        break;
      }
      return this;
    },
    off(name, listener) { return this.removeListener(name, listener); },
    removeAllListeners(name) {
      if (name === undefined) this._events = Object.create(null);
      else if (this._events) delete this._events[name];
      return this;
    },
    emit(name, ...args) {
      const list = listOf(this, name);
      if (name === 'error' && this._events[errorMonitor]) for (const listener of this._events[errorMonitor]) listener.apply(this, args);
      if (list === undefined) {
        if (name !== 'error') return false;
        const error = args[0];
        if (error instanceof Error) throw error;
        throw Object.assign(new Error(`Unhandled error. (${native.internals.builtin('util').inspect(error)})`), { code: 'ERR_UNHANDLED_ERROR', context: error });
      }
      for (const listener of list) listener.apply(this, args);
      return true;
    },
    listeners(name) { return (listOf(this, name) ?? []).map((listener) => listener.listener ?? listener); },
    rawListeners(name) { return [...(listOf(this, name) ?? [])]; },
    listenerCount(name, listener) { return (listOf(this, name) ?? []).filter((l) => listener === undefined || l === listener || l.listener === listener).length; },
    eventNames() { return this._events ? Reflect.ownKeys(this._events) : []; },
    setMaxListeners(count) { this._maxListeners = count; return this; },
    getMaxListeners() { return this._maxListeners ?? EventEmitter.defaultMaxListeners; },
  });
  for (const name of Object.keys(EventEmitter.prototype)) hidden(EventEmitter.prototype, name, EventEmitter.prototype[name]);
  EventEmitter.defaultMaxListeners = 10;
  EventEmitter.usingDomains = false;
  EventEmitter.errorMonitor = errorMonitor;
  EventEmitter.captureRejectionSymbol = captureRejection;
  EventEmitter.captureRejections = false;
  EventEmitter.EventEmitter = EventEmitter;
  EventEmitter.once = function once(emitter, name, options) {
    return new Promise((resolve, reject) => {
      if (typeof emitter.addEventListener === 'function') return emitter.addEventListener(name, (event) => resolve([event]), { once: true });
      const fail = (error) => { emitter.removeListener(name, done); reject(error); };
      const done = (...args) => { emitter.removeListener('error', fail); resolve(args); };
      emitter.once(name, done);
      if (name !== 'error') emitter.once('error', fail);
      options?.signal?.addEventListener('abort', () => {
        emitter.removeListener(name, done);
        emitter.removeListener('error', fail);
        reject(options.signal.reason);
      });
    });
  };
  EventEmitter.on = function on(emitter, name) {
    const queue = [], waiters = [];
    let failed, ended = false;
    emitter.on(name, (...args) => (waiters.length ? waiters.shift().resolve({ value: args, done: false }) : queue.push(args)));
    emitter.on('error', (error) => (waiters.length ? waiters.shift().reject(error) : (failed = error)));
    return {
      next() {
        if (queue.length) return Promise.resolve({ value: queue.shift(), done: false });
        if (failed) { const error = failed; failed = undefined; return Promise.reject(error); }
        if (ended) return Promise.resolve({ value: undefined, done: true });
        return new Promise((resolve, reject) => waiters.push({ resolve, reject }));
      },
      return() { ended = true; for (const waiter of waiters) waiter.resolve({ value: undefined, done: true }); return Promise.resolve({ value: undefined, done: true }); },
      [Symbol.asyncIterator]() { return this; },
    };
  };
  EventEmitter.listenerCount = (emitter, name) => emitter.listenerCount(name);
  EventEmitter.getEventListeners = (emitter, name) => emitter.listeners?.(name) ?? [];
  EventEmitter.setMaxListeners = () => {};
  EventEmitter.addAbortListener = (signal, listener) => {
    signal.addEventListener('abort', listener, { once: true });
    return { [Symbol.dispose ?? Symbol.for('dispose')]() { signal.removeEventListener('abort', listener); } };
  };
  EventEmitter.init = EventEmitter;
  return EventEmitter;
})
