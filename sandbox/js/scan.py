"""Read JavaScript as tokens, as far as finding its imports and exports needs. Pure.

Strings, templates, comments and regular expressions are told apart, so that what they say is not taken for code. A
slash after a value divides, else it begins a regular expression: without a parser, that is a guess after ``)`` and
``}``, and the worst of a wrong one is an import that is missed or named.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<space>[^\S\n]+|//[^\n]*|/\*.*?\*/|\n|\#![^\n]*)
    |(?P<string>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
    |(?P<word>[\w$\#\u0080-\uffff]+)
    |(?P<mark>=>|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_TEMPLATE = re.compile(r"(?:[^`\\$]|\\.|\$(?!\{))*", re.DOTALL)
_REGEXP = re.compile(r"/(?![*/])(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/\w*")
# Words that no value ends with: a slash after them begins a regular expression.
_OPERATORS = frozenset(
    [
        "await",
        "case",
        "delete",
        "do",
        "else",
        "in",
        "instanceof",
        "new",
        "of",
        "return",
        "throw",
        "typeof",
        "void",
        "yield",
    ]
)
_EXPORTED = frozenset(["{", "*", "default", "async", "function", "class", "const", "let", "var"])
_OPENING, _CLOSING = frozenset("{(["), frozenset("})]")


@dataclass(frozen=True, slots=True)
class Import:
    """A module that a file names in a literal, and on which line."""

    name: str
    line: int
    guarded: bool  # inside a try block
    at_once: bool  # when the file is loaded, as far as can be seen; else when a function is called
    declared: bool  # an import or export declaration


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # string, word, mark, other
    text: str
    line: int
    first: bool  # nothing but blanks before it in its line


def _tokens(text: str) -> Iterator[_Token]:
    """Yield what is neither blank nor comment; a template is a token for each of its parts."""
    at, line, first = 0, 1, True
    before = ""  # the last token's text
    templates: list[int] = []  # depths of braces at which a template goes on
    depth, length = 0, len(text)
    while at < length:
        match = _TOKEN.match(text, at)
        assert match is not None  # any character is a mark
        kind, found = match.lastgroup or "", match[0]
        if kind == "space":
            line += found.count("\n")
            first = first or "\n" in found
            at = match.end()
            continue
        if found == "/" and _begins_regexp(before):
            expression = _REGEXP.match(text, at)
            if expression is not None:
                kind, found = "other", expression[0]
        elif found == "`" or (found == "}" and templates and templates[-1] == depth):
            if found == "}":
                templates.pop()
                depth -= 1
            end = _TEMPLATE.match(text, at + 1)
            assert end is not None  # it matches nothing at all, too
            goes_on = text.startswith("${", end.end())
            kind, found = "other", text[at : end.end() + (2 if goes_on else 1)]
            if goes_on:
                depth += 1
                templates.append(depth)
        elif found == "{":
            depth += 1
        elif found == "}":
            depth -= 1
        yield _Token(kind, found, line, first)
        line += found.count("\n")
        first = False
        before = "${" if kind == "other" and found.endswith("${") else found
        at += len(found)


def _begins_regexp(before: str) -> bool:
    if before == "" or before in _OPERATORS or before == "}" or before.endswith("${"):
        return True
    return not (before[-1].isalnum() or before[-1] in "_$)]'\"`/")


def has_module_syntax(text: str) -> bool:
    """Whether the text declares an import or export, or reads ``import.meta``: to Node an ES module."""
    depth = 0
    before = ""
    tokens = list(_tokens(text))
    for number, token in enumerate(tokens):
        after = tokens[number + 1] if number + 1 < len(tokens) else None
        if token.kind == "word" and before != "." and after is not None:
            if depth == 0 and token.text == "export" and after.text in _EXPORTED:
                return True
            if (
                depth == 0
                and token.text == "import"
                and (after.kind in ("word", "string") or after.text in "{*")
            ):
                return True
            if token.text == "import" and after.text == "." and _says(tokens, number + 2, "meta"):
                return True
        depth = max(0, depth + _change(token))
        before = token.text
    return False


def _says(tokens: list[_Token], number: int, text: str) -> bool:
    return number < len(tokens) and tokens[number].text == text


def _change(token: _Token) -> int:
    """Return by how much a token changes the depth."""
    if token.kind == "other":
        return token.text.endswith("${") - (token.text[0] == "}")
    return (token.text in _OPENING) - (token.text in _CLOSING) if token.kind == "mark" else 0


def imports_of(text: str) -> Iterator[Import]:
    """Yield the modules that a file names in literals, in their order."""
    opened: list[str] = []  # what stands before each bracket that is open
    two, before = "", ""
    arrow = False  # since the statement began, at the top level
    declaring = False
    called = ""  # the word before a parenthesis that was just opened
    for token in _tokens(text):
        if token.kind == "string":
            name = token.text[1:-1]
            declared = declaring and before in ("from", "import")
            if declared or (before == "(" and called in ("require", "import")):
                guarded = "try" in opened
                braces = [what for what in opened if what != "("]
                yield Import(name, token.line, guarded, declared or not (braces or arrow), declared)
        change = _change(token)
        if change > 0:
            opened.append("(" if token.text == "(" else before)
        elif change < 0 and opened:
            opened.pop()
        called = before if token.text == "(" and two != "." else ""
        if not opened:
            if token.kind == "word" and token.text in ("import", "export") and before != ".":
                declaring = True
            elif token.text in (";", "=") or token.kind == "string":
                declaring = False
            arrow = token.text == "=>" or (
                arrow and token.text != ";" and not (token.first and token.kind == "word")
            )
        two, before = before, token.text
