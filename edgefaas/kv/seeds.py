"""What a new namespace begins with: the file that the site names for it."""

from edgefaas.errors import ConfigError, KvError
from edgefaas.kv.formats import read_pairs
from edgefaas.kv.pairs import Batch, check_batch
from edgefaas.site import KvNamespace


def read_seed(namespace: KvNamespace) -> Batch | None:
    """Return the pairs of ``import``, None where there is none. Raises ConfigError: unreadable, or not allowed."""
    if namespace.seed is None:
        return None
    try:
        content = namespace.seed.read_bytes()
        batch = Batch(puts=read_pairs(content, name=namespace.seed.name))
        check_batch(batch, namespace)
    except OSError as error:
        raise ConfigError(
            f"{namespace.seed} cannot be read: {error.strerror}", remedy="Make it readable."
        ) from None
    except KvError as error:
        raise ConfigError(f"[kv.{namespace.name}]: {error}", remedy=error.remedy) from None
    return batch
