'use strict';
const path = require('path');
const { suffix } = require('./suffix.js');

exports.apply = (uri) => (path.extname(uri) === '' ? uri + suffix : uri);
