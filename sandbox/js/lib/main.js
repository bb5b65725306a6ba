// The part of the library that every image holds: entry points, module loading, console, timers, process.
// Everything else is a chunk, loaded when first touched (before the image is taken, when the build's scan saw it).
(function (native) {
  'use strict';

  const chunks = Object.create(null);
  function lib(name) {
    let chunk = chunks[name];
    if (chunk === undefined) chunk = chunks[name] = native.load('lib:' + name)(native, lib);
    return chunk;
  }

  const hidden = (object, name, value) =>
    Object.defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });

  // ---- errors: stacks begin with the error's own line, as V8's do ----------------------------

  const frames = Object.getOwnPropertyDescriptor(Error.prototype, 'stack');
  const captureFrames = Error.captureStackTrace;
  const heading = (error) => {
    const name = error.name === undefined ? 'Error' : String(error.name);
    const message = error.message === undefined ? '' : String(error.message);
    return message === '' ? name : name === '' ? message : name + ': ' + message;
  };
  Object.defineProperty(Error.prototype, 'stack', {
    configurable: true,
    enumerable: false,
    get() {
      const lines = frames.get.call(this);
      if (typeof Error.prepareStackTrace === 'function') return lines; // it wrote the whole text
      return typeof lines === 'string' ? (heading(this) + '\n' + lines).trimEnd() : lines;
    },
    set(value) {
      frames.set.call(this, value);
      if (Object.prototype.hasOwnProperty.call(this, 'stack') === false) hidden(this, 'stack', value);
    },
  });
  hidden(Error, 'captureStackTrace', function captureStackTrace(target, above) {
    captureFrames(target, above === undefined ? captureStackTrace : above);
    const own = Object.getOwnPropertyDescriptor(target, 'stack');
    if (own && typeof own.value === 'string' && typeof Error.prepareStackTrace !== 'function') hidden(target, 'stack', (heading(target) + '\n' + own.value).trimEnd());
  });

  // Call sites as V8's, for what sets Error.prepareStackTrace (depd, source-map-support): what cannot be known is null.
  Error.prepareStackTrace = (error, sites) => sites;
  const site = Object.getPrototypeOf(new Error('').stack[0]);
  Error.prepareStackTrace = undefined;
  for (const [name, value] of Object.entries({
    getThis: undefined, getTypeName: null, getMethodName: null, getEvalOrigin: undefined, getPromiseIndex: null,
    getScriptHash: '', isEval: false, isToplevel: true, isAsync: false, isPromiseAll: false,
  })) hidden(site, name, { [name]() { return value; } }[name]);
  for (const name of ['getFileName', 'getLineNumber', 'getColumnNumber', 'getFunctionName']) {
    const get = site[name];
    hidden(site, name, { [name]() { const value = get.call(this); return value === undefined || value === '' || value === -1 ? null : value; } }[name]);
  }
  for (const [name, other] of [['getScriptNameOrSourceURL', 'getFileName'], ['getEnclosingLineNumber', 'getLineNumber'], ['getEnclosingColumnNumber', 'getColumnNumber'], ['getPosition', 'getColumnNumber']])
    hidden(site, name, { [name]() { return this[other](); } }[name]);
  hidden(site, 'toString', function toString() {
    const name = this.getFunctionName(), place = this.isNative() ? 'native' : `${this.getFileName() ?? '<anonymous>'}:${this.getLineNumber()}:${this.getColumnNumber()}`;
    return name ? `${name} (${place})` : place;
  });

  function describe(error) {
    if (error !== null && typeof error === 'object') {
      let message, stack;
      try { message = heading(error); } catch { message = 'an error whose message cannot be read'; }
      if (!(error instanceof Error) && error.message === undefined) message = lib('inspect').inspect(error);
      try { stack = error.stack; } catch { stack = ''; }
      if (typeof stack !== 'string') stack = '';
      if (stack !== '' && !stack.startsWith(message)) stack = message + '\n' + stack;
      let code;
      try { code = error.code; } catch { code = undefined; }
      return { message, stack, code: typeof code === 'string' ? code : undefined, fact: error[forbidden] };
    }
    return { message: typeof error === 'string' ? error : lib('inspect').inspect(error), stack: '' };
  }
  const forbidden = Symbol('forbidden');

  // ---- host operations ------------------------------------------------------------------------

  const waiting = new Map();
  const text = (buffer) => native.decode(new Uint8Array(buffer), 0, 0, buffer.byteLength);

  // An operation that may wait: a promise for the answer's bytes.
  // `grip.cancel(reason)` ends it when the caller gives up.
  function ask(name, payload, grip) {
    return new Promise((resolve, reject) => {
      const answer = native.call(name, payload);
      if (typeof answer !== 'number') return resolve(new Uint8Array(answer));
      waiting.set(answer, { resolve, reject });
      if (grip) grip.cancel = (reason) => {
        if (!waiting.delete(answer)) return;
        native.forget(answer);
        reject(reason);
      };
    });
  }
  // An operation that answers at once.
  const call = (name, payload) => new Uint8Array(native.call(name, payload));

  // ---- ticks, timers ----------------------------------------------------------------------------

  const tickQueue = [];
  function nextTick(callback, ...args) {
    if (typeof callback !== 'function') throw new TypeError('The "callback" argument must be of type function');
    tickQueue.push(args.length ? () => callback(...args) : callback);
    native.ticks();
  }
  function ticks() {
    while (tickQueue.length) tickQueue.shift()();
  }

  let timers = [], timerCount = 0, immediates = [];
  class Timeout {
    constructor(callback, delay, args, repeat) {
      delay = +delay;
      if (!(delay >= 1 && delay <= 2147483647)) delay = 1;
      this._onTimeout = callback;
      this._idleTimeout = delay;
      this._repeat = repeat ? delay : null;
      hidden(this, '_args', args);
      hidden(this, '_id', ++timerCount);
      hidden(this, '_ref', true);
      arm(this);
    }
    ref() { this._ref = true; schedule(); return this; }
    unref() { this._ref = false; schedule(); return this; }
    hasRef() { return this._ref; }
    refresh() { disarm(this); arm(this); return this; }
    close() { disarm(this); return this; }
    [Symbol.toPrimitive]() { return this._id; }
  }
  function schedule() {
    native.timer(immediates.length ? 0 : timers.length ? timers[0]._when : -1, immediates.length > 0 || timers.some((t) => t._ref));
  }
  function arm(timer) {
    timer._when === undefined && hidden(timer, '_when', 0);
    timer._when = Date.now() + timer._idleTimeout;
    let at = timers.length;
    while (at > 0 && timers[at - 1]._when > timer._when) at--;
    timers.splice(at, 0, timer);
    schedule();
  }
  function disarm(timer) {
    const at = timers.indexOf(timer);
    if (at >= 0) timers.splice(at, 1);
    schedule();
  }
  const mustBeFunction = (callback) => {
    if (typeof callback !== 'function') {
      const error = new TypeError('The "callback" argument must be of type function. Received ' + String(callback));
      error.code = 'ERR_INVALID_ARG_TYPE';
      throw error;
    }
  };
  function setTimeout(callback, delay, ...args) {
    mustBeFunction(callback);
    return new Timeout(callback, delay, args, false);
  }
  function setInterval(callback, delay, ...args) {
    mustBeFunction(callback);
    return new Timeout(callback, delay, args, true);
  }
  function clearTimeout(timer) {
    if (timer === undefined || timer === null) return;
    if (typeof timer === 'object') disarm(timer);
    else disarm(timers.find((t) => t._id === Number(timer)));
  }
  class Immediate {
    constructor(callback, args) { hidden(this, '_run', () => callback(...args)); }
    ref() { return this; }
    unref() { return this; }
    hasRef() { return true; }
  }
  function setImmediate(callback, ...args) {
    mustBeFunction(callback);
    const immediate = new Immediate(callback, args);
    immediates.push(immediate);
    schedule();
    return immediate;
  }
  function clearImmediate(immediate) {
    immediates = immediates.filter((other) => other !== immediate);
    schedule();
  }
  // One timer at a time, microtasks between them, as Node does: the host asks again when more are due.
  function fire() {
    if (immediates.length) {
      const immediate = immediates.shift();
      schedule();
      immediate._run();
      return;
    }
    const timer = timers[0];
    if (timer === undefined || timer._when > Date.now()) return schedule();
    timers.shift();
    if (timer._repeat !== null) arm(timer);
    else schedule();
    timer._onTimeout(...timer._args);
  }

  function resume(number, failed, bytes) {
    if (number === 0) return fire();
    const waiter = waiting.get(number);
    if (waiter === undefined) return;
    waiting.delete(number);
    if (failed) waiter.reject(new Error(text(bytes)));
    else waiter.resolve(new Uint8Array(bytes));
  }

  // ---- console ----------------------------------------------------------------------------------

  const LEVELS = { debug: 0, info: 1, warn: 2, error: 3 };
  let indent = '';
  const counts = Object.create(null), clocks = Object.create(null);
  function format(args) {
    if (args.length === 1 && typeof args[0] === 'string') return args[0];
    return lib('inspect').formatWithOptions({}, ...args);
  }
  function write(level, args) {
    let line = format(args);
    if (indent) line = indent + line.replaceAll('\n', '\n' + indent);
    native.log(level, line);
  }
  const console = {
    log(...args) { write(1, args); },
    warn(...args) { write(2, args); },
    dir(value, options) { write(1, [lib('inspect').inspect(value, options)]); },
    time(label = 'default') { clocks[label] = Date.now(); },
    timeEnd(label = 'default') { console.timeLog(label); delete clocks[label]; },
    timeLog(label = 'default', ...args) {
      if (label in clocks) write(1, [`${label}: ${Date.now() - clocks[label]}ms`, ...args]);
    },
    trace(...args) {
      const holder = { name: 'Trace', message: args.length ? format(args) : '' };
      captureFrames(holder, console.trace);
      write(3, [(heading(holder) + '\n' + holder.stack).trimEnd()]);
    },
    assert(condition, ...args) {
      if (condition) return;
      if (typeof args[0] === 'string') args[0] = 'Assertion failed: ' + args[0];
      else args.unshift('Assertion failed');
      write(2, args);
    },
    clear() {},
    count(label = 'default') { write(1, [`${label}: ${(counts[label] = (counts[label] || 0) + 1)}`]); },
    countReset(label = 'default') { delete counts[label]; },
    group(...args) {
      if (args.length) write(1, args);
      indent += '  ';
    },
    groupEnd() { indent = indent.slice(2); },
    table(rows, columns) { write(1, [lib('inspect').table(rows, columns)]); },
    debug(...args) { write(0, args); },
    info(...args) { write(1, args); },
    dirxml(...args) { write(1, args); },
    error(...args) { write(3, args); },
    groupCollapsed(...args) { console.group(...args); },
  };

  // ---- process ----------------------------------------------------------------------------------

  let environment;
  const asText = (target, name, value) => { target[name] = String(value); return true; }; // as every environment's
  const env = () => {
    if (environment === undefined) environment = new Proxy(JSON.parse(text(native.call('env', ''))), { set: asText, defineProperty: (target, name, { value }) => asText(target, name, value) });
    return environment;
  };
  const began = () => Date.now() - performance.now();
  const stream = (level) => ({
    fd: level === 1 ? 1 : 2,
    isTTY: false,
    columns: 80,
    writable: true,
    write(chunk, encoding, callback) {
      const line = typeof chunk === 'string' ? chunk : native.decode(chunk, 0, 0, chunk.length);
      native.log(level, line.endsWith('\n') ? line.slice(0, -1) : line);
      if (typeof encoding === 'function') callback = encoding;
      if (callback) nextTick(callback);
      return true;
    },
    end(chunk) { if (chunk) this.write(chunk); },
    on() { return this; }, once() { return this; }, off() { return this; }, removeListener() { return this; },
    emit() { return false; }, hasColors() { return false; }, getColorDepth() { return 1; },
  });
  const versions = Object.freeze({ node: '20.18.0', quickjs: '0.17.0', v8: '0.0.0', modules: '115' });
  function hrtime(before) {
    const now = Date.now();
    let seconds = Math.floor(now / 1000), nanos = (now % 1000) * 1e6;
    if (before) {
      seconds -= before[0];
      nanos -= before[1];
      if (nanos < 0) { seconds--; nanos += 1e9; }
    }
    return [seconds, nanos];
  }
  hrtime.bigint = () => BigInt(Date.now()) * 1000000n;
  const process = {
    title: 'node', version: 'v20.18.0', versions, arch: 'wasm32', platform: 'linux', pid: 1, ppid: 0,
    release: { name: 'node', lts: 'Iron' }, argv: ['/usr/bin/node', '/var/task/index.js'], execArgv: [],
    execPath: '/usr/bin/node', exitCode: undefined, config: {}, features: {}, debugPort: 9229,
    stdout: stream(1), stderr: stream(3), stdin: { isTTY: false, fd: 0, on() { return this; } },
    nextTick, hrtime,
    cwd() { return '/var/task'; },
    chdir() { throw notHere('process.chdir'); },
    umask() { return 18; },
    uptime() { return performance.now() / 1000; },
    memoryUsage: Object.assign(() => ({ rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 }), { rss: () => 0 }),
    cpuUsage() { return { user: 0, system: 0 }; },
    getuid() { return 993; }, geteuid() { return 993; }, getgid() { return 990; }, getegid() { return 990; },
    emitWarning(warning) { write(2, ['(node) ' + (warning && warning.stack ? warning.stack : 'Warning: ' + warning)]); },
    exit(code) {
      const error = new Error('process.exit(' + (code === undefined ? '' : code) + ') was called');
      native.fail(error);
      throw error;
    },
    abort() { process.exit(134); },
    kill() { throw notHere('process.kill'); },
    binding() { throw notHere('process.binding'); },
  };
  // A process is an emitter whose events never come.
  for (const name of ['on', 'once', 'off', 'addListener', 'removeListener', 'removeAllListeners', 'prependListener',
    'setMaxListeners']) process[name] = function () { return this; };
  process.emit = () => false;
  process.listeners = () => [];
  process.listenerCount = () => 0;
  Object.defineProperty(process, 'env', {
    configurable: true, enumerable: true,
    get: () => env(),
    set: (value) => { environment = value; },
  });
  Object.defineProperty(process, Symbol.toStringTag, { value: 'process', configurable: true });

  function notHere(what) {
    const error = new Error(what + ' is not available in an edge function');
    error.code = 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM';
    return error;
  }

  // ---- built-in modules ---------------------------------------------------------------------------

  const from = (chunk, name) => () => (name === undefined ? lib(chunk) : lib(chunk)[name]);
  const absent = (name, functions) => () => lib('absent')(name, functions);
  const builtins = {
    __proto__: null,
    assert: from('assert'), 'assert/strict': from('assert', 'strict'),
    async_hooks: from('async_hooks'), buffer: from('buffer'), cloudfront: from('cloudfront', 'module'),
    console: () => console, constants: () => lib('os').constants.signals, crypto: from('crypto'),
    diagnostics_channel: from('async_hooks', 'diagnostics'), domain: absent('domain', 'create'),
    events: from('events'), fs: from('fs'), 'fs/promises': from('fs', 'promises'),
    http: from('http'), https: from('http', 'https'), module: () => Module, os: from('os'), path: from('path'),
    'path/posix': from('path'), 'path/win32': from('path', 'win32'), perf_hooks: from('async_hooks', 'perf'), process: () => process,
    punycode: from('punycode'), querystring: from('querystring'), stream: from('stream'),
    'stream/promises': from('stream', 'promises'), 'stream/web': from('absent', 'streamWeb'),
    string_decoder: from('string_decoder'), sys: from('util'), timers: () => timersModule,
    'timers/promises': () => timersPromises, tty: absent('tty', 'isatty ReadStream WriteStream'),
    url: from('url'), util: from('util'), 'util/types': from('util', 'types'), zlib: from('zlib'),
    child_process: absent('child_process', 'ChildProcess exec execFile execFileSync execSync fork spawn spawnSync'),
    cluster: absent('cluster', 'fork setupPrimary setupMaster'),
    dgram: absent('dgram', 'Socket createSocket'),
    dns: absent('dns', 'Resolver lookup lookupService resolve resolve4 resolve6 resolveCname resolveTxt reverse setServers getServers'),
    'dns/promises': absent('dns/promises', 'Resolver lookup resolve resolve4 resolve6 resolveTxt reverse'),
    http2: absent('http2', 'connect createServer createSecureServer Http2ServerRequest Http2ServerResponse'),
    inspector: absent('inspector', 'Session open close url'),
    net: absent('net', 'Socket Server Stream connect createConnection createServer isIP isIPv4 isIPv6'),
    readline: absent('readline', 'Interface createInterface clearLine cursorTo moveCursor'),
    repl: absent('repl', 'start REPLServer'),
    tls: absent('tls', 'TLSSocket Server connect createServer createSecureContext checkServerIdentity'),
    v8: absent('v8', 'serialize deserialize getHeapStatistics setFlagsFromString writeHeapSnapshot'),
    vm: absent('vm', 'Script createContext runInContext runInNewContext runInThisContext isContext compileFunction'),
    wasi: absent('wasi', 'WASI'),
    worker_threads: absent('worker_threads', 'Worker MessageChannel MessagePort BroadcastChannel'),
  };
  const builtinName = (specifier) => {
    const name = specifier.startsWith('node:') ? specifier.slice(5) : specifier;
    return name in builtins ? name : undefined;
  };
  const IN_LAMBDA = /^(?:@aws-sdk\/|aws-sdk(?:\/|$))/; // what Lambda's runtimes bring; a deployed one goes before
  const loaded = Object.create(null);
  function builtin(name) {
    if (IN_LAMBDA.test(name)) return lib('aws')(name, options?.aws?.[name] ?? []);
    if (name in loaded) return loaded[name];
    return (loaded[name] = builtins[name]());
  }
  const timersPromises = {
    setTimeout: (delay, value) => new Promise((resolve) => setTimeout(resolve, delay, value)),
    setImmediate: (value) => new Promise((resolve) => setImmediate(resolve, value)),
    scheduler: { wait: (delay) => new Promise((resolve) => setTimeout(resolve, delay)) },
  };
  const timersModule = {
    setTimeout, clearTimeout, setInterval, clearInterval: clearTimeout, setImmediate, clearImmediate,
    promises: timersPromises,
  };

  // ---- modules: Node's resolution over the deployed files ------------------------------------------

  const ROOT = '/var/task/';
  let files; // path → 1 (CommonJS), 2 (ES module), 0 (data)
  const kindOf = (path) => {
    if (files === undefined) files = Object.assign(Object.create(null), JSON.parse(text(native.call('files', ''))));
    return files[path];
  };
  const fileText = (path) => text(native.call('file', path));
  function join(base, relative) {
    const parts = relative.startsWith('/') ? [] : base.split('/');
    for (const part of relative.split('/')) {
      if (part === '..') parts.pop();
      else if (part !== '.' && part !== '') parts.push(part);
    }
    return '/' + parts.filter((part) => part !== '').join('/');
  }
  const folderOf = (path) => path.slice(0, path.lastIndexOf('/'));
  const manifests = Object.create(null);
  function manifest(folder) {
    const path = folder + '/package.json';
    if (kindOf(path) === undefined) return undefined;
    if (!(path in manifests)) manifests[path] = JSON.parse(fileText(path));
    return manifests[path];
  }
  function asFile(path) {
    if (kindOf(path) !== undefined) return path;
    for (const ending of ['.js', '.json', '.cjs', '.mjs']) if (kindOf(path + ending) !== undefined) return path + ending;
  }
  function asFolder(path) {
    const main = manifest(path)?.main;
    if (typeof main === 'string') {
      const target = join(path, main);
      const found = asFile(target) ?? asFile(target + '/index');
      if (found !== undefined) return found;
    }
    return asFile(path + '/index');
  }
  function condition(target, wanted) {
    if (typeof target === 'string') return target;
    if (Array.isArray(target)) {
      for (const item of target) {
        const found = condition(item, wanted);
        if (found !== undefined) return found;
      }
    } else if (target !== null && typeof target === 'object') {
      for (const key of Object.keys(target)) {
        if (!wanted.includes(key)) continue;
        const found = condition(target[key], wanted);
        if (found !== undefined) return found;
      }
    }
  }
  function exported(folder, map, subpath, wanted) {
    if (typeof map === 'string' || Array.isArray(map) || !Object.keys(map).some((key) => key.startsWith('.'))) map = { '.': map };
    let found = map[subpath] === undefined ? undefined : condition(map[subpath], wanted);
    if (found === undefined) {
      let best = '';
      for (const key of Object.keys(map)) {
        const star = key.indexOf('*');
        if (star < 0 || key.length < best.length) continue;
        const head = key.slice(0, star), tail = key.slice(star + 1);
        if (!subpath.startsWith(head) || !subpath.endsWith(tail) || subpath.length < key.length) continue;
        const target = condition(map[key], wanted);
        if (target !== undefined) {
          best = key;
          found = target.replaceAll('*', subpath.slice(head.length, subpath.length - tail.length));
        }
      }
    }
    return found === undefined ? undefined : join(folder, found);
  }
  function packageFile(base, specifier, wanted) {
    const parts = specifier.split('/');
    const name = specifier.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0];
    const rest = specifier.slice(name.length);
    for (let folder = base; ; folder = folderOf(folder)) {
      const home = folder + '/node_modules/' + name;
      const info = manifest(home);
      if (info !== undefined && info.exports !== undefined && info.exports !== null) {
        const found = exported(home, info.exports, '.' + rest, wanted);
        if (found !== undefined && kindOf(found) !== undefined) return found;
      }
      const found = rest === '' ? asFolder(home) : (asFile(home + rest) ?? asFolder(home + rest));
      if (found !== undefined) return found;
      if (info !== undefined && info.name === name && folder === base) break;
      if (folder === '') break;
    }
  }
  // A built-in's "node:name", or the path of a deployed file.
  function resolve(base, specifier, importing) {
    const name = builtinName(specifier);
    if (name !== undefined) return 'node:' + name;
    const folder = folderOf(base);
    let found;
    if (specifier.startsWith('file://')) specifier = specifier.slice(7);
    if (specifier.startsWith('.') || specifier.startsWith('/')) {
      const path = join(folder, specifier);
      found = (specifier.endsWith('/') ? undefined : asFile(path)) ?? asFolder(path);
    } else if (specifier.startsWith('#')) {
      for (let at = folder; ; at = folderOf(at)) {
        const info = manifest(at);
        if (info?.imports) {
          const target = condition(info.imports[specifier], importing ? IMPORT : REQUIRE);
          if (target !== undefined) return target.startsWith('.') ? join(at, target) : resolve(base, target, importing);
        }
        if (at === '') break;
      }
    } else {
      found = packageFile(folder, specifier, importing ? IMPORT : REQUIRE);
    }
    if (found !== undefined) return found;
    if (IN_LAMBDA.test(specifier)) return 'node:' + specifier;
    const error = new Error(`Cannot find module '${specifier}'\nRequire stack:\n- ${base}`);
    error.code = importing ? 'ERR_MODULE_NOT_FOUND' : 'MODULE_NOT_FOUND';
    error[forbidden] = specifier;
    throw error;
  }
  const IMPORT = ['node', 'import', 'module', 'default'], REQUIRE = ['node', 'require', 'default'];

  class Module {
    constructor(id, parent) {
      this.id = id;
      this.path = folderOf(id);
      this.exports = {};
      this.filename = id;
      this.loaded = false;
      this.children = [];
      this.paths = [];
      hidden(this, 'parent', parent);
    }
    require(specifier) { return require_(this, specifier); }
    static get builtinModules() { return Object.keys(builtins); }
    static isBuiltin(name) { return builtinName(name) !== undefined; }
    static createRequire(base) { return requireOf(new Module(String(base).replace(/^file:\/\//, ''), null)); }
  }
  Module.Module = Module;
  Module._extensions = Object.create(null);
  Module._cache = Object.create(null);
  const cache = Module._cache;
  let entryReturned;

  function requireOf(module) {
    const require = (specifier) => require_(module, specifier);
    require.resolve = (specifier) => {
      const path = resolve(module.id, specifier, false);
      return path.startsWith('node:') ? path.slice(5) : path;
    };
    require.cache = cache;
    require.main = cache[mainPath];
    return require;
  }
  let mainPath;
  function require_(parent, specifier) {
    if (typeof specifier !== 'string') throw new TypeError('The "id" argument must be of type string');
    const path = resolve(parent.id, specifier, false);
    return path.startsWith('node:') ? builtin(path.slice(5)) : load(path, parent).exports;
  }
  function load(path, parent) {
    const known = cache[path];
    if (known !== undefined) return known;
    const module = new Module(path, parent);
    cache[path] = module;
    try {
      if (path.endsWith('.json')) {
        module.exports = JSON.parse(fileText(path));
      } else if (kindOf(path) === 2) {
        module.exports = requireModule(path);
      } else {
        const returned = native.load(path).call(module.exports, module.exports, requireOf(module), module, path, module.path);
        if (path === mainPath) entryReturned = returned;
      }
    } catch (error) {
      delete cache[path];
      throw error;
    }
    module.loaded = true;
    return module;
  }
  // require() of an ES module: allowed when it has no top-level await (Node 22).
  function requireModule(path) {
    const [state, value] = native.evaluate(path);
    if (state === 1) return value;
    if (state === 2) throw value;
    const error = new Error(`require() of ${path}: the module awaits at its top level; use import()`);
    error.code = 'ERR_REQUIRE_ASYNC_MODULE';
    throw error;
  }
  // The object whose names are the exports of what ES code imports; undefined: an ES module, the engine loads it.
  function importHook(name) {
    if (!name.startsWith('node:') && kindOf(name) === 2) return undefined;
    const value = name.startsWith('node:') ? builtin(name.slice(5)) : load(name, null).exports;
    const names = { default: value };
    if (value !== null && (typeof value === 'object' || typeof value === 'function')) {
      const own = typeof value === 'function' ? Object.getOwnPropertyNames(value).filter((key) => !/^(?:length|name|prototype|arguments|caller)$/.test(key)) : Object.keys(value);
      for (const key of own) if (key !== 'default') names[key] = value[key];
      if (value.__esModule && 'default' in value && !name.startsWith('node:')) names.default = value;
    }
    return names;
  }

  // ---- the function ---------------------------------------------------------------------------------

  const NOTHING = 0, LAMBDA = 1, CLOUDFRONT = 2;
  let api = NOTHING, handler, options, namespace;

  // Load the function: module scope runs here. Returns what was found, for the build's facts.
  function build(wanted) {
    options = wanted;
    mainPath = wanted.entry;
    for (const name of options.chunks) touch(name);
    if (wanted.lazy) return null; // module scope runs in each request
    return prepare();
  }
  function prepare() {
    if (kindOf(mainPath) === 2) {
      return native.module(mainPath).then(found);
    }
    return found(load(mainPath, null).exports);
  }
  function touch(name) {
    if (name.startsWith('.')) globalThis[name.slice(1)];
    else lib(name);
  }
  function found(exports) {
    const name = options.handler;
    if (options.only && exports && exports[name] === undefined && exports.default === undefined) {
      const functions = Object.keys(exports).filter((key) => typeof exports[key] === 'function');
      if (functions.length === 1 && typeof entryReturned !== 'function' && !exports['edgefaas handler']) return use(exports[functions[0]], functions[0]);
    }
    let value = exports === null || exports === undefined ? undefined : exports[name];
    if (value === undefined && exports && exports.default && typeof exports.default === 'object') value = exports.default[name];
    if (typeof value !== 'function' && typeof exports === 'function' && name === 'handler') value = exports;
    if (typeof value !== 'function' && name === 'handler' && exports && typeof exports.default === 'function') value = exports.default;
    const given = typeof value === 'function';
    if (!given) value = typeof entryReturned === 'function' ? entryReturned : exports && exports['edgefaas handler'];
    if (typeof value !== 'function') return { handler: null, names: exports ? Object.keys(exports) : [] };
    handler = value;
    const plain = typeof entryReturned === 'function' && entryReturned === value;
    const records = options.records;
    api = options.cloudfront || (given ? plain && !records && options.plainEvent : true) ? CLOUDFRONT : LAMBDA;
    if (!given && records && !options.cloudfront) api = LAMBDA;
    return { handler: name, api: api === LAMBDA ? 'lambda-edge' : 'cloudfront-functions' };
  }

  // The one function that a file exports is its handler, whatever it is called.
  function use(only, name) {
    handler = only;
    api = options.cloudfront ? CLOUDFRONT : LAMBDA;
    return { handler: name, api: api === LAMBDA ? 'lambda-edge' : 'cloudfront-functions' };
  }

  // The event has the members of a query, not its text: names that come again stand together here.
  const rawQuery = (members) => function rawQueryString() {
    const parts = [];
    for (const name of Object.keys(members ?? {})) for (const { value } of members[name].multiValue ?? [members[name]]) parts.push(name + '=' + value);
    return parts.length ? parts.join('&') : undefined;
  };

  class Context {
    constructor(event) {
      this.callbackWaitsForEmptyEventLoop = true;
      hidden(this, '_event', event);
    }
    get awsRequestId() {
      try { return this._event.Records[0].cf.config.requestId || ''; } catch { return ''; }
    }
    get functionName() { return env().AWS_LAMBDA_FUNCTION_NAME || 'function'; }
    get functionVersion() { return env().AWS_LAMBDA_FUNCTION_VERSION || '1'; }
    get memoryLimitInMB() { return env().AWS_LAMBDA_FUNCTION_MEMORY_SIZE || '128'; }
    get invokedFunctionArn() { return 'arn:aws:lambda:us-east-1:000000000000:function:' + this.functionName; }
    get logGroupName() { return '/aws/lambda/us-east-1.' + this.functionName; }
    get logStreamName() { return this.awsRequestId; }
    getRemainingTimeInMillis() { return Number(text(native.call('remaining', ''))); }
    done(error, value) { callback(error, value); }
    succeed(value) { callback(null, value); }
    fail(error) { callback(error === undefined ? 'handled' : error); }
  }
  for (const name of ['awsRequestId', 'functionName', 'functionVersion', 'memoryLimitInMB', 'invokedFunctionArn',
    'logGroupName', 'logStreamName'])
    Object.defineProperty(Context.prototype, name,
      { ...Object.getOwnPropertyDescriptor(Context.prototype, name), enumerable: true });

  // Written or shown it has all members, as Lambda's has; made only then, since the environment may be read for it.
  const allOf = (context) => {
    const all = { callbackWaitsForEmptyEventLoop: context.callbackWaitsForEmptyEventLoop };
    for (const name of ['functionVersion', 'functionName', 'memoryLimitInMB', 'logGroupName', 'logStreamName', 'invokedFunctionArn', 'awsRequestId']) all[name] = context[name];
    return Object.assign(all, context);
  };
  hidden(Context.prototype, 'toJSON', function toJSON() { return allOf(this); });
  hidden(Context.prototype, Symbol.for('nodejs.util.inspect.custom'), function (depth, options, inspect) {
    return inspect(Object.assign(allOf(this), { getRemainingTimeInMillis: this.getRemainingTimeInMillis }), options);
  });

  let running;
  function callback(error, value) {
    if (error !== undefined && error !== null) return native.fail(error);
    if (running.callbackWaitsForEmptyEventLoop) native.hold(value);
    else native.finish(value);
  }

  function start(event) {
    if (api === CLOUDFRONT) {
      if (options.rawQuery && event !== null && typeof event.request === 'object') hidden(event.request, 'rawQueryString', rawQuery(event.request.querystring));
      const returned = handler(event);
      if (chunks.cloudfront === undefined) return returned;
      return isThenable(returned) ? returned.then(chunks.cloudfront.decorate) : chunks.cloudfront.decorate(returned);
    }
    if (api === LAMBDA) {
      running = new Context(event);
      const returned = handler(event, running, callback);
      if (isThenable(returned)) return returned instanceof Promise ? returned : Promise.resolve(returned);
      return handler.length > 2 ? undefined : returned;
    }
    // Module scope needs what only a request has (environment, host operations): it runs now.
    const ready = prepare();
    const go = (facts) => {
      if (facts.handler === null) throw new Error(`the function exports no "${options.handler}"`);
      return start(event);
    };
    return isThenable(ready) ? ready.then(go) : go(ready);
  }
  const isThenable = (value) => value !== null && typeof value === 'object' && typeof value.then === 'function';

  // ---- what every request would make anew ---------------------------------------------------------------

  // The engine's shapes of an event's objects (one for each property that is added), their names, and the parts of
  // promises that it makes when they are first used: in the image, they are there already.
  const shapes = [];
  for (const names of [
    'Records', 'cf', 'config request', 'config response', 'clientIp headers method querystring uri body', 'key value',
    'distributionDomainName distributionId eventType requestId', 'status statusDescription headers body', 'value',
    'host accept user-agent accept-encoding accept-language', 'version context viewer request response', 'ip',
    'method uri querystring headers cookies', 'statusCode statusDescription headers cookies body',
  ]) {
    let object = {};
    for (const name of names.split(' ')) shapes.push(object = { ...object, [name]: null });
  }
  (async () => { await null; })();

  // ---- globals ----------------------------------------------------------------------------------------

  const global = globalThis;
  hidden(global, 'global', global);
  hidden(global, 'console', console);
  hidden(global, 'process', process);
  hidden(global, 'setTimeout', setTimeout);
  hidden(global, 'clearTimeout', clearTimeout);
  hidden(global, 'setInterval', setInterval);
  hidden(global, 'clearInterval', (timer) => clearTimeout(timer));
  hidden(global, 'setImmediate', setImmediate);
  hidden(global, 'clearImmediate', clearImmediate);
  const lazy = (name, get) =>
    Object.defineProperty(global, name, {
      configurable: true, enumerable: false,
      get() {
        const value = get();
        hidden(global, name, value);
        return value;
      },
      set(value) { hidden(global, name, value); },
    });
  for (const [chunk, names] of Object.entries({
    buffer: 'Buffer Blob File',
    url: 'URL URLSearchParams',
    encoding: 'TextEncoder TextDecoder',
    eventtarget: 'Event EventTarget CustomEvent AbortController AbortSignal MessageEvent MessageChannel MessagePort',
    fetch: 'fetch Headers Request Response FormData',
    webstreams: 'ReadableStream WritableStream TransformStream CompressionStream DecompressionStream TextEncoderStream TextDecoderStream',
    clone: 'structuredClone',
    intl: 'Intl',
  })) for (const name of names.split(' ')) lazy(name, () => lib(chunk)[name]);
  for (const [name, needs, defaults] of [['toLocaleString', 'any', 'all'], ['toLocaleDateString', 'date', 'date'], ['toLocaleTimeString', 'time', 'time']])
    hidden(Date.prototype, name, { [name](locales, options) { return lib('intl').date(this, locales, options, needs, defaults); } }[name]);
  const { toString: dateText, toTimeString: timeText, toISOString: isoText } = Date.prototype;
  const NAMED_ZONE = ' (Coordinated Universal Time)';
  const zoned = (text) => (text === 'Invalid Date' ? text : text + NAMED_ZONE);
  hidden(Date.prototype, 'toString', function toString() { return zoned(dateText.call(this)); });
  hidden(Date.prototype, 'toTimeString', function toTimeString() { return zoned(timeText.call(this)); });
  hidden(Date.prototype, 'toISOString', function toISOString() {
    if (Number.isNaN(this.getTime())) throw new RangeError('Invalid time value');
    return isoText.call(this);
  });
  hidden(Number.prototype, 'toLocaleString', function toLocaleString(locales, options) { return lib('intl').number(Number(this), locales, options); });
  hidden(BigInt.prototype, 'toLocaleString', function toLocaleString(locales, options) { return lib('intl').number(BigInt(this), locales, options); });
  hidden(String.prototype, 'localeCompare', function localeCompare(other, locales, options) { return lib('intl').compare(String(this), String(other), locales, options); });
  lazy('crypto', () => lib('webcrypto').crypto);
  lazy('Crypto', () => lib('webcrypto').Crypto);
  lazy('CryptoKey', () => lib('webcrypto').CryptoKey);
  for (const name of ['decodeURI', 'decodeURIComponent']) {
    const decode = global[name];
    hidden(global, name, { [name](text) { try { return decode(text); } catch (error) { throw error instanceof URIError ? new URIError('URI malformed') : error; } } }[name]);
  }
  // The engine counts references, and would drop what only a WeakRef holds at once; ECMAScript keeps it for the job at least.
  class WeakRef {
    #target;
    constructor(target) {
      if ((typeof target !== 'object' || target === null) && typeof target !== 'function' && typeof target !== 'symbol') throw new TypeError('WeakRef: invalid target');
      this.#target = target;
    }
    deref() { return this.#target; }
  }
  Object.defineProperty(WeakRef.prototype, Symbol.toStringTag, { value: 'WeakRef', configurable: true });
  hidden(global, 'WeakRef', WeakRef);
  lazy('require', () => undefined);
  delete global.require;
  hidden(global, 'navigator', { userAgent: 'EdgeFaaS', language: 'en-US', hardwareConcurrency: 1 });

  native.internals = {
    ask, call, text, hidden, builtin, notHere, nextTick, setTimeout, clearTimeout, process, console, write, env,
    isThenable, join, ROOT, kindOf, fileText, fileNames: () => (kindOf('/'), Object.keys(files)), shapes,
  };
  return { start, resume, ticks, resolve: (base, name) => resolve(base, name, true), import: importHook, build, describe };
})
