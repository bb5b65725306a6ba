"""A folder of static files as an origin.

``DirectoryFiles(origin).fetch(request)`` answers GET and HEAD completely: media types, strong entity tags from the
content, conditions, ranges, index documents, an application's fallback, precompressed siblings. Names that carry a
content hash are immutable; for all others viewers must revalidate (``Cache-Control``), and shared caches may
answer for two seconds (``CDN-Cache-Control``), which is how fast a changed file shows up.
"""

from edgefaas.directory.files import DirectoryFiles
from edgefaas.directory.released import ReleasedFiles, Releases

__all__ = ["DirectoryFiles", "ReleasedFiles", "Releases"]
