let S3Client, AWS;
try { ({ S3Client } = require('@aws-sdk/client-s3')); } catch (e) { S3Client = null; }
try { AWS = require('aws-sdk'); } catch (e) { AWS = null; }
exports.handler = async (event) => {
    const { request } = event.Records[0].cf;
    request.headers['x-sdk'] = [{ key: 'X-Sdk', value: 'optional' }];
    return request;
};
