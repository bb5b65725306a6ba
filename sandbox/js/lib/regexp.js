// RegExp.$1 and its like, which only old code reads: loaded when a function's text mentions them.
(function () {
  'use strict';
  const exec = RegExp.prototype.exec;
  let last = null;
  Object.defineProperty(RegExp.prototype, 'exec', { configurable: true, writable: true, value: function (text) {
    const found = exec.call(this, text);
    if (found !== null) last = found;
    return found;
  } });
  const define = (names, get) => { for (const name of names) Object.defineProperty(RegExp, name, { configurable: true, get, set() {} }); };
  for (let at = 1; at <= 9; at++) define(['$' + at], () => last?.[at] ?? '');
  define(['lastMatch', '$&'], () => last?.[0] ?? '');
  define(['input', '$_'], () => last?.input ?? '');
  define(['leftContext', '$`'], () => last?.input.slice(0, last.index) ?? '');
  define(['rightContext', "$'"], () => last?.input.slice(last.index + last[0].length) ?? '');
  define(['lastParen', '$+'], () => last?.[last.length - 1] ?? '');
  return {};
})
