// TextEncoder and TextDecoder (WHATWG Encoding): UTF-8, UTF-16LE, latin1.
(function (native) {
  'use strict';
  class TextEncoder {
    get encoding() { return 'utf-8'; }
    encode(text = '') { return new Uint8Array(native.encode(text, 0)); }
    encodeInto(text, target) {
      let bytes = new Uint8Array(native.encode(text, 0));
      if (bytes.length > target.length) {
        let cut = target.length;
        while (cut > 0 && (bytes[cut] & 0xc0) === 0x80) cut--;
        bytes = bytes.subarray(0, cut);
      }
      target.set(bytes);
      return { read: native.decode(bytes, 0, 0, bytes.length).length, written: bytes.length };
    }
    get [Symbol.toStringTag]() { return 'TextEncoder'; }
  }
  const LABELS = {
    __proto__: null, 'utf-8': 0, utf8: 0, 'unicode-1-1-utf-8': 0, 'utf-16le': 6, 'utf-16': 6, ucs2: 6, 'ucs-2': 6,
    'iso-8859-1': 1, latin1: 1, ascii: 1, 'us-ascii': 1, 'windows-1252': 1, l1: 1,
  };
  const NAMES = { 0: 'utf-8', 6: 'utf-16le', 1: 'windows-1252' };
  class TextDecoder {
    #code; #fatal; #keepMark; #rest = new Uint8Array(0); #begun = false;
    constructor(label = 'utf-8', options = {}) {
      const code = LABELS[String(label).trim().toLowerCase()];
      if (code === undefined) {
        const error = new RangeError(`The "${label}" encoding is not supported`);
        error.code = 'ERR_ENCODING_NOT_SUPPORTED';
        throw error;
      }
      this.#code = code;
      this.#fatal = Boolean(options?.fatal);
      this.#keepMark = Boolean(options?.ignoreBOM);
    }
    get encoding() { return NAMES[this.#code]; }
    get fatal() { return this.#fatal; }
    get ignoreBOM() { return this.#keepMark; }
    decode(input, options = {}) {
      let bytes = input === undefined ? new Uint8Array(0) : ArrayBuffer.isView(input)
        ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength) : new Uint8Array(input);
      if (this.#rest.length) {
        const joined = new Uint8Array(this.#rest.length + bytes.length);
        joined.set(this.#rest);
        joined.set(bytes, this.#rest.length);
        bytes = joined;
        this.#rest = new Uint8Array(0);
      }
      const streaming = Boolean(options?.stream);
      if (streaming) {
        const keep = unfinished(bytes, this.#code);
        if (keep) {
          this.#rest = bytes.slice(bytes.length - keep);
          bytes = bytes.subarray(0, bytes.length - keep);
        }
      }
      let text = native.decode(bytes, this.#code, 0, bytes.length, this.#fatal);
      if (text === null) {
        const error = new TypeError('The encoded data was not valid for encoding utf-8');
        error.code = 'ERR_ENCODING_INVALID_ENCODED_DATA';
        throw error;
      }
      if (this.#code === 6) text = text.toWellFormed();
      if (!this.#begun && !this.#keepMark && this.#code !== 1 && text.charCodeAt(0) === 0xfeff) text = text.slice(1);
      this.#begun = streaming && (this.#begun || text !== '');
      return text;
    }
    get [Symbol.toStringTag]() { return 'TextDecoder'; }
  }
  // How many bytes at the end begin a character that is not complete.
  function unfinished(bytes, code) {
    if (code === 1) return 0;
    if (code === 6) return bytes.length % 2;
    for (let back = 1; back <= Math.min(3, bytes.length); back++) {
      const byte = bytes[bytes.length - back];
      if ((byte & 0xc0) === 0x80) continue;
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
      return length > back ? back : 0;
    }
    return 0;
  }
  return { TextEncoder, TextDecoder, unfinished };
})
