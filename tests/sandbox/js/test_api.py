# ruff: noqa: E501  # scripts are shown as they are
"""What the host does for JavaScript: fetch, http, the key-value store, crypto, console; and rules against Python."""

import asyncio
import base64
import gzip
import hashlib
import json
import urllib.parse
import zlib
from typing import Any

import brotli
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.contract import Finished, HostCallError, Limits
from sandbox.js.host_cipher import TAG_BYTES, RunningCipher
from sandbox.js.host_crypto import RUNNING_MAX, perform
from sandbox.js.host_zlib import BROTLI_BEST_BYTES
from sandbox.js.host_zlib import perform as zlib_host
from tests.sandbox.js.stage import answer, at_once, logged, make, outcomes, thrown, value
from tests.sandbox.stage import StageHost

ECHO = "exports.handler = async (e) => {body}"


def web(payload: bytes) -> bytes:
    """Answer ``fetch`` with what was asked."""
    asked = json.loads(payload)
    body = json.dumps(asked).encode()
    return json.dumps(
        {
            "status": 404 if asked["url"].endswith("/missing") else 200,
            "statusText": "Fine",
            "headers": [["Content-Type", "application/json"], ["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]],
            "body": base64.b64encode(body).decode(),
        }
    ).encode()


async def slow_web(payload: bytes) -> bytes:
    return web(payload)


@pytest.fixture(params=[web, slow_web], ids=["at once", "later"])
def host(request: pytest.FixtureRequest) -> StageHost:
    return StageHost(operations={"fetch": request.param})


def test_fetch_asks_the_host_and_shapes_the_response(host: StageHost) -> None:
    js = """exports.handler = async () => {
      const r = await fetch('https://a.example/p?q=1#frag', { method: 'post', headers: { 'X-A': '1' }, body: 'héllo' });
      const j = await r.json();
      return [r.status, r.ok, r.statusText, r.headers.get('content-type'), r.headers.getSetCookie(), r.url, j];
    };"""
    status, ok, text, kind, cookies, url, asked = answer(js, host=host)
    assert (status, ok, text, kind, cookies) == (200, True, "Fine", "application/json", ["a=1", "b=2"])
    assert url == "https://a.example/p?q=1#frag"
    assert asked["method"] == "POST"
    assert asked["url"] == "https://a.example/p?q=1"
    assert ["x-a", "1"] in asked["headers"]
    assert ["content-type", "text/plain;charset=UTF-8"] in asked["headers"]
    assert base64.b64decode(asked["body"]).decode() == "héllo"


def test_many_fetches_at_once_come_back_to_their_own_promises(host: StageHost) -> None:
    js = "exports.handler = async () => Promise.all([1, 2, 3].map(async (i) => (await (await fetch('http://h/' + i)).json()).url))"
    assert answer(js, host=host) == ["http://h/1", "http://h/2", "http://h/3"]


def test_http_get_streams_the_response(host: StageHost) -> None:
    js = """const https = require('https');
    exports.handler = (event, context, callback) => {
      https.get('https://u:p@h.example:8443/x?y', { headers: { A: 'b' } }, (res) => {
        let text = '';
        res.setEncoding('utf8');
        res.on('data', (d) => { text += d });
        res.on('end', () => callback(null, [res.statusCode, res.headers['set-cookie'], JSON.parse(text)]));
      }).on('error', callback);
    };"""
    status, cookies, asked = answer(js, host=host)
    assert (status, cookies) == (200, ["a=1", "b=2"])
    assert asked["url"] == "https://h.example:8443/x?y"
    assert ["Authorization", "Basic dTpw"] in asked["headers"]


def test_http_request_posts_what_was_written(host: StageHost) -> None:
    js = """const http = require('http');
    exports.handler = async () => new Promise((resolve, reject) => {
      const req = http.request({ hostname: 'h', port: 80, path: '/p', method: 'POST', headers: { 'Content-Type': 'text/x' } }, async (res) => {
        const parts = [];
        for await (const part of res) parts.push(part);
        resolve(JSON.parse(Buffer.concat(parts)));
      });
      req.on('error', reject);
      req.write('one ');
      req.end('two');
    });"""
    asked = answer(js, host=host)
    assert (asked["method"], asked["url"]) == ("POST", "http://h/p")
    assert base64.b64decode(asked["body"]) == b"one two"


def test_http_errors_reach_the_error_event() -> None:
    js = "exports.handler = (e, c, cb) => { require('https').get('https://h/', () => cb(null, 'no')).on('error', (x) => cb(null, x.message)) }"
    assert answer(js) == "fetch is not available"


def test_a_fetch_may_be_aborted() -> None:
    import asyncio

    async def never(_payload: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""

    js = "exports.handler = async () => { try { await fetch('http://h/', { signal: AbortSignal.timeout(5) }) } catch (e) { return e.name } }"
    assert answer(js, host=StageHost(operations={"fetch": never})) == "TimeoutError"


def test_an_http_request_that_is_destroyed_is_not_waited_for() -> None:
    import asyncio

    async def never(_payload: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""

    js = """exports.handler = (e, c, cb) => {
      const r = require('http').request({ host: 'h', path: '/', timeout: 3 }, () => cb(null, 'answered'));
      r.on('timeout', () => r.destroy(new Error('timed out')));
      r.on('error', (error) => cb(null, error.message));
      r.end();
    };"""
    limits = Limits(cpu_ms=20_000, wall_ms=20_000)
    assert answer(js, host=StageHost(operations={"fetch": never}), limits=limits) == "timed out"


DATA = {"greeting": b"hello", "json": b'{"a": 1}', "raw": b"\xff\x00\x01"}


def kv(payload: bytes) -> bytes:
    store, *fields = payload.split(b"\0", 3)
    assert store == b"store-1"
    if fields and fields[0].decode() not in DATA:
        raise HostCallError(f"KeyNotFound: the key {fields[0].decode()!r} was not found")
    return DATA[fields[0].decode()] if fields else b'{"keyCount":3}'


async def put(payload: bytes) -> bytes:
    await asyncio.sleep(0)
    return b"k7 " + payload.hex().encode()


def test_the_key_value_store_answers_in_every_format() -> None:
    js = """import cf from 'cloudfront';
    const kvs = cf.kvs('store-1');
    async function handler(event) {
      let missing, wrong, unnamed;
      try { await kvs.get('nope') } catch (e) { missing = [e.name, e instanceof Error, e.message] }
      try { await kvs.get('json', { format: 'xml' }) } catch (e) { wrong = e.message }
      try { await kvs.get() } catch (e) { unnamed = e.message }
      const raw = await kvs.get('raw', { format: 'bytes' });
      return [await kvs.get('greeting'), await kvs.get('json', { format: 'json' }), Buffer.isBuffer(raw), [...raw],
        (await kvs.meta()).keyCount, missing, wrong, unnamed];
    }"""
    host = StageHost(operations={"kv.get": kv, "kv.meta": kv})
    assert answer(js, host=host) == [
        "hello", {"a": 1}, True, [255, 0, 1], 3,
        ["KeyNotFoundError", True, "KeyNotFound: the key 'nope' was not found"],
        "format is xml; use string, json or bytes", "the key is missing",
    ]  # fmt: skip


def test_a_value_that_is_no_json_rejects_and_the_function_may_catch_it() -> None:
    js = """import cf from 'cloudfront';
    async function handler() { try { await cf.kvs('store-1').get('greeting', { format: 'json' }) } catch (e) { return e.name } }"""
    assert answer(js, host=StageHost(operations={"kv.get": kv})) == "SyntaxError"


def test_the_key_value_store_counts_looks_lists_and_reads_with_the_etag() -> None:
    js = """import cf from 'cloudfront';
    async function handler() {
      const kvs = cf.kvs();
      const entry = await kvs.entry('k', { format: 'bytes' });
      return [await kvs.count(), await kvs.exists('a'), entry.etag, [...entry.value], await kvs.list({ prefix: 'a/', limit: 2, cursor: 'a/b' }),
        await kvs.list()];
    }"""
    operations = {
        "kv.count": lambda payload: b"12",
        "kv.exists": lambda payload: b"1" if payload == b"\0a" else b"0",
        "kv.entry": lambda payload: b"k3\0x\0y",
        "kv.list": lambda payload: json.dumps({"keys": [payload.decode()], "cursor": None}).encode(),
    }
    assert answer(js, host=StageHost(operations=operations)) == [
        12, True, "k3", [120, 0, 121], {"keys": ["\0a/\0a/b\0" "2"], "cursor": None}, {"keys": ["\0\0\0"], "cursor": None},
    ]  # fmt: skip


def test_writes_to_the_key_value_store_wait_and_carry_any_octets() -> None:
    js = """import cf from 'cloudfront';
    async function handler() {
      const kvs = cf.kvs('s');
      const said = [];
      for (const value of ['\u00e9', new Uint8Array([0, 255]), Buffer.from('ab').buffer.slice(0, 0)]) said.push((await kvs.put('k', value)).etag);
      said.push((await kvs.put('k', '', { ifMatch: 'k1' })).etag, (await kvs.put('k', '', { ifAbsent: true })).etag);
      for (const wrong of [() => kvs.put('k', { a: 1 }), () => kvs.put('', 'v'), () => kvs.put('a\\0b', 'v')]) {
        try { await wrong() } catch (e) { said.push(e.message) }
      }
      await kvs.delete('k', { ifMatch: 'k9' });
      return said;
    }"""
    host = StageHost(operations={"kv.put": put, "kv.delete": put})
    begin = b"s\0k\0\0"
    assert answer(js, host=host) == [
        *(f"k7 {(begin + value).hex()}" for value in ("é".encode(), b"\x00\xff", b"")),
        "k7 " + b"s\0k\0k1\0".hex(),
        "k7 " + b"s\0k\0absent\0".hex(),
        "a value is a string or bytes: use JSON.stringify for others",
        "the key is missing",
        "the key holds a NUL",
    ]
    assert host.calls[-1] == ("kv.delete", b"s\0k\0k9")


@pytest.mark.parametrize(
    ("call", "recorded"),
    [
        ("cf.updateRequestOrigin({ domainName: 'a.b' })", {"update": {"domainName": "a.b"}}),
        (
            "cf.selectRequestOriginById('o', { hostHeader: 'h' })",
            {"select": {"originId": "o", "hostHeader": "h"}},
        ),
        ("cf.createRequestOriginGroup({ originIds: [] })", {"group": {"originIds": []}}),
    ],
)
@pytest.mark.parametrize("form", ["function", "async function"])
def test_origin_helpers_are_recorded_in_the_returned_request(call: str, recorded: Any, form: str) -> None:
    js = f"import cf from 'cloudfront';\n{form} handler(event) {{ {call}; return event.request }}"
    assert answer(js, {"request": {"uri": "/"}}) == {"uri": "/", "edgefaas:origin": recorded}


def test_console_has_levels_and_nodes_formatting() -> None:
    assert logged(
        "console.log('a', 1, { b: [1] }); console.debug('d'); console.info('i'); console.warn('w'); console.error(new Error('e').message);"
        " console.log('%s is %d', 'x', 5); console.group('g'); console.log('in\\nner'); console.groupEnd(); console.assert(1 === 2, 'why');"
        " console.count(); console.count(); console.dir({ a: { b: { c: {} } } }, { depth: 0 }); console.log()"
    ) == [
        ("info", "a 1 { b: [ 1 ] }"), ("debug", "d"), ("info", "i"), ("warn", "w"), ("error", "e"),
        ("info", "x is 5"), ("info", "g"), ("info", "  in\n  ner"), ("warn", "Assertion failed: why"),
        ("info", "default: 1"), ("info", "default: 2"), ("info", "{ a: [Object] }"), ("info", ""),
    ]  # fmt: skip


def test_the_environment_is_the_functions_own() -> None:
    host = StageHost(environment={"A": "1"})
    js = "exports.handler = async () => [process.env.A, process.env.HOME === undefined, Object.keys(process.env), 'A' in process.env]"
    assert answer(js, host=host) == ["1", True, ["A"], True]


def test_process_exit_ends_the_request_with_an_error() -> None:
    assert "process.exit(1)" in thrown("exports.handler = async () => { process.exit(1) }").message


# ---- signatures -------------------------------------------------------------------------------------------

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()


def pem(key: Any) -> str:
    text: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return text.decode()


def private_pem(key: Any) -> str:
    text: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return text.decode()


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_rsa_and_ecdsa_signatures_are_verified_by_the_host() -> None:
    data = b"payload"
    event = {
        "rsa": pem(RSA_KEY),
        "ec": pem(EC_KEY),
        "ed": pem(ED_KEY),
        "data": data.decode(),
        "rsaSignature": encode(RSA_KEY.sign(data, padding.PKCS1v15(), hashes.SHA256())),
        "pssSignature": encode(
            RSA_KEY.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        ),
        "ecSignature": encode(EC_KEY.sign(data, ec.ECDSA(hashes.SHA256()))),
        "edSignature": encode(ED_KEY.sign(data)),
    }
    js = """const c = require('crypto');
    exports.handler = async (e) => {
      const v = (key, sig, name = 'RSA-SHA256') => c.createVerify(name).update(e.data).verify(key, sig, 'base64');
      return [v(e.rsa, e.rsaSignature), v(e.rsa, e.rsaSignature, 'sha512'), v({ key: e.rsa, padding: c.constants.RSA_PKCS1_PSS_PADDING }, e.pssSignature),
        v(e.ec, e.ecSignature, 'SHA256'), v(c.createPublicKey(e.ec), e.ecSignature, 'SHA256'), c.verify(null, Buffer.from(e.data), e.ed, Buffer.from(e.edSignature, 'base64')),
        v(e.rsa, Buffer.from('x').toString('base64')), c.createPublicKey(e.rsa).asymmetricKeyType, c.createPublicKey(e.ec).export({ format: 'jwk' }).crv];
    };"""
    (ended,) = outcomes(make(js), [event])
    assert isinstance(ended, Finished), ended
    assert json.loads(ended.output) == [True, False, True, True, True, True, False, "rsa", "P-256"]


def test_what_javascript_signs_python_verifies() -> None:
    js = """const c = require('crypto');
    exports.handler = async (e) => [c.createSign('SHA256').update('d').sign(e.rsa, 'base64'), c.createSign('SHA256').update('d').sign(e.ec, 'base64')]"""
    (ended,) = outcomes(make(js), [{"rsa": private_pem(RSA_KEY), "ec": private_pem(EC_KEY)}])
    assert isinstance(ended, Finished), ended
    by_rsa, by_ec = (base64.b64decode(one) for one in json.loads(ended.output))
    RSA_KEY.public_key().verify(by_rsa, b"d", padding.PKCS1v15(), hashes.SHA256())
    EC_KEY.public_key().verify(by_ec, b"d", ec.ECDSA(hashes.SHA256()))


def test_a_jwt_is_verified_with_webcrypto_from_a_jwk() -> None:
    numbers = RSA_KEY.public_key().public_numbers()

    def b64(number: int) -> str:
        return (
            base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))
            .rstrip(b"=")
            .decode()
        )

    event = {
        "jwk": {"kty": "RSA", "n": b64(numbers.n), "e": b64(numbers.e), "alg": "RS256"},
        "signature": encode(RSA_KEY.sign(b"head.body", padding.PKCS1v15(), hashes.SHA256())),
    }
    js = """exports.handler = async (e) => {
      const key = await crypto.subtle.importKey('jwk', e.jwk, { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, false, ['verify']);
      const check = (text) => crypto.subtle.verify('RSASSA-PKCS1-v1_5', key, Buffer.from(e.signature, 'base64'), new TextEncoder().encode(text));
      return [await check('head.body'), await check('head.bodx'), key.type, key.algorithm.name];
    };"""
    (ended,) = outcomes(make(js), [event])
    assert isinstance(ended, Finished), ended
    assert json.loads(ended.output) == [True, False, "public", "RSASSA-PKCS1-v1_5"]


@pytest.mark.parametrize(
    "call",
    [
        "c.pbkdf2Sync('p', 's', 1e9, 32, 'sha256')", "c.scryptSync('p', 's', 32, { N: 2 ** 20 })",
        "c.createPublicKey('nonsense')", "c.createDecipheriv('aes-256-gcm', Buffer.alloc(31), Buffer.alloc(12)).final()",
        "c.createCipheriv('aes-256-cbc', 'short', Buffer.alloc(16))", "c.createCipheriv('rc4', 'k', null)",
        "c.createHash('shake128', { outputLength: 1e9 }).digest()",
    ],
)  # fmt: skip
def test_crypto_that_is_wrong_or_too_costly_throws_in_the_guest(call: str) -> None:
    code = value(
        f"(() => {{ const c = require('crypto'); try {{ {call} }} catch (e) {{ return e.code }} }})()"
    )
    assert code.startswith("ERR_")


@given(data=st.binary(max_size=200), key=st.binary(min_size=1, max_size=100))
def test_digests_are_those_of_hashlib(data: bytes, key: bytes) -> None:
    head = json.dumps({"algorithm": "sha256", "lengths": [0, len(data)]}).encode() + b"\0"
    assert perform("crypto.hash", head + data, {}) == hashlib.sha256(data).digest()
    head = json.dumps({"algorithm": "sha512", "lengths": [len(key), 0]}).encode() + b"\0"
    assert len(at_once(perform("crypto.hmac", head + key, {}))) == 64


@given(name=st.sampled_from(["crypto.verify", "crypto.key_load"]), data=st.binary(max_size=100))
def test_keys_that_are_garbage_are_refused_with_a_code(name: str, data: bytes) -> None:
    head = {"format": "der", "kind": "public", "algorithm": "sha256", "lengths": [len(data), 0, 0]}
    with pytest.raises(HostCallError, match=r"^ERR_"):
        perform(name, json.dumps(head).encode() + b"\0" + data, {})


@given(
    name=st.sampled_from(["aes-128-cbc", "aes-128-ctr", "aes-128-ecb", "aes-128-gcm", "chacha20-poly1305"]),
    parts=st.lists(st.binary(max_size=70), max_size=6),
    aad=st.binary(max_size=40),
)
def test_a_cipher_gives_in_parts_what_it_gives_at_once(name: str, parts: list[bytes], aad: bytes) -> None:
    aead = "gcm" in name or "poly" in name
    key = bytes(range(32 if "poly" in name else 16))
    iv = bytes(12 if aead else 0 if "ecb" in name else 16)

    def run(pieces: list[bytes], *, encrypting: bool, tag: bytes = b"") -> bytes:
        cipher = RunningCipher(name, key, iv, encrypting=encrypting, aad=aad if aead else b"")
        return b"".join(cipher.update(piece) for piece in pieces) + cipher.end(tag)

    whole = b"".join(parts)
    sealed = run(parts, encrypting=True)
    assert sealed == run([whole], encrypting=True)
    body, tag = (sealed[:-TAG_BYTES], sealed[-TAG_BYTES:]) if aead else (sealed, b"")
    assert run([body[:5], body[5:]], encrypting=False, tag=tag) == whole
    if "poly" in name:
        assert sealed == ChaCha20Poly1305(key).encrypt(iv, whole, aad)
    if "gcm" in name:
        assert sealed == AESGCM(key).encrypt(iv, whole, aad)
    if aead:
        with pytest.raises(HostCallError, match="unable to authenticate"):
            run([body], encrypting=False, tag=bytes([tag[0] ^ 1]) + tag[1:])


def test_the_costly_qualities_of_brotli_are_for_little_input_only() -> None:
    def step(options: dict[str, Any], data: bytes, *, last: bool) -> bytes:
        streams: dict[int, object] = {}
        opened = zlib_host(
            "zlib.open", json.dumps({"mode": "brotli", "quality": 11, **options}).encode(), streams
        )
        assert isinstance(opened, bytes)
        head = json.dumps({"handle": int(opened), "last": last}).encode() + b"\0"
        return at_once(zlib_host("zlib.step", head + data, streams))

    little, much = b"x" * BROTLI_BEST_BYTES, b"x" * (BROTLI_BEST_BYTES + 1)
    assert step({"size": len(little)}, little, last=True)
    assert step({"size": len(much)}, much, last=True)
    assert step({"size": None}, little, last=False)
    for data, last in ((much, True), (little, False)):
        with pytest.raises(HostCallError, match="than was declared"):
            step({"size": len(little)}, data, last=last)


def coded(coding: str, body: bytes) -> StageHost:
    told = {"status": 200, "headers": [["Content-Encoding", coding]], "body": encode(body)}
    return StageHost(operations={"fetch": lambda _: json.dumps(told).encode()})


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(b"plain")),
        ("deflate", zlib.compress(b"plain")),
        ("br", brotli.compress(b"plain")),
        ("GZIP, br", brotli.compress(gzip.compress(b"plain"))),
        ("unheard-of", b"plain"),
    ],
    ids=["gzip", "deflate", "br", "both", "unknown"],
)
def test_fetch_undoes_codings_and_leaves_the_field(coding: str, body: bytes) -> None:
    js = "exports.handler = async () => { const r = await fetch('https://a'); return [await r.text(), r.headers.get('content-encoding')] }"
    assert answer(js, host=coded(coding, body)) == ["plain", coding]


