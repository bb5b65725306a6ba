// Runs every case of stdin (a JSON list) in this Node and prints what each returned or threw.
const fs = require('fs');
const { createRequire } = require('module');
const { pathToFileURL } = require('url');
const context = { awsRequestId: 'r', functionName: 'f', memoryLimitInMB: '128', getRemainingTimeInMillis: () => 1000 };
const tail = "\n;return typeof handler === 'undefined' ? undefined : handler;";
async function load(file, name) {
    if (file.endsWith('.mjs')) return (await import(pathToFileURL(file)))[name];
    const module = { exports: {} };
    const own = new Function('exports', 'module', 'require', fs.readFileSync(file, 'utf8') + tail)(module.exports, module, createRequire(file));
    return module.exports[name] || own;
}
async function run({ file, name, event, environment }) {
    Object.assign(process.env, environment);
    const handler = await load(file, name);
    const result = await new Promise((resolve, reject) => {
        const done = (error, value) => (error ? reject(error) : resolve(value));
        const returned = handler(event, { ...context, done, succeed: resolve, fail: reject }, done);
        if (returned !== undefined || handler.length < 2) resolve(returned);
    });
    return { result: result === undefined ? null : result };
}
(async () => {
    for (const name of ['log', 'info', 'warn', 'error', 'debug']) console[name] = () => {};
    const ran = [];
    for (const item of JSON.parse(fs.readFileSync(0, 'utf8'))) {
        ran.push(await run(item).catch((error) => ({ threw: String(error.message) })));
    }
    process.stdout.write(JSON.stringify(ran));
})();
