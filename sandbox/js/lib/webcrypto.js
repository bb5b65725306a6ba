// globalThis.crypto (Web Cryptography API): digest, HMAC, RSA and ECDSA signatures, AES, derivation, key import.
(function (native, lib) {
  'use strict';
  const node = lib('crypto');
  const { host, told, pieces, PIECE } = node.internal;
  const Buffer = lib('buffer').Buffer;
  const fail = (name, message) => new DOMException(message, name);
  const bytes = (data) => {
    if (data instanceof ArrayBuffer) return Buffer.from(data.slice(0));
    if (ArrayBuffer.isView(data)) return Buffer.from(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    throw new TypeError('The data must be an ArrayBuffer or a view of one');
  };
  const buffer = (b) => b.buffer.slice(b.byteOffset, b.byteOffset + b.length);
  const named = (algorithm) => (typeof algorithm === 'string' ? { name: algorithm } : algorithm);
  const NAMES = ['RSASSA-PKCS1-v1_5', 'RSA-PSS', 'RSA-OAEP', 'ECDSA', 'Ed25519', 'HMAC', 'AES-CBC', 'AES-CTR', 'AES-GCM', 'PBKDF2', 'HKDF', 'SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'];
  function normal(algorithm) {
    const given = named(algorithm);
    const name = NAMES.find((known) => known.toLowerCase() === String(given?.name).toLowerCase());
    if (name === undefined) throw fail('NotSupportedError', 'Unrecognized algorithm name');
    return { ...given, name };
  }
  const hashName = (hash) => {
    const name = normal(hash).name;
    if (!name.startsWith('SHA-')) throw fail('NotSupportedError', 'Unrecognized digest');
    return name.toLowerCase().replace('-', '');
  };
  const CURVES = { 'P-256': 32, 'P-384': 48, 'P-521': 66 };
  const TOKEN = Symbol('key');
  class CryptoKey {
    constructor(token, type, extractable, algorithm, usages, keyObject) {
      if (token !== TOKEN) throw new TypeError('Illegal constructor');
      Object.assign(this, { type, extractable, algorithm, usages });
      Object.defineProperty(this, 'keyObject', { value: keyObject });
    }
    get [Symbol.toStringTag]() { return 'CryptoKey'; }
  }
  const need = (key, usage, name) => {
    if (key.algorithm.name !== name) throw fail('InvalidAccessError', 'Key algorithm mismatch');
    if (!key.usages.includes(usage)) throw fail('InvalidAccessError', `Unable to use this key to ${usage}`);
  };
  const signOptions = (algorithm, key) => {
    const object = key.keyObject;
    if (algorithm.name === 'ECDSA') return [hashName(algorithm.hash), { key: object, dsaEncoding: 'ieee-p1363' }];
    if (algorithm.name === 'Ed25519') return [null, { key: object }];
    const digest = hashName(key.algorithm.hash);
    return [digest, algorithm.name === 'RSA-PSS' ? { key: object, padding: 6, saltLength: algorithm.saltLength } : { key: object, padding: 1 }];
  };
  const subtle = {
    async digest(algorithm, data) { return buffer(node.createHash(hashName(algorithm)).update(bytes(data)).digest()); },
    async importKey(format, data, algorithm, extractable, usages) {
      algorithm = normal(algorithm);
      const keep = { name: algorithm.name };
      usages = [...usages];
      const jwk = format === 'jwk';
      if (jwk && (data === null || typeof data !== 'object')) throw new TypeError('The key must be a JSON Web Key');
      if (['HMAC', 'AES-CBC', 'AES-CTR', 'AES-GCM', 'PBKDF2', 'HKDF'].includes(algorithm.name)) {
        if (!jwk && format !== 'raw') throw fail('NotSupportedError', `Unable to import ${algorithm.name} key with format ${format}`);
        const secret = jwk ? Buffer.from(data.k, 'base64url') : bytes(data);
        if (algorithm.name === 'HMAC') {
          keep.hash = { name: normal(algorithm.hash).name };
          keep.length = secret.length * 8;
          if (secret.length === 0) throw fail('DataError', 'Zero-length key is not supported');
        } else if (algorithm.name.startsWith('AES')) {
          keep.length = secret.length * 8;
          if (![128, 192, 256].includes(keep.length)) throw fail('DataError', 'Invalid key length');
        }
        return new CryptoKey(TOKEN, 'secret', extractable, keep, usages, node.createSecretKey(secret));
      }
      let object;
      try {
        if (jwk) object = data.d === undefined ? node.createPublicKey({ key: data, format: 'jwk' }) : node.createPrivateKey({ key: data, format: 'jwk' });
        else if (format === 'spki') object = node.createPublicKey({ key: bytes(data), format: 'der', type: 'spki' });
        else if (format === 'pkcs8') object = node.createPrivateKey({ key: bytes(data), format: 'der', type: 'pkcs8' });
        else if (format === 'raw' && algorithm.name === 'ECDSA') {
          const point = bytes(data), size = CURVES[algorithm.namedCurve];
          object = node.createPublicKey({ key: { kty: 'EC', crv: algorithm.namedCurve, x: point.subarray(1, 1 + size).toString('base64url'), y: point.subarray(1 + size).toString('base64url') }, format: 'jwk' });
        } else if (format === 'raw' && algorithm.name === 'Ed25519') object = node.createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: bytes(data).toString('base64url') }, format: 'jwk' });
        else throw fail('NotSupportedError', `Unable to import a key with format ${format}`);
      } catch (error) {
        if (error instanceof DOMException) throw error;
        throw fail('DataError', 'Invalid keyData');
      }
      if (algorithm.name.startsWith('RSA')) {
        keep.hash = { name: normal(algorithm.hash).name };
        keep.modulusLength = object.asymmetricKeyDetails.modulusLength;
        keep.publicExponent = new Uint8Array([1, 0, 1]);
      } else if (algorithm.name === 'ECDSA') keep.namedCurve = algorithm.namedCurve;
      return new CryptoKey(TOKEN, object.type, extractable, keep, usages, object);
    },
    async exportKey(format, key) {
      if (!key.extractable) throw fail('InvalidAccessError', 'key is not extractable');
      if (format === 'jwk') return { ...key.keyObject.export({ format: 'jwk' }), key_ops: key.usages, ext: true };
      if (key.type === 'secret') return buffer(key.keyObject.export());
      return buffer(key.keyObject.export({ format: 'der', type: format }));
    },
    async generateKey(algorithm, extractable, usages) {
      algorithm = normal(algorithm);
      if (algorithm.name === 'HMAC' || algorithm.name.startsWith('AES')) {
        const length = algorithm.length ?? { 'SHA-1': 512, 'SHA-256': 512, 'SHA-384': 1024, 'SHA-512': 1024 }[normal(algorithm.hash).name];
        return subtle.importKey('raw', node.randomBytes(length / 8), algorithm, extractable, usages);
      }
      throw fail('NotSupportedError', `Keys of ${algorithm.name} are not generated in an edge function`);
    },
    async sign(algorithm, key, data) {
      algorithm = normal(algorithm);
      need(key, 'sign', algorithm.name);
      if (algorithm.name === 'HMAC') return buffer(node.createHmac(hashName(key.algorithm.hash), key.keyObject).update(bytes(data)).digest());
      const [digest, options] = signOptions(algorithm, key);
      return buffer(node.sign(digest, bytes(data), options));
    },
    async verify(algorithm, key, signature, data) {
      algorithm = normal(algorithm);
      need(key, 'verify', algorithm.name);
      signature = bytes(signature);
      if (algorithm.name === 'HMAC') {
        const mac = node.createHmac(hashName(key.algorithm.hash), key.keyObject).update(bytes(data)).digest();
        return mac.length === signature.length && node.timingSafeEqual(mac, signature);
      }
      const [digest, options] = signOptions(algorithm, key);
      return node.verify(digest, bytes(data), options, signature);
    },
    async encrypt(algorithm, key, data) { return crypt(normal(algorithm), key, bytes(data), true); },
    async decrypt(algorithm, key, data) { return crypt(normal(algorithm), key, bytes(data), false); },
    async deriveBits(algorithm, key, length) {
      algorithm = normal(algorithm);
      const secret = key.keyObject.export();
      if (algorithm.name === 'PBKDF2') return buffer(node.pbkdf2Sync(secret, bytes(algorithm.salt), algorithm.iterations, length / 8, hashName(algorithm.hash)));
      if (algorithm.name === 'HKDF') return node.hkdfSync(hashName(algorithm.hash), secret, bytes(algorithm.salt), bytes(algorithm.info), length / 8);
      throw fail('NotSupportedError', `Bits are not derived with ${algorithm.name}`);
    },
    async deriveKey(algorithm, key, wanted, extractable, usages) {
      wanted = normal(wanted);
      return subtle.importKey('raw', await subtle.deriveBits(algorithm, key, wanted.length ?? 512), wanted, extractable, usages);
    },
  };
  function crypt(algorithm, key, data, encrypting) {
    need(key, encrypting ? 'encrypt' : 'decrypt', algorithm.name);
    try {
      if (algorithm.name === 'RSA-OAEP') {
        const options = { key: key.keyObject, padding: 4, oaepHash: hashName(key.algorithm.hash) };
        return buffer(encrypting ? node.publicEncrypt(options, data) : node.privateDecrypt(options, data));
      }
      const mode = algorithm.name.slice(4).toLowerCase();
      const iv = bytes(algorithm.iv ?? algorithm.counter);
      const cipher = `aes-${key.algorithm.length}-${mode}`;
      let tag = Buffer.alloc(0);
      if (mode === 'gcm' && !encrypting) { tag = data.subarray(data.length - 16); data = data.subarray(0, data.length - 16); }
      const secret = key.keyObject.secret(), aad = algorithm.additionalData ? bytes(algorithm.additionalData) : Buffer.alloc(0);
      if (data.length <= PIECE) return buffer(host('cipher', { cipher, encrypting }, secret, iv, aad, tag, data));
      const handle = told(host('cipher_open', { cipher, encrypting }, secret, iv, aad)), made = [];
      for (const piece of pieces(data)) made.push(host('cipher_update', { handle }, piece));
      return buffer(Buffer.concat([...made, host('cipher_end', { handle }, tag)]));
    } catch (error) {
      if (error instanceof DOMException) throw error;
      throw fail('OperationError', 'The operation failed for an operation-specific reason');
    }
  }
  class SubtleCrypto {}
  Object.defineProperties(SubtleCrypto.prototype, Object.getOwnPropertyDescriptors(subtle));
  class Crypto {
    get subtle() { return shared; }
    getRandomValues(array) {
      if (!ArrayBuffer.isView(array) || array instanceof DataView || /^Float/.test(array.constructor.name)) throw fail('TypeMismatchError', 'The data argument must be an integer-type TypedArray');
      if (array.byteLength > 65536) throw fail('QuotaExceededError', `The requested length exceeds 65,536 bytes`);
      native.random(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
      return array;
    }
    randomUUID() { return node.randomUUID(); }
    get [Symbol.toStringTag]() { return 'Crypto'; }
  }
  const shared = new SubtleCrypto();
  return { crypto: new Crypto(), Crypto, CryptoKey, SubtleCrypto };
})
