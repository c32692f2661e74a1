"""Two clients that no codec takes are told apart by order: neither gets the other's answer."""

from world import paid

from kitaru import checkpoint, flow


class Model:
    def __init__(self, name):
        self.name = name
        self.socket = open("/dev/null")  # noqa: SIM115

    @checkpoint
    def ask(self, q):
        return paid(f"{self.name}:{q}")


@flow
def main():
    gpt, claude = Model("gpt"), Model("claude")
    return [gpt.ask("q"), claude.ask("q"), gpt.ask("r")]


EXPECT = {"inline": ["gpt:q", "claude:q", "gpt:r"]}
