"""The agents that the tests of the dashboard look at. They wait for whoever tests them at gates: named pipes, so that
nobody has to guess how long something takes."""

from __future__ import annotations

import os

from lab import Lab

# Agents of a kind that people have; each imports nothing but what is here.
AGENTS = '''
import os
import kitaru
from kitaru import checkpoint, flow
from world import did


def gate(name):
    """Waits until somebody opens it."""
    with open(os.path.join(os.path.dirname(os.environ["WORLD"]), name)) as pipe:
        pipe.read()


@checkpoint
def read_invoice(number: str) -> dict:
    print(f"reading {number}")
    return {"number": number, "total": "1.240,50", "currency": "EUR"}


@checkpoint
def convert(total: str, currency: str) -> float:
    did(f"convert {total}")
    return round(float(total) * 1.08, 2)


@checkpoint
def book(amount: float) -> str:
    did(f"book {amount}")
    return f"booked {amount} USD"


@flow
def invoice_agent(number: str) -> str:
    invoice = read_invoice(number)
    amount = convert(invoice["total"], invoice["currency"])
    return book(amount)


@checkpoint
def look_up(customer: str) -> dict:
    return {"customer": customer, "plan": "team"}


@checkpoint
def draft_reply(customer: str, tone: str) -> str:
    did(f"draft {tone}")
    return f"A {tone} reply to {customer}."


@checkpoint
def send(reply: str) -> str:
    return did(f"sent: {reply}")


@flow
def support_agent(customer: str) -> str:
    known = look_up(customer)
    reply = draft_reply(known["customer"], "formal")
    return send(reply)


@checkpoint
def step(n: int) -> int:
    gate(f"step-{n}")
    print(f"step {n} is done")
    return n * n


@flow
def long_agent(steps: int) -> int:
    return sum(step(n) for n in range(1, steps + 1))
'''


class Gates:
    """The gates of a lab's programs, closed."""

    def __init__(self, lab: Lab, *names: str) -> None:
        self._paths = {name: lab.folder / name for name in names}
        for path in self._paths.values():
            os.mkfifo(path)

    def open(self, name: str) -> None:
        """Lets whoever stands before it go on; returns when somebody has passed."""
        with open(self._paths[name], "w"):
            pass


def at(lab: Lab) -> Lab:
    """A lab with the agents."""
    lab.write("agents.py", AGENTS)
    return lab


def steps(number: int) -> tuple[str, ...]:
    """The names of the gates of a long agent."""
    return tuple(f"step-{n}" for n in range(1, number + 1))