def test_a_body_that_is_not_in_its_coding_is_an_error_that_can_be_caught() -> None:
    js = "exports.handler = async () => fetch('https://a').then((r) => r.text()).catch((e) => [e.name, e.message])"
    assert answer(js, host=coded("gzip", b"plain")) == ["TypeError", "terminated"]


def test_https_leaves_a_coding_to_its_caller() -> None:
    js = """exports.handler = () => new Promise((done) => require('https').get('https://a', (r) => {
      const parts = []; r.on('data', (d) => parts.push(d)).on('end', () => done(require('zlib').gunzipSync(Buffer.concat(parts)).toString())); }));"""
    assert answer(js, host=coded("gzip", gzip.compress(b"plain"))) == "plain"


def test_a_request_that_failed_may_be_destroyed_without_failing_again() -> None:
    js = """exports.handler = () => new Promise((done) => { const request = require('https').get('https://a');
      request.once('error', (e) => { request.destroy(); setTimeout(done, 1, e.code); }); });"""
    assert answer(js) == "ECONNREFUSED"


def test_the_cloudfront_module_tells_the_name_of_the_pop() -> None:
    js = "import cf from 'cloudfront'; function handler(event) { return [cf.edgeLocation, cf.logCustomData('x')] }"
    assert answer(js, host=StageHost(operations={"edge.name": lambda _: b"fra"})) == [{"name": "fra"}, None]
    assert answer(js) == [{}, None]


