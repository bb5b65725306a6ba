exports.handler = async () => {
    const bytes = new TextEncoder().encode('Grüße 🎉');
    const parts = [
        bytes.length, new TextDecoder().decode(bytes), btoa('edge'), atob('ZWRnZQ=='), encodeURIComponent('a b&c/ü'),
        decodeURIComponent('%F0%9F%8E%89'), escape('ü'), structuredClone({ a: [1, { b: 2 }] }).a[1].b,
    ];
    return { status: '200', body: parts.join('|') };
};
