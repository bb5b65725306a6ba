const path = require('path');
const { posix, sep, delimiter, win32 } = path;
exports.handler = async () => {
    const out = [
        path.join('/a', '..', '../b', './c/', 'd/..'), path.join(''), path.resolve('/a/b', '../c', './d'), path.normalize('/a//b/./c/..//d/'), path.normalize(''),
        path.basename('/a/b.html', '.html'), path.basename('/a/b/'), path.basename('.html', '.html'), path.dirname('/a/b/'), path.dirname('a'), path.dirname('/'), path.extname('a.b.c'), path.extname('.bashrc'), path.extname('a.'), path.extname('/x.y/z'),
        path.relative('/a/b/c', '/a/d'), path.isAbsolute('/a'), path.isAbsolute('a'), path.parse('/home/u/f.tar.gz'), path.format({ dir: '/x', name: 'y', ext: '.z' }), path.format({ root: '/', base: 'b' }), sep, delimiter, posix === path, typeof win32, path.toNamespacedPath('/a'), require('path/posix').join('a', 'b'),
    ];
    try { path.join(1); } catch (e) { out.push(e.code, e.message); }
    return { status: '200', body: JSON.stringify(out) };
};
