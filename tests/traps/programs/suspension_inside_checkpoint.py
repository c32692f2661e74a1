"""A wait inside a checkpoint, after a paid call of the same body."""

from world import paid

import kitaru
from kitaru import checkpoint, flow


@checkpoint
def draft(topic):
    return paid(f"draft of {topic}")


@checkpoint
def reviewed(topic):
    text = draft(topic)
    return text if kitaru.wait(schema=bool, name="ok", question=f"Publish {text}?") else "no"


@flow
def main():
    return [reviewed("x"), reviewed("y")]


ANSWERS = {"ok": True}
EXPECT = {"inline": ["draft of x", "draft of y"]}
CALLS = 2