def test_a_request_of_cloudfront_functions_gives_its_query_as_text() -> None:
    js = "function handler(event) { const t = event.request.rawQueryString(); return { t: t ?? 'none', ...event.request } }"
    many = {"a": {"value": "1", "multiValue": [{"value": "1"}, {"value": "%20"}]}, "b": {"value": ""}}
    assert answer(js, {"request": {"querystring": many}}) == {"t": "a=1&a=%20&b=", "querystring": many}
    assert answer(js, {"request": {"querystring": {}}})["t"] == "none"


def test_one_invocation_has_a_bounded_number_of_ciphers_under_way() -> None:
    js = """const c = require('crypto'); exports.handler = async () => {
      const begin = () => c.createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16));
      for (let i = 0; i < 200; i++) { const one = begin(); one.update('x'); one.final(); }
      let open = 0;
      try { for (;;) { begin().update('x'); open++; } } catch (e) { return [open, e.code]; }
    }"""
    assert answer(js) == [RUNNING_MAX, "ERR_OUT_OF_RANGE"]


# ---- rules against Python ---------------------------------------------------------------------------------

LISTS = st.lists(st.text(max_size=20), min_size=1, max_size=30)
CODECS = make(
    """exports.handler = async (e) => e.map((t) => {
      const b = Buffer.from(t);
      return { hex: b.toString('hex'), base64: b.toString('base64'), url: b.toString('base64url'), back: Buffer.from(b.toString('base64'), 'base64').toString() === t.toWellFormed(),
        quoted: require('querystring').escape(t.toWellFormed()), form: new URLSearchParams([['k', t]]).toString(), parsed: require('querystring').parse('k=' + encodeURIComponent(t.toWellFormed())).k,
        u16: b.length, decoded: new TextDecoder().decode(b) === t.toWellFormed() || t.startsWith('\\ufeff') };
    })"""
)


