"""``edgefaas up`` with an application and a builder that need no sandbox."""

import sys
from pathlib import Path

from edgefaas.errors import EdgeError
from edgefaas.foreground import up
from edgefaas.listen import Address, parse_listen
from edgefaas.upoptions import UpOptions

FAKES = "tests.edgefaas.processes.fake_pop"


def main() -> None:
    config, data, workers, listen, admin_port, drain_s, app, http2 = sys.argv[1:]
    options = UpOptions(
        config=Path(config),
        listen=parse_listen(listen, option="--listen"),
        admin=Address("127.0.0.1", int(admin_port)),
        data=Path(data),
        workers=int(workers),
        drain_s=float(drain_s),
        http2=bool(http2),
        app=app or f"{FAKES}:FakePop",
        builder=f"{FAKES}:FakeBuilder",
    )
    try:
        sys.exit(up(options))
    except EdgeError as error:
        sys.stderr.write(f"error: {error} {error.remedy}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
