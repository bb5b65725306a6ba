// string_decoder: characters that straddle two buffers stay whole.
(function (native, lib) {
  'use strict';
  class StringDecoder {
    constructor(encoding) {
      this.encoding = String(encoding ?? 'utf8').toLowerCase().replace('utf-8', 'utf8').replace('binary', 'latin1').replace(/^ucs-?2$|^utf-16le$/, 'utf16le');
      if (!Buffer.isEncoding(this.encoding)) throw Object.assign(new TypeError(`Unknown encoding: ${encoding}`), { code: 'ERR_UNKNOWN_ENCODING' });
      this.rest = Buffer.alloc(0);
    }
    write(chunk) {
      if (typeof chunk === 'string') return chunk;
      let bytes = this.rest.length ? Buffer.concat([this.rest, chunk]) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
      let keep = 0;
      if (this.encoding === 'utf8') keep = lib('encoding').unfinished(bytes, 0);
      else if (this.encoding === 'utf16le') {
        keep = bytes.length % 2;
        const end = bytes.length - keep;
        if (end >= 2 && (bytes[end - 1] & 0xfc) === 0xd8) keep += 2;
      } else if (this.encoding.startsWith('base64')) keep = bytes.length % 3;
      this.rest = Buffer.from(bytes.subarray(bytes.length - keep));
      return bytes.toString(this.encoding, 0, bytes.length - keep);
    }
    end(chunk) {
      const text = (chunk === undefined ? '' : this.write(chunk)) + this.rest.toString(this.encoding);
      this.rest = Buffer.alloc(0);
      return text;
    }
  }
  return { StringDecoder };
})
