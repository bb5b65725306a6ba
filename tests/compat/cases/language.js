class Counter {
    #count = 0;
    static #made = 0;
    static { Counter.origin = 'static block'; }
    up(by = 1) { this.#count += by; return this; }
    get value() { return this.#count; }
}

function* letters(...words) {
    for (const word of words) yield* word;
}

async function* delayed(values) {
    for (const value of values) { await null; yield value; }
}

exports.handler = async (event) => {
    const { request: { uri, headers: { 'x-none': none = 'default' } = {} } = {} } = event.Records[0].cf;
    const collected = [];
    for await (const value of delayed([1, 2, 3])) collected.push(value ** 2);
    const groups = /(?<year>\d{4})-(?<month>\d{2})/.exec('on 2026-11-22').groups;
    let text = null;
    text ??= 'filled';
    const parts = [
        new Counter().up().up(4).value, Counter.origin, [...letters('ab', 'c')].join(''), collected.join(), groups.year + groups.month,
        none, uri?.length ?? 0, event.missing?.deep?.er ?? 'nullish', text, 2n ** 64n, 1_000_000, 'aXbX'.replaceAll('X', '-'),
        [3, 1, 2].toSorted().join(''), [1, [2, [3]]].flat(Infinity).at(-1), Object.fromEntries([['k', 'v']]).k,
        'ab'.padStart(4, '*'), /(?<=\$)\d+/.exec('cost $42')[0], /\p{Lu}/u.test('Ä'), typeof Symbol.asyncIterator,
        `${[..."🎉é"].length}`, JSON.stringify({ a: undefined, b: [undefined, () => 1], c: new Date(0) }), Number('0x1f'),
        (0.1 + 0.2).toFixed(2), parseInt('12px', 10), new Set([1, 1, 2]).size, [1, 2, 3, 4].findLast((n) => n % 2), isNaN('x'),
    ];
    return { status: '200', body: parts.join('|') };
};
