function handler(event) {
    const sorted = {};
    for (const [name, entry] of Object.entries(event.request.querystring).sort(([a], [b]) => (a < b ? -1 : 1))) {
        sorted[name] = entry;
    }
    event.request.querystring = sorted;
    return event.request;
}
