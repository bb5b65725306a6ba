// Modules that packages import without needing: they load, and throw when used.
(function (native) {
  'use strict';
  const { notHere } = native.internals;
  const V4 = /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/;
  const isIPv6 = (text) => {
    if (!/^[0-9a-fA-F:.]+$/.test(text) || !text.includes(':')) return false;
    let parts = text.split('::');
    if (parts.length > 2) return false;
    const count = (part) => part === '' ? 0 : part.split(':').reduce((sum, piece, i, all) => sum + (i === all.length - 1 && V4.test(piece) ? 2 : /^[0-9a-fA-F]{1,4}$/.test(piece) ? 1 : 99), 0);
    const total = parts.reduce((sum, part) => sum + count(part), 0);
    return parts.length === 2 ? total <= 7 : total === 8;
  };
  const real = {
    net: { isIPv4: (text) => V4.test(text), isIPv6, isIP: (text) => (V4.test(text) ? 4 : isIPv6(text) ? 6 : 0) },
    tty: { isatty: () => false },
    worker_threads: { isMainThread: true, parentPort: null, workerData: null, threadId: 0 },
    cluster: { isMaster: true, isPrimary: true, isWorker: false, workers: {} },
    vm: { isContext: () => false }, http2: { constants: {} }, v8: {}, tls: { DEFAULT_MIN_VERSION: 'TLSv1.2', rootCertificates: [] },
  };
  function absent(name, functions) {
    const module = {};
    for (const member of functions.split(' ')) {
      module[member] = { [member]: function () { throw notHere(`${name}.${member}`); } }[member];
    }
    Object.assign(module, real[name]);
    if (name === 'dns') module.promises = absent('dns/promises', 'lookup resolve resolve4 resolve6 resolveTxt reverse');
    return module;
  }
  Object.defineProperty(absent, 'streamWeb', { get: () => {
    const names = ['ReadableStream', 'WritableStream', 'TransformStream', 'CompressionStream', 'DecompressionStream', 'TextEncoderStream', 'TextDecoderStream'];
    return Object.fromEntries(names.map((name) => [name, globalThis[name]]));
  } });
  return absent;
})
