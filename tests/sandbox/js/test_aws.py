"""What Lambda's runtimes bring is there: clients of AWS that nobody deployed, over signed requests."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from tests.sandbox.js.stage import answer, make
from tests.sandbox.stage import StageHost

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"  # from AWS's documentation
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "eu-west-1"}
Asked = dict[str, Any]


def host(answering: Callable[[Asked], tuple[int, bytes]], **environment: str) -> StageHost:
    """Return a host at whose end of ``fetch`` a service checks signatures, then answers."""

    def fetch(payload: bytes) -> bytes:
        asked = json.loads(payload)
        asked["fields"] = {name.lower(): value for name, value in asked["headers"]}
        asked["octets"] = base64.b64decode(asked["body"] or "")
        if "authorization" in asked["fields"]:
            assert signature(asked) in asked["fields"]["authorization"]
        status, body = answering(asked)
        return json.dumps({"status": status, "headers": [], "body": base64.b64encode(body).decode()}).encode()

    return StageHost(environment={**ENVIRONMENT, **environment}, operations={"fetch": fetch})


def mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def signature(asked: Asked) -> str:
    """Return what the signature of a request must be (Signature Version 4, "Create a signed request")."""
    address, fields = urlsplit(asked["url"]), {"host": urlsplit(asked["url"]).netloc, **asked["fields"]}
    given = dict(part.strip().split("=", 1) for part in fields["authorization"].partition(" ")[2].split(","))
    scope = given["Credential"].split("/")[1:]
    names = given["SignedHeaders"].split(";")
    query = "&".join(
        sorted(
            f"{quote(n, safe='')}={quote(v, safe='')}"
            for n, v in parse_qsl(address.query, keep_blank_values=True)
        )
    )
    assert hashlib.sha256(asked["octets"]).hexdigest() == fields["x-amz-content-sha256"]
    path = address.path if scope[2] == "s3" else quote(address.path)
    told = [asked["method"], path, query, *(f"{name}:{fields[name]}" for name in names), ""]
    return sign(
        scope, fields["x-amz-date"], "\n".join([*told, ";".join(names), fields["x-amz-content-sha256"]])
    )


def sign(scope: list[str], time: str, canonical: str) -> str:
    key = b"AWS4" + SECRET.encode()
    for part in scope:
        key = mac(key, part)
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return mac(key, f"AWS4-HMAC-SHA256\n{time}\n{'/'.join(scope)}\n{digest}").hex()


LISTED = b"""<?xml version="1.0"?><ListBucketResult><Name>b</Name><Prefix/><KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys>
  <Delimiter>/</Delimiter><IsTruncated>false</IsTruncated>
  <Contents><Key>a&amp;b</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>&quot;x&quot;</ETag><Size>5</Size></Contents>
  <CommonPrefixes><Prefix>dir/</Prefix></CommonPrefixes></ListBucketResult>"""
NOTHING = (
    b"<ListBucketResult><Name>b</Name><Prefix>p</Prefix><IsTruncated>false</IsTruncated></ListBucketResult>"
)


def test_what_a_bucket_holds_is_told_as_the_sdk_tells_it() -> None:
    js = """
    import { S3, ListObjectsV2Command } from '@aws-sdk/client-s3';
    export const handler = async () => {
      const s3 = new S3({});
      const list = async (Prefix) => {
        const { $metadata, ...told } = await s3.send(new ListObjectsV2Command({ Bucket: 'b', Prefix }));
        return told;
      };
      return [await list(''), await list('p')];
    };"""
    listing = host(lambda asked: (200, NOTHING if "prefix=p" in asked["url"] else LISTED))
    full, empty = answer(js, host=listing)
    assert full["Contents"] == [
        {"Key": "a&b", "LastModified": "2026-01-02T03:04:05.000Z", "ETag": '"x"', "Size": 5}
    ]
    assert full["CommonPrefixes"] == [{"Prefix": "dir/"}]
    assert (full["Prefix"], full["Delimiter"], full["KeyCount"], full["MaxKeys"]) == ("", "/", 2, 1000)
    assert empty == {"Name": "b", "Prefix": "p", "IsTruncated": False, "KeyCount": 0}


def test_version_3_reads_and_writes_objects_of_s3() -> None:
    kept: dict[str, bytes] = {}

    def s3(asked: Asked) -> tuple[int, bytes]:
        if asked["method"] == "PUT":
            kept[asked["url"]] = asked["octets"]
            assert asked["fields"]["x-amz-meta-kind"] == "note"
        found = kept.get(asked["url"])
        gone = b"<Error><Code>NoSuchKey</Code><Message>no &lt;key&gt;</Message></Error>"
        return (404, gone) if found is None else (200, found)

    js = """
    import { S3Client, GetObjectCommand, PutObjectCommand, NoSuchKey as Missing } from '@aws-sdk/client-s3';
    const s3 = new S3Client({});
    export const handler = async () => {
      const where = { Bucket: 'notes', Key: 'a b/ü(1).txt' };
      await s3.send(new PutObjectCommand({ ...where, Body: 'héllo', Metadata: { Kind: 'note' } }));
      const { Body } = await s3.send(new GetObjectCommand(where));
      const error = await s3.send(new GetObjectCommand({ ...where, Key: 'none' })).catch((e) => e);
      const text = await Body.transformToString();
      return [text, error.name, error.message, error instanceof Missing, error.$metadata.httpStatusCode];
    };"""
    assert answer(js, host=host(s3)) == ["héllo", "NoSuchKey", "no <key>", True, 404]
    assert list(kept) == ["https://notes.s3.eu-west-1.amazonaws.com/a%20b/%C3%BC%281%29.txt"]


def test_version_2_reads_objects_by_promise_and_callback() -> None:
    js = """
    const AWS = require('aws-sdk');
    AWS.config.update({ region: 'us-west-2' });
    const s3 = new AWS.S3({ apiVersion: '2006-03-01' });
    exports.handler = (event, context, callback) => {
      s3.getObject({ Bucket: 'dotted.name', Key: 'k' }, (error, data) => {
        s3.headObject({ Bucket: 'b', Key: 'k' }).promise().then(() => callback(null, data.Body.toString()), callback);
      });
    };"""
    seen: list[str] = []

    def s3(asked: Asked) -> tuple[int, bytes]:
        seen.append(f"{asked['method']} {asked['url']}")
        return 200, b"text"

    assert answer(js, host=host(s3)) == "text"
    assert seen == [
        "GET https://s3.us-west-2.amazonaws.com/dotted.name/k",
        "HEAD https://b.s3.us-west-2.amazonaws.com/k",
    ]


@pytest.mark.parametrize(
    "js",
    [
        """import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
        import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
        const db = DynamoDBDocumentClient.from(new DynamoDBClient({}));
        export const handler = async () => (await db.send(new GetCommand({ TableName: 't', Key: { id: 7 } }))).Item;""",
        """const { DocumentClient } = require('aws-sdk/clients/dynamodb');
        const db = new DocumentClient();
        exports.handler = async () => (await db.get({ TableName: 't', Key: { id: 7 } }).promise()).Item;""",
        """const { DynamoDB } = require('@aws-sdk/client-dynamodb');
        const { DynamoDBDocument } = require('@aws-sdk/lib-dynamodb');
        exports.handler = async () =>
          (await DynamoDBDocument.from(new DynamoDB()).get({ TableName: 't', Key: { id: 7 } })).Item;""",
        """const { DynamoDBClient, GetItemCommand } = require('@aws-sdk/client-dynamodb');
        const { marshall, unmarshall } = require('@aws-sdk/util-dynamodb');
        exports.handler = async () => unmarshall(
          (await new DynamoDBClient().send(new GetItemCommand({ TableName: 't', Key: marshall({ id: 7 }) }))).Item);""",
    ],
)
def test_dynamodb_gives_documents(js: str) -> None:
    def table(asked: Asked) -> tuple[int, bytes]:
        assert asked["url"] == "https://dynamodb.eu-west-1.amazonaws.com/"
        assert asked["fields"]["x-amz-target"] == "DynamoDB_20120810.GetItem"
        assert json.loads(asked["octets"]) == {"TableName": "t", "Key": {"id": {"N": "7"}}}
        item = {
            "id": {"N": "7"},
            "tags": {"L": [{"S": "a"}, {"NULL": True}]},
            "deep": {"M": {"on": {"BOOL": True}}},
        }
        return 200, json.dumps({"Item": item}).encode()

    assert answer(js, host=host(table)) == {"id": 7, "tags": ["a", None], "deep": {"on": True}}


def test_parameters_secrets_and_functions_of_lambda_are_reached() -> None:
    js = """
    const { SSMClient, GetParameterCommand } = require('@aws-sdk/client-ssm');
    const { SecretsManager } = require('@aws-sdk/client-secrets-manager');
    const { LambdaClient, InvokeCommand } = require('@aws-sdk/client-lambda');
    exports.handler = async () => {
      const { Parameter } = await new SSMClient().send(new GetParameterCommand({ Name: '/a', WithDecryption: true }));
      const { SecretString } = await new SecretsManager({ region: 'us-east-1' }).getSecretValue({ SecretId: 's' });
      const { Payload } = await new LambdaClient().send(new InvokeCommand({ FunctionName: 'f', Payload: '{"a":1}' }));
      const told = JSON.parse(new TextDecoder().decode(Payload));
      return [Parameter.Value, SecretString, told, Payload.transformToString()];
    };"""

    def services(asked: Asked) -> tuple[int, bytes]:
        if asked["url"].endswith("/2015-03-31/functions/f/invocations"):
            return 200, asked["octets"]
        told = {
            "AmazonSSM.GetParameter": {"Parameter": {"Value": "v"}},
            "secretsmanager.GetSecretValue": {"SecretString": urlsplit(asked["url"]).netloc},
        }
        return 200, json.dumps(told[asked["fields"]["x-amz-target"]]).encode()

    secret = "secretsmanager.us-east-1.amazonaws.com"
    assert answer(js, host=host(services)) == ["v", secret, {"a": 1}, '{"a":1}']


def test_an_error_of_a_service_has_its_name_and_a_session_token_is_sent() -> None:
    js = """
    const { SSM, ParameterNotFound } = require('@aws-sdk/client-ssm');
    exports.handler = async () => new SSM().getParameter({ Name: 'x' })
      .catch((e) => [e.name, e.message, e instanceof ParameterNotFound, e instanceof Error]);"""

    def refusing(asked: Asked) -> tuple[int, bytes]:
        assert asked["fields"]["x-amz-security-token"] == "token"
        return 400, b'{"__type":"com.amazonaws.ssm#ParameterNotFound","message":"none"}'

    refused = answer(js, host=host(refusing, AWS_SESSION_TOKEN="token"))
    assert refused == ["ParameterNotFound", "none", True, True]


def test_a_presigned_address_carries_its_signature() -> None:
    js = """
    import { S3Client, GetObjectCommand } from '@aws-sdk/client-s3';
    import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
    export const handler = async (time) => getSignedUrl(new S3Client({ region: 'us-east-1' }),
      new GetObjectCommand({ Bucket: 'b', Key: 'k' }), { expiresIn: 60, signingDate: new Date(time) });"""
    address = urlsplit(answer(js, 1_600_000_000_000, host=host(lambda _: (500, b""))))
    query, _, given = address.query.rpartition("&X-Amz-Signature=")
    canonical = f"GET\n/k\n{query}\nhost:{address.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
    assert given == sign(["20200913", "us-east-1", "s3", "aws4_request"], "20200913T122640Z", canonical)
    assert "X-Amz-Expires=60" in query


def test_clients_that_are_only_made_need_neither_credentials_nor_a_request() -> None:
    js = """
    const AWS = require('aws-sdk'), { KMSClient } = require('@aws-sdk/client-kms');
    const all = [new AWS.S3(), new AWS.DynamoDB.DocumentClient(), new AWS.Rekognition(), new KMSClient({})];
    exports.handler = async (call) => (call ? all[0].getObject({ Bucket: 'b', Key: 'k' }).promise() : all.length)
      .catch?.((e) => [e.name, e.message.includes('AWS_ACCESS_KEY_ID')]) ?? all.length;"""
    assert make(js).warnings == ()
    assert answer(js) == 4
    assert answer(js, True) == ["CredentialsProviderError", True]


def test_a_service_without_a_stand_in_says_what_to_do() -> None:
    js = """const { RekognitionClient, DetectTextCommand } = require('@aws-sdk/client-rekognition');
    exports.handler = async () => new RekognitionClient().send(new DetectTextCommand({})).catch((e) => e.message);"""
    told = answer(js)
    assert told == "Rekognition DetectText needs the AWS SDK itself: deploy it in node_modules, or bundle it"


def test_a_deployed_sdk_goes_before_the_stand_in() -> None:
    files = {
        "index.js": "const { S3Client } = require('@aws-sdk/client-s3'); exports.handler = async () => S3Client;",
        "node_modules/@aws-sdk/client-s3/index.js": "exports.S3Client = 'deployed';",
    }
    assert answer(files) == "deployed"
