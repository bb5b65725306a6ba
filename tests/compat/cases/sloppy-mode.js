counter = 0;
exports.handler = async function (event) {
    counter += 1;
    var request = event.Records[0].cf.request;
    with (request) { uri = '/sloppy/' + counter; }
    return request;
};
