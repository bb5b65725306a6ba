// fs: the function's own deployed files, read-only, under /var/task.
(function (native, lib) {
  'use strict';
  const { call, fileNames, kindOf, join, nextTick } = native.internals;
  function fail(code, what, path) {
    const text = { ENOENT: 'no such file or directory', EROFS: 'read-only file system', EISDIR: 'illegal operation on a directory', ENOTDIR: 'not a directory' }[code];
    return Object.assign(new Error(`${code}: ${text}, ${what} '${path}'`), { code, errno: { ENOENT: -2, EROFS: -30, EISDIR: -21, ENOTDIR: -20 }[code], syscall: what, path });
  }
  const where = (path) => {
    if (path instanceof Uint8Array) path = Buffer.from(path).toString();
    else if (typeof path === 'object' && path !== null && path.href) path = decodeURIComponent(path.pathname);
    if (typeof path !== 'string') throw Object.assign(new TypeError('The "path" argument must be of type string or an instance of Buffer or URL.'), { code: 'ERR_INVALID_ARG_TYPE' });
    return join('/var/task', path);
  };
  const isFile = (path) => kindOf(path) !== undefined;
  const isFolder = (path) => {
    const head = path === '/' ? '/' : path + '/';
    return '/var/task/'.startsWith(head) || fileNames().some((name) => name.startsWith(head));
  };
  const encodingIn = (options) => (typeof options === 'string' ? options : options?.encoding);
  function readFileSync(path, options) {
    const at = where(path);
    if (!isFile(at)) throw fail(isFolder(at) ? 'EISDIR' : 'ENOENT', isFolder(at) ? 'read' : 'open', path);
    const bytes = call('file', at);
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const encoding = encodingIn(options);
    return encoding && encoding !== 'buffer' ? buffer.toString(encoding) : buffer;
  }
  class Stats {
    constructor(file, size) {
      Object.assign(this, { dev: 1, mode: file ? 0o100444 : 0o40555, nlink: 1, uid: 0, gid: 0, rdev: 0, blksize: 4096, ino: 1, size, blocks: Math.ceil(size / 512) });
      for (const name of ['atime', 'mtime', 'ctime', 'birthtime']) { this[name + 'Ms'] = 0; this[name] = new Date(0); }
    }
    isFile() { return (this.mode & 0o170000) === 0o100000; }
    isDirectory() { return (this.mode & 0o170000) === 0o40000; }
    isSymbolicLink() { return false; } isFIFO() { return false; } isSocket() { return false; } isBlockDevice() { return false; } isCharacterDevice() { return false; }
  }
  function statSync(path, options) {
    const at = where(path);
    if (isFile(at)) return new Stats(true, call('file', at).length);
    if (isFolder(at)) return new Stats(false, 4096);
    if (options?.throwIfNoEntry === false) return undefined;
    throw fail('ENOENT', 'stat', path);
  }
  function readdirSync(path, options) {
    const at = where(path);
    if (isFile(at)) throw fail('ENOTDIR', 'scandir', path);
    if (!isFolder(at)) throw fail('ENOENT', 'scandir', path);
    const head = at === '/' ? '/' : at + '/';
    const names = new Set();
    for (const name of fileNames()) if (name.startsWith(head)) names.add(options?.recursive ? name.slice(head.length) : name.slice(head.length).split('/')[0]);
    const sorted = [...names].sort();
    return options?.withFileTypes ? sorted.map((name) => ({ name, parentPath: at, path: at, isFile: () => isFile(head + name), isDirectory: () => !isFile(head + name), isSymbolicLink: () => false })) : sorted;
  }
  const sync = {
    readFileSync, statSync, lstatSync: statSync, readdirSync,
    existsSync(path) { try { const at = where(path); return isFile(at) || isFolder(at); } catch { return false; } },
    accessSync(path, mode = 0) {
      const at = where(path);
      if (!isFile(at) && !isFolder(at)) throw fail('ENOENT', 'access', path);
      if (mode & 2) throw fail('EROFS', 'access', path);
    },
    realpathSync(path) { const at = where(path); if (!isFile(at) && !isFolder(at)) throw fail('ENOENT', 'realpath', path); return at; },
  };
  for (const name of ['writeFile', 'appendFile', 'mkdir', 'mkdtemp', 'unlink', 'rmdir', 'rm', 'rename', 'copyFile', 'chmod', 'chown', 'truncate', 'symlink', 'link', 'utimes', 'open'])
    sync[name + 'Sync'] = (path) => { throw fail('EROFS', name === 'writeFile' || name === 'appendFile' ? 'open' : name.toLowerCase(), String(path)); };
  const api = { ...sync, Stats, constants: { F_OK: 0, R_OK: 4, W_OK: 2, X_OK: 1, O_RDONLY: 0, COPYFILE_EXCL: 1 }, F_OK: 0, R_OK: 4, W_OK: 2, X_OK: 1, promises: {} };
  sync.realpathSync.native = sync.realpathSync;
  for (const name of Object.keys(sync)) {
    const plain = name.slice(0, -4);
    api.promises[plain] = async (...args) => sync[name](...args);
    api[plain] = (...args) => {
      const callback = args.pop();
      let value, error = null;
      try { value = sync[name](...args); } catch (thrown) { error = thrown; }
      nextTick(() => (plain === 'exists' ? callback(value) : error ? callback(error) : callback(null, value)));
    };
  }
  api.promises.constants = api.constants;
  let ReadStream, WriteStream;
  const streams = () => {
    if (ReadStream) return;
    const { Readable, Writable } = lib('stream');
    ReadStream = class ReadStream extends Readable {
      constructor(path, options) {
        super(typeof options === 'string' ? { encoding: options } : options);
        this.path = path;
        this.range = [options?.start ?? 0, options?.end === undefined ? undefined : options.end + 1];
        nextTick(() => this.emit('open', 3));
      }
      _read() {
        try {
          this.push(readFileSync(this.path).subarray(...this.range));
          this.push(null);
        } catch (error) { this.destroy(error); }
      }
    };
    WriteStream = class WriteStream extends Writable {};
  };
  Object.defineProperty(api, 'ReadStream', { get() { streams(); return ReadStream; } });
  Object.defineProperty(api, 'WriteStream', { get() { streams(); return WriteStream; } });
  api.createReadStream = (path, options) => new api.ReadStream(path, options);
  api.createWriteStream = (path) => { throw fail('EROFS', 'open', path); };
  api.watch = api.watchFile = () => { throw native.internals.notHere('fs.watch'); };
  return api;
})