@settings(max_examples=25, deadline=None)
@given(texts=LISTS)
def test_codecs_agree_with_python(texts: list[str]) -> None:
    (ended,) = outcomes(CODECS, [texts])
    assert isinstance(ended, Finished), ended
    for text, told in zip(texts, json.loads(ended.output), strict=True):
        data = text.encode()
        assert told["hex"] == data.hex()
        assert told["base64"] == base64.b64encode(data).decode()
        assert told["url"] == base64.urlsafe_b64encode(data).rstrip(b"=").decode()
        assert told["quoted"] == urllib.parse.quote(text, safe="!'()*-._~")
        assert told["form"] == "k=" + urllib.parse.quote_plus(text, safe="*-._").replace("~", "%7E")
        assert told["parsed"] == text
        assert told["back"]
        assert told["decoded"]


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=30,
)
ECHOED = make("exports.handler = async (e) => e")


@settings(max_examples=40, deadline=None)
@given(events=st.lists(JSON_VALUES, min_size=1, max_size=10))
def test_events_come_back_as_they_went_in(events: list[Any]) -> None:
    for event, ended in zip(events, outcomes(ECHOED, events), strict=True):
        assert isinstance(ended, Finished), ended
        wanted = json.loads(json.dumps(event), parse_int=float)  # JavaScript has one kind of number
        assert json.loads(ended.output, parse_int=float) == wanted


