"""A framework that turns every Exception of a tool into a message for the model."""

from world import paid

import kitaru
from kitaru import checkpoint, flow


@checkpoint
def model(messages):
    return paid(f"reply {len(messages)}")


def ask_human():
    return kitaru.wait(schema=str, name="human")


@flow
def main():
    messages = ["hello"]
    for _ in range(2):
        messages.append(model(messages))
        try:
            messages.append(ask_human())
        except Exception as error:
            messages.append(f"tool error: {error}")
    return messages


ANSWERS = {"human": "yes"}
EXPECT = {"inline": ["hello", "reply 1", "yes", "reply 3", "yes"]}
CALLS = 2
