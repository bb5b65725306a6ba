"""Kind ``js``: unmodified Lambda@Edge and CloudFront Functions handlers on one shared JavaScript engine.

A function is an image of the engine's memory after its module scope ran; a request gets an instance with every
byte put back to that image. See docs/javascript.md and docs/adr/0020.
"""

from sandbox.js.build import build
from sandbox.js.foundation import foundation_key
from sandbox.js.program import load

BUILD_VERSION = f"3 {foundation_key()}"  # the number changes with what build() stores

__all__ = ["BUILD_VERSION", "build", "load"]
