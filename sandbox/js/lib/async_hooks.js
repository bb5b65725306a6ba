// async_hooks, diagnostics_channel and perf_hooks, as far as libraries need them to be there.
(function (native) {
  'use strict';
  class AsyncResource {
    constructor(type) { this.type = type; }
    runInAsyncScope(run, self, ...args) { return run.apply(self, args); }
    emitDestroy() { return this; }
    asyncId() { return 1; }
    triggerAsyncId() { return 0; }
    bind(run) { return run; }
    static bind(run) { return run; }
  }
  // One request has one instance: a store entered stays until the request's end, or until run() returns.
  class AsyncLocalStorage {
    #store; #default;
    constructor(options) { this.#default = options?.defaultValue; }
    getStore() { return this.#store === undefined ? this.#default : this.#store; }
    enterWith(store) { this.#store = store; }
    run(store, run, ...args) {
      const before = this.#store;
      this.#store = store;
      let result;
      try { result = run(...args); } catch (error) { this.#store = before; throw error; }
      if (native.internals.isThenable(result)) return result.then((value) => { this.#store = before; return value; }, (error) => { this.#store = before; throw error; });
      this.#store = before;
      return result;
    }
    exit(run, ...args) { return this.run(undefined, run, ...args); }
    disable() { this.#store = undefined; }
    static bind(run) { return run; }
    static snapshot() { return (run, ...args) => run(...args); }
  }
  class Channel {
    constructor(name) { this.name = name; this.listeners = []; }
    get hasSubscribers() { return this.listeners.length > 0; }
    subscribe(listener) { this.listeners.push(listener); }
    unsubscribe(listener) { this.listeners = this.listeners.filter((other) => other !== listener); return true; }
    publish(message) { for (const listener of this.listeners) listener(message, this.name); }
    runStores(context, run, self, ...args) { return run.apply(self, args); }
  }
  const channels = new Map();
  const channel = (name) => {
    if (!channels.has(name)) channels.set(name, new Channel(name));
    return channels.get(name);
  };
  const diagnostics = {
    channel, Channel, hasSubscribers: (name) => channel(name).hasSubscribers, subscribe: (name, listener) => channel(name).subscribe(listener),
    unsubscribe: (name, listener) => channel(name).unsubscribe(listener),
    tracingChannel: (name) => ({ start: channel(`tracing:${name}:start`), end: channel(`tracing:${name}:end`), asyncStart: channel(`tracing:${name}:asyncStart`), asyncEnd: channel(`tracing:${name}:asyncEnd`), error: channel(`tracing:${name}:error`), hasSubscribers: false, traceSync: (run, context, self, ...args) => run.apply(self, args), tracePromise: (run, context, self, ...args) => run.apply(self, args) }),
  };
  class PerformanceObserver { observe() {} disconnect() {} }
  const perf = { performance, PerformanceObserver, constants: {}, monitorEventLoopDelay: () => ({ enable() {}, disable() {} }) };
  return {
    AsyncLocalStorage, AsyncResource, diagnostics, perf, executionAsyncId: () => 1, triggerAsyncId: () => 0, executionAsyncResource: () => ({}),
    createHook: () => ({ enable() { return this; }, disable() { return this; } }),
  };
})
