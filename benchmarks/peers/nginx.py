"""nginx, as a careful operator would set it up for this job; nothing is left slow on purpose.

``tcp_nopush`` stays off: with it, every 100 kB answer of ``proxy_cache`` waited 44 ms for a delayed ACK.
Two columns: static files from the page cache (``sendfile``, open files cached), and ``proxy_cache``
before the same origin that the POP has. Access logs are off.
"""

import os
from textwrap import dedent
from typing import ClassVar

from benchmarks.content import Workload
from benchmarks.peers.contract import Found, Ground, Missing, Peer, found_or_missing
from benchmarks.server import Server

TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def configuration(ground: Ground) -> str:
    """Return nginx.conf for both columns."""
    folder = ground.folder
    # The run's folder is ours alone: the "nobody" that root's workers become could not read it.
    user = "user root;\n" if os.geteuid() == 0 else ""
    temporary = "\n".join(f"  {kind}_temp_path {folder}/{kind};" for kind in TEMPORARY)
    return dedent(
        """\
        {user}daemon off;
        worker_processes 1;
        pid {folder}/nginx.pid;
        error_log stderr error;
        events {{ worker_connections 8192; }}
        http {{
          access_log off;
          default_type application/octet-stream;
          sendfile on;
          keepalive_requests 1000000000;
          keepalive_timeout 600s;
          client_body_buffer_size 64k;
          open_file_cache max=1000 inactive=600s;
          open_file_cache_valid 600s;
        {temporary}
          proxy_cache_path {folder}/cache levels=1:2 keys_zone=edge:8m max_size=256m inactive=1h
            use_temp_path=off;
          upstream app {{
            server 127.0.0.1:{origin};
            keepalive 256;
            keepalive_requests 1000000000;
          }}
          server {{
            listen 127.0.0.1:{port} backlog=1024;
            location /assets/ {{ alias {files}/; }}
            location / {{
              proxy_pass http://app;
              proxy_http_version 1.1;
              proxy_set_header Connection "";
            }}
            location /cached/ {{
              proxy_pass http://app;
              proxy_http_version 1.1;
              proxy_set_header Connection "";
              proxy_cache edge;
            }}
          }}
        }}
        """
    ).format(
        user=user,
        folder=folder,
        temporary=temporary,
        origin=ground.origin_port,
        port=ground.port,
        files=ground.files,
    )


class Nginx(Peer):
    """Static files, and plain proxying."""

    name = "nginx"
    targets: ClassVar = {
        Workload.HIT_1K: "/assets/1k.bin",
        Workload.HIT_100K: "/assets/100k.bin",
        Workload.HIT_10M: "/assets/10m.bin",
        Workload.FILE_1K: "/assets/1k.bin",
        Workload.NOT_MODIFIED: "/assets/1k.bin",
        Workload.MISS_1K: "/proxy/1k.bin",
    }

    def find(self, *, install: bool) -> Found | Missing:
        """Look in PATH and /usr/sbin."""
        return found_or_missing(
            "nginx",
            version=["-v"],
            pattern=r"nginx/(\S+)",
            remedy="apt-get install nginx-light (and stop its service)",
        )

    def start(self, found: Found, ground: Ground, core: int) -> Server:
        """Start master and one worker in the foreground."""
        path = ground.folder / "nginx.conf"
        path.write_text(configuration(ground))
        command = [found.program, "-p", str(ground.folder), "-c", str(path), "-e", "stderr"]
        server = Server(command, port=ground.port, log=ground.folder / "log")
        server.start(core)
        return server


class NginxCache(Nginx):
    """Hits of ``proxy_cache``."""

    name = "nginx proxy_cache"
    targets: ClassVar = {
        Workload.HIT_1K: "/cached/1k.bin",
        Workload.HIT_100K: "/cached/100k.bin",
        Workload.HIT_10M: "/cached/10m.bin",
        Workload.NOT_MODIFIED: "/cached/1k.bin",
    }