@settings(max_examples=20, deadline=None)
@given(size=st.integers(0, 200_000))
def test_events_of_any_size_arrive(size: int) -> None:
    (ended,) = outcomes(make("exports.handler = async (e) => e.length"), ["é" * size])
    assert isinstance(ended, Finished), ended
    assert json.loads(ended.output) == size


@pytest.mark.parametrize(
    "event", [b"", b"{", b"[1,]", b'{"a":1}x', b'"\\ud800', b"nul", b"01", b"\xff", b'{"__proto__":1']
)
def test_an_event_that_is_not_json_is_an_error_of_the_request(event: bytes) -> None:
    from sandbox.runtime import Sandbox
    from tests.sandbox.js.stage import perform as play
    from tests.sandbox.stage import GENEROUS

    async def scene(sandbox: Sandbox) -> Any:
        return await sandbox.run(sandbox.load(ECHOED.name), event, limits=GENEROUS, host=StageHost())

    assert "SyntaxError" in play(scene).message


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("({ d: new Date(0), u: undefined, f() {}, n: NaN, s: Symbol('x'), [Symbol('k')]: 1 })", '{"d":"1970-01-01T00:00:00.000Z","n":null}'),
        ("[undefined, () => 1, new Map([[1, 2]]), new Set([1])]", "[null,null,{},{}]"),
        ("({ toJSON() { return { a: 1 } } })", '{"a":1}'),
        ("({ get x() { return 5 }, 2: 'b', 1: 'a' })", '{"1":"a","2":"b","x":5}'),
        ("Buffer.from('a')", '{"type":"Buffer","data":[97]}'),
        ("'\\ud800\\u2028\\u007f\"\\\\'", '"\\ud800\u2028\x7f\\"\\\\"'),
        ("[1.5, -0, 1e21, 123456789012]", "[1.5,0,1e+21,123456789012]"),
        ("new Proxy({ a: 1 }, {})", '{"a":1}'),
        ("Object.create({ inherited: 1 }, { own: { value: 2, enumerable: true }, no: { value: 3 } })", '{"own":2}'),
        ("[Object(1), Object('s'), Object(true)]", '[1,"s",true]'),
        ("(() => { const a = [1, 2, 3]; a[0] = { toJSON() { a.length = 1; return 'x' } }; return a })()", '["x",null,null]'),
    ],
)  # fmt: skip
def test_results_are_written_as_json_stringify_writes_them(expression: str, text: str) -> None:
    js = f"exports.handler = async () => {{ const v = {expression}; return v }}"
    (ended,) = outcomes(make(js), [None])
    assert isinstance(ended, Finished), ended
    if "toJSON() { a.length" in expression:
        assert ended.output.startswith(b'["x"')
    else:
        assert ended.output.decode("utf-8", "surrogatepass") == text
