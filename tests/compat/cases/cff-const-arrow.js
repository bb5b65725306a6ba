const LANGS = ['en', 'de', 'fr'];
const best = (header) => header.split(',').map((part) => { const [tag, q] = part.trim().split(';q='); return { tag: tag.split('-')[0], q: q ? parseFloat(q) : 1 }; }).sort((a, b) => b.q - a.q).map(({ tag }) => tag).find((tag) => LANGS.includes(tag)) || 'en';
async function handler({ request }) { const al = request.headers['accept-language']; request.uri = `/${best(al ? al.value : '')}${request.uri}`; return request; }
