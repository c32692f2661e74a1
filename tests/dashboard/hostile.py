"""Texts that want to be more than texts, and a store in which they stand wherever users can put one.

Not here: looking.
"""

from __future__ import annotations

import base64
import json

from lab import Lab

# Whatever of these runs says so.
RUN = "window.__ran = (window.__ran || 0) + 1"
ELSEWHERE = "https://evil.example"

# Each as a name, a value, a line, an error, a question.
MARKUP = (
    f"<script>{RUN}</script>"
    f'<img src="x" onerror="{RUN}"><svg onload="{RUN}">'
    f'<iframe srcdoc="&lt;script&gt;parent.{RUN}&lt;/script&gt;"></iframe>'
    f'<a href="javascript:{RUN}">a</a><form action="{ELSEWHERE}"><button>b</button></form>'
    f'<style>@import "{ELSEWHERE}/a.css";</style><base href="{ELSEWHERE}">'
    f'<meta http-equiv="refresh" content="0;url={ELSEWHERE}">'
    f'"><b onmouseover="{RUN}" style="position:fixed;inset:0;background:url({ELSEWHERE}/b.png)">'
)
# The same without any space.
NAME = "<script>window.__ran=1</script><img/src=x/onerror=window.__ran=1>\"'&lt;${window.__ran=1}"
TERMINAL = "\x1b[2J\x1b]0;owned\x07\x1b[31m"
BIDI = "\u202edrowssap\u2066\u200b\u2069\u061c"
NASTY = f"{BIDI}{MARKUP}{TERMINAL}{{{{constructor.constructor('{RUN}')()}}}}${{{RUN}}}"

SVG = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{RUN}"><script>{RUN}</script></svg>'

# As Markdown, every way to a link or to a picture.
MARKDOWN = f"""# Title {NASTY}

- one
- [a](javascript:{RUN.replace(" ", "%20")})
- [b](data:text/html,<script>{RUN}</script>)
- [c]( JaVaScRiPt&colon;{RUN.replace(" ", "%20")})
- [d][r]
- <javascript:{RUN.replace(" ", "%20")}>
- ![e]({ELSEWHERE}/e.png "t")
- ![f](data:image/svg+xml;base64,{base64.b64encode(SVG.encode()).decode()})
- [g](//evil.example/g) [h](vbscript:x) [i](file:///etc/passwd) [j](blob:x)

[r]: javascript:{RUN.replace(" ", "%20")}

| a | b |
|---|---|
| {MARKUP.replace("|", "")} | ![x]({ELSEWHERE}/x.png) |

```html
{MARKUP}
```

**bold** <details open ontoggle="{RUN}"><summary>s</summary></details>
"""

PROGRAM = """
import json, os, sys
import kitaru
from kitaru import checkpoint, flow

here = os.path.dirname(os.environ["WORLD"])
with open(os.path.join(here, "texts.json")) as texts:
    T = json.load(texts)
NASTY, MARKDOWN = T["nasty"], T["markdown"]


class Refused(Exception):
    pass


@checkpoint(name=NASTY[:120])
def named(given):
    print(NASTY)
    print(NASTY, file=sys.stderr)
    kitaru.log(NASTY, **{NASTY: NASTY})
    kitaru.progress(NASTY, fraction=0.5)
    kitaru.save(T["artifact"], {NASTY: NASTY})
    kitaru.save("markdown", MARKDOWN)
    kitaru.save("svg", T["svg"].encode())
    kitaru.save("png", b"\\x89PNG\\r\\n\\x1a\\n" + T["svg"].encode())
    return {
        NASTY: NASTY, "markdown": MARKDOWN, "list": [NASTY] * 3,
        "table": [{NASTY: NASTY, "b": MARKDOWN}, {NASTY: 1, "b": [NASTY]}],
        "long": NASTY * 40, "svg": T["svg"].encode(),
    }


@checkpoint
def text(given): return MARKDOWN

@checkpoint
def table(given): return [{NASTY: NASTY, "b": MARKDOWN}, {NASTY: 1, "b": [NASTY]}]

@checkpoint
def image(given): return b"\\x89PNG\\r\\n\\x1a\\n" + T["svg"].encode()

@checkpoint(retries=1)
def fails(given):
    raise Refused(NASTY)


@flow(name=NASTY[:200])
def attack(given):
    named(given)
    text(given)
    table(given)
    image(given)
    if given == "fail":
        fails(given)
    return kitaru.wait(
        name=NASTY[:100], question=MARKDOWN, schema=T["schema"], metadata={NASTY: NASTY, "markdown": MARKDOWN}
    )
"""

SCHEMA = {
    "type": "object",
    "title": NASTY,
    "description": NASTY,
    "required": [NASTY],
    "properties": {
        NASTY: {"type": "string", "minLength": 3, "title": NASTY, "description": MARKDOWN},
        "choice": {"enum": [NASTY, MARKDOWN, "javascript:1"], "title": NASTY, "default": NASTY},
        "list": {"type": "array", "items": {"type": "string", "title": NASTY}, "default": [NASTY], "title": NASTY},
        "inner": {
            "type": "object",
            "title": NASTY,
            "description": NASTY,
            "properties": {"x": {"type": "integer", "title": NASTY, "description": NASTY}},
        },
    },
}


def fill(lab: Lab) -> list[str]:
    """The identifiers of what ran: one that asks, one that failed, one that is paused."""
    texts = {
        "nasty": NASTY,
        "markdown": MARKDOWN,
        "svg": SVG,
        "schema": SCHEMA,
        "artifact": "<img src=x onerror=window.__ran=1>",
    }
    (lab.folder / "texts.json").write_text(json.dumps(texts))
    lab.write("attack.py", PROGRAM)
    ids = []
    for given, code in (("ask", 75), ("fail", 1)):
        tag = ("--tag", MARKUP[:150])
        ran = lab.kitaru("run", "attack.py:attack", "--input", f"given={given}", *tag, "--output", "json")
        ids.append(str(ran.ok(code).json["item"]["id"]))
    lab.kitaru(
        "schedules", "add", "attack.py:attack", "--cron", "@daily", "--name", "evil", "--input", f"given={MARKUP}", *tag
    ).ok()
    lab.kitaru("deploy", "attack.py:attack", "--tag", "prod", USER=MARKUP).ok()
    return ids
