"""What EdgeFaaS offers beyond Lambda@Edge: ``import edgefaas``. Runs in the guest. See docs/python.md."""

import json

import _edgefaas

_ABSENT = "absent"


class EdgeFaasError(OSError):
    """The POP refused; ``code`` is its word for why: AccessDenied, Conflict, QuotaExceeded, Throttled …"""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Pairs:
    """A namespace of key-value pairs. Keys are text; values are text or bytes."""

    def __init__(self, name):
        self._name = name

    def __getitem__(self, key):
        return _call("kv.get", self._name, key).decode()

    def __contains__(self, key):
        return _call("kv.exists", self._name, key) == b"1"

    def __len__(self):
        return int(_call("kv.count", self._name))

    def get(self, key, default=None):
        """Return a value as text, ``default`` when there is no such key."""
        try:
            return self[key]
        except KeyError:
            return default

    def get_bytes(self, key):
        """Return a value as bytes. Raises KeyError."""
        return _call("kv.get", self._name, key)

    def entry(self, key):
        """Return a value as text, and its ETag. Raises KeyError."""
        etag, _, value = _call("kv.entry", self._name, key).partition(b"\0")
        return value.decode(), etag.decode()

    def list(self, prefix="", cursor="", limit=100):
        """Return keys in their order, and the cursor to go on with, None at the end."""
        told = json.loads(_call("kv.list", self._name, prefix, cursor, str(limit)))
        return told["keys"], told["cursor"]

    def meta(self):
        """Return what the namespace is as a whole: keyCount, creationDateTime, lastUpdatedDateTime."""
        return json.loads(_call("kv.meta", self._name))

    def put(self, key, value, *, if_match="", if_absent=False):
        """Write a pair and return its ETag, when every worker of the POP sees it."""
        return _call("kv.put", self._name, key, _ABSENT if if_absent else if_match, value).decode()

    def delete(self, key, *, if_match=""):
        """Delete a pair. Raises KeyError."""
        _call("kv.delete", self._name, key, if_match)


def kv(name=""):
    """Return a namespace by its name or id; without, the one that the function names first."""
    return Pairs(name)


def _call(operation, *fields):
    """Do an operation on fields, of which only the last may have a NUL in it."""
    octets = [field.encode() if isinstance(field, str) else bytes(field) for field in fields]
    if any(b"\0" in field for field in octets[:-1]):
        raise ValueError("a key has no NUL in it")
    try:
        return _edgefaas.call(operation, b"\0".join(octets))
    except OSError as error:
        code, _, message = str(error).partition(": ")
        if code == "KeyNotFound":
            raise KeyError(octets[1].decode()) from None
        raise EdgeFaasError(code if message else "", str(error)) from None
