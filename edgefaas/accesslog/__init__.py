"""The access log: one line per request, hits included, in a file that all workers of a POP append to.

``formats`` makes lines (pure), ``file`` keeps the file and its predecessors, ``writer`` gathers lines and hands them to
the file in a thread. Off unless ``[access_log] file`` is set. What ``edgefaas logs`` shows is another matter
(``[site] access_log``): it has a rate and a memory, this has everything.
"""

from edgefaas.accesslog.formats import FORMATS, LineFormat
from edgefaas.accesslog.writer import AccessLog

__all__ = ["FORMATS", "AccessLog", "LineFormat"]
