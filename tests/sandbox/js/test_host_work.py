# ruff: noqa: E501  # JavaScript
"""What the host does for JavaScript is bounded, and what takes long is done while others run."""

import asyncio
import base64
import hashlib
import hmac
import json
import random
from contextlib import suppress
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from sandbox.contract import Finished, HostCallError, Limit, Limits, Outcome, OverLimit
from sandbox.errands import Errand
from sandbox.hostcalls import PIECE_BYTES
from sandbox.js.host_crypto import REQUEST_BYTES_MAX, perform
from sandbox.js.host_derive import PBKDF2_ITERATIONS_MAX
from sandbox.js.host_keys import RSA_BITS_MAX, load
from sandbox.js.host_zlib import perform as zlib_host
from sandbox.js.key_lock import OLD_ROUNDS_MAX, ROUNDS_MAX, check_lock
from sandbox.js.program import JsProgram
from sandbox.runtime import Sandbox
from tests.sandbox.js.stage import at_once, make, outcomes
from tests.sandbox.js.stage import perform as on_stage
from tests.sandbox.stage import GENEROUS, StageHost

KEY = rsa.generate_private_key(65537, 2048)
PIECE = 256 * 1024
JS = "const c = require('crypto'); exports.handler = async (e) => "


def ask(name: str, options: dict[str, object], *parts: bytes) -> bytes:
    head = json.dumps({**options, "lengths": [len(part) for part in parts]}).encode()
    return at_once(perform(f"crypto.{name}", head + b"\0" + b"".join(parts), {}))


def result(expression: str, event: object = None) -> Any:
    (ended,) = outcomes(make(JS + expression), [event])
    assert isinstance(ended, Finished), ended
    return json.loads(ended.output)


SLOW = "c.scryptSync('p', 's', 32, { N: 2 ** 15 }).toString('hex')"


def test_others_run_while_a_guest_waits_for_its_costly_key() -> None:
    made, quick = make(JS + SLOW), make(JS + "e.n")

    async def scene(sandbox: Sandbox) -> tuple[Outcome, list[Outcome]]:
        slow = sandbox.start(sandbox.load(made.name), b"null", limits=GENEROUS, host=StageHost())
        others = []
        while not slow.done:
            program = sandbox.load(quick.name)
            others.append(await sandbox.run(program, b'{"n": 7}', limits=GENEROUS, host=StageHost()))
            await asyncio.sleep(0)
        return await slow.wait(), others

    ended, others = on_stage(scene)
    assert isinstance(ended, Finished)
    assert (
        json.loads(ended.output)
        == hashlib.scrypt(b"p", salt=b"s", n=2**15, r=8, p=1, maxmem=64 << 20, dklen=32).hex()
    )
    assert others
    assert all(isinstance(other, Finished) and other.output == b"7" for other in others)


def test_what_a_thread_does_for_a_guest_counts_as_its_cpu() -> None:
    (ended,) = outcomes(make(JS + SLOW), [None], limits=Limits(cpu_ms=10, wall_ms=60_000))
    assert isinstance(ended, OverLimit)
    assert ended.limit is Limit.CPU


def test_a_guest_that_is_cancelled_during_its_errand_leaves_the_next_one_well() -> None:
    made = make(JS + SLOW)

    async def scene(sandbox: Sandbox) -> Outcome:
        program = sandbox.load(made.name)
        left = sandbox.start(program, b"null", limits=GENEROUS, host=StageHost())
        assert not left.done
        left.cancel()
        return await sandbox.run(program, b"null", limits=GENEROUS, host=StageHost())

    assert isinstance(on_stage(scene), Finished)


def test_the_top_level_may_derive_a_key_too() -> None:
    made = make(f"const c = require('crypto'); const key = {SLOW}; exports.handler = async () => key.length")
    (ended,) = outcomes(made, [None])
    assert isinstance(ended, Finished)
    assert ended.output == b"64"


