'use strict';
const rules = require('./lib/rules');
const moved = require('./data/moved.json');
const { shout } = require('./lib/words');

exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    request.uri = rules.apply(moved[request.uri] || request.uri);
    request.headers['x-word'] = [{ key: 'X-Word', value: shout('moved') }];
    return request;
};
