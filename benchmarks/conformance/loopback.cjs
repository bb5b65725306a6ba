// Preloaded into the suite's origin, which names no host: servers listen on loopback only.
'use strict'
const { Server } = require('node:net')
const anywhere = Server.prototype.listen
Server.prototype.listen = function (port, ...rest) {
  if (typeof port === 'object') return anywhere.call(this, port, ...rest)
  const callback = rest.find(argument => typeof argument === 'function')
  return anywhere.call(this, { port: Number(port), host: '127.0.0.1' }, callback)
}
