from .patterns import COMPILED


def match(uri, moved):
    found = COMPILED.fullmatch(uri)
    return moved.get(found["name"]) if found else None
