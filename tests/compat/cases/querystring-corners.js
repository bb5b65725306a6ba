const qs = require('querystring');
exports.handler = async (event) => {
    const out = [
        qs.parse('a=1&b=&c&=d&a=2&e=%zz&f=a%20b+c'), qs.parse('a:1;b:2', ';', ':'), qs.parse('a=1&a=2&a=3&b=4', null, null, { maxKeys: 2 }),
        qs.parse('x=%E4%F6', null, null, { decodeURIComponent: (s) => `<${s}>` }), qs.stringify({ a: [1, 2], b: null, c: undefined, d: true, e: '', f: 1e21, g: NaN, h: {}, i: 10n }),
        qs.stringify({ a: 'b c&d', 'ä': '€' }), qs.stringify({ a: 1, b: 2 }, ';', ':'), qs.escape('a b!\'()*~'), qs.unescape('%41%zz'), qs.stringify('text'), qs.stringify({ s: '\ud83d\ude00' }),
        Object.keys(qs).sort().join(), Object.getPrototypeOf(qs.parse('a=b')) === null, qs.decode === qs.parse, qs.parse(event.Records[0].cf.request.querystring),
        qs.parse(''), qs.parse(undefined), qs.parse('__proto__=1&hasOwnProperty=2'), qs.stringify({ 'a b': ['x y', 'z'] }),
    ];
    return { status: '200', body: JSON.stringify(out) };
};