@pytest.mark.parametrize("size", [PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5])
def test_what_goes_to_the_host_in_pieces_comes_out_as_if_whole(size: int) -> None:
    data = b"\1" * size
    made = result(
        """(() => { const d = Buffer.alloc(e.size, 1), cipher = (of) => { const x = of('aes-256-gcm', Buffer.alloc(32), Buffer.alloc(12)); return x; };
        const k = cipher(c.createCipheriv), sealed = Buffer.concat([k.update(d), k.final()]), o = cipher(c.createDecipheriv); o.setAuthTag(k.getAuthTag());
        const sign = c.createSign('SHA512').update(d).sign(e.key), v = c.createPublicKey(e.key);
        return [c.createHash('sha3-512').update(d).digest('hex'), c.createHmac('sha256', d).update(d).digest('hex'), c.createHash('shake256', { outputLength: 9 }).update(d).digest('hex'),
          sign.toString('base64'), c.createVerify('SHA512').update(d).verify(v, sign), c.createVerify('SHA512').update(d).update('x').verify(v, sign),
          Buffer.concat([o.update(sealed), o.final()]).equals(d), require('zlib').crc32(d), require('zlib').gunzipSync(require('zlib').gzipSync(d)).equals(d)]; })()""",
        {"size": size, "key": pem(KEY)},
    )
    signature = base64.b64decode(made.pop(3))
    KEY.public_key().verify(signature, data, padding.PKCS1v15(), hashes.SHA512())
    assert made[:3] == [
        hashlib.sha3_512(data).hexdigest(),
        hmac.digest(data, data, "sha256").hex(),
        hashlib.shake_256(data).hexdigest(9),
    ]
    assert made[3:5] == [True, False]
    assert made[5] is True
    assert made[7] is True


