// util: what handlers and their packages use of it.
(function (native, lib) {
  'use strict';
  const { inspect, format, formatWithOptions } = lib('inspect');
  const { hidden, write, env } = native.internals;
  const custom = Symbol.for('nodejs.util.promisify.custom');
  function promisify(original) {
    if (typeof original !== 'function') throw Object.assign(new TypeError('The "original" argument must be of type function'), { code: 'ERR_INVALID_ARG_TYPE' });
    if (original[custom]) return original[custom];
    function promised(...args) {
      return new Promise((resolve, reject) => {
        original.call(this, ...args, (error, ...values) => (error ? reject(error) : resolve(values[0])));
      });
    }
    Object.setPrototypeOf(promised, Object.getPrototypeOf(original));
    hidden(promised, custom, promised);
    return Object.defineProperties(promised, Object.getOwnPropertyDescriptors(original));
  }
  promisify.custom = custom;
  hidden(setTimeout, custom, (delay, value) => new Promise((resolve) => setTimeout(resolve, delay, value)));
  hidden(setImmediate, custom, (value) => new Promise((resolve) => setImmediate(resolve, value)));
  function callbackify(original) {
    return function (...args) {
      const callback = args.pop();
      original.apply(this, args).then((value) => process.nextTick(callback, null, value),
        (reason) => process.nextTick(callback, reason || Object.assign(new Error('Promise was rejected with falsy value'), { reason })));
    };
  }
  function inherits(constructor, parent) {
    Object.defineProperty(constructor, 'super_', { value: parent, writable: true, configurable: true });
    Object.setPrototypeOf(constructor.prototype, parent.prototype);
  }
  const warned = new Set();
  function deprecate(original, message, code) {
    function deprecated(...args) {
      if (!warned.has(code ?? original)) {
        warned.add(code ?? original);
        write(2, [`(node) ${code ? `[${code}] ` : ''}DeprecationWarning: ${message}`]);
      }
      return new.target ? Reflect.construct(original, args, new.target) : original.apply(this, args);
    }
    Object.setPrototypeOf(deprecated, original);
    if (original.prototype) deprecated.prototype = original.prototype;
    return deprecated;
  }
  function debuglog(section) {
    const on = String(env().NODE_DEBUG || '').toUpperCase().split(',').includes(section.toUpperCase());
    const log = (...args) => { if (on) write(0, [`${section.toUpperCase()} 1: ${format(...args)}`]); };
    log.enabled = on;
    return log;
  }
  const is = (...kinds) => (value) => kinds.includes(native.kind(value));
  const types = {
    isAnyArrayBuffer: is('ArrayBuffer', 'SharedArrayBuffer'), isArrayBuffer: is('ArrayBuffer'),
    isSharedArrayBuffer: is('SharedArrayBuffer'), isArrayBufferView: ArrayBuffer.isView, isDataView: is('DataView'),
    isTypedArray: (value) => ArrayBuffer.isView(value) && native.kind(value) !== 'DataView',
    isAsyncFunction: (value) => typeof value === 'function' && Object.prototype.toString.call(value) === '[object AsyncFunction]',
    isGeneratorFunction: (value) => typeof value === 'function' && /Generator/.test(Object.prototype.toString.call(value)),
    isGeneratorObject: is('Generator', 'AsyncGenerator'), isDate: is('Date'), isRegExp: is('RegExp'), isMap: is('Map'),
    isSet: is('Set'), isWeakMap: is('WeakMap'), isWeakSet: is('WeakSet'), isPromise: is('Promise'), isProxy: is('Proxy'),
    isNativeError: (value) => value instanceof Error, isBoxedPrimitive: is('Number', 'String', 'Boolean', 'BigInt', 'Symbol'),
    isNumberObject: is('Number'), isStringObject: is('String'), isBooleanObject: is('Boolean'), isBigIntObject: is('BigInt'),
    isSymbolObject: is('Symbol'), isMapIterator: is('Map Iterator'), isSetIterator: is('Set Iterator'),
    isArgumentsObject: is('Arguments'), isModuleNamespaceObject: is('Module'), isExternal: () => false,
    isKeyObject: (value) => value instanceof lib('crypto').KeyObject, isCryptoKey: (value) => value instanceof CryptoKey,
  };
  for (const name of ['Uint8Array', 'Uint8ClampedArray', 'Uint16Array', 'Uint32Array', 'Int8Array', 'Int16Array', 'Int32Array',
    'Float32Array', 'Float64Array', 'BigInt64Array', 'BigUint64Array']) types['is' + name] = is(name);
  const isObject = (value) => value !== null && typeof value === 'object';
  return {
    inspect, format, formatWithOptions, promisify, callbackify, inherits, deprecate, debuglog, debug: debuglog, types,
    isDeepStrictEqual: (a, b) => lib('assert').isDeepStrictEqual(a, b),
    stripVTControlCharacters: (text) => text.replace(/\u001b\[[0-9;]*[A-Za-z]/g, ''),
    toUSVString: (text) => String(text).toWellFormed(),
    styleText: (style, text) => String(text),
    parseArgs() { throw native.internals.notHere('util.parseArgs'); },
    getSystemErrorName: (number) => 'E' + number,
    aborted: (signal) => new Promise((resolve) => signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve())),
    get TextEncoder() { return lib('encoding').TextEncoder; },
    get TextDecoder() { return lib('encoding').TextDecoder; },
    _extend: (target, source) => (isObject(source) ? Object.assign(target, source) : target),
    isArray: Array.isArray, isBoolean: (v) => typeof v === 'boolean', isNull: (v) => v === null,
    isNullOrUndefined: (v) => v === null || v === undefined, isNumber: (v) => typeof v === 'number',
    isString: (v) => typeof v === 'string', isSymbol: (v) => typeof v === 'symbol', isUndefined: (v) => v === undefined,
    isRegExp: types.isRegExp, isObject, isDate: types.isDate, isError: types.isNativeError,
    isFunction: (v) => typeof v === 'function', isPrimitive: (v) => v === null || (typeof v !== 'object' && typeof v !== 'function'),
    isBuffer: (v) => Buffer.isBuffer(v), log: (...args) => write(1, [format(...args)]),
  };
})
