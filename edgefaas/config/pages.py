"""``[[error_pages]]`` and ``[public_keys.NAME]``. Pure but for reading key files."""

from pathlib import Path

from edgefaas.config.names import PATH
from edgefaas.errors import ConfigError
from edgefaas.site import ErrorPage
from edgefaas.table import Table

TTL_MAX_S = 31_536_000_000


def read_error_page(table: Table) -> ErrorPage:
    """Return what viewers get in place of an origin's error."""
    path = table.text("path")
    if path and not path.startswith("/"):
        raise table.refuse("path", f'is "{path}"', f'Write "/{path}".')
    if not PATH.match(path):
        raise table.refuse("path", f"is {path!r}, not a path", "Percent-encode it; leave out ? and #.")
    if "status" not in table:
        raise table.refuse("status", "is missing", "Add status = 404, for example.")
    status = table.integer("status", 404, low=400, high=599)
    response_status = (
        table.integer("response_status", 0, low=200, high=599) if "response_status" in table else None
    )
    if response_status is not None and not path:
        raise table.refuse("response_status", "needs a page", 'Add path = "/error.html".')
    page = ErrorPage(
        status=status,
        path=path,
        response_status=response_status,
        ttl_s=table.number("ttl", 0, low=0, high=TTL_MAX_S) if "ttl" in table else None,
    )
    table.done()
    return page


def read_public_key(table: Table, folder: Path) -> bytes:
    """Return a public key in PEM form, given as ``pem`` or in a ``file``."""
    from edgefaas.signing.keys import public_key  # and cryptography

    pem, file = table.text("pem"), table.text("file")
    table.done()
    if bool(pem) == bool(file):
        raise table.refuse("", "needs exactly one of pem and file", 'Write file = "keys/viewer.pem".')
    content = pem.encode()
    if file:
        try:
            content = (folder / file).read_bytes()
        except OSError as error:
            raise ConfigError(
                f"{folder / file} cannot be read: {error}", remedy="Correct the path."
            ) from None
    try:
        public_key(content)
    except ValueError as error:
        raise table.refuse(
            "", f"is not a usable public key: {error}", "Make one with: openssl rsa -pubout."
        ) from None
    return content
