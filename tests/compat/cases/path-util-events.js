const path = require('path');
const util = require('util');
const { EventEmitter } = require('events');
exports.handler = async () => {
    const emitter = new EventEmitter();
    const heard = [];
    emitter.once('x', (value) => heard.push(value));
    emitter.emit('x', 1);
    emitter.emit('x', 2);
    const later = util.promisify((value, done) => setTimeout(() => done(null, value * 2), 1));
    const parts = [
        path.join('/a', '../b', 'c.txt'), path.basename('/x/y.tar.gz', '.gz'), path.dirname('/x/y/z'), path.extname('a.b.c'),
        path.normalize('/a//b/./c/..'), util.format('%s=%d %j', 'a', 1, { b: 2 }), await later(21), heard.join(),
        util.inherits instanceof Function, util.types ? true : false,
    ];
    return { status: '200', body: parts.join('|') };
};
