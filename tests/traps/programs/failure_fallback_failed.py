"""The fallback failed: it runs again, what it was the fallback for does not."""

from world import count, did

from kitaru import checkpoint, flow


@checkpoint
def first():
    did("first")
    raise KeyError("first")


@checkpoint
def fallback():
    did("fallback")
    if count("fallback") == 1:
        raise ValueError("fallback")
    return "ok"


@flow
def main():
    try:
        return first()
    except KeyError:
        return fallback()


RETRIED = True
EXPECT = {"inline": "ok"}
