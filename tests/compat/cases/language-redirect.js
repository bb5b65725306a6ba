'use strict';
const SUPPORTED = ['en', 'de', 'fr'];

const preferred = (field) =>
    field
        .split(',')
        .map((part) => {
            const [tag, ...rest] = part.trim().split(';');
            const q = rest.map((item) => item.trim()).find((item) => item.startsWith('q='));
            return { tag: tag.slice(0, 2).toLowerCase(), q: q === undefined ? 1 : Number(q.slice(2)) };
        })
        .filter(({ tag, q }) => q > 0 && SUPPORTED.includes(tag))
        .sort((one, two) => two.q - one.q)[0];

exports.handler = async (event) => {
    const { headers, uri } = event.Records[0].cf.request;
    const choice = preferred(headers['accept-language'] ? headers['accept-language'][0].value : '');
    return {
        status: '307',
        headers: { location: [{ key: 'Location', value: `/${choice ? choice.tag : 'en'}${uri}` }], vary: [{ key: 'Vary', value: 'Accept-Language' }] },
    };
};
