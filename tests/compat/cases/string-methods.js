exports.handler = async (event) => {
    const { headers } = event.Records[0].cf.request;
    const language = (headers['accept-language']?.[0].value ?? 'en').split(',').map((part) => {
        const [tag, q = 'q=1'] = part.trim().split(';');
        return { tag: tag.toLowerCase(), weight: parseFloat(q.split('=')[1]) };
    }).sort((a, b) => b.weight - a.weight).map(({ tag }) => tag.split('-')[0]).find((tag) => ['de', 'fr'].includes(tag)) || 'en';
    return { status: '200', body: ['<p>', language.toUpperCase(), '</p>'].join('').trim() };
};
