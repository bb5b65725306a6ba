// util.inspect and util.format: what console prints, in Node's layout.
(function (native, lib) {
  'use strict';
  const { hidden } = native.internals;
  const custom = Symbol.for('nodejs.util.inspect.custom');
  const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;
  const defaults = { depth: 2, compact: 3, breakLength: 80, maxArrayLength: 100, maxStringLength: 10000, showHidden: false, sorted: false };

  function quote(text) {
    let mark = "'";
    if (text.includes("'")) mark = !text.includes('"') ? '"' : !text.includes('`') && !text.includes('${') ? '`' : "'";
    let out = '';
    for (let i = 0; i < text.length; i++) {
      const c = text[i], code = text.charCodeAt(i);
      if (c === mark || c === '\\') out += '\\' + c;
      else if (c === '\n') out += '\\n';
      else if (c === '\t') out += '\\t';
      else if (c === '\r') out += '\\r';
      else if (c === '\b') out += '\\b';
      else if (c === '\f') out += '\\f';
      else if (c === '\v') out += '\\v';
      else if (code < 32 || code === 127) out += '\\x' + code.toString(16).toUpperCase().padStart(2, '0');
      else out += c;
    }
    return mark + out + mark;
  }
  const number = (value) => (Object.is(value, -0) ? '-0' : String(value));
  function primitive(value, options) {
    switch (typeof value) {
      case 'string':
        return value.length > options.maxStringLength
          ? `${quote(value.slice(0, options.maxStringLength))}... ${value.length - options.maxStringLength} more characters`
          : quote(value);
      case 'number': return number(value);
      case 'bigint': return value + 'n';
      default: return String(value);
    }
  }
  const key = (name) => typeof name === 'symbol' ? `[${String(name)}]` : IDENTIFIER.test(name) ? name : quote(name);

  function constructorName(object) {
    for (let at = object; at !== null; at = Object.getPrototypeOf(at)) {
      const own = Object.getOwnPropertyDescriptor(at, 'constructor');
      if (own && typeof own.value === 'function' && own.value.name !== '') return own.value.name;
    }
    return null;
  }

  function format(value, state, depth, typed) {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return primitive(value, state.options);
    const kind = native.kind(value);
    if (kind === 'Proxy') {
      value = native.target(value);
      if (value === null) return '<Revoked Proxy>';
      return format(value, state, depth, typed);
    }
    const special = value[custom];
    if (typeof special === 'function' && special !== inspect && state.options.customInspect !== false) {
      const left = state.options.depth === null ? null : state.options.depth - depth;
      const made = special.call(value, left, { ...state.options, depth: left, stylize: (text) => String(text) }, inspect);
      if (made !== value) return typeof made === 'object' && made !== null ? format(made, state, depth) : typeof made === 'string' ? made.replaceAll('\n', '\n' + state.indent) : String(made);
    }
    if (state.seen.includes(value)) {
      let index = state.circular.get(value);
      if (index === undefined) state.circular.set(value, (index = state.circular.size + 1));
      return `[Circular *${index}]`;
    }
    return object(value, kind, state, depth);
  }

  function object(value, kind, state, depth) {
    const { options } = state;
    const name = constructorName(value);
    let tag = '';
    try { tag = value[Symbol.toStringTag]; } catch { tag = ''; }
    if (typeof tag !== 'string' || tag === '' || tag === name) tag = '';
    const prefix = (fallback, size) => {
      const base = name === null ? `[${fallback}${size === undefined ? '' : `(${size})`}: null prototype]` : name + (size === undefined ? '' : `(${size})`);
      return base + (tag !== '' ? ` [${tag}]` : '') + ' ';
    };
    const isArray = Array.isArray(value);
    const isView = ArrayBuffer.isView(value) && kind !== 'DataView';
    let keys = options.showHidden ? Object.getOwnPropertyNames(value) : Object.keys(value);
    if (isArray || isView) keys = keys.filter((k) => !/^\d+$/.test(k) && (k !== 'length' || (isArray && options.showHidden)));
    for (const symbol of Object.getOwnPropertySymbols(value))
      if (options.showHidden || Object.getOwnPropertyDescriptor(value, symbol).enumerable) keys.push(symbol);
    if (options.sorted) keys.sort();

    let open = '{', close = '}', lines = null, base = '', list = false;
    const tooDeep = options.depth !== null && depth > options.depth;
    if (isArray) {
      list = true;
      open = (name === 'Array' && tag === '' ? '' : prefix('Array', value.length)) + '[';
      close = ']';
      if (value.length === 0 && keys.length === 0) return open + ']';
      lines = () => items(value, state, depth);
    } else if (kind === 'Set' || kind === 'Map') {
      open = prefix(kind, value.size) + '{';
      if (value.size === 0 && keys.length === 0) return open + '}';
      lines = () => kind === 'Set'
        ? Array.from(Set.prototype.values.call(value), (item) => format(item, state, depth + 1))
        : Array.from(Map.prototype.entries.call(value), ([k, v]) => `${format(k, state, depth + 1)} => ${format(v, state, depth + 1)}`);
    } else if (isView) {
      list = true;
      open = prefix(kind, value.length) + '[';
      close = ']';
      if (value.length === 0 && keys.length === 0) return open + ']';
      lines = () => items(value, state, depth);
    } else if (typeof value === 'function') {
      base = functionBase(value, name, tag);
      if (keys.length === 0) return base;
    } else if (kind === 'RegExp') {
      base = RegExp.prototype.toString.call(value);
      if (keys.length === 0 || tooDeep) return base;
    } else if (kind === 'Date') {
      base = Number.isNaN(value.getTime()) ? 'Invalid Date' : Date.prototype.toISOString.call(value);
      if (keys.length === 0) return base;
    } else if (value instanceof Error || kind === 'Error') {
      base = errorBase(value, state, depth);
      keys = keys.filter((k) => !(k === 'name' || k === 'message' || k === 'stack') || !base.includes(String(value[k])));
      if ('cause' in value && !keys.includes('cause')) keys.push('cause');
      if (Array.isArray(value.errors) && !keys.includes('errors')) keys.push('errors');
      if (keys.length === 0) return base;
    } else if (kind === 'Promise') {
      open = prefix('Promise') + '{';
      const [promise, result] = native.promise(value);
      lines = () => [promise === 0 ? '<pending>' : promise === 2 ? '<rejected> ' + format(result, state, depth + 1) : format(result, state, depth + 1)];
    } else if (kind === 'WeakSet' || kind === 'WeakMap') {
      return prefix(kind) + '{ <items unknown> }';
    } else if (kind === 'ArrayBuffer' || kind === 'SharedArrayBuffer') {
      open = prefix(kind) + '{';
      const bytes = new Uint8Array(value);
      const shown = native.decode(bytes, 3, 0, Math.min(50, bytes.length)).replace(/(..)/g, '$1 ').trim();
      lines = () => [`[Uint8Contents]: <${shown}${bytes.length > 50 ? ` ... ${bytes.length - 50} more bytes` : ''}>`, `byteLength: ${bytes.length}`];
    } else if (kind === 'Number' || kind === 'String' || kind === 'Boolean' || kind === 'BigInt' || kind === 'Symbol') {
      base = `[${kind}${name !== kind && name !== null ? ` (${name})` : ''}: ${primitive(value.valueOf(), options)}]`;
      if (kind === 'String') keys = keys.filter((k) => !/^\d+$/.test(k));
      if (keys.length === 0) return base;
    } else if (kind === 'Arguments') {
      list = true;
      open = '[Arguments] [';
      close = ']';
      lines = () => items(Array.from(value), state, depth);
      keys = keys.filter((k) => !/^\d+$/.test(k));
    } else if (kind === 'Map Iterator' || kind === 'Set Iterator' || kind === 'Array Iterator' || kind === 'Generator') {
      open = `Object [${kind}] {`;
    } else {
      open = (name === 'Object' && tag === '' ? '' : prefix('Object')) + '{';
      if (keys.length === 0) return open + '}';
    }
    if (tooDeep) {
      const shown = name === null ? '[Object: null prototype]' : tag !== '' ? `${name} [${tag}]` : name;
      return isArray ? '[Array]' : `[${shown}]`;
    }
    state.seen.push(value);
    state.depth = depth;
    const indent = state.indent;
    state.indent += '  ';
    let output = lines === null ? [] : lines();
    for (const name of keys) output.push(property(value, name, state, depth));
    state.indent = indent;
    state.seen.pop();
    const index = state.circular.get(value);
    if (index !== undefined) base = base === '' ? `<ref *${index}>` : `<ref *${index}> ${base}`;
    return layout(output, { base, open, close, list }, state, depth, value);
  }

  // Node's reduceToSingleString: one line when it is short and at most three levels are inside.
  function layout(output, { base, open, close, list }, state, depth, value) {
    const { options } = state;
    const start = base === '' ? open : `${base} ${open}`;
    if (options.compact !== false) {
      const entries = output.length;
      if (list && entries > 6) output = group(output, state, value);
      if (state.depth - depth < options.compact && entries === output.length) {
        const begin = output.length + state.indent.length + open.length + base.length + 10;
        const total = output.reduce((sum, line) => sum + line.length, output.length + begin);
        if (total <= options.breakLength && !base.includes('\n')) {
          const joined = output.join(', ');
          if (!joined.includes('\n')) return `${start} ${joined} ${close}`;
        }
      }
    }
    const gap = `\n${state.indent}`;
    return `${start}${gap}  ${output.join(`,${gap}  `)}${gap}${close}`;
  }
  // Node's groupArrayElements: long lists of short items go into columns.
  function group(output, state, value) {
    const { options } = state;
    let total = 0, longest = 0, count = output.length;
    if (options.maxArrayLength < output.length) count--;
    const lengths = [];
    for (let i = 0; i < count; i++) {
      lengths.push(output[i].length);
      total += output[i].length + 2;
      longest = Math.max(longest, output[i].length);
    }
    const actual = longest + 2;
    if (!(actual * 3 + state.indent.length < options.breakLength && (total / actual > 5 || longest <= 6))) return output;
    const bias = Math.sqrt(actual - total / output.length), biased = Math.max(actual - 3 - bias, 1);
    const columns = Math.min(Math.round(Math.sqrt(2.5 * biased * count) / biased),
      Math.floor((options.breakLength - state.indent.length) / actual), options.compact * 4, 15);
    if (columns <= 1) return output;
    const widths = [];
    for (let i = 0; i < columns; i++) {
      let width = 0;
      for (let j = i; j < count; j += columns) width = Math.max(width, lengths[j]);
      widths.push(width + 2);
    }
    const numeric = value !== undefined && output.every((_, i) => typeof value[i] === 'number' || typeof value[i] === 'bigint');
    const rows = [];
    for (let i = 0; i < count; i += columns) {
      const last = Math.min(i + columns, count) - 1;
      let row = '';
      for (let j = i; j < last; j++) row += numeric ? `${output[j]}, `.padStart(widths[j - i]) : `${output[j]}, `.padEnd(widths[j - i]);
      rows.push(row + (numeric ? output[last].padStart(widths[last - i] - 2) : output[last]));
    }
    if (options.maxArrayLength < output.length) rows.push(output[count]);
    return rows;
  }
  function items(list, state, depth) {
    const output = [], most = state.options.maxArrayLength ?? Infinity;
    let holes = 0;
    const flush = () => {
      if (holes) output.push(`<${holes} empty item${holes > 1 ? 's' : ''}>`);
      holes = 0;
    };
    const shown = Math.min(list.length, most);
    for (let i = 0; i < shown; i++) {
      if (!(i in list)) { holes++; continue; }
      flush();
      output.push(format(list[i], state, depth + 1));
    }
    flush();
    if (list.length > shown) output.push(`... ${list.length - shown} more item${list.length - shown > 1 ? 's' : ''}`);
    return output;
  }
  function property(object, name, state, depth) {
    const own = Object.getOwnPropertyDescriptor(object, name) ?? { value: object[name], enumerable: true };
    let text;
    if (own.get) text = own.set ? '[Getter/Setter]' : '[Getter]';
    else if (own.set) text = '[Setter]';
    else text = format(own.value, state, depth + 1);
    const shown = own.enumerable || name === 'cause' || name === 'errors' ? key(name) : `[${String(name)}]`;
    return `${own.enumerable ? shown : `[${String(name)}]`}: ${text}`;
  }
  function functionBase(value, name, tag) {
    const source = Function.prototype.toString.call(value);
    if (source.startsWith('class')) {
      const parent = Object.getPrototypeOf(value);
      return `[class ${value.name || '(anonymous)'}${parent && parent.name ? ` extends ${parent.name}` : ''}]`;
    }
    const kind = native.kind(value);
    const type = /^(Async)?(Generator)?Function$/.test(name ?? '') ? name : { AsyncFunction: 'AsyncFunction', GeneratorFunction: 'GeneratorFunction' }[kind] ?? 'Function';
    return `[${type}${value.name ? `: ${value.name}` : ' (anonymous)'}]${tag !== '' && tag !== type ? ` [${tag}]` : ''}`;
  }
  function errorBase(error, state, depth) {
    let stack = error.stack;
    if (typeof stack !== 'string' || stack === '') stack = `[${Error.prototype.toString.call(error)}]`;
    return stack.replaceAll('\n', '\n' + state.indent);
  }

  function inspect(value, options, ...legacy) {
    let merged = { ...defaults };
    if (typeof options === 'boolean') merged = { ...merged, showHidden: options, depth: legacy[0] === undefined ? 2 : legacy[0] };
    else if (options) for (const name of Object.keys(options)) if (options[name] !== undefined) merged[name] = options[name];
    if (merged.depth === Infinity) merged.depth = null;
    if (merged.maxArrayLength === null) merged.maxArrayLength = Infinity;
    if (merged.maxStringLength === null) merged.maxStringLength = Infinity;
    if (merged.breakLength === Infinity) merged.breakLength = 1e9;
    return format(value, { options: merged, seen: [], circular: new Map(), indent: '', depth: 0 }, 0);
  }
  inspect.custom = custom;
  inspect.defaultOptions = defaults;
  inspect.colors = Object.create(null);
  inspect.styles = Object.create(null);

  function formatWithOptions(options, ...args) {
    let out = '', at = 0;
    if (typeof args[0] === 'string') {
      if (args.length === 1) return args[0];
      at = 1;
      const pattern = args[0];
      let last = 0;
      for (let i = 0; i < pattern.length - 1; i++) {
        if (pattern[i] !== '%') continue;
        const code = pattern[i + 1];
        if (code === '%') {
          out += pattern.slice(last, i) + '%';
          last = ++i + 1;
          continue;
        }
        if (at >= args.length || !'sdifjoOc'.includes(code)) continue;
        out += pattern.slice(last, i);
        last = ++i + 1;
        const value = args[at++];
        switch (code) {
          case 's':
            if (typeof value === 'number') out += number(value);
            else if (typeof value === 'bigint') out += value + 'n';
            else if (typeof value !== 'object' || value === null) out += String(value);
            else if (typeof value.toString === 'function' && value.toString !== Object.prototype.toString && value.toString !== Error.prototype.toString && !Array.isArray(value)) out += String(value);
            else out += inspect(value, { ...options, depth: 0, compact: 3 });
            break;
          case 'd': out += typeof value === 'bigint' ? value + 'n' : typeof value === 'symbol' ? 'NaN' : typeof value === 'object' && value !== null ? 'NaN' : number(Number(value)); break;
          case 'i': out += typeof value === 'bigint' ? value + 'n' : typeof value === 'symbol' || (typeof value === 'object' && value !== null) ? 'NaN' : number(parseInt(value)); break;
          case 'f': out += typeof value === 'symbol' ? 'NaN' : number(parseFloat(value)); break;
          case 'j':
            try { out += JSON.stringify(value); } catch (error) { out += '[Circular]'; }
            break;
          case 'o': out += inspect(value, { ...options, showHidden: true, depth: 4 }); break;
          case 'O': out += inspect(value, options); break;
          case 'c': break;
        }
      }
      out += pattern.slice(last);
    }
    for (; at < args.length; at++) {
      if (at > 0) out += ' ';
      out += typeof args[at] === 'string' ? args[at] : inspect(args[at], options);
    }
    return out;
  }

  function table(rows, wanted) {
    if (rows === null || typeof rows !== 'object') return inspect(rows);
    const columns = [], lines = [];
    let values = false;
    for (const index of Object.keys(rows)) {
      const row = rows[index];
      const cells = { '(index)': index };
      if (row !== null && typeof row === 'object') {
        for (const name of wanted ?? Object.keys(row)) {
          if (!columns.includes(name)) columns.push(name);
          if (name in row) cells[name] = inspect(row[name], { depth: 0 });
        }
      } else {
        values = true;
        cells.Values = inspect(row);
      }
      lines.push(cells);
    }
    const heads = ['(index)', ...columns, ...(values ? ['Values'] : [])];
    const widths = heads.map((head) => Math.max(head.length, ...lines.map((line) => (line[head] ?? '').length)) + 2);
    const rule = (left, middle, right) => left + widths.map((width) => '─'.repeat(width)).join(middle) + right;
    const draw = (cells) => '│' + cells.map((cell, i) => ` ${cell}`.padEnd(widths[i])).join('│') + '│';
    return [rule('┌', '┬', '┐'), draw(heads), rule('├', '┼', '┤'), ...lines.map((line) => draw(heads.map((head) => line[head] ?? ''))), rule('└', '┴', '┘')].join('\n');
  }

  // How Node's errors name a value that has the wrong type.
  function received(value) {
    if (value === null || value === undefined) return String(value);
    if (typeof value === 'function') return value.name ? `function ${value.name}` : 'function ';
    if (typeof value === 'object') return value.constructor?.name ? `an instance of ${value.constructor.name}` : inspect(value, { depth: -1 });
    const text = inspect(value);
    return `type ${typeof value} (${text.length > 28 ? text.slice(0, 25) + '...' : text})`;
  }

  return { received, inspect, formatWithOptions, format: (...args) => formatWithOptions({}, ...args), table, custom };
})
