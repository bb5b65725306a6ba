const url = require('url');
exports.handler = async () => {
    const modern = new URL('/b/../c?x=1&x=2#top', 'https://user:pw@www.example.com:8443/a/');
    modern.searchParams.set('y', 'ä');
    const old = url.parse('https://www.example.com:81/p/a?q=1#h', true);
    const parts = [modern.href, modern.host, modern.pathname, modern.search, modern.searchParams.getAll('x').join(), old.pathname, old.query.q, old.port, url.format({ protocol: 'http', host: 'a.example', pathname: '/x' })];
    return { status: '200', body: parts.join('\n') };
};
