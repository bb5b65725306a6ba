// A Lambda@Edge handler: it sees a viewer's request before the cache, and may change it or answer itself.
import type { CloudFrontRequestEvent, CloudFrontRequestResult } from 'aws-lambda';

export const handler = async (event: CloudFrontRequestEvent): Promise<CloudFrontRequestResult> => {
  const request = event.Records[0].cf.request;
  console.log(`${request.method} ${request.uri}`);

  if (request.uri === '/hello') {
    return {
      status: '200',
      headers: { 'content-type': [{ key: 'Content-Type', value: 'text/plain' }] },
      body: 'Hello from {{name}}\n',
    };
  }
  return request; // go on with it: to the cache, and then to the origin
};
