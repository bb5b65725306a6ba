import re

COMPILED = re.compile(r"/(?P<name>[a-z-]+)(?:\.html)?")
