exports.handler = async () => {
    const out = [];
    function* fib() { let [a, b] = [0, 1]; for (;;) { yield a; [a, b] = [b, a + b]; } }
    const take = function* (n, it) { let i = 0; for (const x of it) { if (i++ >= n) return; yield x; } };
    out.push([...take(8, fib())]);
    async function* slow() { for (let i = 0; i < 3; i++) { await null; yield i; } }
    const seen = []; for await (const x of slow()) seen.push(x); out.push(seen);
    const proxy = new Proxy({}, { get: (t, k) => (k in t ? t[k] : `no ${String(k)}`), has: () => true, ownKeys: () => ['a'], getOwnPropertyDescriptor: () => ({ value: 1, enumerable: true, configurable: true }) });
    out.push(proxy.x, 'y' in proxy, Object.keys(proxy), { ...proxy });
    out.push(Reflect.ownKeys({ b: 1, a: 2, 1: 3, [Symbol.for('s')]: 4 }).map(String), Reflect.apply(Math.max, null, [1, 2]), Reflect.construct(Date, [0]).getTime(), Reflect.has([], 'length'));
    const ref = new WeakRef({ a: 1 }); out.push(ref.deref().a, typeof FinalizationRegistry, new WeakSet().has({}));
    outer: for (let i = 0; i < 3; i++) { for (let j = 0; j < 3; j++) { if (j === 1) continue outer; if (i === 2) break outer; out.push(i * 10 + j); } }
    const tag = (s, ...v) => s.raw.join('|') + v.join(); out.push(tag`a${1}\n${2}`, String.raw`\x${1}`);
    const o = { a: { b: null } }; out.push(o?.a?.b?.c ?? 'none', o.x?.(), o.a?.['b']); o.a.b ??= 5; o.a.b ||= 6; o.a.b &&= 7; out.push(o.a.b);
    out.push(2 ** 10, 1_000_000, 0b101, 0o17, 0xff, 10n ** 20n + '', BigInt.asUintN(8, 257n).toString(), typeof 1n, 5n / 2n + '');
    const { a, ...rest } = { a: 1, b: 2, c: 3 }; const [x, , y = 9, ...z] = [1, 2, undefined, 4, 5]; out.push(rest, x, y, z, a);
    out.push([1, [2, [3, [4]]]].flat(Infinity), [1, 2].flatMap((v) => [v, v * 2]), Object.fromEntries([['k', 1]]), Object.entries({ q: 1 }), [3, 1, 2].toSorted(), [1, 2, 3].toReversed(), [1, 2, 3].with(1, 9), [1, 2, 3, 4].toSpliced(1, 2), [1, 2, 3].at(-1), [1, 2, 3].findLast((v) => v < 3), [1, 2, 3].findLastIndex((v) => v > 5), 'ab'.at(-1), 'abc'.replaceAll('b', '-'), '5'.padStart(3, '0'), ' x '.trimEnd() + '|', 'ab'.repeat(2), Object.hasOwn({ a: 1 }, 'a'), Array.from({ length: 3 }, (_, i) => i * i), Array.of(7).includes(7), [NaN].includes(NaN), [1, 2, 3].copyWithin(0, 1), new Array(3).fill(0), [..."héllo😀"].length, 'a-b'.split('-'), structuredClone(new Map([[1, { d: new Date(0) }]])).get(1).d.getTime());
    out.push(await Promise.allSettled([Promise.resolve(1), Promise.reject(new Error('x'))]).then((r) => r.map((s) => s.status)), await Promise.any([Promise.reject(1), Promise.resolve(2)]), await Promise.race([new Promise(() => {}), 'fast']), await Promise.any([Promise.reject(1)]).catch((e) => e.constructor.name + e.errors.length));
    class A { static s = 1; #p = 2; get p() { return this.#p; } set p(v) { this.#p = v; } static make() { return new this(); } *[Symbol.iterator]() { yield this.#p; } async m() { return super.toString(); } [`comp${1}`]() { return 'c'; } }
    class B extends A { constructor() { super(); this.p++; } get [Symbol.toStringTag]() { return 'Bee'; } }
    out.push(B.make().p, [...new B()], await new B().m(), new B().comp1(), B.s, `${new B()}`, new B() instanceof A, B.name, A.length, (() => {}).name, new Function('a', 'return a+1')(1), (function () { return typeof this; })(), (function () { 'use strict'; return typeof this; })(), typeof globalThis);
    const e = new Error('outer', { cause: new TypeError('inner') }); out.push(e.cause.message, e instanceof Error, Object.prototype.toString.call(e), `${new RangeError('r')}`, new AggregateError([1], 'm').errors);
    try { null.x; } catch (err) { out.push(err instanceof TypeError); } try { undefinedName; } catch ({ name, message }) { out.push(name, message); } try { (void 0)(); } catch (err) { out.push(err.name); } finally { out.push('finally'); }
    out.push([10, 9, 1].sort(), [3, 1, 2].sort((p, q) => q - p), [true, false].map(Number), parseInt('08'), parseFloat('3.14abc'), Number(''), Number('0x1f'), +[], [] + {}, typeof null, 0.1 + 0.2, (25).toString(36), (255).toString(16), (1.005).toFixed(2), (1e21).toString(), (123.456).toPrecision(4), (0.00001).toString(), Number.MAX_SAFE_INTEGER, Number.EPSILON > 0, Math.trunc(-1.5), Math.sign(-3), Math.hypot(3, 4), Math.clz32(1), Math.fround(5.5), Math.cbrt(27), Math.log2(8), isNaN('x'), Number.isInteger(5.0), [1, 2, 3].reduceRight((p, q) => p + '-' + q), 'abc'.charCodeAt(1), 'abc'.codePointAt(9), String.fromCodePoint(128512), 'a'.normalize('NFD'), escape('ä b'), unescape('%E4'), encodeURI('/ä?b=c d'), encodeURIComponent("'()*!~ &"), decodeURIComponent('%E2%82%AC'));
    try { decodeURIComponent('%zz'); } catch (err) { out.push(err.name, err.message); }
    const sym = Symbol('desc'); out.push(sym.description, sym.toString(), Symbol.for('a') === Symbol.for('a'), Symbol.keyFor(Symbol.for('a')));
    const m = new Map([['a', 1]]); m.set(NaN, 2); out.push([...m.entries()].length, m.get(NaN), [...new Set([1, 1, 2])], new Map(Object.entries({ z: 1 })).has('z'));
    label: { out.push('in'); break label; } switch (3) { case 1: out.push(1); default: out.push('d'); case 2: out.push(2); }
    var hoisted = typeof later; var later = 1; out.push(hoisted, typeof fn, (() => { try { return 1; } finally { out.push('f'); } })()); function fn() {}
    const counter = (() => { let n = 0; return { inc: () => ++n }; })(); counter.inc(); out.push(counter.inc());
    out.push(eval('1+1'), (0, eval)('typeof out'), void 0 === undefined, [,].length, [1, 2, 3].indexOf(4), delete o.a, 'a' in o, class { static #x = 1; static t(v) { return #x in v; } }.t({}));
    out.push(Object.getOwnPropertyNames(class { static f() {} }).sort(), Object.isFrozen(Object.freeze([])), JSON.stringify(Object.getOwnPropertyDescriptor({ get a() { return 1; } }, 'a')), Array.isArray(new Proxy([], {})), Number('1_000'), '\u{61}', 'a\
b');
    return { status: '200', body: JSON.stringify(out, (k, v) => (typeof v === 'bigint' ? `${v}n` : v === undefined ? 'undef' : Number.isNaN(v) ? 'NaN' : v)) };
};
