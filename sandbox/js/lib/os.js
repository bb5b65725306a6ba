// os: a machine without particulars.
(function () {
  'use strict';
  const signals = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGTERM: 15 };
  const errno = { ECONNREFUSED: 111, ECONNRESET: 104, ENOENT: 2, ETIMEDOUT: 110, EACCES: 13, EPIPE: 32 };
  return {
    EOL: '\n', devNull: '/dev/null', constants: { signals, errno, priority: {} },
    arch: () => 'wasm32', platform: () => 'linux', type: () => 'Linux', release: () => '5.10.0', version: () => '#1',
    machine: () => 'wasm32', hostname: () => 'edge', homedir: () => '/tmp', tmpdir: () => '/tmp', endianness: () => 'LE',
    cpus: () => [{ model: 'edge', speed: 0, times: { user: 0, nice: 0, sys: 0, idle: 0, irq: 0 } }], availableParallelism: () => 1,
    totalmem: () => 134217728, freemem: () => 67108864, loadavg: () => [0, 0, 0], uptime: () => 1, networkInterfaces: () => ({}),
    userInfo: () => ({ uid: 993, gid: 990, username: 'edge', homedir: '/tmp', shell: null }), getPriority: () => 0, setPriority() {},
  };
})
