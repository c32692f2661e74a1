"""A call made inside another is not the same call made beside it."""

from world import paid

from kitaru import checkpoint, flow

_n = [0]


@checkpoint
def llm(p):
    paid()
    return p


@checkpoint
def draft():
    return "draft of " + llm("p")


@flow
def main():
    return [draft(), llm("p"), llm("p")]


EXPECT = {"inline": ["draft of p", "p", "p"]}
CALLS = 3
