"""The body failed on a bad reply: the second try asks again."""

import json

from world import count, did

from kitaru import checkpoint, flow


@checkpoint
def llm(p):
    did("asked")
    return "not json" if count("asked") == 1 else '{"good": true}'


@checkpoint(retries=2, backoff=0.001)
def parse():
    return json.loads(llm("p"))


@flow
def main():
    return parse()


EXPECT = {"inline": {"good": True}}
