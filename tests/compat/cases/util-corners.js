const util = require('util');
const { promisify, inspect, format, callbackify, types, isDeepStrictEqual, inherits, deprecate, TextEncoder: T } = util;
function Animal(name) { this.name = name; }
Animal.prototype.speak = function () { return this.name + '!'; };
function Dog() { Animal.apply(this, arguments); }
inherits(Dog, Animal);
exports.handler = async () => {
    const out = [];
    const add = promisify((a, b, callback) => setTimeout(callback, 1, null, a + b));
    out.push(await add(1, 2));
    out.push(await promisify((callback) => callback(new Error('no')))().catch((e) => e.message));
    out.push(await new Promise((resolve) => callbackify(async (x) => x * 2)(4, (e, v) => resolve(v))));
    out.push(await promisify(setTimeout)(1, 'slept'));
    out.push(new Dog('rex').speak(), Dog.super_ === Animal);
    out.push(format('%s %d %i %f %j %o %O %% %c x', 'a', '1.5', '2.9', '3.5', { a: 1 }, [1], { b: { c: {} } }, 'css', 'extra', 5));
    out.push(format('%s', null, undefined, 5n, Symbol('s')), format(1, 2, 'x'), format('%s', { toString() { return 'mine'; } }), format('%d', 'x'), format('%s', -0));
    out.push(inspect({ a: 1, b: 'x', c: [1, 2, { d: [[]] }], e: null, f: undefined, g: () => 1, h: Symbol('y'), i: new Date(0), j: /x/g, k: new Map([['a', 1]]), l: new Set([1]), m: new Error('boom').message, n: 10n, o: -0, p: [, 1], q: new Uint8Array(2) }));
    out.push(inspect('it\'s'), inspect(`a"b'c`), inspect({ a: { b: { c: { d: 1 } } } }, { depth: 0 }), inspect({ a: { b: { c: { d: 1 } } } }, false, null), inspect(new Array(200).fill(1)).length, inspect(Object.create(null)), inspect(new (class Foo { x = 1; })()), inspect([['a', 'b'], ['c']]), inspect({ 'a-b': 1, 2: 3 }));
    out.push(inspect({ [Symbol('k')]: 1, get x() { return 1; }, set y(v) {} }), inspect(Object.assign(() => {}, { a: 1 })), inspect(Promise.resolve(4)), inspect(new WeakMap()), inspect(function named() {}), inspect(async () => {}), inspect(new Proxy({ a: 1 }, {})));
    out.push(inspect({ toString: 1, long1: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaa', long2: 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', long3: 'cccccccccccccccccc' }));
    const circular = { name: 'c' }; circular.self = circular; out.push(inspect(circular));
    out.push(types.isDate(new Date()), types.isRegExp(/a/), types.isPromise(Promise.resolve()), types.isMap(new Map()), types.isUint8Array(Buffer.alloc(1)), types.isNativeError(new TypeError()), types.isAsyncFunction(async () => {}), types.isGeneratorFunction(function* () {}), types.isProxy(new Proxy({}, {})));
    out.push(isDeepStrictEqual({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }), isDeepStrictEqual([1], ['1']), isDeepStrictEqual(new Set([1]), new Set([1])), isDeepStrictEqual(NaN, NaN), isDeepStrictEqual(0, -0));
    out.push(util.isArray([]), util.isString && util.isString('x'), typeof util.debuglog('x'), util.stripVTControlCharacters('\u001b[31mred\u001b[0m'), new T().encode('é').length, util.toUSVString('a\ud800'), deprecate(() => 'old', 'msg')());
    out.push(inspect({ [inspect.custom]() { return 'CUSTOM'; } }), util.inspect.defaultOptions.depth);
    return { status: '200', body: JSON.stringify(out) };
};
