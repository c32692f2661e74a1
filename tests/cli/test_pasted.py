"""A command that is printed works when it is pasted, whatever the question is called and whatever it wants."""

from __future__ import annotations

import pytest

from lab import PYTHON, Lab

QUESTIONS = {
    "words": "schema=bool, name='it\\'s approved? (v2)'",
    "dash": "schema=str, name='-x'",
    "lines": "schema=bool, name='go', question='one\\ntwo'",
    "model": "schema=Model, name='model'",
    "enum": "schema=Mood, name='mood'",
    "literal": "schema=Literal[\"it's me\", 'x'], name='who'",
    "date": "schema=datetime.date, name='day'",
    "moment": "schema=datetime.datetime, name='moment'",
    "uuid": "schema=uuid.UUID, name='id'",
    "tuple": "schema=tuple[int, str], name='pair'",
    "negative": "schema={'type': 'integer', 'maximum': -1}, name='n'",
    "positive": "schema=PositiveInt, name='n'",
    "strict": "schema=Strict, name='strict'",
    "anything": "name='any'",
}

SOURCE = """
import datetime, enum, sys, uuid
from typing import Literal
import kitaru
from kitaru import flow
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

class Mood(str, enum.Enum):
    GOOD = "it's good"

class Model(BaseModel):
    name: str = Field(min_length=6)
    mood: Mood
    tags: list[str] = Field(min_length=2)
    day: datetime.date

class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    day: datetime.date

@flow
def main():
    return str(kitaru.wait({question}))

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("how", ["script", "command"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_the_command_that_answers(lab: Lab, question: str, how: str) -> None:
    lab.write("agent.py", SOURCE.replace("{question}", QUESTIONS[question]))
    told = lab.python("agent.py") if how == "script" else lab.kitaru("run", "agent.py:main")
    (command,) = [line.strip() for line in told.ok(75).err.splitlines() if line.strip().startswith("kitaru ")]
    folder = str(PYTHON).rpartition("/")[0]
    lab.run("/bin/sh", "-c", f"PATH={folder}:$PATH; {command}").ok()
    assert lab.item("show", lab.only())["status"] == "completed"


def test_a_key_with_words_in_it_can_be_run_again(lab: Lab) -> None:
    lab.write(
        "agent.py",
        """
import threading
import kitaru
from kitaru import flow

@flow
def main():
    kitaru.call("it's a lock", threading.Lock)
    return kitaru.wait(schema=bool, name="go")
""",
    )
    lab.kitaru("run", "agent.py:main").ok(75)
    told = lab.kitaru("input", lab.only(), "--value", "true").ok(75)
    (command,) = [line.partition(": kitaru ")[2] for line in told.err.splitlines() if "--rerun" in line]
    folder = str(PYTHON).rpartition("/")[0]
    lab.run("/bin/sh", "-c", f"PATH={folder}:$PATH; kitaru {command}").ok()


@pytest.mark.parametrize(
    ("asked", "said"),
    {
        "schema={'type': 'nonsense'}": "no JSON Schema",
        "schema={'enum': {1}}": "no JSON Schema",
        "schema=print": "it is a type that pydantic knows",
        "schema=bool, timeout=float('inf')": "a number of seconds",
        "schema=bool, timeout=1e300": "a number of seconds",
        "schema=bool, question=5": "question=5: it is a text",
        "schema=bool, name=5": "name=5: it is a text",
    }.items(),
)
def test_a_question_that_nobody_could_answer_is_refused(lab: Lab, asked: str, said: str) -> None:
    lab.write("agent.py", SOURCE.replace("{question}", asked))
    told = lab.kitaru("run", "agent.py:main").ok(1)
    assert said in told.err, told.err
    assert "kitaru.errors.KitaruUsageError" in told.err
    assert lab.items("waits", "list") == []


def test_a_sleep_longer_than_anybody_lives_is_refused(lab: Lab) -> None:
    lab.write("agent.py", SOURCE.replace("kitaru.wait({question})", "kitaru.sleep(1e15)"))
    assert "a hundred years" in lab.python("agent.py").ok(1).err
