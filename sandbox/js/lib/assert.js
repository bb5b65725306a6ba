// assert, and the deep comparison behind it.
(function (native, lib) {
  'use strict';
  const inspect = (value) => lib('inspect').inspect(value);
  class AssertionError extends Error {
    constructor(options) {
      super(options.message ?? `${inspect(options.actual)} ${options.operator} ${inspect(options.expected)}`);
      this.name = 'AssertionError';
      this.code = 'ERR_ASSERTION';
      this.generatedMessage = options.message === undefined;
      this.actual = options.actual;
      this.expected = options.expected;
      this.operator = options.operator;
    }
  }
  function same(a, b, strict, seen) {
    if (strict ? Object.is(a, b) : a === b || (Number.isNaN(a) && Number.isNaN(b))) return true;
    if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return strict ? false : a == b && typeof a !== 'object' && typeof b !== 'object'; // eslint-disable-line eqeqeq
    const kind = native.kind(a);
    if (kind !== native.kind(b)) return false;
    if (strict && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
    if (seen.some(([x, y]) => x === a && y === b)) return true;
    seen = [...seen, [a, b]];
    if (kind === 'Date' && a.getTime() !== b.getTime()) return false;
    if (kind === 'RegExp' && String(a) !== String(b)) return false;
    if (a instanceof Error && (a.message !== b.message || a.name !== b.name)) return false;
    if (['Number', 'String', 'Boolean', 'BigInt', 'Symbol'].includes(kind) && !Object.is(a.valueOf(), b.valueOf())) return false;
    if (kind === 'Map') {
      if (a.size !== b.size) return false;
      for (const [key, value] of a) {
        if (b.has(key)) { if (!same(value, b.get(key), strict, seen)) return false; continue; }
        if (![...b].some(([k, v]) => same(key, k, strict, seen) && same(value, v, strict, seen))) return false;
      }
    }
    if (kind === 'Set') {
      if (a.size !== b.size) return false;
      for (const item of a) if (!b.has(item) && ![...b].some((other) => same(item, other, strict, seen))) return false;
    }
    if (Array.isArray(a) && a.length !== b.length) return false;
    const keys = Object.keys(a);
    if (keys.length !== Object.keys(b).length) return false;
    return keys.every((key) => Object.prototype.hasOwnProperty.call(b, key) && same(a[key], b[key], strict, seen));
  }
  const isDeepStrictEqual = (a, b) => same(a, b, true, []);
  function fail(options) {
    if (options.message instanceof Error) throw options.message;
    throw new AssertionError(options);
  }
  function assert(value, message) {
    if (!value) fail({ message: message ?? 'The expression evaluated to a falsy value', actual: value, expected: true, operator: '==' });
  }
  const compare = (operator, test) => (actual, expected, message) => { if (!test(actual, expected)) fail({ message, actual, expected, operator }); };
  function matches(error, expected) {
    if (expected === undefined) return true;
    if (typeof expected === 'function') return expected.prototype !== undefined && error instanceof expected || Error.isPrototypeOf(expected) === false && expected.call({}, error) === true;
    if (native.kind(expected) === 'RegExp') return expected.test(String(error));
    return Object.keys(expected).every((key) => native.kind(expected[key]) === 'RegExp' && typeof error[key] === 'string' ? expected[key].test(error[key]) : isDeepStrictEqual(error[key], expected[key]));
  }
  function throws(run, expected, message) {
    try { run(); } catch (error) {
      if (typeof expected === 'string' || matches(error, expected)) return;
      throw error;
    }
    fail({ message: message ?? 'Missing expected exception.', operator: 'throws' });
  }
  async function rejects(promise, expected, message) {
    try { await (typeof promise === 'function' ? promise() : promise); } catch (error) {
      if (typeof expected === 'string' || matches(error, expected)) return;
      throw error;
    }
    fail({ message: message ?? 'Missing expected rejection.', operator: 'rejects' });
  }
  Object.assign(assert, {
    AssertionError, ok: assert, isDeepStrictEqual,
    equal: compare('==', (a, b) => a == b || (Number.isNaN(a) && Number.isNaN(b))), // eslint-disable-line eqeqeq
    notEqual: compare('!=', (a, b) => a != b), // eslint-disable-line eqeqeq
    strictEqual: compare('strictEqual', Object.is), notStrictEqual: compare('notStrictEqual', (a, b) => !Object.is(a, b)),
    deepEqual: compare('deepEqual', (a, b) => same(a, b, false, [])), notDeepEqual: compare('notDeepEqual', (a, b) => !same(a, b, false, [])),
    deepStrictEqual: compare('deepStrictEqual', isDeepStrictEqual), notDeepStrictEqual: compare('notDeepStrictEqual', (a, b) => !isDeepStrictEqual(a, b)),
    match: compare('match', (text, pattern) => pattern.test(text)), doesNotMatch: compare('doesNotMatch', (text, pattern) => !pattern.test(text)),
    fail(message = 'Failed') { fail({ message, operator: 'fail' }); },
    ifError(value) { if (value !== null && value !== undefined) throw value; },
    throws, rejects, doesNotThrow(run) { run(); }, async doesNotReject(promise) { await (typeof promise === 'function' ? promise() : promise); },
  });
  const strict = Object.assign((...args) => assert(...args), assert, {
    equal: assert.strictEqual, notEqual: assert.notStrictEqual, deepEqual: assert.deepStrictEqual, notDeepEqual: assert.notDeepStrictEqual,
  });
  strict.strict = assert.strict = strict;
  return assert;
})
