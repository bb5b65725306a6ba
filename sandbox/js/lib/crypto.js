// crypto: digests, MACs, signatures, keys, ciphers; done by the host (host_crypto.py).
(function (native, lib) {
  'use strict';
  const { call } = native.internals;
  const Buffer = lib('buffer').Buffer;
  const coded = (kind, code, message) => Object.assign(new kind(message), { code });
  const bytesOf = (data, encoding) => {
    if (typeof data === 'string') return Buffer.from(data, encoding === 'buffer' ? undefined : encoding);
    if (data instanceof KeyObject) return data.secret();
    if (data instanceof ArrayBuffer) return new Uint8Array(data);
    if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    throw coded(TypeError, 'ERR_INVALID_ARG_TYPE', `The "data" argument must be of type string or an instance of Buffer, TypedArray, or DataView. Received ${lib('inspect').received(data)}`);
  };
  // A request to the host: JSON, a zero byte, then each part with its length before it.
  function host(name, options, ...parts) {
    const head = Buffer.from(JSON.stringify({ ...options, lengths: parts.map((part) => part.length) }) + '\0');
    let answer;
    try { answer = call('crypto.' + name, Buffer.concat([head, ...parts])); } catch (error) {
      const [code, message] = /^[A-Z_]+: /.test(error.message) ? error.message.split(/: (.*)/s) : ['ERR_CRYPTO_OPERATION_FAILED', error.message];
      throw message.startsWith('Unsupported state') ? new Error(message) : coded(code === 'ERR_CRYPTO_INVALID_IV' ? TypeError : Error, code, message);
    }
    return Buffer.from(answer.buffer, answer.byteOffset, answer.length);
  }
  // One request takes at most so much: more goes in pieces, between which others run.
  const PIECE = 256 * 1024;
  const pieces = function* (data) { for (let at = 0; at < data.length; at += PIECE) yield data.subarray(at, at + PIECE); };
  function digestOf(algorithm, data, key, size) {
    const options = { algorithm, size, keyed: key !== undefined };
    key ??= Buffer.alloc(0);
    if (key.length > PIECE) key = digestOf(algorithm, key); // RFC 2104, 2
    if (key.length + data.length <= PIECE) return host(options.keyed ? 'hmac' : 'hash', options, key, data);
    const handle = told(host('digest_open', options, key));
    for (const piece of pieces(data)) host('digest_update', { handle }, piece);
    return host('digest_end', { handle });
  }
  const told = (bytes) => JSON.parse(bytes.toString());
  const out = (buffer, encoding) => (encoding && encoding !== 'buffer' ? buffer.toString(encoding) : buffer);
  const algorithm = (name) => String(name).toLowerCase();

  class Hash {
    constructor(name, key, options) {
      this._name = algorithm(name);
      this._key = key;
      this._parts = [];
      this._size = options?.outputLength;
      this._done = false;
      if (!HASHES.has(this._name)) throw key === undefined ? new Error('Digest method not supported') : coded(Error, 'ERR_CRYPTO_INVALID_DIGEST', `Invalid digest: ${name}`);
    }
    update(data, encoding) {
      if (this._done) throw coded(Error, 'ERR_CRYPTO_HASH_FINALIZED', 'Digest already called');
      this._parts.push(typeof data === 'string' ? Buffer.from(data, encoding) : Buffer.from(bytesOf(data)));
      return this;
    }
    digest(encoding) {
      if (this._done) throw coded(Error, 'ERR_CRYPTO_HASH_FINALIZED', 'Digest already called');
      this._done = true;
      return out(digestOf(this._name, Buffer.concat(this._parts), this._key, this._size), encoding);
    }
    copy() {
      const copy = new Hash(this._name, this._key, { outputLength: this._size });
      copy._parts = [...this._parts];
      return copy;
    }
    // The stream interface, without the machinery: what is written is hashed, read() gives the digest.
    write(data, encoding, callback) { this.update(data, typeof encoding === 'string' ? encoding : undefined); (typeof encoding === 'function' ? encoding : callback)?.(); return true; }
    end(data, encoding) { if (data !== undefined) this.update(data, encoding); this._value = this.digest(); return this; }
    read() { const value = this._value ?? null; this._value = null; return value; }
    setEncoding(encoding) { this._encoding = encoding; return this; }
    on(name, listener) { if (name === 'finish' || name === 'readable' || name === 'end') process.nextTick(listener); return this; }
    once(name, listener) { return this.on(name, listener); }
    emit() { return false; }
  }
  const HASHES = new Set(['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512', 'sha512-256', 'sha512-224', 'sha3-224', 'sha3-256', 'sha3-384', 'sha3-512', 'shake128', 'shake256', 'blake2b512', 'blake2s256', 'rsa-sha1', 'rsa-sha256', 'rsa-sha384', 'rsa-sha512']);
  class Hmac extends Hash {}
  const createHash = (name, options) => new Hash(name, undefined, options);
  const createHmac = (name, key, options) => {
    if (key === undefined || key === null) throw coded(TypeError, 'ERR_INVALID_ARG_TYPE', `The "key" argument must be of type ArrayBuffer, Buffer, TypedArray, DataView, string, KeyObject, or CryptoKey. Received ${key}`);
    return new Hmac(name, Buffer.from(bytesOf(key)), options);
  };
  const hash = (name, data, encoding = 'hex') => createHash(name).update(data).digest(encoding);

  // ---- keys ------------------------------------------------------------------------------------------
  const INTERNAL = Symbol('key');
  class KeyObject {
    constructor(token, type, fields) {
      if (token !== INTERNAL) throw new TypeError('Illegal constructor');
      Object.defineProperty(this, 'type', { value: type, enumerable: true });
      Object.defineProperty(this, 'fields', { value: fields });
    }
    static from(key) { return key.keyObject; }
    get asymmetricKeyType() { return this.fields.kind; }
    get asymmetricKeyDetails() { return this.fields.details; }
    get symmetricKeySize() { return this.type === 'secret' ? this.fields.bytes.length : undefined; }
    secret() { return this.fields.bytes; }
    equals(other) { return this.type === other.type && this.fields.bytes.equals(other.fields.bytes); }
    export(options = {}) {
      if (this.type === 'secret') {
        if (options.format === 'jwk') return { kty: 'oct', k: this.fields.bytes.toString('base64url') };
        return Buffer.from(this.fields.bytes);
      }
      const answer = host('key_export', { kind: this.type, format: options.format ?? 'pem', type: options.type ?? (this.type === 'public' ? 'spki' : 'pkcs8') }, this.fields.bytes);
      return options.format === 'jwk' ? told(answer) : options.format === 'der' ? answer : answer.toString();
    }
    [Symbol.for('nodejs.util.inspect.custom')]() { return `${this.type[0].toUpperCase()}${this.type.slice(1)}KeyObject {}`; }
  }
  // Any form of key that Node takes, as { key bytes, how they are written }.
  function keyInput(key) {
    let options = {};
    if (key !== null && typeof key === 'object' && !(key instanceof KeyObject) && !ArrayBuffer.isView(key) && !(key instanceof ArrayBuffer) && !(key.keyObject instanceof KeyObject)) {
      options = key;
      key = key.key;
    }
    if (key?.keyObject instanceof KeyObject) key = key.keyObject;
    if (key instanceof KeyObject) return { bytes: key.fields.bytes, format: 'der', type: key.type === 'public' ? 'spki' : 'pkcs8', options };
    if (options.format === 'jwk' || (key !== null && typeof key === 'object' && key.kty)) return { bytes: Buffer.from(JSON.stringify(key)), format: 'jwk', options };
    if (key === undefined || key === null) throw coded(TypeError, 'ERR_INVALID_ARG_TYPE', `The "key" argument must be of type string or an instance of ArrayBuffer, Buffer, TypedArray, DataView, KeyObject, or CryptoKey. Received ${key}`);
    return { bytes: Buffer.from(bytesOf(key)), format: options.format ?? 'pem', type: options.type, options, passphrase: options.passphrase };
  }
  function load(kind, key) {
    const { bytes, format, type, passphrase } = keyInput(key);
    const answer = host('key_load', { kind, format, type, passphrase: passphrase === undefined ? null : String(passphrase) }, bytes);
    const at = answer.indexOf(0);
    const facts = told(answer.subarray(0, at));
    if (facts.details.publicExponent) facts.details.publicExponent = BigInt(facts.details.publicExponent);
    return new KeyObject(INTERNAL, kind, { ...facts, bytes: Buffer.from(answer.subarray(at + 1)) });
  }
  const createPublicKey = (key) => load('public', key);
  const createPrivateKey = (key) => load('private', key);
  const createSecretKey = (key, encoding) => new KeyObject(INTERNAL, 'secret', { bytes: Buffer.from(bytesOf(key, encoding)) });

  const digestName = (name) => (name === null || name === undefined ? null : algorithm(name).replace(/^rsa-/, '').replace(/^ecdsa-with-/, ''));
  function signing(options) {
    return { padding: options.padding, saltLength: options.saltLength, dsaEncoding: options.dsaEncoding ?? 'der' };
  }
  // What is signed: the data, or the digest of data that are long, where there is one.
  function digested(name, data) {
    const algorithm = digestName(name), hashed = data.length > PIECE && algorithm !== null;
    return [{ algorithm, hashed }, hashed ? digestOf(algorithm, data) : data];
  }
  function verifyWith(name, data, key, signature) {
    const { bytes, format, type, options } = keyInput(key);
    const [hashing, signed] = digested(name, data);
    return told(host('verify', { ...hashing, format, type, ...signing(options) }, bytes, signed, signature));
  }
  function signWith(name, data, key) {
    const { bytes, format, type, options, passphrase } = keyInput(key);
    const [hashing, signed] = digested(name, data);
    return host('sign', { ...hashing, format, type, passphrase: passphrase === undefined ? null : String(passphrase), ...signing(options) }, bytes, signed);
  }
  class Collector {
    constructor(name) {
      this._name = name;
      this._parts = [];
      if (!HASHES.has(digestName(name))) throw coded(Error, 'ERR_CRYPTO_INVALID_DIGEST', `Invalid digest: ${name}`);
    }
    update(data, encoding) { this._parts.push(typeof data === 'string' ? Buffer.from(data, encoding) : Buffer.from(bytesOf(data))); return this; }
    write(data, encoding) { this.update(data, encoding); return true; }
    end(data, encoding) { if (data !== undefined) this.update(data, encoding); return this; }
  }
  class Verify extends Collector {
    verify(key, signature, encoding) { return verifyWith(this._name, Buffer.concat(this._parts), key, Buffer.from(bytesOf(signature, encoding))); }
  }
  class Sign extends Collector {
    sign(key, encoding) { return out(signWith(this._name, Buffer.concat(this._parts), key), encoding); }
  }

  // ---- randomness -----------------------------------------------------------------------------------
  function randomBytes(size, callback) {
    if (typeof size !== 'number' || !(size >= 0 && size <= 2 ** 31 - 1)) throw coded(RangeError, 'ERR_OUT_OF_RANGE', `The value of "size" is out of range. It must be >= 0 && <= 2147483647. Received ${size}`);
    const bytes = Buffer.alloc(size);
    native.random(bytes);
    return callback ? void process.nextTick(callback, null, bytes) : bytes;
  }
  function randomFillSync(buffer, offset = 0, size) {
    const bytes = bytesOf(buffer);
    native.random(bytes.subarray(offset, size === undefined ? undefined : offset + size));
    return buffer;
  }
  function randomInt(low, high, callback) {
    if (high === undefined || typeof high === 'function') { callback = high; high = low; low = 0; }
    const range = high - low;
    if (!(Number.isSafeInteger(low) && Number.isSafeInteger(high) && range > 0 && range <= 2 ** 48 - 1)) throw coded(RangeError, 'ERR_OUT_OF_RANGE', `The value of "max" is out of range. It must be greater than the value of "min" (${low}). Received ${high}`);
    const most = 2 ** 48 - 2 ** 48 % range;
    let value;
    do value = randomBytes(6).readUIntBE(0, 6); while (value >= most);
    value = low + value % range;
    return callback ? void process.nextTick(callback, null, value) : value;
  }
  function randomUUID() {
    const bytes = randomBytes(16);
    bytes[6] = bytes[6] & 15 | 64;
    bytes[8] = bytes[8] & 63 | 128;
    const hex = bytes.toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }
  function timingSafeEqual(a, b) {
    a = bytesOf(a);
    b = bytesOf(b);
    if (a.length !== b.length) throw coded(RangeError, 'ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH', 'Input buffers must have the same byte length');
    let different = 0;
    for (let i = 0; i < a.length; i++) different |= a[i] ^ b[i];
    return different === 0;
  }

  // ---- derivation and ciphers --------------------------------------------------------------------------
  const pbkdf2Sync = (password, salt, iterations, length, digest) => host('pbkdf2', { iterations, length, algorithm: digestName(digest) }, Buffer.from(bytesOf(password)), Buffer.from(bytesOf(salt)));
  const scryptSync = (password, salt, length, options = {}) => host('scrypt', { length, n: options.N ?? options.cost ?? 16384, r: options.r ?? options.blockSize ?? 8, p: options.p ?? options.parallelization ?? 1 }, Buffer.from(bytesOf(password)), Buffer.from(bytesOf(salt)));
  const hkdfSync = (digest, key, salt, info, length) => { const b = host('hkdf', { algorithm: digestName(digest), length }, Buffer.from(bytesOf(key)), Buffer.from(bytesOf(salt)), Buffer.from(bytesOf(info))); return b.buffer.slice(b.byteOffset, b.byteOffset + b.length); };
  const later = (run) => (...args) => {
    const callback = args.pop();
    let value, error = null;
    try { value = run(...args); } catch (thrown) { error = thrown; }
    process.nextTick(callback, error, value);
  };
  const publicEncrypt = (key, data) => crypt('encrypt', key, data), privateDecrypt = (key, data) => crypt('decrypt', key, data);
  function crypt(direction, key, data) {
    const { bytes, format, type, options } = keyInput(key);
    return host('rsa_' + direction, { format, type, padding: options.padding ?? 4, algorithm: options.oaepHash ?? 'sha1' }, bytes, Buffer.from(bytesOf(data)));
  }
  const constants = { RSA_PKCS1_PADDING: 1, RSA_NO_PADDING: 3, RSA_PKCS1_OAEP_PADDING: 4, RSA_PKCS1_PSS_PADDING: 6, RSA_PSS_SALTLEN_DIGEST: -1, RSA_PSS_SALTLEN_MAX_SIGN: -2, RSA_PSS_SALTLEN_AUTO: -2 };
  const notHere = (name) => () => { throw native.internals.notHere('crypto.' + name); };
  return {
    createHash, createHmac, Hash, Hmac, hash, getHashes: () => [...HASHES], getCiphers: () => ['aes-128-cbc', 'aes-192-cbc', 'aes-256-cbc', 'aes-128-ctr', 'aes-192-ctr', 'aes-256-ctr', 'aes-128-gcm', 'aes-192-gcm', 'aes-256-gcm', 'chacha20-poly1305'], getCurves: () => ['prime256v1', 'secp384r1', 'secp521r1', 'secp256k1'],
    randomBytes, pseudoRandomBytes: randomBytes, randomFillSync, randomFill: later(randomFillSync), randomInt, randomUUID, timingSafeEqual,
    createVerify: (name) => new Verify(name), createSign: (name) => new Sign(name), Sign, Verify,
    verify: (name, data, key, signature, callback) => { const r = verifyWith(name, Buffer.from(bytesOf(data)), key, Buffer.from(bytesOf(signature))); return callback ? void process.nextTick(callback, null, r) : r; },
    sign: (name, data, key, callback) => { const r = signWith(name, Buffer.from(bytesOf(data)), key); return callback ? void process.nextTick(callback, null, r) : r; },
    KeyObject, createPublicKey, createPrivateKey, createSecretKey,
    pbkdf2Sync, pbkdf2: later(pbkdf2Sync), scryptSync, scrypt: later((password, salt, length, options) => scryptSync(password, salt, length, options)), hkdfSync, hkdf: later(hkdfSync),
    createCipheriv: (name, key, iv, options) => new (lib('cipher').Cipheriv)(name, key, iv, options), createDecipheriv: (name, key, iv, options) => new (lib('cipher').Decipheriv)(name, key, iv, options),
    get Cipheriv() { return lib('cipher').Cipheriv; }, get Decipheriv() { return lib('cipher').Decipheriv; },
    publicEncrypt, privateDecrypt, privateEncrypt: notHere('privateEncrypt'), publicDecrypt: notHere('publicDecrypt'),
    generateKeyPairSync: notHere('generateKeyPairSync'), generateKeyPair: notHere('generateKeyPair'), createECDH: notHere('createECDH'),
    createDiffieHellman: notHere('createDiffieHellman'), constants, internal: { host, told, pieces, PIECE, INTERNAL, bytesOf, algorithm, coded },
    get webcrypto() { return globalThis.crypto; }, get subtle() { return globalThis.crypto.subtle; },
    getRandomValues: (array) => globalThis.crypto.getRandomValues(array), getFips: () => 0,
  };
})
