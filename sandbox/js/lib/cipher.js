// crypto's ciphers: output comes as input does, the work is the host's (host_cipher.py).
(function (native, lib) {
  'use strict';
  const { host, told, pieces, bytesOf, algorithm, coded } = lib('crypto').internal;
  const Buffer = lib('buffer').Buffer;
  const { Transform } = lib('stream');
  class Cipher extends Transform {
    constructor(name, key, iv, options, encrypting) {
      super(options);
      this._options = { cipher: algorithm(name), encrypting };
      this._key = Buffer.from(bytesOf(key));
      this._iv = iv === null ? Buffer.alloc(0) : Buffer.from(bytesOf(iv));
      this._aad = Buffer.alloc(0);
      this._tagLength = options?.authTagLength ?? 16;
      this._aead = /gcm|poly1305/.test(this._options.cipher);
      host('cipher_check', this._options, this._key, this._iv);
    }
    _begun() {
      if (this._done) throw new Error('error:1C800066:Provider routines::cipher operation failed');
      return this._handle ??= told(host('cipher_open', this._options, this._key, this._iv, this._aad));
    }
    setAAD(data, options) { this._aad = Buffer.concat([this._aad, Buffer.from(bytesOf(data, options?.encoding))]); return this; }
    setAutoPadding(on = true) { this._options.padding = Boolean(on); return this; }
    setAuthTag(tag, encoding) {
      this._tag = Buffer.from(bytesOf(tag, encoding));
      if (this._tag.length > 16 || this._tag.length < 4) throw coded(TypeError, 'ERR_CRYPTO_INVALID_AUTH_TAG', `Invalid authentication tag length: ${this._tag.length}`);
      return this;
    }
    getAuthTag() {
      if (!this._done || !this._tag) throw coded(Error, 'ERR_CRYPTO_INVALID_STATE', 'Invalid state for operation getAuthTag');
      return this._tag;
    }
    update(data, inputEncoding, outputEncoding) {
      const handle = this._begun(), made = [];
      for (const piece of pieces(Buffer.from(bytesOf(data, inputEncoding)))) made.push(host('cipher_update', { handle }, piece));
      return this._out(made.length === 1 ? made[0] : Buffer.concat(made), outputEncoding);
    }
    final(encoding) {
      const handle = this._begun();
      this._done = true;
      const answer = host('cipher_end', { handle }, this._tag ?? Buffer.alloc(0));
      if (!this._options.encrypting || !this._aead) return this._out(answer, encoding, true);
      this._tag = answer.subarray(answer.length - 16).subarray(0, this._tagLength);
      return this._out(answer.subarray(0, answer.length - 16), encoding, true);
    }
    // Text may end within a character (or base64 group): the rest of it comes with the next part.
    _out(bytes, encoding, last) {
      if (!encoding || encoding === 'buffer') return bytes;
      this._decoder ??= new (lib('string_decoder').StringDecoder)(encoding);
      return last ? this._decoder.end(bytes) : this._decoder.write(bytes);
    }
    _transform(chunk, encoding, done) { try { done(null, this.update(chunk)); } catch (error) { done(error); } }
    _flush(done) { try { this.push(this.final()); done(); } catch (error) { done(error); } }
  }
  class Cipheriv extends Cipher {
    constructor(name, key, iv, options) { super(name, key, iv, options, true); }
  }
  class Decipheriv extends Cipher {
    constructor(name, key, iv, options) { super(name, key, iv, options, false); }
  }
  return { Cipheriv, Decipheriv };
})
