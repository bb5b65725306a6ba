const url = require('url');
const { URL: U, URLSearchParams: P, fileURLToPath, pathToFileURL, domainToASCII } = url;
exports.handler = async () => {
    const out = [];
    const push = (f) => { try { out.push(f()); } catch (e) { out.push(e.name + ':' + e.code + ':' + e.message); } };
    for (const text of ['https://user:pa%20ss@Sub.Example.COM:8443/p/a/../t%2Fh/?q=1&q=2#frag', '/only/path?x=1', '//host/path', 'mailto:a@b.example', 'http://[::1]:80/', 'HTTP://A.example:80', 'a/b?c#d', 'http://x.example/?', 'https://é.example/ä?ö#ü', 'javascript:alert(1)', 'http://a b/', ''])
        push(() => { const u = url.parse(text); return [u.protocol, u.slashes, u.auth, u.host, u.port, u.hostname, u.hash, u.search, u.query, u.pathname, u.path, u.href]; });
    push(() => url.parse('/x?a=1&b=2&a=3', true).query);
    push(() => url.parse('//h/p', false, true).host);
    push(() => url.format({ protocol: 'https', hostname: 'a.example', port: 8080, pathname: '/x', query: { a: [1, 2], b: 'c d' } }));
    push(() => url.format({ host: 'a.example', pathname: 'x', search: 'y=1', hash: 'z' }));
    push(() => url.format(new U('https://u:p@a.example/x?y#z'), { auth: false, fragment: false, search: false }));
    push(() => [url.resolve('/one/two/three', 'four'), url.resolve('http://a.example/', '/one'), url.resolve('http://a.example/one', '../two'), url.resolve('http://a.example/b/c/d?q', '?x=1')]);
    for (const text of ['https://a.example:443/./x/../y?q#f', 'http://EXAMPLE.com/%7Efoo/ä b?x=ä b&y=\'#ü', 'file:///a/b', 'data:text/plain,hi', 'https://1.1/', 'http://0x7f.1/', 'https://xn--nxasmq6b/', 'https://例え.テスト/', 'http://a.example:99999/', 'nope', 'https://a_b.example/', 'http://[::FFFF:1.2.3.4]/'])
        push(() => { const u = new U(text); return [u.href, u.origin, u.host, u.pathname, u.search, u.hash]; });
    push(() => new U('../x?y', 'https://a.example/b/c/d').href);
    push(() => { const u = new U('https://a.example/'); u.pathname = 'a b/ä'; u.search = 'x=ö y'; u.hash = 'z z'; u.port = '8443'; u.hostname = 'B.example'; u.protocol = 'http'; u.username = 'me@'; return u.href; });
    push(() => { const u = new U('https://a.example/?b=2&a=1&b=1'); u.searchParams.sort(); u.searchParams.append('c', 'd e+f&'); u.searchParams.delete('a'); return [u.href, u.searchParams.getAll('b'), u.searchParams.size, u.searchParams.has('b', '2')]; });
    push(() => { const p = new P({ a: '1', b: 'x y' }); p.set('a', 'ä'); return [p.toString(), [...p.keys()], [...p].length, Object.fromEntries(p)]; });
    push(() => new P([['a', 'b'], ['c', 'd']]).toString());
    push(() => new P('?a=%20+b&&=x&c').toString());
    push(() => new P(new Map([['m', 'n']])).get('m'));
    push(() => U.canParse('x:') + ',' + U.canParse('/x') + ',' + U.canParse('/x', 'https://a.example'));
    push(() => JSON.stringify({ u: new U('https://a.example/x') }));
    push(() => [fileURLToPath('file:///a%20b/c'), pathToFileURL('/a b/#c').href, domainToASCII('español.com'), url.domainToUnicode('xn--espaol-zwa.com')]);
    push(() => url.urlToHttpOptions(new U('https://a:b@a.example:81/x?y#z')).path);
    push(() => Object.prototype.toString.call(new U('a:b')) + Object.prototype.toString.call(new P()));
    push(() => { const seen = []; new P('a=1&b=2').forEach((v, k, p) => seen.push(k + v + (p instanceof P))); return seen; });
    return { status: '200', body: JSON.stringify(out) };
};
