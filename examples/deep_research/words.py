"""Text as words and sentences: what ranking and summarising share.

Not here: any weighing of them (``ranking``, ``summary``).
"""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_]\w*")
_HUMPS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_END = re.compile(r"(?<=[.!?])[\"')]*\s+(?=[\"'(`*]*[^\W\d_a-z])")
_NO_END = ("e.g.", "i.e.", "etc.", "cf.", "vs.", "Mr.", "Dr.", "No.", "approx.", "resp.", "incl.", "...")
_BULLET = re.compile(r"^\s*(?:[-*+•]|\d+[.)])\s+")
_PLAIN_WORD = re.compile(r"[\"'`(*]*(?:[A-Z]+|[^\W\d_](?:[^\W\dA-Z_]|['-])*)[.,;:!?\"'`)*]*")
_MARKUP = re.compile(r":[a-z:]+:`~?([^`]+)`|``([^`]+)``")

_STOP = """
a about above after again all also an and any are as at be because been before being below between both but by can
could did do does doing done down during each either else ever every few for from further get gets give given good had
happen happened happens has have having here how however i if in into is it its itself just kind know let like make
makes many may me might more most much my need needs no nor not now of off on once one only or other our out over own
please python quite same shall should show so some such sure tell than that the their them then there these they thing
things this those through to too under until up upon use used user uses using very via was way ways we were what when
where whether which while who whom why will with within without work works would you your
"""
STOP = frozenset(_STOP.split())

_SHORT_FORMS = {
    "arg": "argument", "cmd": "command", "conf": "configuration", "config": "configuration", "db": "database",
    "del": "delete", "dir": "directory", "env": "environment", "exc": "exception", "exec": "execution",
    "func": "function", "param": "parameter", "proc": "process", "regex": "regular", "temp": "temporary",
    "tmp": "temporary",
}  # fmt: skip
_GLUED = re.compile(r"([a-z]{3,})(file|dir|path|lib|parse|name|down|base|manager)$")
_NOT_GLUED = {"profile", "rename", "unparse", "compile", "calib", "hostname"}


def stem(word: str) -> str:
    """The word without its grammatical ending: ``cancelling``, ``cancelled``, ``cancellation`` give ``cancel``.

    A few rules, not Porter's: wrong stems do little harm where both sides are cut alike.
    """
    word = word.lower()
    singular = word[:-1] if word.endswith("s") else word
    word = _SHORT_FORMS.get(singular, word)
    if len(word) <= 3:
        return word
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending, least in (("ation", 5), ("ing", 3), ("ion", 4), ("ed", 3), ("ly", 3), ("ment", 4)):
        if word.endswith(ending) and len(word) - len(ending) >= least:
            word = word[: -len(ending)]
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] in "bdglmnprt":
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word[-1] in "ey" else word


def terms(text: str) -> list[str]:
    """The stems of a text's words, in order; an identifier gives itself and its parts. Stop words are left out."""
    found: list[str] = []
    for word in _WORD.findall(text):
        humps = _HUMPS.findall(word) if word.isascii() else [word]
        parts = [piece for part in humps if len(part) > 1 for piece in _unglued(part)]
        if len(parts) > 1:
            found.append(word.lower().strip("_"))
        found.extend(stem(part) for part in parts if part.lower() not in STOP)
    return found


def _unglued(word: str) -> list[str]:
    """``tempfile`` is two words, as names in the library often are."""
    match = _GLUED.fullmatch(word.lower()) if word.lower() not in _NOT_GLUED else None
    return [match.group(1), match.group(2)] if match else [word]


def keywords(topic: str) -> list[str]:
    """The topic's stems, each once."""
    return list(dict.fromkeys(terms(topic)))


def paragraphs(text: str) -> list[list[str]]:
    """The prose of a docstring or a Markdown text, as sentences. Code, headings and tables are left out;
    an empty paragraph stands where they were.
    """
    found: list[list[str]] = []
    for number, paragraph in enumerate(_paragraphs(text)):
        begin, inside = 0, list[str]()
        if not paragraph:
            found.append([])
            continue
        for end in _END.finditer(paragraph):
            if not paragraph[: end.start()].rstrip("\"')").endswith(_NO_END):
                inside.append(paragraph[begin : end.start()])
                begin = end.end()
        inside.append(paragraph[begin:])
        tidy = [" ".join(one.split()) for one in inside]
        # The first line of a docstring often has no full stop; elsewhere that is a heading or a broken-off sentence.
        found.append([one for one in tidy if _is_prose(one) and (number == 0 or re.search(r"[.!?][\"')`*]*$", one))])
    return found


def plain(text: str) -> str:
    """Without the markup of cross references: ``:meth:`~Task.cancel``` becomes ```Task.cancel```."""
    return _MARKUP.sub(lambda match: f"`{match.group(1) or match.group(2)}`", text)


def _paragraphs(text: str) -> list[str]:
    """Runs of prose lines of one indentation. Bullets are paragraphs of their own."""
    found: list[list[str]] = []
    fresh, depth, fenced, example = True, 0, False, False
    for line in plain(text).splitlines():
        bare = line.strip()
        indent = len(line) - len(line.lstrip())
        if bare.startswith(("```", "~~~")):
            fenced, fresh = not fenced, True
            continue
        if not bare:
            fresh, example = True, False
            continue
        if bare.startswith((">>>", "$ ", "%")):
            example = True
        underline = len(set(bare)) == 1 and bare[0] in "=-*~^#+_" and len(bare) > 2
        if underline and found and not fresh:
            found.pop()
        if (fenced or example or underline) and found and found[-1]:
            found.append([])  # something stood here: what follows does not go on from what was before
        if fenced or example or underline or bare.startswith(("#", "|", ".. ", "+-")):
            fresh = True
            continue
        bullet = _BULLET.match(line)
        if not found or not found[-1] or bullet or fresh or abs(indent - depth) > 3:
            found.append([])
        found[-1].append(_BULLET.sub("", line).strip())
        fresh, depth = False, indent
    return [" ".join(lines) for lines in found]


def _is_prose(sentence: str) -> bool:
    words = sentence.split()
    first = sentence.lstrip("\"'`(*")[:1]
    if not 5 <= len(words) <= 60 or not first.isupper() or sentence[-1] in ":;,=":
        return False
    if sentence.count("(") != sentence.count(")") or "::=" in sentence or " -> " in sentence:
        return False
    plain_words = sum(bool(_PLAIN_WORD.fullmatch(word)) for word in words)
    return plain_words / len(words) > 0.6
