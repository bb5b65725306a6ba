"""As much of ssl as libraries import and set up: TLS itself is the host's business (see fetch.py).

Runs in the guest. A context may be made, given options and handed to urllib.request or http.client; a socket cannot be
wrapped, as there are none. Which certificates are trusted is the host's choice, whatever a context says.
"""

import enum
from collections import namedtuple

OPENSSL_VERSION, OPENSSL_VERSION_INFO, OPENSSL_VERSION_NUMBER = (
    "OpenSSL 3.0.0 (the host's)",
    (3, 0, 0, 0, 0),
    0x30000000,
)
HAS_SNI = HAS_ALPN = HAS_ECDH = HAS_TLSv1_2 = HAS_TLSv1_3 = True
HAS_NPN = HAS_SSLv2 = HAS_SSLv3 = HAS_TLSv1 = HAS_TLSv1_1 = HAS_PSK = HAS_NEVER_CHECK_COMMON_NAME = False
CHANNEL_BINDING_TYPES = []
_DEFAULT_CIPHERS = "DEFAULT"
AlertDescription = enum.IntEnum(
    "AlertDescription", "ALERT_DESCRIPTION_CLOSE_NOTIFY ALERT_DESCRIPTION_HANDSHAKE_FAILURE"
)
DefaultVerifyPaths = namedtuple(
    "DefaultVerifyPaths", "cafile capath openssl_cafile_env openssl_cafile openssl_capath_env openssl_capath"
)


class SSLError(OSError):
    """What libraries catch; nothing raises it but wrap_socket."""

    library = reason = None


class SSLZeroReturnError(SSLError):
    pass


class SSLWantReadError(SSLError):
    pass


class SSLWantWriteError(SSLError):
    pass


class SSLSyscallError(SSLError):
    pass


class SSLEOFError(SSLError):
    pass


class SSLCertVerificationError(SSLError, ValueError):
    verify_code, verify_message = 0, ""


CertificateError = SSLCertVerificationError


class VerifyMode(enum.IntEnum):
    CERT_NONE, CERT_OPTIONAL, CERT_REQUIRED = 0, 1, 2


class VerifyFlags(enum.IntFlag):
    VERIFY_DEFAULT, VERIFY_CRL_CHECK_LEAF, VERIFY_CRL_CHECK_CHAIN = 0, 4, 12
    VERIFY_X509_STRICT, VERIFY_X509_TRUSTED_FIRST, VERIFY_X509_PARTIAL_CHAIN = 32, 32768, 524288


class Options(enum.IntFlag):
    OP_ALL, OP_NO_COMPRESSION, OP_NO_TICKET = 0x80000050, 0x20000, 0x4000
    OP_NO_SSLv2, OP_NO_SSLv3, OP_NO_TLSv1, OP_NO_TLSv1_1 = 0, 0x2000000, 0x4000000, 0x10000000
    OP_NO_TLSv1_2, OP_NO_TLSv1_3, OP_NO_RENEGOTIATION = 0x8000000, 0x20000000, 0x40000000
    OP_CIPHER_SERVER_PREFERENCE, OP_SINGLE_DH_USE, OP_SINGLE_ECDH_USE, OP_IGNORE_UNEXPECTED_EOF = (
        0x400000,
        0,
        0,
        128,
    )


class TLSVersion(enum.IntEnum):
    MINIMUM_SUPPORTED, SSLv3, TLSv1, TLSv1_1, TLSv1_2, TLSv1_3, MAXIMUM_SUPPORTED = (
        -2,
        768,
        769,
        770,
        771,
        772,
        -1,
    )


class _SSLMethod(enum.IntEnum):
    PROTOCOL_TLS, PROTOCOL_TLSv1, PROTOCOL_TLSv1_1, PROTOCOL_TLSv1_2 = 2, 3, 4, 5
    PROTOCOL_TLS_CLIENT, PROTOCOL_TLS_SERVER = 16, 17


for _kind in (VerifyMode, VerifyFlags, Options, _SSLMethod):
    globals().update(_kind.__members__)
PROTOCOL_SSLv23 = PROTOCOL_TLS = _SSLMethod.PROTOCOL_TLS


class Purpose(enum.StrEnum):
    SERVER_AUTH, CLIENT_AUTH = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"


class SSLContext:
    """Options that a library sets; none of them has an effect."""

    def __init__(self, protocol=PROTOCOL_TLS):
        self.protocol = protocol
        self.check_hostname = protocol == _SSLMethod.PROTOCOL_TLS_CLIENT
        self.verify_mode = VerifyMode.CERT_REQUIRED if self.check_hostname else VerifyMode.CERT_NONE
        self.verify_flags = VerifyFlags.VERIFY_X509_TRUSTED_FIRST
        self.options = Options.OP_ALL
        self.minimum_version, self.maximum_version = TLSVersion.TLSv1_2, TLSVersion.MAXIMUM_SUPPORTED
        self.post_handshake_auth, self.keylog_filename, self.sni_callback = False, None, None
        self.hostname_checks_common_name = False

    def _nothing(self, *_arguments, **_options):
        pass

    load_cert_chain = load_verify_locations = load_default_certs = set_ciphers = set_alpn_protocols = _nothing
    set_default_verify_paths = set_npn_protocols = set_ecdh_curve = load_dh_params = _nothing

    def get_ciphers(self):
        return []

    def get_ca_certs(self, binary_form=False):
        return []

    def cert_store_stats(self):
        return {"x509": 0, "crl": 0, "x509_ca": 0}

    def wrap_socket(self, *_arguments, **_options):
        raise SSLError("there are no sockets in an edge function: use urllib.request or http.client")

    wrap_bio = wrap_socket


class SSLSocket:
    """Never made."""


class SSLObject:
    """Never made."""


class MemoryBIO:
    """Never used."""


def create_default_context(purpose=Purpose.SERVER_AUTH, **_options):
    return SSLContext(_SSLMethod.PROTOCOL_TLS_CLIENT)


def _create_unverified_context(*_arguments, **_options):
    return SSLContext()


_create_default_https_context = create_default_context
_create_stdlib_context = _create_unverified_context


def get_default_verify_paths():
    return DefaultVerifyPaths(None, None, "SSL_CERT_FILE", "", "SSL_CERT_DIR", "")


def RAND_bytes(count):  # noqa: N802  # its name
    import os

    return os.urandom(count)


def RAND_status():  # noqa: N802
    return True
