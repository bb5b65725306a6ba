// aws-sdk and @aws-sdk/*, where they are not deployed: Lambda has them, so functions import them without bringing them.
// The JSON services by one rule, S3's objects and Lambda's invocations by hand; signed requests go out by fetch.
(function (native, lib) {
  'use strict';
  const crypto = lib('crypto');
  const Buffer = lib('buffer').Buffer;
  const { env, notHere } = native.internals;

  // Service → [its name in addresses and signatures, the prefix of its targets, the version of its JSON].
  const JSON_SERVICES = {
    __proto__: null,
    DynamoDB: ['dynamodb', 'DynamoDB_20120810', '1.0'], SSM: ['ssm', 'AmazonSSM', '1.1'], KMS: ['kms', 'TrentService', '1.1'],
    SecretsManager: ['secretsmanager', 'secretsmanager', '1.1'], SQS: ['sqs', 'AmazonSQS', '1.0'], SFN: ['states', 'AWSStepFunctions', '1.0'],
    Kinesis: ['kinesis', 'Kinesis_20131202', '1.1'], Firehose: ['firehose', 'Firehose_20150804', '1.1'], EventBridge: ['events', 'AWSEvents', '1.1'],
    CloudWatchLogs: ['logs', 'Logs_20140328', '1.1'], CognitoIdentityProvider: ['cognito-idp', 'AWSCognitoIdentityProviderService', '1.1'],
  };
  const ALIASES = { __proto__: null, StepFunctions: 'SFN', CloudWatchEvents: 'EventBridge', CognitoIdentityServiceProvider: 'CognitoIdentityProvider' };
  const BLOBS = new Set(['CiphertextBlob', 'Plaintext', 'SecretBinary', 'Data', 'Signature', 'Message', 'PublicKey', 'Mac']);
  const known = (service) => service in JSON_SERVICES || service === 'S3' || service === 'Lambda';

  // ---- Signature Version 4 ---------------------------------------------------------------------------
  const hex = (data) => crypto.createHash('sha256').update(data).digest('hex');
  const mac = (key, data) => crypto.createHmac('sha256', key).update(data).digest();
  const quoted = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase());
  const queryOf = (pairs) => pairs.map(([name, value]) => [quoted(name), quoted(value)]).sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] < b[1] ? -1 : 1)).map((pair) => pair.join('=')).join('&');
  const stamp = (date) => date.toISOString().replace(/[-:]|\.\d{3}/g, '');
  function signature({ method, path, query, headers, payload, service, region, credentials, time }) {
    const names = Object.keys(headers).map((name) => name.toLowerCase()).sort();
    const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value).trim().replace(/\s+/g, ' ')]));
    const canonical = [method, service === 's3' ? path : path.split('/').map(quoted).join('/'), query, ...names.map((name) => `${name}:${lower[name]}`), '', names.join(';'), payload].join('\n');
    const scope = `${time.slice(0, 8)}/${region}/${service}/aws4_request`;
    let key = 'AWS4' + credentials.secretAccessKey;
    for (const part of scope.split('/')) key = mac(key, part);
    return { scope, names: names.join(';'), value: mac(key, `AWS4-HMAC-SHA256\n${time}\n${scope}\n${hex(canonical)}`).toString('hex') };
  }

  // ---- one request -------------------------------------------------------------------------------------
  const value = async (given) => (typeof given === 'function' ? given() : given);
  async function credentialsOf(config) {
    const given = (await value(config.credentials)) ?? config;
    const found = given.accessKeyId ? given : { accessKeyId: env().AWS_ACCESS_KEY_ID, secretAccessKey: env().AWS_SECRET_ACCESS_KEY, sessionToken: env().AWS_SESSION_TOKEN };
    if (found.accessKeyId && found.secretAccessKey) return found;
    throw Object.assign(new Error('Could not load credentials: give the function AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (edgefaas secret)'), { name: 'CredentialsProviderError', code: 'CredentialsError' });
  }
  const regionOf = async (config) => (await value(config.region)) ?? env().AWS_REGION ?? env().AWS_DEFAULT_REGION ?? 'us-east-1';
  async function baseOf(config, fallback) {
    const given = await value(config.endpoint);
    if (!given) return fallback;
    if (typeof given === 'string') return (/^https?:/.test(given) ? given : 'https://' + given).replace(/\/$/, '');
    return String(given.href ?? `${given.protocol}//${given.hostname}${given.port ? ':' + given.port : ''}`).replace(/\/$/, '');
  }
  async function signed(config, service, method, base, path, pairs, headers, body) {
    const credentials = await credentialsOf(config), region = await regionOf(config), time = stamp(new Date());
    const query = queryOf(pairs), payload = hex(body ?? ''), url = new URL(base);
    const all = { ...headers, host: url.host, 'x-amz-date': time, 'x-amz-content-sha256': payload };
    if (credentials.sessionToken) all['x-amz-security-token'] = credentials.sessionToken;
    const made = signature({ method, path, query, headers: all, payload, service, region, credentials, time });
    all.authorization = `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${made.scope}, SignedHeaders=${made.names}, Signature=${made.value}`;
    delete all.host;
    const answer = await fetch(base + path + (query && '?' + query), { method, headers: all, body: method === 'GET' || method === 'HEAD' ? undefined : body });
    return { answer, bytes: Buffer.from(await answer.arrayBuffer()) };
  }
  const metadata = (answer) => ({ httpStatusCode: answer.status, requestId: answer.headers.get('x-amzn-requestid') ?? answer.headers.get('x-amz-request-id') ?? undefined });
  function failure(answer, code, message) {
    const name = String(code || 'UnknownError').split('#').pop().split(':')[0];
    return Object.assign(new Error(message || name), { name, code: name, statusCode: answer.status, $fault: answer.status < 500 ? 'client' : 'server', $metadata: metadata(answer) });
  }
  const plain = (input) => {
    if (input instanceof ArrayBuffer || ArrayBuffer.isView(input)) return Buffer.from(input.buffer ?? input, input.byteOffset ?? 0, input.byteLength).toString('base64');
    if (input instanceof Date) return input.getTime() / 1000;
    if (Array.isArray(input)) return input.map(plain);
    if (input instanceof Set) return [...input].map(plain);
    return input !== null && typeof input === 'object' ? Object.fromEntries(Object.entries(input).map(([name, item]) => [name, plain(item)])) : input;
  };
  async function jsonCall(service, operation, input, config) {
    const [host, target, version] = JSON_SERVICES[service];
    const base = await baseOf(config, `https://${host}.${await regionOf(config)}.amazonaws.com`);
    const headers = { 'content-type': `application/x-amz-json-${version}`, 'x-amz-target': `${target}.${operation}` };
    const { answer, bytes } = await signed(config, host, 'POST', base, '/', [], headers, JSON.stringify(plain(input ?? {})));
    let told = {};
    try { told = JSON.parse(bytes.toString() || '{}'); } catch { /* not JSON: the status tells */ }
    if (!answer.ok) throw failure(answer, told.__type ?? told.code ?? answer.headers.get('x-amzn-errortype'), told.message ?? told.Message);
    if (service !== 'DynamoDB') for (const name of Object.keys(told)) if (BLOBS.has(name) && typeof told[name] === 'string') told[name] = new Uint8Array(Buffer.from(told[name], 'base64'));
    return { ...told, $metadata: metadata(answer) };
  }
  async function lambdaCall(operation, input, config) {
    if (operation !== 'Invoke') throw unknown('Lambda', operation);
    const base = await baseOf(config, `https://lambda.${await regionOf(config)}.amazonaws.com`);
    const headers = { 'x-amz-invocation-type': input.InvocationType ?? 'RequestResponse' };
    const body = input.Payload === undefined ? '' : typeof input.Payload === 'string' ? input.Payload : Buffer.from(input.Payload);
    const { answer, bytes } = await signed(config, 'lambda', 'POST', base, `/2015-03-31/functions/${quoted(input.FunctionName)}/invocations`, input.Qualifier ? [['Qualifier', input.Qualifier]] : [], headers, body);
    if (!answer.ok) throw failure(answer, answer.headers.get('x-amzn-errortype'), bytes.toString());
    return { StatusCode: answer.status, FunctionError: answer.headers.get('x-amz-function-error') ?? undefined, Payload: textual(bytes), $metadata: metadata(answer) };
  }

  // ---- S3 ------------------------------------------------------------------------------------------------
  const FIELDS = {
    CacheControl: 'cache-control', ContentType: 'content-type', ContentEncoding: 'content-encoding', ContentDisposition: 'content-disposition',
    ContentLanguage: 'content-language', Range: 'range', IfMatch: 'if-match', IfNoneMatch: 'if-none-match', ACL: 'x-amz-acl', StorageClass: 'x-amz-storage-class',
    ServerSideEncryption: 'x-amz-server-side-encryption', CopySource: 'x-amz-copy-source', MetadataDirective: 'x-amz-metadata-directive', Tagging: 'x-amz-tagging',
  };
  const QUERIES = {
    VersionId: 'versionId', ResponseContentType: 'response-content-type', ResponseContentDisposition: 'response-content-disposition', ResponseCacheControl: 'response-cache-control',
    Prefix: 'prefix', Delimiter: 'delimiter', MaxKeys: 'max-keys', ContinuationToken: 'continuation-token', StartAfter: 'start-after', Marker: 'marker',
  };
  const METHODS = { __proto__: null, GetObject: 'GET', HeadObject: 'HEAD', PutObject: 'PUT', DeleteObject: 'DELETE', CopyObject: 'PUT', ListObjectsV2: 'GET', ListObjects: 'GET', HeadBucket: 'HEAD' };
  async function s3Target(operation, input, config) {
    if (METHODS[operation] === undefined) throw unknown('S3', operation);
    const region = await regionOf(config), bucket = String(input.Bucket), own = await baseOf(config, '');
    const apart = own || config.forcePathStyle || config.s3ForcePathStyle || bucket.includes('.');
    const base = own || (apart ? `https://s3.${region}.amazonaws.com` : `https://${bucket}.s3.${region}.amazonaws.com`);
    const key = input.Key === undefined ? '' : '/' + String(input.Key).split('/').map(quoted).join('/');
    const pairs = [];
    if (operation === 'ListObjectsV2') pairs.push(['list-type', '2']);
    for (const [name, query] of Object.entries(QUERIES)) if (input[name] !== undefined) pairs.push([query, String(input[name])]);
    return { method: METHODS[operation], base, path: (apart ? '/' + bucket : '') + key || '/', pairs };
  }
  const entities = (text) => text.replace(/&(lt|gt|quot|apos|amp);/g, (all, name) => ({ lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' })[name]);
  const element = (xml, name) => { const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml); return found ? entities(found[1]) : undefined; };
  function textual(bytes) {
    const body = new Uint8Array(bytes);
    return Object.defineProperties(body, {
      transformToString: { value: (encoding) => bytes.toString(encoding) }, transformToByteArray: { value: () => body },
    });
  }
  async function s3Call(operation, input, config, old) {
    const { method, base, path, pairs } = await s3Target(operation, input, config);
    const headers = {};
    for (const [name, field] of Object.entries(FIELDS)) if (input[name] !== undefined) headers[field] = String(input[name]);
    for (const [name, item] of Object.entries(input.Metadata ?? {})) headers['x-amz-meta-' + name.toLowerCase()] = String(item);
    let body = input.Body;
    if (body !== undefined && typeof body !== 'string' && !ArrayBuffer.isView(body)) { const parts = []; for await (const part of body) parts.push(Buffer.from(part)); body = Buffer.concat(parts); }
    if (operation === 'PutObject') headers['content-type'] ??= 'application/octet-stream';
    const { answer, bytes } = await signed(config, 's3', method, base, path, pairs, headers, method === 'PUT' ? body ?? '' : undefined);
    if (!answer.ok) {
      const xml = bytes.toString();
      throw failure(answer, element(xml, 'Code') ?? { 304: 'NotModified', 403: 'Forbidden', 404: 'NotFound', 412: 'PreconditionFailed' }[answer.status], element(xml, 'Message'));
    }
    const told = { ETag: answer.headers.get('etag') ?? undefined, VersionId: answer.headers.get('x-amz-version-id') ?? undefined, $metadata: metadata(answer) };
    if (operation.startsWith('ListObjects')) {
      const xml = bytes.toString();
      const blocks = (name) => [...xml.matchAll(new RegExp(`<${name}>(.*?)</${name}>`, 'gs'))].map((found) => found[1]);
      const contents = blocks('Contents').map((part) => ({ Key: element(part, 'Key'), LastModified: new Date(element(part, 'LastModified')), ETag: element(part, 'ETag'), Size: Number(element(part, 'Size')) }));
      const prefixes = blocks('CommonPrefixes').map((part) => ({ Prefix: element(part, 'Prefix') }));
      const head = xml.replace(/<(Contents|CommonPrefixes)>.*?<\/\1>/gs, ''); // both have elements of the same names
      const some = (list) => (list.length || old ? list : undefined), number = (name) => (element(head, name) === undefined ? undefined : Number(element(head, name)));
      return {
        ...told, Name: element(head, 'Name'), Prefix: element(head, 'Prefix') ?? '', Delimiter: element(head, 'Delimiter'), MaxKeys: number('MaxKeys'), Contents: some(contents), CommonPrefixes: some(prefixes),
        IsTruncated: element(head, 'IsTruncated') === 'true', NextMarker: element(head, 'NextMarker'), NextContinuationToken: element(head, 'NextContinuationToken'), ...(operation === 'ListObjectsV2' && { KeyCount: number('KeyCount') ?? contents.length + prefixes.length }),
      };
    }
    if (operation !== 'GetObject' && operation !== 'HeadObject') return told;
    for (const [name, field] of [['ContentType', 'content-type'], ['CacheControl', 'cache-control'], ['ContentEncoding', 'content-encoding'], ['ContentDisposition', 'content-disposition'], ['ContentRange', 'content-range']]) told[name] = answer.headers.get(field) ?? undefined;
    told.ContentLength = Number(answer.headers.get('content-length') ?? bytes.length);
    told.LastModified = answer.headers.get('last-modified') ? new Date(answer.headers.get('last-modified')) : undefined;
    told.Metadata = Object.fromEntries([...answer.headers].filter(([name]) => name.startsWith('x-amz-meta-')).map(([name, item]) => [name.slice(11), item]));
    if (operation === 'GetObject') {
      if (old) told.Body = bytes;
      else {
        told.Body = lib('stream').Readable.from([bytes]);
        told.Body.transformToString = async (encoding) => bytes.toString(encoding);
        told.Body.transformToByteArray = async () => new Uint8Array(bytes);
        told.Body.transformToWebStream = () => new Response(bytes).body;
      }
    }
    return told;
  }
  async function presigned(operation, input, config, { expiresIn = 900, signingDate } = {}) {
    const { method, base, path, pairs } = await s3Target(operation, input, config);
    const credentials = await credentialsOf(config), region = await regionOf(config), time = stamp(new Date(signingDate ?? Date.now()));
    const all = [...pairs, ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'], ['X-Amz-Credential', `${credentials.accessKeyId}/${time.slice(0, 8)}/${region}/s3/aws4_request`], ['X-Amz-Date', time], ['X-Amz-Expires', String(expiresIn)], ['X-Amz-SignedHeaders', 'host']];
    if (credentials.sessionToken) all.push(['X-Amz-Security-Token', credentials.sessionToken]);
    const query = queryOf(all);
    const made = signature({ method, path, query, headers: { host: new URL(base).host }, payload: 'UNSIGNED-PAYLOAD', service: 's3', region, credentials, time });
    return `${base}${path}?${query}&X-Amz-Signature=${made.value}`;
  }

  // ---- DynamoDB's documents ----------------------------------------------------------------------------
  function marshallValue(item) {
    if (item === null) return { NULL: true };
    if (typeof item === 'string') return { S: item };
    if (typeof item === 'number' || typeof item === 'bigint') return { N: String(item) };
    if (typeof item === 'boolean') return { BOOL: item };
    if (item instanceof ArrayBuffer || ArrayBuffer.isView(item)) return { B: item };
    if (item instanceof Set) { const all = [...item]; return typeof all[0] === 'number' || typeof all[0] === 'bigint' ? { NS: all.map(String) } : typeof all[0] === 'string' ? { SS: all } : { BS: all }; }
    if (Array.isArray(item)) return { L: item.filter((one) => one !== undefined).map(marshallValue) };
    return { M: marshall(item) };
  }
  const marshall = (record) => Object.fromEntries(Object.entries(record).filter(([, item]) => item !== undefined).map(([name, item]) => [name, marshallValue(item)]));
  const bytesIn = (text) => (typeof text === 'string' ? new Uint8Array(Buffer.from(text, 'base64')) : text);
  function unmarshallValue(given) {
    const [[type, item]] = Object.entries(given);
    switch (type) {
      case 'N': return Number(item);
      case 'NULL': return null;
      case 'L': return item.map(unmarshallValue);
      case 'M': return unmarshall(item);
      case 'B': return bytesIn(item);
      case 'SS': return new Set(item);
      case 'NS': return new Set(item.map(Number));
      case 'BS': return new Set(item.map(bytesIn));
      default: return item;
    }
  }
  const unmarshall = (record) => Object.fromEntries(Object.entries(record).map(([name, item]) => [name, unmarshallValue(item)]));
  const RECORDS = new Set(['Item', 'Key', 'ExpressionAttributeValues', 'ExclusiveStartKey', 'LastEvaluatedKey', 'Attributes']);
  const LISTS = new Set(['Items', 'Keys']), MAPS = new Set(['RequestItems', 'UnprocessedItems', 'UnprocessedKeys', 'Responses']);
  function documents(input, change) {
    if (Array.isArray(input)) return input.map((item) => documents(item, change));
    if (input === null || typeof input !== 'object') return input;
    const out = {};
    for (const [name, item] of Object.entries(input)) {
      if (RECORDS.has(name) && item && typeof item === 'object') out[name] = change(item);
      else if (LISTS.has(name) && Array.isArray(item)) out[name] = item.map(change);
      else if (name === 'Responses' && !Array.isArray(item) && item) out[name] = Object.fromEntries(Object.entries(item).map(([table, rows]) => [table, rows.map(change)]));
      else out[name] = documents(item, change);
    }
    return out;
  }
  const DOCUMENT = { __proto__: null, get: 'GetItem', put: 'PutItem', update: 'UpdateItem', delete: 'DeleteItem', query: 'Query', scan: 'Scan', batchGet: 'BatchGetItem', batchWrite: 'BatchWriteItem', transactGet: 'TransactGetItems', transactWrite: 'TransactWriteItems' };
  const lowerFirst = (name) => name[0].toLowerCase() + name.slice(1), upperFirst = (name) => name[0].toUpperCase() + name.slice(1);

  function unknown(service, operation) {
    return Object.assign(notHere(`${operation} of ${service} without the AWS SDK`), { message: `${service} ${operation} needs the AWS SDK itself: deploy it in node_modules, or bundle it` });
  }
  async function perform(service, operation, input = {}, config = {}, old = false) {
    if (service in JSON_SERVICES) return jsonCall(service, operation, input, config);
    if (service === 'S3') return s3Call(operation, input, config, old);
    if (service === 'Lambda') return lambdaCall(operation, input, config);
    throw unknown(service, operation);
  }

  // ---- version 3 -----------------------------------------------------------------------------------------
  const named = (name, kind) => Object.defineProperty(kind, 'name', { value: name });
  const withCallback = (promise, callback) => (callback ? void promise.then((told) => callback(null, told), callback) : promise);
  const serviceOf = (name) => name.replace(/Client$/, '');
  const stackless = { add() {}, addRelativeTo() {}, use() {}, remove() {}, clone() { return stackless; } };
  const clientOf = (service) => named(service + 'Client', class {
    constructor(config = {}) { this.config = { ...config }; this.middlewareStack = stackless; }
    send(command, options, callback) {
      if (typeof options === 'function') callback = options;
      return withCallback(perform(service, command.constructor.operation, command.input, this.config), callback);
    }
    destroy() {}
  });
  const aggregateOf = (service) => named(service, new Proxy(clientOf(service), {
    construct(target, args, made) {
      return new Proxy(Reflect.construct(target, args, made), { get(client, name, self) {
        if (name in client || typeof name !== 'string' || name === 'then') return Reflect.get(client, name, self);
        return (input, options, callback) => withCallback(perform(service, upperFirst(name), input, client.config), typeof options === 'function' ? options : callback);
      } });
    },
  }));
  const commandOf = (name, operation) => Object.assign(named(name, class { constructor(input = {}) { this.input = input; this.middlewareStack = stackless; } }), { operation });
  class DynamoDBDocumentClient {
    constructor(client) { this.client = client; this.config = client.config; }
    static from(client) { return new this(client); }
    send(command, options, callback) {
      const operation = DOCUMENT[command.constructor.operation] ?? command.constructor.operation;
      const run = async () => documents(await perform('DynamoDB', operation, documents(command.input, marshall), this.config), unmarshall);
      return withCallback(run(), typeof options === 'function' ? options : callback);
    }
    destroy() {}
  }
  const DynamoDBDocument = new Proxy(DynamoDBDocumentClient, { get(target, name, self) {
    if (name !== 'from') return Reflect.get(target, name, self);
    return (client) => new Proxy(new target(client), { get(made, method) {
      if (!(method in DOCUMENT)) return Reflect.get(made, method);
      return (input, callback) => withCallback(made.send(new (commandOf(method, method))(input)), typeof callback === 'function' ? callback : undefined);
    } });
  } });
  function cloudfrontUrl({ url, keyPairId, privateKey, dateLessThan, dateGreaterThan, ipAddress, policy }) {
    const epoch = (date) => Math.round(new Date(typeof date === 'number' && date < 1e11 ? date * 1000 : date).getTime() / 1000);
    const safe = (bytes) => bytes.toString('base64').replace(/[+=/]/g, (c) => ({ '+': '-', '=': '_', '/': '~' })[c]);
    const canned = policy === undefined && !dateGreaterThan && !ipAddress;
    const condition = { DateLessThan: { 'AWS:EpochTime': epoch(dateLessThan) }, ...(dateGreaterThan && { DateGreaterThan: { 'AWS:EpochTime': epoch(dateGreaterThan) } }), ...(ipAddress && { IpAddress: { 'AWS:SourceIp': ipAddress } }) };
    const text = policy ?? JSON.stringify({ Statement: [{ Resource: url, Condition: condition }] });
    const sign = safe(crypto.createSign('RSA-SHA1').update(text).sign(privateKey));
    return { ...(canned ? { Expires: epoch(dateLessThan) } : { Policy: safe(Buffer.from(text)) }), 'Key-Pair-Id': keyPairId, Signature: sign };
  }
  const cloudfrontSigner = {
    getSignedUrl: (options) => `${options.url}${options.url.includes('?') ? '&' : '?'}${Object.entries(cloudfrontUrl(options)).map((pair) => pair.join('=')).join('&')}`,
    getSignedCookies: (options) => Object.fromEntries(Object.entries(cloudfrontUrl(options)).map(([name, item]) => [`CloudFront-${name}`, item])),
  };
  const provider = (make) => (options) => async () => make(options);
  const fromEnv = provider(() => credentialsOf({}));
  const modules = {
    __proto__: null,
    '@aws-sdk/util-dynamodb': { marshall, unmarshall, convertToAttr: marshallValue, convertToNative: unmarshallValue },
    '@aws-sdk/s3-request-presigner': { getSignedUrl: (client, command, options) => presigned(command.constructor.operation, command.input, client.config, options) },
    '@aws-sdk/cloudfront-signer': cloudfrontSigner,
  };
  function member(specifier, name) {
    if (name === 'DynamoDBDocumentClient') return DynamoDBDocumentClient;
    if (name === 'DynamoDBDocument') return DynamoDBDocument;
    if (specifier.startsWith('@aws-sdk/credential-provider')) return fromEnv;
    if (name.endsWith('Command')) {
      const operation = name.slice(0, -7);
      return commandOf(name, specifier === '@aws-sdk/lib-dynamodb' ? lowerFirst(operation) : operation);
    }
    if (name.endsWith('Client')) return clientOf(serviceOf(name));
    if (specifier === '@aws-sdk/client-' + name.toLowerCase() || known(name)) return aggregateOf(name);
    return named(name, class extends Error { static [Symbol.hasInstance](error) { return error?.name === name; } });
  }

  // ---- version 2 -----------------------------------------------------------------------------------------
  class Config {
    constructor(options) { Object.assign(this, options); }
    update(options) { Object.assign(this, options); }
    setPromisesDependency() {} getCredentials(callback) { credentialsOf(this).then((found) => callback(null, found), callback); }
  }
  const config = new Config();
  function requestOf(run, callback) {
    let started;
    const start = () => (started ??= run());
    const request = {
      promise: start, on() { return request; }, abort() {},
      send: (then) => { withCallback(start(), then ?? (() => {})); return request; },
      createReadStream: () => lib('stream').Readable.from((async function* () { yield (await start()).Body; })()),
    };
    if (callback) request.send(callback);
    return request;
  }
  const oldService = (name) => {
    const service = ALIASES[name] ?? name;
    const client = named(name, class { constructor(options = {}) { this.config = new Config({ ...config, ...config[name.toLowerCase()], ...options }); } });
    const constructed = { construct(target, args, made) {
      return new Proxy(Reflect.construct(target, args, made), { get(self, method) {
        if (method in self || typeof method !== 'string' || method === 'then') return self[method];
        if (service === 'S3' && method === 'getSignedUrlPromise') return (operation, input) => { const { Expires, ...rest } = input; return presigned(upperFirst(operation), rest, self.config, { expiresIn: Expires }); };
        if (service === 'S3' && method === 'getSignedUrl') return (operation, input, callback) => { const { Expires, ...rest } = input; const made = presigned(upperFirst(operation), rest, self.config, { expiresIn: Expires }); if (!callback) throw unknown('S3', 'getSignedUrl without a callback'); withCallback(made, callback); };
        if (service === 'S3' && method === 'upload') return (input, callback) => requestOf(() => perform(service, 'PutObject', input, self.config, true), typeof callback === 'function' ? callback : undefined);
        return (input, callback) => requestOf(() => perform(service, upperFirst(method), typeof input === 'function' ? {} : input, self.config, true), typeof input === 'function' ? input : callback);
      } });
    } };
    if (name === 'DynamoDB') {
      client.Converter = { marshall, unmarshall, input: marshallValue, output: unmarshallValue };
      client.DocumentClient = new Proxy(class DocumentClient { constructor(options = {}) { this.options = { ...config, ...(options.service?.config ?? {}), ...options }; } }, { construct(target, args, made) {
        return new Proxy(Reflect.construct(target, args, made), { get(self, method) {
          if (method === 'createSet') return (list) => new Set(list);
          if (!(method in DOCUMENT)) return self[method];
          return (input, callback) => requestOf(async () => documents(await perform('DynamoDB', DOCUMENT[method], documents(input, marshall), self.options), unmarshall), callback);
        } });
      } });
    }
    if (name === 'CloudFront') client.Signer = class Signer {
      constructor(keyPairId, privateKey) { this.keyPairId = keyPairId; this.privateKey = privateKey; }
      getSignedUrl(options, callback) { return this.#give(() => cloudfrontSigner.getSignedUrl({ ...this, ...options, ...(options.expires && { dateLessThan: options.expires }) }), callback); }
      getSignedCookie(options, callback) { return this.#give(() => cloudfrontSigner.getSignedCookies({ ...this, ...options, ...(options.expires && { dateLessThan: options.expires }) }), callback); }
      #give(make, callback) { if (!callback) return make(); let made, error = null; try { made = make(); } catch (thrown) { error = thrown; } callback(error, made); }
    };
    return new Proxy(client, constructed);
  };
  const AWS = new Proxy({
    config, Config, Endpoint: class Endpoint { constructor(host) { this.href = /^https?:/.test(host) ? host : 'https://' + host; this.hostname = this.host = this.href.replace(/^https?:\/\/|\/.*$/g, ''); } },
    Credentials: class Credentials { constructor(id, secret, token) { Object.assign(this, typeof id === 'object' ? id : { accessKeyId: id, secretAccessKey: secret, sessionToken: token }); } },
    EnvironmentCredentials: class EnvironmentCredentials {},
  }, { get(target, name) {
    if (name in target || typeof name !== 'string' || name === '__esModule' || name === 'then') return target[name];
    return (target[name] = oldService(name));
  } });

  const loaded = Object.create(null);
  // The module that `specifier` names; `names` are those that ES code imports from it.
  return (specifier, names) => {
    if (specifier === 'aws-sdk' || specifier === 'aws-sdk/global') { for (const name of names) if (/^[A-Z]/.test(name)) AWS[name]; return AWS; }
    if (specifier.startsWith('aws-sdk/clients/')) {
      const wanted = specifier.slice(16).replace(/\.js$/, '');
      const name = ['S3', 'DynamoDB', 'CloudFront', 'Lambda', ...Object.keys(JSON_SERVICES), ...Object.keys(ALIASES)].find((one) => one.toLowerCase() === wanted) ?? upperFirst(wanted);
      return AWS[name];
    }
    const module = loaded[specifier] ??= new Proxy({ ...modules[specifier] }, { get(target, name) {
      if (name in target || typeof name !== 'string' || name === '__esModule' || name === 'default' || name === 'then') return target[name];
      return (target[name] = member(specifier, name));
    } });
    for (const name of names) module[name];
    return module;
  };
})
