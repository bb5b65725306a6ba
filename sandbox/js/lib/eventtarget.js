// Event, EventTarget, AbortController (DOM standard, without a tree).
(function (native) {
  'use strict';
  class Event {
    constructor(type, options = {}) {
      this.type = String(type);
      this.bubbles = Boolean(options.bubbles);
      this.cancelable = Boolean(options.cancelable);
      this.defaultPrevented = false;
      this.target = this.currentTarget = null;
      this.timeStamp = performance.now();
    }
    preventDefault() { if (this.cancelable) this.defaultPrevented = true; }
    stopPropagation() {}
    stopImmediatePropagation() { this.stopped = true; }
  }
  class CustomEvent extends Event { constructor(type, options = {}) { super(type, options); this.detail = options.detail ?? null; } }
  class MessageEvent extends Event { constructor(type, options = {}) { super(type, options); this.data = options.data ?? null; } }
  class EventTarget {
    #listeners = new Map();
    addEventListener(type, listener, options) {
      if (!listener) return;
      const list = this.#listeners.get(type) ?? [];
      if (list.some((entry) => entry.listener === listener)) return;
      this.#listeners.set(type, [...list, { listener, once: typeof options === 'object' && options !== null && Boolean(options.once) }]);
      options?.signal?.addEventListener('abort', () => this.removeEventListener(type, listener));
    }
    removeEventListener(type, listener) {
      this.#listeners.set(type, (this.#listeners.get(type) ?? []).filter((entry) => entry.listener !== listener));
    }
    dispatchEvent(event) {
      event.target = event.currentTarget = this;
      const handler = this['on' + event.type];
      if (typeof handler === 'function') handler.call(this, event);
      for (const entry of this.#listeners.get(event.type) ?? []) {
        if (event.stopped) break;
        if (entry.once) this.removeEventListener(event.type, entry.listener);
        if (typeof entry.listener === 'function') entry.listener.call(this, event);
        else entry.listener.handleEvent(event);
      }
      return !event.defaultPrevented;
    }
  }
  const KEY = Symbol('abort');
  class AbortSignal extends EventTarget {
    constructor(key) {
      super();
      if (key !== KEY) throw new TypeError('Illegal constructor');
      this.aborted = false;
      this.reason = undefined;
      this.onabort = null;
    }
    throwIfAborted() { if (this.aborted) throw this.reason; }
    static abort(reason) { return abort(new AbortSignal(KEY), reason); }
    static timeout(delay) {
      const signal = new AbortSignal(KEY);
      setTimeout(() => abort(signal, new DOMException('The operation was aborted due to timeout', 'TimeoutError')), delay).unref();
      return signal;
    }
    static any(signals) {
      const signal = new AbortSignal(KEY);
      for (const other of signals) {
        if (other.aborted) return abort(signal, other.reason);
        other.addEventListener('abort', () => abort(signal, other.reason), { once: true });
      }
      return signal;
    }
    get [Symbol.toStringTag]() { return 'AbortSignal'; }
  }
  function abort(signal, reason) {
    if (signal.aborted) return signal;
    signal.aborted = true;
    signal.reason = reason === undefined ? new DOMException('This operation was aborted', 'AbortError') : reason;
    signal.dispatchEvent(new Event('abort'));
    return signal;
  }
  class AbortController {
    #signal = new AbortSignal(KEY);
    get signal() { return this.#signal; }
    abort(reason) { abort(this.#signal, reason); }
    get [Symbol.toStringTag]() { return 'AbortController'; }
  }
  class MessagePort extends EventTarget {
    #other;
    #started = false;
    #waiting = [];
    #listener = null;
    constructor(key) { super(); if (key !== KEY) throw new TypeError('Illegal constructor'); }
    static pair() {
      const ports = [new MessagePort(KEY), new MessagePort(KEY)];
      [ports[0].#other, ports[1].#other] = [ports[1], ports[0]];
      return ports;
    }
    get onmessage() { return this.#listener; }
    set onmessage(listener) { this.#listener = listener; this.start(); }
    postMessage(value) {
      const to = this.#other;
      if (!to) return;
      const data = structuredClone(value);
      if (to.#started) to.#deliver(data);
      else to.#waiting.push(data);
    }
    #deliver(data) {
      setImmediate(() => {
        const event = new MessageEvent('message', { data });
        this.#listener?.call(this, event);
        this.dispatchEvent(event);
      });
    }
    start() { this.#started = true; for (const data of this.#waiting.splice(0)) this.#deliver(data); }
    on(name, listener) { this.addEventListener(name, (event) => listener(event.data)); if (name === 'message') this.start(); return this; }
    once(name, listener) { this.addEventListener(name, (event) => listener(event.data), { once: true }); if (name === 'message') this.start(); return this; }
    close() { if (this.#other) this.#other.#other = undefined; this.#other = undefined; }
    ref() {} unref() {}
    get [Symbol.toStringTag]() { return 'MessagePort'; }
  }
  const pair = MessagePort.pair;
  delete MessagePort.pair;
  class MessageChannel { constructor() { [this.port1, this.port2] = pair(); } }
  return { MessageChannel, MessagePort, Event, CustomEvent, MessageEvent, EventTarget, AbortController, AbortSignal };
})
