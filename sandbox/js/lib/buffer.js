// Buffer, Blob, File: bytes with Node's methods; the codecs are the engine's own (codec.h).
(function (native, lib) {
  'use strict';
  const { hidden } = native.internals;
  const ENCODINGS = {
    __proto__: null, utf8: 0, 'utf-8': 0, latin1: 1, binary: 1, ascii: 2, hex: 3, base64: 4, base64url: 5,
    ucs2: 6, 'ucs-2': 6, utf16le: 6, 'utf-16le': 6,
  };
  const NAMES = ['utf8', 'latin1', 'ascii', 'hex', 'base64', 'base64url', 'utf16le'];
  function encodingOf(name) {
    if (name === undefined || name === null || name === '') return 0;
    const code = ENCODINGS[name] ?? ENCODINGS[String(name).toLowerCase()];
    if (code === undefined) throw coded(TypeError, 'ERR_UNKNOWN_ENCODING', `Unknown encoding: ${name}`);
    return code;
  }
  function coded(kind, code, message) {
    const error = new kind(message);
    error.code = code;
    return error;
  }
  const view = (buffer, offset, length) => new FastBuffer(buffer, offset, length);
  const isBytes = (value) => ArrayBuffer.isView(value);
  const bytesOf = (value) => value instanceof Uint8Array ? value : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  const MAX = 2 ** 31 - 1;
  function sizeCheck(size) {
    if (typeof size !== 'number') throw coded(TypeError, 'ERR_INVALID_ARG_TYPE', `The "size" argument must be of type number. Received ${lib('inspect').received(size)}`);
    if (!(size >= 0 && size <= MAX)) throw coded(RangeError, 'ERR_OUT_OF_RANGE', `The value of "size" is out of range. It must be >= 0 && <= ${MAX}. Received ${size}`);
  }

  class FastBuffer extends Uint8Array {
    toString(encoding, start, end) {
      const from = start === undefined ? 0 : clamp(start, this.length);
      const to = end === undefined ? this.length : clamp(end, this.length);
      return from >= to ? '' : native.decode(this, encodingOf(encoding), from, to);
    }
    toLocaleString(encoding, start, end) { return this.toString(encoding, start, end); }
    toJSON() { return { type: 'Buffer', data: Array.from(this) }; }
    equals(other) {
      if (!(other instanceof Uint8Array)) throw coded(TypeError, 'ERR_INVALID_ARG_TYPE', 'The "otherBuffer" argument must be an instance of Buffer or Uint8Array.');
      return native.compare(this, other) === 0;
    }
    compare(target, targetStart = 0, targetEnd = target.length, start = 0, end = this.length) {
      return native.compare(this.subarray(start, end), bytesOf(target).subarray(targetStart, targetEnd));
    }
    write(text, offset, length, encoding) {
      if (typeof offset === 'string') { encoding = offset; offset = 0; length = undefined; }
      else if (typeof length === 'string') { encoding = length; length = undefined; }
      offset = offset === undefined ? 0 : offset >>> 0;
      if (offset > this.length) throw coded(RangeError, 'ERR_OUT_OF_RANGE', 'The value of "offset" is out of range.');
      const room = Math.min(length === undefined ? Infinity : length, this.length - offset);
      const code = encodingOf(encoding);
      let bytes = new Uint8Array(native.encode(text, code));
      if (bytes.length > room) {
        let cut = room;
        if (code === 0) while (cut > 0 && (bytes[cut] & 0xc0) === 0x80) cut--; // no half characters
        if (code === 6) cut &= ~1;
        bytes = bytes.subarray(0, cut);
      }
      this.set(bytes, offset);
      return bytes.length;
    }
    slice(start, end) { return this.subarray(start, end); }
    copy(target, targetStart = 0, start = 0, end = this.length) {
      targetStart = Math.max(0, targetStart | 0);
      if (targetStart >= target.length || start >= end) return 0;
      const part = this.subarray(start, Math.min(end, start + target.length - targetStart));
      bytesOf(target).set(part, targetStart);
      return part.length;
    }
    fill(value, offset, end, encoding) {
      if (typeof offset === 'string') { encoding = offset; offset = undefined; }
      else if (typeof end === 'string') { encoding = end; end = undefined; }
      const from = offset === undefined ? 0 : offset, to = end === undefined ? this.length : end;
      if (from < 0 || to > this.length) throw coded(RangeError, 'ERR_OUT_OF_RANGE', 'The value of "offset" is out of range.');
      if (typeof value === 'string') {
        if (value === '') value = 0;
        else {
          const bytes = new Uint8Array(native.encode(value, encodingOf(encoding)));
          if (bytes.length === 0) throw coded(TypeError, 'ERR_INVALID_ARG_VALUE', `The argument 'value' is invalid. Received '${value}'`);
          return tile(this, bytes, from, to);
        }
      } else if (isBytes(value)) {
        return value.length === 0 ? (super.fill(0, from, to), this) : tile(this, bytesOf(value), from, to);
      } else if (typeof value === 'boolean') value = +value;
      super.fill(value & 255, from, to);
      return this;
    }
    indexOf(value, offset, encoding) { return search(this, value, offset, encoding, false); }
    lastIndexOf(value, offset, encoding) { return search(this, value, offset, encoding, true); }
    includes(value, offset, encoding) { return this.indexOf(value, offset, encoding) !== -1; }
    swap16() { return swap(this, 2); }
    swap32() { return swap(this, 4); }
    swap64() { return swap(this, 8); }
    get parent() { return this.buffer; }
    get offset() { return this.byteOffset; }
    [Symbol.for('nodejs.util.inspect.custom')]() {
      const shown = native.decode(this, 3, 0, Math.min(50, this.length)).replace(/(..)/g, ' $1');
      return `<Buffer${shown}${this.length > 50 ? ` ... ${this.length - 50} more byte${this.length > 51 ? 's' : ''}` : ''}>`;
    }
    inspect() { return this[Symbol.for('nodejs.util.inspect.custom')](); }
    // Variable-length integers.
    readUIntBE(offset, length) { let v = 0; bounds(this, offset, length); for (let i = 0; i < length; i++) v = v * 256 + this[offset + i]; return v; }
    readUIntLE(offset, length) { let v = 0; bounds(this, offset, length); for (let i = length; i--;) v = v * 256 + this[offset + i]; return v; }
    readIntBE(offset, length) { const v = this.readUIntBE(offset, length), top = 2 ** (8 * length - 1); return v >= top ? v - 2 * top : v; }
    readIntLE(offset, length) { const v = this.readUIntLE(offset, length), top = 2 ** (8 * length - 1); return v >= top ? v - 2 * top : v; }
    writeUIntBE(value, offset, length) { bounds(this, offset, length); for (let i = length; i--;) { this[offset + i] = value % 256; value = Math.floor(value / 256); } return offset + length; }
    writeUIntLE(value, offset, length) { bounds(this, offset, length); for (let i = 0; i < length; i++) { this[offset + i] = value % 256; value = Math.floor(value / 256); } return offset + length; }
    writeIntBE(value, offset, length) { return this.writeUIntBE(value < 0 ? value + 2 ** (8 * length) : value, offset, length); }
    writeIntLE(value, offset, length) { return this.writeUIntLE(value < 0 ? value + 2 ** (8 * length) : value, offset, length); }
  }
  const clamp = (value, length) => {
    value = Math.trunc(Number(value)) || 0;
    return value < 0 ? 0 : value > length ? length : value;
  };
  function bounds(buffer, offset, length) {
    if (typeof offset !== 'number') throw coded(TypeError, 'ERR_INVALID_ARG_TYPE', `The "offset" argument must be of type number. Received ${lib('inspect').received(offset)}`);
    if (buffer.length < length) throw coded(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', 'Attempt to access memory outside buffer bounds');
    if (!Number.isInteger(offset) || offset < 0 || offset + length > buffer.length)
      throw coded(RangeError, 'ERR_OUT_OF_RANGE', `The value of "offset" is out of range. It must be >= 0 and <= ${buffer.length - length}. Received ${offset}`);
  }
  function tile(buffer, bytes, from, to) {
    for (let at = from; at < to; at += bytes.length) buffer.set(at + bytes.length <= to ? bytes : bytes.subarray(0, to - at), at);
    return buffer;
  }
  function swap(buffer, width) {
    if (buffer.length % width) throw coded(RangeError, 'ERR_INVALID_BUFFER_SIZE', `Buffer size must be a multiple of ${width * 8}-bits`);
    for (let at = 0; at < buffer.length; at += width) buffer.subarray(at, at + width).reverse();
    return buffer;
  }
  function search(buffer, value, offset, encoding, backwards) {
    if (typeof offset === 'string') { encoding = offset; offset = undefined; }
    if (typeof value === 'number') value = Uint8Array.of(value & 255);
    else if (typeof value === 'string') value = new Uint8Array(native.encode(value, encodingOf(encoding)));
    else if (!(value instanceof Uint8Array)) throw coded(TypeError, 'ERR_INVALID_ARG_TYPE', 'The "value" argument must be one of type number or string or an instance of Buffer or Uint8Array.');
    offset = Number(offset);
    if (Number.isNaN(offset)) offset = backwards ? buffer.length : 0;
    if (offset < 0) offset += buffer.length;
    if (offset < 0) { if (backwards) return -1; offset = 0; }
    if (!backwards && value.length === 0) return Math.min(offset, buffer.length);
    return native.index(buffer, value, Math.min(offset, buffer.length), backwards);
  }
  // Fixed-width numbers, from DataView.
  for (const [name, kind, width] of [['UInt8', 'Uint8', 1], ['Int8', 'Int8', 1], ['UInt16', 'Uint16', 2], ['Int16', 'Int16', 2],
    ['UInt32', 'Uint32', 4], ['Int32', 'Int32', 4], ['Float', 'Float32', 4], ['Double', 'Float64', 8], ['BigUInt64', 'BigUint64', 8], ['BigInt64', 'BigInt64', 8]]) {
    const range = { Uint8: [0, 255], Int8: [-128, 127], Uint16: [0, 65535], Int16: [-32768, 32767], Uint32: [0, 4294967295], Int32: [-2147483648, 2147483647] }[kind];
    for (const ending of width === 1 ? [''] : ['LE', 'BE']) {
      const little = ending === 'LE';
      const read = function (offset = 0) {
        bounds(this, offset, width);
        return new DataView(this.buffer, this.byteOffset, this.byteLength)['get' + kind](offset, little);
      };
      const write = function (value, offset = 0) {
        if (range) {
          value = +value;
          if (value < range[0] || value > range[1]) throw coded(RangeError, 'ERR_OUT_OF_RANGE', `The value of "value" is out of range. It must be >= ${range[0]} and <= ${range[1]}. Received ${value}`);
        }
        bounds(this, offset, width);
        new DataView(this.buffer, this.byteOffset, this.byteLength)['set' + kind](offset, value, little);
        return offset + width;
      };
      for (const spelling of new Set([name, name.replace('UInt', 'Uint')])) {
        hidden(FastBuffer.prototype, 'read' + spelling + ending, read);
        hidden(FastBuffer.prototype, 'write' + spelling + ending, write);
      }
    }
  }
  for (const [code, name] of NAMES.entries()) {
    hidden(FastBuffer.prototype, name + 'Slice', function (start = 0, end = this.length) { return native.decode(this, code, start, end); });
    hidden(FastBuffer.prototype, name + 'Write', function (text, offset, length) { return this.write(text, offset, length, name); });
  }

  function Buffer(value, encoding, length) {
    return typeof value === 'number' ? Buffer.alloc(value) : Buffer.from(value, encoding, length);
  }
  Object.setPrototypeOf(Buffer, Uint8Array);
  Buffer.prototype = FastBuffer.prototype;
  hidden(FastBuffer.prototype, 'constructor', Buffer);
  hidden(Buffer, Symbol.species, FastBuffer);
  Object.defineProperty(Buffer, 'name', { value: 'Buffer' });
  Buffer.poolSize = 8192;

  Buffer.from = function from(value, encoding, length) {
    if (typeof value === 'string') {
      const bytes = native.encode(value, encodingOf(encoding));
      return view(bytes, 0, bytes.byteLength);
    }
    if (typeof value === 'object' && value !== null) {
      const kind = native.kind(value);
      if (kind === 'ArrayBuffer' || kind === 'SharedArrayBuffer') return view(value, encoding, length === undefined && encoding === undefined ? undefined : length);
      if (isBytes(value)) {
        const copy = view(new ArrayBuffer(value.length ?? value.byteLength));
        copy.set(value instanceof DataView ? bytesOf(value) : value);
        return copy;
      }
      const plain = value.valueOf && value.valueOf();
      if (plain !== undefined && plain !== null && plain !== value && (typeof plain === 'string' || typeof plain === 'object')) return Buffer.from(plain, encoding, length);
      if (value.type === 'Buffer' && Array.isArray(value.data)) return Buffer.from(value.data);
      if (typeof value.length === 'number') {
        const copy = view(new ArrayBuffer(Math.max(0, value.length)));
        for (let i = 0; i < copy.length; i++) copy[i] = value[i];
        return copy;
      }
      if (typeof value[Symbol.toPrimitive] === 'function') return Buffer.from(value[Symbol.toPrimitive]('string'), encoding);
    }
    throw coded(TypeError, 'ERR_INVALID_ARG_TYPE', `The first argument must be of type string or an instance of Buffer, ArrayBuffer, or Array or an Array-like Object. Received ${value === null || value === undefined ? value : `type ${typeof value} (${lib('inspect').inspect(value)})`}`);
  };
  Buffer.of = (...items) => Buffer.from(items);
  Buffer.alloc = function alloc(size, fill, encoding) {
    sizeCheck(size);
    const buffer = view(new ArrayBuffer(size));
    return fill !== undefined && fill !== 0 && size > 0 ? buffer.fill(fill, encoding) : buffer;
  };
  Buffer.allocUnsafe = Buffer.allocUnsafeSlow = (size) => { sizeCheck(size); return view(new ArrayBuffer(size)); };
  Buffer.isBuffer = (value) => value instanceof FastBuffer;
  Buffer.isEncoding = (name) => typeof name === 'string' && name.toLowerCase() in ENCODINGS;
  Buffer.byteLength = function byteLength(value, encoding) {
    if (typeof value !== 'string') {
      if (isBytes(value) || value instanceof ArrayBuffer) return value.byteLength;
      throw coded(TypeError, 'ERR_INVALID_ARG_TYPE', 'The "string" argument must be of type string or an instance of Buffer or ArrayBuffer.');
    }
    switch (ENCODINGS[encoding ?? 'utf8'] ?? ENCODINGS[String(encoding).toLowerCase()] ?? 0) {
      case 0: return native.length(value);
      case 3: return value.length >>> 1;
      case 4: case 5: return Math.floor(value.replace(/=+$/, '').length * 3 / 4);
      case 6: return value.length * 2;
      default: return value.length;
    }
  };
  Buffer.compare = (a, b) => native.compare(bytesOf(a), bytesOf(b));
  Buffer.concat = function concat(list, length) {
    if (!Array.isArray(list)) throw coded(TypeError, 'ERR_INVALID_ARG_TYPE', `The "list" argument must be an instance of Array. Received ${lib('inspect').inspect(list)}`);
    if (length === undefined) length = list.reduce((sum, item) => sum + item.length, 0);
    const all = Buffer.alloc(length);
    let at = 0;
    for (const item of list) {
      if (!(item instanceof Uint8Array)) throw coded(TypeError, 'ERR_INVALID_ARG_TYPE', 'The "list" argument must hold instances of Buffer or Uint8Array.');
      const part = at + item.length > length ? item.subarray(0, length - at) : item;
      all.set(part, at);
      at += part.length;
    }
    return all;
  };
  Buffer.copyBytesFrom = (source, offset = 0, length) => Buffer.from(source.subarray(offset, length === undefined ? undefined : offset + length));

  class Blob {
    #bytes;
    constructor(parts = [], options = {}) {
      this.#bytes = Buffer.concat(Array.from(parts, (part) => part instanceof Blob ? part.#bytes : typeof part === 'string' ? Buffer.from(part) : isBytes(part) ? Buffer.from(bytesOf(part)) : part instanceof ArrayBuffer ? Buffer.from(part.slice(0)) : Buffer.from(String(part))));
      hidden(this, 'type', options.type === undefined ? '' : String(options.type).toLowerCase());
    }
    get size() { return this.#bytes.length; }
    async arrayBuffer() { return this.#bytes.buffer.slice(this.#bytes.byteOffset, this.#bytes.byteOffset + this.#bytes.length); }
    async bytes() { return new Uint8Array(await this.arrayBuffer()); }
    async text() { return this.#bytes.toString(); }
    slice(start, end, type = '') { return new Blob([this.#bytes.subarray(start, end)], { type }); }
    stream() {
      const bytes = this.#bytes;
      return new ReadableStream({ start(controller) { controller.enqueue(new Uint8Array(bytes)); controller.close(); } });
    }
    get [Symbol.toStringTag]() { return 'Blob'; }
  }
  class File extends Blob {
    constructor(parts, name, options = {}) {
      super(parts, options);
      this.name = String(name);
      this.lastModified = options.lastModified ?? Date.now();
    }
    get [Symbol.toStringTag]() { return 'File'; }
  }
  const isUtf8 = (bytes) => native.decode(bytesOf(bytes), 0, 0, bytes.byteLength, true) !== null;
  return {
    Buffer, SlowBuffer: Buffer, Blob, File, kMaxLength: MAX, kStringMaxLength: 2 ** 29 - 24, INSPECT_MAX_BYTES: 50,
    constants: { MAX_LENGTH: MAX, MAX_STRING_LENGTH: 2 ** 29 - 24 },
    atob: globalThis.atob, btoa: globalThis.btoa, isUtf8, isAscii: (bytes) => bytesOf(bytes).every((b) => b < 128),
    transcode: (bytes, from, to) => Buffer.from(Buffer.from(bytes).toString(from), to),
  };
})
