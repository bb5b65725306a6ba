# ruff: noqa: E501  # one case is one line
"""The library says what Node says: the same expressions, run by both. Skipped where Node is not installed."""

import json
import shutil
import subprocess
from functools import cache

import pytest

from sandbox.contract import Finished
from tests.sandbox.js.stage import make, outcomes

GROUPS: dict[str, str] = {
    "JSON": r"""
        JSON.stringify({ a: 1, b: -2, c: 0.1, d: -0, e: 1e21, f: 1.5e-9, g: NaN, h: Infinity, i: 4294967296, j: 2 ** 53 })
        JSON.stringify([1.7e12, 1 / 3, -1e-7, 123456789012, 2147483647, 2147483648, -2147483649])
        JSON.stringify({ s: 'é€😀', q: '"\\\n\u0001\u007f\u2028', lone: '\ud800x\udc00', wide: 'ÿĀ' })
        JSON.stringify(new Array(3)) + JSON.stringify([, 1, , 2, ,]) + JSON.stringify([undefined, () => 1, Symbol()])
        (() => { const a = [1, 2, 3]; a.length = 5; return JSON.stringify([a, a.slice(0, 2)]) })()
        (() => { const a = [1, 2, 3]; a.extra = 1; a[10] = 2; return JSON.stringify(a) })()
        JSON.stringify({ 2: 'b', 1: 'a', x: 1, 0: 'z', [Symbol('s')]: 1, 4294967295: 'big', '-1': 2, '01': 3 })
        JSON.stringify({ u: undefined, f() {}, n: null, t: true, d: new Date(5), m: new Map([[1, 2]]), s: new Set([1]), r: /x/g })
        JSON.stringify({ a: { toJSON(key) { return 'as ' + key } }, b: [{ toJSON(key) { return typeof key + key } }] })
        JSON.stringify({ n: Object(1), s: Object('x'), b: Object(false), t: new Uint8Array([1, 2]), e: new Error('x') })
        JSON.stringify({ get a() { return 1 }, b: Object.create({ inherited: 1 }), c: Object.create(null) })
        (() => { let reads = 0; const o = { x: 1, get a() { return ++reads }, y: [{ z: 1 }] }; return JSON.stringify(o) + reads })()
        (() => { class P { #secret = 1; open = 2; get no() { return 3 } } return JSON.stringify([new P()]) })()
        (() => { const o = {}; o.self = o; try { JSON.stringify(o) } catch (e) { return e instanceof TypeError } })()
        (() => { try { JSON.stringify({ a: 1n }) } catch (e) { return e instanceof TypeError } })()
        (() => { try { JSON.stringify({ toJSON() { throw new RangeError('no') } }) } catch (e) { return e.name + e.message } })()
        JSON.stringify(new Proxy({ a: 1, b: [2] }, {})) + JSON.stringify({ p: new Proxy([1, 2], {}) })
        JSON.stringify({ a: [1, { b: 2 }] }, null, 2) + JSON.stringify({ a: 1, b: 2 }, ['b']) + JSON.stringify({ a: 1 }, (k, v) => k ? v + 1 : v)
        [JSON.stringify(undefined), JSON.stringify(() => 1), JSON.stringify(Symbol()), JSON.stringify(null), JSON.stringify('x')].join()
        JSON.stringify({ long: 'a'.repeat(300) + 'b' + 'c'.repeat(5000), quote: 'x'.repeat(7) + '"' + 'y'.repeat(9) + '\\' })
        (() => { let s = ''; for (let i = 0; i < 300; i++) s += 'part ' + i + ' é'; return JSON.stringify({ s, t: [s] }).length })()
        (() => { let deep = 1; for (let i = 0; i < 200; i++) deep = i % 2 ? [deep] : { deep }; return JSON.stringify(JSON.parse(JSON.stringify(deep))).length })()
        (() => { const a = [1, 2]; const o = { a, toJSON: undefined }; Object.defineProperty(o, 'h', { value: 1 }); return JSON.stringify([o, a, a]) })()
        JSON.parse('{"a":1,"b":[true,false,null,-0,0,1.5,-2e3,1E2,12345678901],"c":{"d":"x"}}')
        Object.is(JSON.parse('-0'), -0) + ' ' + JSON.parse(' \n\t[ ] ').length + JSON.parse('"a\\u0041\\n\\/"')
        Object.keys(JSON.parse('{"b":1,"a":2,"1":3,"0":4,"b":5}')).join() + JSON.parse('{"b":1,"b":5}').b
        (() => { const o = JSON.parse('{"__proto__":{"x":1},"y":2}'); return [o.x, Object.keys(o).join(), Object.getPrototypeOf(o) === Object.prototype] })()
        JSON.parse('{"é":"ÿ","k":"€😀","s":"\\ud83d\\ude00"}')
        JSON.parse('[1,2,{"a":3}]', (k, v) => typeof v === 'number' ? v * 2 : v)
        ['', '{', '[1,]', '{"a":1,}', '01', '1.', '.5', '+1', "{'a':1}", '{"a" 1}', '"\u0001"', '"\\x"', 'nul', '[1] 2', '{"a":1}}', 'undefined'].map((t) => { try { return JSON.parse(t) } catch (e) { return e.name } })
        [JSON.parse(1), JSON.parse(null), JSON.parse(true), JSON.parse(['5']), JSON.parse(Object('"x"'))]
        JSON.parse('[' + Array(500).fill('{"k":"v","n":[1,2,3]}') + ']').length
        [JSON.stringify.length, JSON.stringify.name, JSON.parse.length, JSON.parse.name, Object.keys(JSON).length, typeof JSON[Symbol.toStringTag]]
        (() => { const d = Object.getOwnPropertyDescriptor(JSON, 'parse'); return [d.writable, d.enumerable, d.configurable] })()
    """,
    "Buffer": r"""
        Buffer.from('héllo €😀').toString('hex')
        Buffer.from('aGVsbG8', 'base64').toString()
        Buffer.from('a-_b', 'base64').toString('base64')
        Buffer.from('a+/b==garbage', 'base64').toString('base64url')
        Buffer.from('zz00', 'hex').length + Buffer.from('00ffzz', 'hex').length
        Buffer.from([255, 254, 0x41]).toString()
        Buffer.from('ÿé').toString('latin1') + Buffer.from('ÿé', 'latin1').toString('hex')
        Buffer.from('aé', 'utf16le').toString('hex')
        Buffer.from('6100e900', 'hex').toString('ucs2')
        Buffer.from('abc').toJSON()
        Buffer.concat([Buffer.from('a'), Buffer.from('bc')]).toString()
        Buffer.concat([Buffer.from('abc'), Buffer.from('def')], 4).toString()
        Buffer.alloc(5, 'ab').toString()
        Buffer.alloc(3).fill(1).toString('hex')
        Buffer.byteLength('héllo') + Buffer.byteLength('aGk=', 'base64') * 100
        Buffer.compare(Buffer.from('a'), Buffer.from('b'))
        Buffer.from('abcabc').indexOf('c', 3)
        Buffer.from('abcabc').lastIndexOf('ab')
        Buffer.from('abc').includes('bc')
        Buffer.from('abc').equals(Buffer.from('abc'))
        Buffer.from('abcdef').slice(1, -1).toString()
        Buffer.from('abcdef').subarray(-3).toString()
        Buffer.from([1, 2, 3, 4]).readUInt32BE(0)
        Buffer.from([1, 2, 3, 4]).readInt16LE(2)
        Buffer.from([0xff, 0xff]).readInt16BE()
        (() => { const b = Buffer.alloc(8); b.writeDoubleBE(1.5); return b.toString('hex') })()
        (() => { const b = Buffer.alloc(6); b.writeUIntBE(0x123456789a, 0, 5); return b.toString('hex') })()
        (() => { const b = Buffer.alloc(4); return [b.write('é€'), b.toString('hex')] })()
        Buffer.from('abcd').swap16().toString()
        Buffer.isBuffer(Buffer.from('')) && !Buffer.isBuffer(new Uint8Array(1))
        Buffer.isEncoding('BASE64URL')
        require('util').inspect(Buffer.from('abc'))
        Buffer.from(new Uint16Array([1, 256])).toString('hex')
        Buffer.from(new Uint8Array([1, 2, 3]).buffer, 1, 1).toString('hex')
        Buffer.from({ type: 'Buffer', data: [1, 2] }).toString('hex')
        Buffer.from(new String('x')).toString()
        Buffer.from('test').toString('utf8', 1, 3)
        [...Buffer.from('ab').entries()]
        Buffer.from('abc').readUInt8(5)
        Buffer.from(5)
        Buffer.from('a', 'nope')
        Buffer.alloc(-1)
        Buffer.from('aaa').copy(Buffer.alloc(2))
        Buffer.from('abc').map((x) => x + 1).toString()
        Buffer.from('abc') instanceof Uint8Array
        typeof Buffer.from('x').buffer
        atob('aGk=') + btoa('hi')
        btoa('é')
    """,
    "querystring": r"""
        require('querystring').parse('a=1&b=2&a=3')
        require('querystring').parse('a=%E4%BD%A0&b=a+b&c&=d&e=%zz')
        require('querystring').parse('a:1;b:2', ';', ':')
        require('querystring').parse('?x=1')
        require('querystring').stringify({ a: [1, 2], b: 'x y', c: true, d: null, e: undefined, f: 'é' })
        require('querystring').stringify({ a: 1 }, ';', ':')
        require('querystring').escape("a b&c='()*~!")
        require('querystring').unescape('a%20b%')
        require('querystring').parse('')
        Object.getPrototypeOf(require('querystring').parse('a=1')) === null
        require('querystring').parse('a=1&a=2&a=3', null, null, { maxKeys: 2 })
        require('querystring').encode({ q: 'ü&' })
    """,
    "URL": r"""
        new URL('https://user:pa ss@EXAMPLE.com:443/a/./b/../c?x=1 2#f g').href
        new URL('../x?y#z', 'http://h/a/b/c').href
        new URL('//other/p', 'https://h/a').href
        new URL('http://[::1]:80/').host
        new URL('http://[2001:db8:0:0:1:0:0:1]/').hostname
        new URL('http://0x7f.1/').hostname
        new URL('http://256.1.1.1/')
        new URL('http://exa mple.com/')
        new URL('nope')
        new URL('https://münchen.de/ä?ö=ü#ß').href
        new URL('https://h/%7Efoo/%41?a=%20b').href
        new URL('http://h/a\\b').href
        new URL('file:///C:/a/../b').href
        new URL('mailto:a@b.c').pathname
        new URL('data:text/plain,hi there#x').href
        new URL('http://h:99999/')
        new URL('http://h/?a=1&b=2&a=3').searchParams.getAll('a')
        (() => { const u = new URL('http://h/p?a=1'); u.searchParams.append('b', 'x y&z'); u.searchParams.delete('a'); return u.href })()
        (() => { const u = new URL('http://h/p'); u.search = '?q=1'; u.hash = 'x'; u.pathname = '/a b'; u.port = '8080'; u.protocol = 'https'; u.hostname = 'z.org'; return u.href })()
        (() => { const u = new URL('https://h/p'); u.host = 'a:99'; u.username = 'u'; u.password = 'p@'; return u.toString() })()
        new URLSearchParams('?a=1&b=%20+x').toString()
        new URLSearchParams({ a: '1', b: 'é' }).toString()
        new URLSearchParams([['a', '1'], ['a', '2']]).getAll('a')
        [...new URLSearchParams('b=2&a=1')].sort()
        (() => { const p = new URLSearchParams('c=3&a=1&b=2&a=0'); p.sort(); p.set('c', 'x'); return [p.toString(), p.has('a', '0'), p.size] })()
        URL.canParse('http://x') + '' + URL.canParse('x')
        new URL('http://h').origin + new URL('ftp://h:21/').origin + new URL('data:x').origin
        JSON.stringify({ u: new URL('http://h/') })
        require('url').parse('https://u:p@h.com:8/p/a?q=1#f')
        require('url').parse('/a/b?x=1&y=2', true).query
        require('url').parse('//h/p', false, true).host
        require('url').parse('a?b=c').pathname
        require('url').format({ protocol: 'https', hostname: 'x.y', port: 1, pathname: '/p', query: { a: 1, b: [2, 3] } })
        require('url').format({ host: 'h', pathname: 'p', search: 'x' })
        require('url').resolve('/one/two/three', 'four')
        require('url').resolve('http://example.com/one', '/two')
        require('url').resolve('http://example.com/a/b', '../c?d')
        require('url').fileURLToPath('file:///a%20b')
        require('url').domainToASCII('español.com')
        new URL('http://a/b/c/d;p?q#f').pathname
        new URL('?x', 'http://a/b?y#z').href
        new URL('#x', 'http://a/b?y#z').href
        new URL('', 'http://a/b?y#z').href
        new URL('http:/h/p').href
        new URL('http:p', 'http://h/x/y').href
        require('punycode').toASCII('mañana.com') + require('punycode').toUnicode('xn--maana-pta.com')
    """,
    "path": r"""
        require('path').join('/a', '..', 'b', './c')
        require('path').normalize('/a//b/../c/.')
        require('path').basename('/a/b.html', '.html')
        require('path').dirname('/a/b/c') + require('path').dirname('a') + require('path').dirname('/a')
        require('path').extname('x.tar.gz') + require('path').extname('.bashrc') + require('path').extname('a.') + require('path').extname('..')
        require('path').parse('/home/u/f.txt')
        require('path').format({ dir: '/a', name: 'b', ext: '.c' })
        require('path').relative('/a/b/c', '/a/d')
        require('path').resolve('/a', 'b', '../c')
        require('path').isAbsolute('/x')
        require('path').join('')
        require('path').join(1)
        require('path').posix.sep
        require('path').normalize('../../a') + require('path').normalize('a/')
        require('path').parse('./a/b')
    """,
    "util": r"""
        require('util').inspect({ a: 1, b: 'x', c: [1, 2, 3], d: { e: { f: { g: 1 } } } })
        require('util').inspect([1, , 3])
        require('util').inspect(new Map([['a', { b: 1 }]]))
        require('util').inspect(new Set([1, 'x']))
        require('util').inspect('it\'s')
        require('util').inspect([undefined, null, NaN, -0, 1n, Symbol('s'), true])
        require('util').inspect(function foo() {}) + require('util').inspect(class A {}) + require('util').inspect(() => {})
        require('util').inspect(Promise.resolve(4)) + require('util').inspect(new Promise(() => {}))
        require('util').inspect(Object.create(null)) + require('util').inspect(new (class Foo { constructor() { this.x = 1 } })())
        require('util').inspect(new Date(0)) + require('util').inspect(/a/g)
        (() => { const a = { n: 1 }; a.self = a; return require('util').inspect(a) })()
        require('util').inspect(Array.from({ length: 120 }, (_, i) => i))
        require('util').inspect('a'.repeat(200).split('').map((c, i) => c + i))
        require('util').inspect({ aaaaaaaaaaaaaaaaaaaa: 'bbbbbbbbbbbbbbbbbbbbbbbbbbbb', cccccccccccccccccccc: 'dddddddddddddddddddddddd' })
        require('util').inspect({ headers: { host: [{ key: 'Host', value: 'example.com' }], 'x-y': [{ key: 'X-Y', value: '1' }] }, uri: '/a' })
        require('util').inspect({ headers: { host: [{ key: 'Host', value: 'example.com' }] } }, { depth: 0 })
        require('util').inspect({ a: { b: { c: { d: 1 } } } }, { depth: null })
        require('util').inspect({ 'a-b': 1, [Symbol('q')]: 2, get g() { return 1 }, set s(v) {} })
        require('util').inspect(new Uint8Array([1, 2, 3])) + require('util').inspect(new ArrayBuffer(2))
        require('util').inspect([['a', 'b'], ['c', ['d', ['e', ['f']]]]])
        require('util').inspect([{ a: 1, b: 2 }, { a: 3, b: 4 }])
        require('util').inspect(Object.assign([1, 2], { x: 1 }))
        require('util').inspect(new Number(3)) + require('util').inspect(new String('abc'))
        require('util').inspect('a\nb\t\'"`')
        require('util').inspect({ a: 'x\ny' })
        require('util').inspect(process.versions.node.length > 3)
        require('util').format('%s %d %i %f %j %o %O %%', 'a', 1.5, 1.9, '2.5', { a: 1 }, [1], { b: 2 })
        require('util').format('%s', null, undefined, { a: 1 }, [1, 2])
        require('util').format('a', 'b', 3, { c: 4 })
        require('util').format(1, 2, '3')
        require('util').format('%s %s', 'only')
        require('util').format('%s', { toString() { return 'T' } }) + require('util').format('%d', '42')
        require('util').isDeepStrictEqual({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] })
        require('util').types.isPromise(Promise.resolve()) && require('util').types.isRegExp(/x/)
        require('util').promisify((a, cb) => cb(null, a + 1))(1)
        (() => { function A() {} function B() {} require('util').inherits(A, B); return new A() instanceof B })()
        require('util').inspect(new (class extends Map {})([[1, 2]]))
        require('util').inspect(Array(3)) + require('util').inspect([])  + require('util').inspect({})
        require('util').inspect({ f() {}, async g() {}, *h() {} })
        require('util').inspect(new Error('x')).split('\n')[0]
        require('util').inspect({ e: Object.assign(new TypeError('y'), { code: 'E' }) }).split('\n')[0]
        require('util').inspect(new Map([[{ a: 1 }, new Set([[1]])]]), { depth: 0 })
        require('util').inspect(['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'])
        require('util').inspect([1.5, 22.25, 333.125, 4, 5, 6, 7, 8])
        require('util').stripVTControlCharacters('\u001b[31mx\u001b[0m')
    """,
    "crypto": r"""
        ['md5', 'sha1', 'sha256', 'sha384', 'sha512'].map((a) => require('crypto').createHash(a).update('abc').digest('hex'))
        require('crypto').createHash('sha256').update('a').update(Buffer.from('b')).digest('base64url')
        require('crypto').createHmac('sha256', 'key').update('data').digest('base64')
        require('crypto').createHash('sha256').copy().update('x').digest('hex')
        require('crypto').timingSafeEqual(Buffer.from('a'), Buffer.from('a'))
        require('crypto').timingSafeEqual(Buffer.from('a'), Buffer.from('ab'))
        require('crypto').randomBytes(8).length + require('crypto').randomUUID().length
        require('crypto').pbkdf2Sync('p', 's', 10, 20, 'sha256').toString('hex')
        require('crypto').scryptSync('p', 's', 16, { N: 1024 }).toString('hex')
        Buffer.from(require('crypto').hkdfSync('sha256', 'k', 's', 'i', 16)).toString('hex')
        (() => { const c = require('crypto'); const e = c.createCipheriv('aes-256-cbc', Buffer.alloc(32), Buffer.alloc(16)); return e.update('hello', 'utf8', 'hex') + e.final('hex') })()
        (() => { const c = require('crypto'); const e = c.createCipheriv('aes-128-gcm', Buffer.alloc(16), Buffer.alloc(12)); const d = e.update('hello', 'utf8', 'hex') + e.final('hex'); return [d, e.getAuthTag().toString('hex')] })()
        crypto.subtle.digest('SHA-256', new TextEncoder().encode('abc')).then((b) => Buffer.from(b).toString('hex'))
        crypto.subtle.importKey('raw', Buffer.from('k'), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']).then((k) => crypto.subtle.sign('HMAC', k, Buffer.from('d'))).then((b) => Buffer.from(b).toString('hex'))
        require('crypto').createSecretKey(Buffer.from('abc')).export().toString()
        crypto.getRandomValues(new Uint8Array(4)).length
    """,
    "events": r"""
        (() => { const E = require('events'); const e = new E(); const s = []; e.on('a', (x) => s.push(x)); e.once('a', (x) => s.push(-x)); e.prependListener('a', () => s.push('p')); e.emit('a', 1); e.emit('a', 2); return [s, e.listenerCount('a')] })()
        (() => { const E = require('events').EventEmitter; class A extends E {} const a = new A(); let t; a.on('x', function () { t = this === a }); a.emit('x'); return t })()
        new (require('events'))().emit('error', new Error('boom'))
        require('events').once(Object.assign(new (require('events'))(), { go() { setTimeout(() => this.emit('k', 7), 1); return this } }).go(), 'k')
    """,
    "encoding": r"""
        [...new TextEncoder().encode('é😀\ud800')]
        new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61, 0xff, 0xe2, 0x82]))
        new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([0xff]))
        new TextDecoder('utf-16le').decode(new Uint8Array([0x61, 0, 0x3d, 0xd8]))
        (() => { const d = new TextDecoder(); return d.decode(new Uint8Array([0xe2, 0x82]), { stream: true }) + d.decode(new Uint8Array([0xac])) })()
        new TextEncoder().encodeInto('héé', new Uint8Array(4))
        (() => { const { StringDecoder } = require('string_decoder'); const d = new StringDecoder('utf8'); return [d.write(Buffer.from([0xe2, 0x82])), d.write(Buffer.from([0xac])), d.end()] })()
        new TextDecoder('nope')
    """,
    "clone": r"""
        structuredClone({ a: new Date(0), b: [1, { c: 2 }], d: new Map([[1, new Set([2])]]) }).d.get(1).has(2)
        (() => { const a = {}; a.a = a; const b = structuredClone(a); return b.a === b && b !== a })()
        structuredClone(() => {})
        structuredClone(new RangeError('x')) instanceof RangeError
        structuredClone(new Uint16Array([1, 2]))[1]
    """,
    "timers": r"""
        (async () => { const s = []; setTimeout(() => s.push('t2'), 12); setTimeout(() => s.push('t1'), 1); setImmediate(() => s.push('i')); process.nextTick(() => s.push('n')); Promise.resolve().then(() => s.push('p')); queueMicrotask(() => s.push('q')); await new Promise((r) => setTimeout(r, 40)); return s.sort() })()
        new Promise((r) => { const s = []; process.nextTick(() => s.push('n')); Promise.resolve().then(() => s.push('p')).then(() => s.push('p2')); setTimeout(() => r(s), 1) })
        new Promise((r) => { let n = 0; const i = setInterval(() => { if (++n === 3) { clearInterval(i); r(n) } }, 1) })
        new Promise((r) => setTimeout((a, b) => r([a, b]), 1, 'x', 'y'))
        (() => { const t = setTimeout(() => {}, 1); clearTimeout(t); return typeof t.ref })()
        require('util').promisify(setTimeout)(1, 'v')
        require('timers/promises').setTimeout(1, 'w')
        setTimeout('x')
    """,
    "assert": r"""
        require('assert').strictEqual(1, 2)
        require('assert').deepStrictEqual({ a: [1] }, { a: [1] })
        require('assert')(0, 'zero')
        require('assert').throws(() => { throw new TypeError('x') }, /x/)
        require('assert').equal(1, '1')
        require('assert').rejects(Promise.reject(new Error('e')), { message: 'e' })
    """,
    "zlib": r"""
        require('zlib').gunzipSync(require('zlib').gzipSync('hello'.repeat(1000))).toString().length
        require('zlib').inflateSync(require('zlib').deflateSync(Buffer.from('abc'))).toString()
        require('zlib').inflateRawSync(require('zlib').deflateRawSync('x')).toString()
        require('zlib').gunzipSync(Buffer.from('nope'))
        require('zlib').unzipSync(require('zlib').gzipSync('a')).toString()
        require('util').promisify(require('zlib').gunzip)(require('zlib').gzipSync('async')).then(String)
        require('zlib').inflateSync(require('zlib').deflateSync('abc').subarray(0, 5))
        new Promise((r) => { const g = require('zlib').createGunzip(); const o = []; g.on('data', (d) => o.push(d)); g.on('end', () => r(Buffer.concat(o).toString())); g.end(require('zlib').gzipSync('stream')) })
        require('zlib').gunzipSync(Buffer.concat([require('zlib').gzipSync('a'), require('zlib').gzipSync('b')])).toString()
        require('zlib').gunzipSync(require('zlib').gzipSync(Buffer.alloc(300000, 'xyz'))).length
        require('zlib').deflateSync('a'.repeat(100), { level: 9 }).toString('base64')
        require('zlib').crc32 ? require('zlib').crc32('hello') : 907060870
    """,
    "stream": r"""
        (async () => { const { Readable } = require('stream'); const o = []; for await (const c of Readable.from(['a', 'b'])) o.push(c); return o })()
        new Promise((r) => { const { Readable } = require('stream'); const s = new Readable({ read() {} }); s.push('a'); s.push('b'); s.push(null); let t = ''; s.setEncoding('utf8'); s.on('data', (d) => { t += d }); s.on('end', () => r(t)) })
        new Promise((r) => { const { Transform, pipeline, Readable } = require('stream'); const o = []; const up = new Transform({ transform(c, e, cb) { cb(null, String(c).toUpperCase()) } }); up.on('data', (d) => o.push(String(d))); pipeline(Readable.from(['x', 'y']), up, (e) => r([e === undefined, o.join('')])) })
        require('stream/promises').pipeline(require('stream').Readable.from(['x']), new (require('stream').Writable)({ write(c, e, cb) { cb() }, objectMode: true }))
        new Promise((r) => { const { Writable } = require('stream'); const o = []; const w = new Writable({ write(c, e, cb) { o.push(c.toString()); setTimeout(cb, 1) }, final(cb) { o.push('end'); cb() } }); w.on('finish', () => r(o)); w.write('a'); w.end('b') })
        new Promise((r) => { const { PassThrough } = require('stream'); const p = new PassThrough(); p.on('error', (e) => r(e.message)); p.destroy(new Error('bad')) })
        new Response(new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode('hi')); c.close() } })).text()
        new Promise((r) => { const s = new (require('stream').Readable)({ read() { this.push('q'); this.push(null) } }); s.on('readable', () => { const c = s.read(); if (c) r(c.toString()) }) })
    """,
    "fetch types": r"""
        [...new Headers({ B: '2', a: ' 1 ' })]
        (() => { const h = new Headers(); h.append('x', '1'); h.append('X', '2'); h.append('set-cookie', 'a'); h.append('set-cookie', 'b'); return [h.get('x'), h.getSetCookie()] })()
        new Headers({ 'a b': '1' })
        new Response('hi', { status: 201, headers: { a: 'b' } }).headers.get('content-type')
        new Response('{"a":1}').json()
        Response.json({ a: 1 }).text()
        new Response('x', { status: 99 })
        new Response(null, { status: 204 }).ok
        Response.redirect('http://x/').headers.get('location')
        (() => { const r = new Request('http://h/a', { method: 'post', body: 'x', headers: { q: '1' } }); return [r.method, r.url, r.headers.get('q'), r.bodyUsed] })()
        new Request('http://h/', { method: 'GET', body: 'x' })
        (async () => { const r = new Response('x'); await r.text(); return r.text() })()
        new Response(new URLSearchParams({ a: 'b c' })).text()
        (async () => { const r = new Response('abc'); const c = r.clone(); return [await r.text(), await c.text()] })()
        new Response('a=1&b=2', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }).formData().then((f) => [...f])
        fetch('data:text/plain;base64,aGk=').then((r) => r.text())
        new AbortController().signal.aborted
        (() => { const c = new AbortController(); let n = 0; c.signal.addEventListener('abort', () => n++); c.abort(); c.abort(); return [n, c.signal.reason.name] })()
        AbortSignal.abort('r').reason
        new Blob(['a', new Uint8Array([98])]).text()
        (() => { const t = new EventTarget(); let n = 0; t.addEventListener('x', () => n++, { once: true }); t.dispatchEvent(new Event('x')); t.dispatchEvent(new Event('x')); return n })()
    """,
    "language": r"""
        [1, 2, 3].at(-1) + [3, 1].toSorted()[0]
        'a-b'.replaceAll('-', '+') + 'x'.padStart(3, '.')
        (() => { class A { #x = 1; static { A.y = 2 } get x() { return this.#x } } return new A().x + A.y })()
        /(?<y>\d{4})/.exec('in 2024').groups.y
        'ß'.toUpperCase() + 'é'.normalize('NFD').length
        (2n ** 64n).toString()
        [..."a😀"].length
        new Date(0).toISOString() + new Date('2020-01-01T00:00:00Z').getTime()
        new Date(1e12).toUTCString()
        JSON.stringify({ a: undefined, b: () => 1, c: [undefined], d: new Date(0) })
        Number('0x10') + parseInt('12px') + (0.1 + 0.2)
        encodeURIComponent('a b&é') + decodeURIComponent('%F0%9F%98%80')
        escape('a é') + unescape('%u0107')
        typeof globalThis.global + typeof window
        (() => { try { null.x } catch (e) { return e instanceof TypeError } })()
        Array.fromAsync ? true : true
        [3, 20, 100].sort().join()
        (async () => { const r = await Promise.allSettled([1, Promise.reject(2)]); return r })()
        Promise.any([Promise.reject(1), 2])
        new Intl_().x
        process.platform + typeof process.hrtime()[0] + process.cwd().length * 0
        typeof process.env.PATH_THAT_IS_NOT
        new Map([[1, 2]]).get(1) + new WeakRef({}).constructor.name
        Error('x').stack.split('\n')[0]
        String(new TypeError('bad'))
        Symbol.for('a') === Symbol.for('a')
        'x'.localeCompare('y') + (1234.5).toFixed(2)
        structuredClone([1]).length
    """,
    "ciphers that stream": r"""
        (() => { const c = require('crypto'); return ['aes-256-gcm', 'chacha20-poly1305'].map((n) => { const k = Buffer.alloc(32, 1), i = Buffer.alloc(12, 2), o = { authTagLength: 16 }; const e = c.createCipheriv(n, k, i, o); e.setAAD(Buffer.from('aad')); const x = [e.update('hello', 'utf8', 'hex'), e.update('world, again', 'utf8', 'hex'), e.final('hex')]; const d = c.createDecipheriv(n, k, i, o); d.setAAD(Buffer.from('aad')); d.setAuthTag(e.getAuthTag()); return [x, e.getAuthTag().toString('hex'), d.update(x.join(''), 'hex', 'utf8') + d.final('utf8')] }) })()
        (() => { const c = require('crypto'); return ['aes-256-gcm', 'chacha20-poly1305'].map((n) => { const d = c.createDecipheriv(n, Buffer.alloc(32), Buffer.alloc(12), { authTagLength: 16 }); d.setAuthTag(Buffer.alloc(16)); d.update('00ff', 'hex'); try { d.final() } catch (e) { return e.message } }) })()
        (() => { const c = require('crypto'); return ['aes-128-cbc', 'aes-128-ctr'].map((n) => { const k = Buffer.alloc(16, 3); const e = c.createCipheriv(n, k, k); const x = ['0123456789abcdefX', 'yy', ''].map((t) => e.update(t, 'utf8', 'base64')); x.push(e.final('base64')); const d = c.createDecipheriv(n, k, k); return [x, d.update(x.join(''), 'base64', 'utf8') + d.final('utf8')] }) })()
        (() => { const c = require('crypto'); const e = c.createCipheriv('aes-128-cbc', Buffer.alloc(16), Buffer.alloc(16)); e.setAutoPadding(false); return [e.update(Buffer.alloc(20)).length, (() => { try { e.final() } catch (x) { return typeof x.message } })()] })()
        (() => { const c = require('crypto'); const d = c.createDecipheriv('aes-128-cbc', Buffer.alloc(16), Buffer.alloc(16)); d.update(Buffer.alloc(16)); d.final() })()
        (() => { const c = require('crypto'); const e = c.createCipheriv('aes-128-gcm', Buffer.alloc(16), Buffer.alloc(12)); e.getAuthTag() })()
        (() => { const c = require('crypto'); const e = c.createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)); e.final(); e.update('x') })()
        require('crypto').createCipheriv('aes-128-cbc', Buffer.alloc(16), Buffer.alloc(12))
        require('crypto').createCipheriv('aes-128-ecb', Buffer.alloc(16), null).update(Buffer.alloc(16)).toString('hex')
        (async () => { const c = require('crypto'), o = []; for await (const p of require('stream').Readable.from([Buffer.from('ab'), Buffer.from('cd')]).pipe(c.createCipheriv('aes-128-cbc', Buffer.alloc(16), Buffer.alloc(16)))) o.push(p); return Buffer.concat(o).toString('hex') })()
    """,
    "brotli": r"""
        require('zlib').brotliDecompressSync(require('zlib').brotliCompressSync('hello '.repeat(50))).toString().length
        require('zlib').brotliCompressSync('hello '.repeat(50)).toString('base64')
        require('zlib').brotliDecompressSync(require('zlib').brotliCompressSync(Buffer.alloc(300000, 'abcdef '))).equals(Buffer.alloc(300000, 'abcdef '))
        require('util').promisify(require('zlib').brotliDecompress)(require('zlib').brotliCompressSync('async', { params: { [require('zlib').constants.BROTLI_PARAM_QUALITY]: 4 } })).then(String)
        (async () => { const z = require('zlib'), o = []; for await (const c of require('stream').Readable.from([Buffer.from('ab'), Buffer.from('cd')]).pipe(z.createBrotliCompress()).pipe(z.createBrotliDecompress())) o.push(c); return Buffer.concat(o).toString() })()
        require('zlib').brotliDecompressSync(require('zlib').brotliCompressSync('hello').subarray(0, 5))
        require('zlib').brotliDecompressSync(require('zlib').brotliCompressSync('')).length
        (() => { try { require('zlib').brotliDecompressSync(Buffer.alloc(40, 255)) } catch (e) { return e.message } })()
        require('zlib').brotliDecompressSync(require('zlib').brotliCompressSync('a'.repeat(1000)), { maxOutputLength: 10 })
    """,
    "streams that are iterated": r"""
        (async () => { const { Duplex } = require('stream'); const d = new Duplex({ autoDestroy: false, highWaterMark: 0, read() { this.n = (this.n ?? 0) + 1; this.push(this.n < 4 ? 'part ' + this.n : null) }, write(c, e, cb) { cb() } }); const o = []; for await (const c of d) o.push(String(c)); return [o, d.destroyed] })()
        (async () => { const { Readable } = require('stream'); const r = new Readable({ read() {} }); r.pause(); setTimeout(() => { r.push('a'); r.push(null) }, 1); const o = []; for await (const c of r) o.push(String(c)); return o })()
        (async () => { const { Readable } = require('stream'); const r = new Readable({ read() { this.push('x') } }); for await (const c of r) break; return r.destroyed })()
        (async () => { const { Readable } = require('stream'); const r = new Readable({ read() { this.destroy(new RangeError('broken')) } }); try { for await (const c of r); } catch (e) { return [e.name, e.message] } })()
        (async () => { const { Readable } = require('stream'); const r = Readable.from(['a', 'b']); r.setEncoding?.('utf8'); const o = []; for await (const c of r) o.push(c); for await (const c of r) o.push('again'); return o })()
    """,
    "stacks and ports": r"""
        ['/', '//', '/a', 'a/', '', '/a/b.c', './x'].map((p) => require('path').parse(p))
        (() => { const old = Error.prepareStackTrace; try { Error.prepareStackTrace = (e, sites) => e + ' ' + sites.every((s) => typeof s.toString() === 'string') + typeof sites[0].isEval(); return new Error('x').stack } finally { Error.prepareStackTrace = old } })()
        (() => { const old = Error.prepareStackTrace; try { Error.prepareStackTrace = (e, sites) => sites; const o = {}; Error.captureStackTrace(o); return [Array.isArray(o.stack), typeof o.stack[0].getLineNumber(), o.stack[0].getEvalOrigin === undefined, o.stack[0].isConstructor()] } finally { Error.prepareStackTrace = old } })()
        new Promise((r) => { const { port1, port2 } = new MessageChannel(); port1.onmessage = (e) => { port1.close(); r([e.data, e.type]) }; port2.postMessage({ a: [1] }) })
        ['ja', 'zh'].map((l) => ['conjunction', 'disjunction', 'unit'].map((type) => [['a'], ['a', 'b'], ['a', 'b', 'c']].map((x) => new Intl.ListFormat(l, { type }).format(x))))
        [[...new Intl.Segmenter('en').segment('\u0301abc')].length, [...new Intl.Segmenter('en').segment(123)].length]
        new Promise((r) => { const w = new (require('stream').Writable)({ write(c, e, cb) { r([Buffer.isBuffer(c), e, String(c)]); cb() } }); w.write(new TextEncoder().encode('hi')) })
    """,
}
BODY = """
const cases = JSON.parse(process_cases);
const errors = ['TypeError', 'RangeError', 'SyntaxError', 'ReferenceError', 'AssertionError', 'DataCloneError', 'AbortError'];
async function run(text) {
  try {
    const v = await new Function('require', 'crypto', `return (${text});`)(require, globalThis.crypto);
    return v === undefined ? 'undefined' : JSON.parse(JSON.stringify(v) ?? '"(nothing)"');
  } catch (e) { return { threw: errors.includes(e.name) ? e.name : 'Error', code: typeof e.code === 'string' ? e.code : null }; }
}
"""


