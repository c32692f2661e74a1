"""Handled failures of a loop, raised at the end: the flow fails, and names the calls."""

from world import paid

from kitaru import checkpoint, flow


class ToolError(Exception):
    pass


@checkpoint
def tool(t):
    paid()
    if t % 2:
        raise ToolError(t)
    return t


@flow
def main():
    bad = []
    for t in range(4):
        try:
            tool(t)
        except ToolError as e:
            bad.append(str(e))
    if bad:
        raise RuntimeError(f"{len(bad)} failed: {bad}")


STATUS = "failed"
EXPECT = None
