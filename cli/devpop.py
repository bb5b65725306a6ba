"""The POP of ``edgefaas dev``: ``up`` in a process of its own, which ends with the one that started it.

Started as ``python -c "from cli.devpop import main; main()" JSON``. Whoever started it holds the other end of its
standard input: when that closes, however it came to an end, the POP ends too.
"""

import json
import os
import shutil
import signal
import sys
import threading
from pathlib import Path

from cli import words
from cli.up import given_keys
from edgefaas.errors import EdgeError


def arguments(*, config: Path, listen: str, data: Path, pretence: object, as_json: bool) -> str:
    """Return what the process is to be given; ``pretence`` as plain values."""
    return json.dumps(
        {"config": str(config), "listen": listen, "data": str(data), "pretence": pretence, "as_json": as_json}
    )


def main() -> None:
    """Serve until told to stop, or until nobody holds the other end of standard input."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])  # they were held back while this process was made
    asked = json.loads(sys.argv[1])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        code = _up(asked)
    except EdgeError as error:
        words.refuse(error, as_json=asked["as_json"])
        code = 2 if type(error).__name__ == "UsageError" else 1
    finally:
        shutil.rmtree(asked["data"], ignore_errors=True)  # the one who made it may be gone
    sys.exit(code)


def _up(asked: dict[str, object]) -> int:
    from edgefaas.control.plain import from_plain
    from edgefaas.foreground import up
    from edgefaas.listen import parse_address, parse_listen
    from edgefaas.site import Pretence
    from edgefaas.upoptions import UpOptions

    keys, keys_where = given_keys(None)
    return up(
        UpOptions(
            config=Path(str(asked["config"])),
            listen=parse_listen(str(asked["listen"]), option="--listen"),
            admin=parse_address("127.0.0.1:0", option="--admin"),
            data=Path(str(asked["data"])),
            workers=1,
            keys=keys,
            keys_where=keys_where,
            pretence=from_plain(Pretence, asked["pretence"]),
        )
    )


def _end_with_parent() -> None:
    while os.read(0, 1):  # not sys.stdin: its lock would be held when this process ends
        pass
    os.kill(os.getpid(), signal.SIGTERM)
