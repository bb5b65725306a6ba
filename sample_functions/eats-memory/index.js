'use strict';

// A cache without a bound, filled within one request.
exports.handler = async (event) => {
    const kept = [];
    for (;;) {
        kept.push(new Uint8Array(1 << 20).fill(kept.length));
    }
};
