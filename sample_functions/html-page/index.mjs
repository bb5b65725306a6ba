// A whole page without an origin, a file or an image: an ES module for the viewer-request or origin-request trigger.
const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escape = (text) => String(text).replace(/[&<>"']/g, (char) => ESCAPES[char]);

const page = (title, rows) => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escape(title)}</title>
<style>body{font:16px/1.5 system-ui;margin:4rem auto;max-width:40rem}td{padding:.2rem 1rem .2rem 0}</style>
<h1>${escape(title)}</h1>
<table>
${rows.map(([name, value]) => `<tr><td>${escape(name)}</td><td>${escape(value)}</td></tr>`).join('\n')}
</table>
</html>
`;

export const handler = async (event) => {
    const { request } = event.Records[0].cf;
    const agent = request.headers['user-agent'];
    const rows = [
        ['Your address', request.clientIp],
        ['You asked for', request.uri],
        ['With', agent ? agent[0].value : 'nothing that says so'],
    ];
    return {
        status: '200',
        statusDescription: 'OK',
        headers: {
            'content-type': [{ key: 'Content-Type', value: 'text/html; charset=utf-8' }],
            'cache-control': [{ key: 'Cache-Control', value: 'no-store' }],
        },
        body: page('Hello from the edge', rows),
    };
};
