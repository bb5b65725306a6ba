exports.handler = async (event) => {
    const response = event.Records[0].cf.response;
    const set = (name, value) => { response.headers[name.toLowerCase()] = [{ key: name, value }]; };
    set('Strict-Transport-Security', 'max-age=63072000'); set('X-Frame-Options', 'DENY'); set('Referrer-Policy', 'same-origin');
    delete response.headers['server']; delete response.headers['x-powered-by'];
    for (const lines of Object.values(response.headers)) for (const line of lines) line.value = line.value.trim();
    return response;
};
