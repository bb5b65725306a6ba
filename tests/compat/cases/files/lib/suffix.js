module.exports.suffix = '.html';
