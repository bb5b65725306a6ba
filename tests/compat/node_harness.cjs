// Runs every case of stdin (a JSON list) in this Node and prints what each returned or threw.
const fs = require('fs');
const { pathToFileURL } = require('url');
const context = { awsRequestId: 'r', functionName: 'f', memoryLimitInMB: '128', getRemainingTimeInMillis: () => 1000 };
const tail = "\n;return typeof handler === 'undefined' ? undefined : handler;";
async function load(file) {
    if (file.endsWith('.mjs')) return (await import(pathToFileURL(file))).handler;
    const module = { exports: {} };
    const own = new Function('exports', 'module', 'require', fs.readFileSync(file, 'utf8') + tail)(module.exports, module, require);
    return module.exports.handler || own;
}
async function run({ file, event, environment }) {
    Object.assign(process.env, environment);
    const handler = await load(file);
    const result = await new Promise((resolve, reject) => {
        const returned = handler(event, context, (error, value) => (error ? reject(error) : resolve(value)));
        if (returned !== undefined || handler.length < 3) resolve(returned);
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
