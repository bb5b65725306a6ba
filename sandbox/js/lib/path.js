// path: POSIX rules; win32 is there by name only, with the same rules.
(function (native, lib) {
  'use strict';
  const check = (path, name = 'path') => {
    if (typeof path !== 'string') throw Object.assign(new TypeError(`The "${name}" argument must be of type string. Received ${lib('inspect').received(path)}`), { code: 'ERR_INVALID_ARG_TYPE' });
  };
  function tidy(path, absolute) {
    const out = [];
    for (const part of path.split('/')) {
      if (part === '' || part === '.') continue;
      if (part === '..') {
        if (out.length && out[out.length - 1] !== '..') out.pop();
        else if (!absolute) out.push('..');
      } else out.push(part);
    }
    return out.join('/');
  }
  const api = {
    sep: '/', delimiter: ':',
    resolve(...parts) {
      let path = '';
      for (let i = parts.length - 1; i >= 0 && !path.startsWith('/'); i--) {
        check(parts[i], `paths[${i}]`);
        if (parts[i] !== '') path = path === '' ? parts[i] : parts[i] + '/' + path;
      }
      if (!path.startsWith('/')) path = '/var/task' + (path === '' ? '' : '/' + path);
      return '/' + tidy(path, true);
    },
    normalize(path) {
      check(path);
      if (path === '') return '.';
      const absolute = path.startsWith('/');
      let out = tidy(path, absolute);
      if (out === '' && !absolute) out = '.';
      if (out !== '' && path.endsWith('/')) out += '/';
      return absolute ? '/' + out : out;
    },
    isAbsolute(path) { check(path); return path.startsWith('/'); },
    join(...parts) {
      for (const part of parts) check(part);
      const path = parts.filter((part) => part !== '').join('/');
      return path === '' ? '.' : api.normalize(path);
    },
    relative(from, to) {
      const a = api.resolve(from).split('/').filter(Boolean), b = api.resolve(to).split('/').filter(Boolean);
      let same = 0;
      while (same < a.length && same < b.length && a[same] === b[same]) same++;
      return [...a.slice(same).map(() => '..'), ...b.slice(same)].join('/');
    },
    toNamespacedPath: (path) => path,
    dirname(path) {
      check(path);
      if (path === '') return '.';
      const plain = path.replace(/(?<=[^/])\/+$/, '');
      const at = plain.lastIndexOf('/');
      if (at < 0) return '.';
      const folder = plain.slice(0, at).replace(/\/+$/, '');
      return folder === '' ? '/' : folder;
    },
    basename(path, ending) {
      check(path);
      const plain = path.replace(/\/+$/, '');
      let name = plain.slice(plain.lastIndexOf('/') + 1);
      if (ending && name.endsWith(ending) && (name !== ending || path === ending)) name = name.slice(0, -ending.length);
      return name;
    },
    extname(path) {
      const name = api.basename(path);
      const at = name.lastIndexOf('.');
      return at <= 0 || /^\.+$/.test(name.slice(0, at + 1)) && at === name.length - 1 && name === '..' ? '' : name.slice(at);
    },
    format(parts) {
      const base = parts.base || (parts.name || '') + (parts.ext ? (parts.ext.startsWith('.') ? '' : '.') + parts.ext : '');
      const folder = parts.dir || parts.root;
      return !folder ? base : folder === parts.root ? folder + base : folder + '/' + base;
    },
    parse(path) {
      check(path);
      const base = api.basename(path), ext = api.extname(path), root = path.startsWith('/') ? '/' : '';
      const plain = path.replace(/\/+$/, '');
      const at = plain.lastIndexOf('/');
      const dir = plain === '' ? root : at < 0 ? '' : at === 0 ? '/' : plain.slice(0, at);
      return { root, dir, base, ext, name: ext ? base.slice(0, -ext.length) : base };
    },
    matchesGlob(path, pattern) {
      const source = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('**', '\0').replaceAll('*', '[^/]*').replaceAll('?', '[^/]').replaceAll('\0', '.*');
      return new RegExp(`^${source}$`).test(path);
    },
  };
  api.posix = api;
  api.win32 = api;
  return api;
})
