'use strict';

const COOKIE = 'X-Experiment';
const GROUPS = ['A', 'B'];

const pathOf = { A: (uri) => uri, B: (uri) => uri.replace(/^\/checkout\b/, '/checkout-new') };

function cookieOf(headers) {
    for (const { value } of headers.cookie || []) {
        for (const pair of value.split(';')) {
            const [name, group] = pair.trim().split('=');
            if (name === COOKIE && GROUPS.includes(group)) {
                return group;
            }
        }
    }
    return undefined;
}

// The same viewer must land in the same group while no cookie is set: hash the address instead of throwing dice.
function groupOf(address) {
    let hash = 0;
    for (const char of address) {
        hash = (hash * 31 + char.charCodeAt(0)) >>> 0;
    }
    return GROUPS[hash % GROUPS.length];
}

exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    const group = cookieOf(request.headers) || groupOf(request.clientIp);
    request.uri = pathOf[group](request.uri);
    request.headers['x-experiment-group'] = [{ key: 'X-Experiment-Group', value: group }];
    return request;
};