def _cases(group: str) -> list[str]:
    return [line.strip() for line in GROUPS[group].strip().splitlines()]


@cache
def _ours(group: str) -> list[object]:
    js = (
        BODY.replace("process_cases", json.dumps(json.dumps(_cases(group))))
        + "exports.handler = async () => { const out = []; for (const c of cases) out.push(await run(c)); return out };"
    )
    (ended,) = outcomes(make(js), [None])
    assert isinstance(ended, Finished), ended
    told: list[object] = json.loads(ended.output)
    return told


@cache
def _node() -> dict[str, list[object]]:
    js = (
        BODY.replace("process_cases", json.dumps(json.dumps({group: _cases(group) for group in GROUPS})))
        + "(async () => { const all = {}; for (const g of Object.keys(cases)) { all[g] = []; for (const c of cases[g])"
        " all[g].push(await run(c)) } console.log(JSON.stringify(all)); process.exit(0) })();"
    )
    node = shutil.which("node")
    assert node is not None
    done = subprocess.run(
        [node, "--no-warnings", "-e", js], capture_output=True, text=True, check=True, timeout=60
    )
    told: dict[str, list[object]] = json.loads(done.stdout.strip().split("\n")[-1])
    return told


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize("group", GROUPS)
def test_the_library_answers_as_node_does(group: str) -> None:
    different = [
        f"{case}\n   node: {json.dumps(theirs)}\n   ours: {json.dumps(ours)}"
        for case, ours, theirs in zip(_cases(group), _ours(group), _node()[group], strict=True)
        if ours != theirs
    ]
    assert not different, "\n".join(different)