@pytest.mark.parametrize("size", [PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, 2 * PIECE_BYTES + 7])
def test_a_long_answer_and_a_long_request_go_whole(size: int) -> None:
    files = {
        "index.js": "exports.handler = async (e) => 0",
        "long.txt": "".join(map(chr, range(32, 127))) * (size // 95 + 1),
    }
    text = files["long.txt"] = files["long.txt"][:size]
    files[
        "index.js"
    ] = """const t = require('fs').readFileSync('/var/task/long.txt', 'utf8'), read = t.length;
    exports.handler = async () => { const r = await fetch('http://a.example/', { method: 'POST', body: require('fs').readFileSync('/var/task/long.txt') });
      return [read, require('crypto').createHash('sha1').update(Buffer.from(await r.arrayBuffer())).digest('hex')]; }"""

    def echo(payload: bytes) -> bytes:
        body = json.loads(payload)["body"]
        return json.dumps({"status": 200, "statusText": "", "url": "", "headers": [], "body": body}).encode()

    (ended,) = outcomes(make(files), [None], host=StageHost(operations={"fetch": echo}))
    assert isinstance(ended, Finished), ended
    assert json.loads(ended.output) == [size, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()]


def test_webcrypto_seals_and_opens_what_is_longer_than_a_piece() -> None:
    made = result(
        """(async () => { const k = await crypto.subtle.importKey('raw', new Uint8Array(32), 'AES-GCM', true, ['encrypt', 'decrypt']), a = { name: 'AES-GCM', iv: new Uint8Array(12) };
        const sealed = await crypto.subtle.encrypt(a, k, new Uint8Array(e.size)); const opened = await crypto.subtle.decrypt(a, k, sealed);
        const bad = new Uint8Array(sealed); bad[5] ^= 1; return [sealed.byteLength, opened.byteLength, await crypto.subtle.decrypt(a, k, bad).catch((x) => x.name)] })()""",
        {"size": 2 * PIECE},
    )
    assert made == [2 * PIECE + 16, 2 * PIECE, "OperationError"]


def test_a_request_of_exactly_the_most_is_taken_and_one_byte_more_is_not() -> None:
    head = json.dumps({"algorithm": "sha256", "lengths": [0, 1]}).encode() + b"\0"
    padding_bytes = bytes(REQUEST_BYTES_MAX - len(head))
    assert perform("crypto.hash", head + padding_bytes, {}) == hashlib.sha256(b"\0").digest()
    with pytest.raises(HostCallError, match="at once"):
        perform("crypto.hash", head + padding_bytes + b"\0", {})


def test_parts_of_negative_length_are_refused() -> None:
    with pytest.raises(HostCallError, match="negative"):
        perform("crypto.hash", b'{"algorithm": "sha256", "lengths": [5, -5, 5]}\0abcde', {})


def pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


# ---- keys -------------------------------------------------------------------------------------------------


def der(kind: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    size = len(content)
    long = size.to_bytes((size.bit_length() + 7) // 8 or 1, "big")
    head = bytes((size,)) if size < 0x80 else bytes((0x80 | len(long),)) + long
    return bytes((kind,)) + head + content


def integer(number: int) -> bytes:
    return der(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


SALT = der(4, b"saltsalt")


def locked(*method: bytes) -> bytes:
    return der(0x30, der(0x30, *method), der(4, b"sealed"))


def pbes2(rounds: int) -> bytes:
    oids = [der(6, bytes.fromhex(text)) for text in ("2a864886f70d01050d", "2a864886f70d01050c")]
    return locked(oids[0], der(0x30, der(0x30, oids[1], der(0x30, SALT, integer(rounds)))))


def pkcs12(rounds: int) -> bytes:
    return locked(der(6, bytes.fromhex("2a864886f70d010c0103")), der(0x30, SALT, integer(rounds)))


def by_scrypt(n: int, r: int, p: int) -> bytes:
    oid = der(6, bytes.fromhex("2b06010401da47040b"))
    return locked(der(0x30, oid, der(0x30, SALT, integer(n), integer(r), integer(p))))


@pytest.mark.parametrize(
    ("key", "more"),
    [
        (pbes2(ROUNDS_MAX), pbes2(ROUNDS_MAX + 1)),
        (pkcs12(OLD_ROUNDS_MAX), pkcs12(OLD_ROUNDS_MAX + 1)),
        (by_scrypt(512, 8, 1), by_scrypt(512, 8, 2)),
        (pbes2(1), pbes2(2**31 - 1)),
    ],
)
def test_a_lock_of_exactly_the_most_work_is_opened_and_of_more_is_not(key: bytes, more: bytes) -> None:
    check_lock(key)
    with pytest.raises(HostCallError, match="ERR_OSSL_UNSUPPORTED: unlocking this key"):
        check_lock(more)
    text = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n%b\n-----END ENCRYPTED PRIVATE KEY-----\n"
    check_lock(text % base64.encodebytes(key))
    with pytest.raises(HostCallError, match="unlocking"):
        ask(
            "key_load",
            {"kind": "private", "format": "pem", "passphrase": "x"},
            text % base64.encodebytes(more),
        )


@given(data=st.one_of(st.binary(max_size=80), st.binary(max_size=40).map(pbes2(5).__add__)))
def test_a_lock_of_any_bytes_is_looked_at_without_a_fault(data: bytes) -> None:
    with suppress(HostCallError):
        check_lock(data)


@given(cut=st.integers(0, 60), flip=st.integers(0, 59), to=st.integers(0, 255))
def test_a_damaged_lock_is_passed_or_refused(cut: int, flip: int, to: int) -> None:
    damaged = bytearray(pbes2(2**30))
    if flip < len(damaged):
        damaged[flip] = to
    with suppress(HostCallError):
        check_lock(bytes(damaged[:cut]))


def test_a_key_that_was_locked_as_openssl_does_is_opened() -> None:
    sealed = KEY.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.BestAvailableEncryption(b"word"),
    )
    assert load({"format": "pem", "passphrase": "word"}, sealed).private_numbers() == KEY.private_numbers()


def jwk(**changes: int) -> bytes:
    secret = KEY.private_numbers()
    numbers = {
        "n": secret.public_numbers.n,
        "e": 65537,
        "d": secret.d,
        "p": secret.p,
        "q": secret.q,
        **changes,
    }
    told = {
        name: base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).decode()
        for name, number in numbers.items()
    }
    return json.dumps({"kty": "RSA", **told}).encode()


SECRET = KEY.private_numbers()


@pytest.mark.parametrize(
    "changes",
    [
        {"p": SECRET.q}, {"p": SECRET.p + 2}, {"p": SECRET.p * SECRET.q, "q": 1}, {"e": 65536}, {"e": 1},
        {"d": SECRET.d + 1}, {"n": SECRET.public_numbers.n + 2}, {"p": 0}, {"d": 1}, {"n": 1 << (RSA_BITS_MAX + 1)},
    ],
)  # fmt: skip
def test_the_numbers_of_a_private_key_must_belong_together(changes: dict[str, int]) -> None:
    assert load({"format": "jwk"}, jwk()).private_numbers() == SECRET
    with pytest.raises(HostCallError, match=r"^ERR_"):
        load({"format": "jwk"}, jwk(**changes))


def test_a_modulus_of_the_most_bits_is_read_and_a_longer_one_is_not() -> None:
    def public(bits: int) -> bytes:
        key = rsa.RSAPublicNumbers(65537, (1 << (bits - 1)) | 1).public_key()
        return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    assert load({"format": "der"}, public(RSA_BITS_MAX)).key_size == RSA_BITS_MAX
    with pytest.raises(HostCallError, match="bits"):
        load({"format": "der"}, public(RSA_BITS_MAX + 8))


# ---- derivation -------------------------------------------------------------------------------------------


@given(
    name=st.sampled_from(["sha1", "sha256", "sha512"]),
    length=st.integers(1, 300),
    parts=st.tuples(st.binary(max_size=80), st.binary(max_size=80), st.binary(max_size=80)),
)
def test_hkdf_gives_what_the_library_gives(name: str, length: int, parts: tuple[bytes, bytes, bytes]) -> None:
    key, salt, info = parts
    digest = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256(), "sha512": hashes.SHA512()}[
        name
    ]  # Node has it
    made = ask("hkdf", {"algorithm": name, "length": length}, key, salt, info)
    assert made == HKDF(digest, length, salt or None, info).derive(key)


@pytest.mark.parametrize(
    ("name", "options", "parts"),
    [
        ("pbkdf2", {"iterations": 1, "length": 65_536, "algorithm": "sha1"}, (b"p", bytes(300_000))),
        ("pbkdf2", {"iterations": PBKDF2_ITERATIONS_MAX + 1, "length": 1, "algorithm": "sha1"}, (b"p", b"s")),
        ("pbkdf2", {"iterations": PBKDF2_ITERATIONS_MAX, "length": 41, "algorithm": "sha1"}, (b"p", b"s")),
        ("scrypt", {"n": 2, "r": 1, "p": 1 << 17, "length": 65_536}, (b"p", b"s")),
        ("scrypt", {"n": 2, "r": 8, "p": 1 << 10, "length": 32}, (b"p", bytes(300_000))),
        ("scrypt", {"n": 1 << 16, "r": 8, "p": 1, "length": 32}, (b"p", b"s")),
        ("scrypt", {"n": 16, "r": -8, "p": -1, "length": 32}, (b"p", b"s")),
        ("hkdf", {"algorithm": "sha512", "length": 255 * 64, }, (b"k", b"s", bytes(1_025))),
        ("hkdf", {"algorithm": "sha512", "length": 255 * 64 + 1}, (b"k", b"s", b"")),
    ],
)  # fmt: skip
def test_derivations_that_would_take_too_long_are_refused(
    name: str, options: dict[str, object], parts: tuple[bytes, ...]
) -> None:
    with pytest.raises(HostCallError, match=r"^ERR_"):
        ask(name, options, *parts)


def test_derivations_of_the_most_work_are_done_elsewhere() -> None:
    head = {"iterations": PBKDF2_ITERATIONS_MAX, "length": 40, "algorithm": "sha1", "lengths": [1, 1]}
    assert isinstance(perform("crypto.pbkdf2", json.dumps(head).encode() + b"\0ps", {}), Errand)
    head = {"n": 1 << 15, "r": 8, "p": 1, "length": 32, "lengths": [1, 1]}
    assert isinstance(perform("crypto.scrypt", json.dumps(head).encode() + b"\0ps", {}), Errand)
    head = {"iterations": 10, "length": 40, "algorithm": "sha1", "lengths": [1, 1]}
    done = perform("crypto.pbkdf2", json.dumps(head).encode() + b"\0ps", {})
    assert done == hashlib.pbkdf2_hmac("sha1", b"p", b"s", 10, 40)


def test_what_compresses_long_is_done_elsewhere() -> None:
    streams: dict[int, object] = {}
    options = {"mode": "gzip", "level": 9, "windowBits": 15, "dictionary": None}
    opened = zlib_host("zlib.open", json.dumps(options).encode(), streams)
    assert isinstance(opened, bytes)
    head = json.dumps({"handle": int(opened), "last": False}).encode() + b"\0"
    assert isinstance(zlib_host("zlib.step", head + bytes(100), streams), bytes)
    assert isinstance(zlib_host("zlib.step", head + bytes(65_536), streams), Errand)


def test_a_large_package_is_unpacked_while_others_run_and_found_whole() -> None:
    dice = random.Random(5)
    large = "".join(chr(dice.randrange(33, 126)) for _ in range(600_000))
    files = {
        "index.js": "exports.handler = async () => [require('fs').readFileSync('/var/task/large.txt').length, (await import('./later.mjs')).n,"
        " require('fs').existsSync('/var/task/none')]",
        "later.mjs": "export const n = 7",
        "large.txt": large,
    }
    made, quick = make(files), make(JS + "e.n")

    async def scene(sandbox: Sandbox) -> tuple[list[Outcome], Outcome]:
        program, other = sandbox.load(made.name), sandbox.load(quick.name)
        assert isinstance(program, JsProgram)
        at_hand = [program.at_hand]
        first = [
            sandbox.start(program, b"null", limits=GENEROUS, host=StageHost()) for _ in range(3)
        ]  # none waits for the other's unpacking
        neighbour = await sandbox.run(other, b'{"n": 1}', limits=GENEROUS, host=StageHost())
        ended = [await one.wait() for one in first]
        at_hand.append(program.at_hand)
        assert at_hand == [False, True]
        return [*ended, await sandbox.run(program, b"null", limits=GENEROUS, host=StageHost())], neighbour

    ended, neighbour = on_stage(scene)
    assert isinstance(neighbour, Finished)
    for one in ended:
        assert isinstance(one, Finished), one
        assert json.loads(one.output) == [len(large), 7, False]
