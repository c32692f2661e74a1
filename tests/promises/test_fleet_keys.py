"""A key starts once, whoever comes first; tags and options go where they belong."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

from lab import KITARU, PYTHON, Result

if TYPE_CHECKING:
    from lab import Lab

BILLS = """
import os, kitaru
from kitaru import checkpoint, flow
from world import did, count

@checkpoint
def charge(invoice):
    did(f"charge {invoice}")
    if os.environ.get("KILLED"):
        os.kill(os.getpid(), 9)
    if os.environ.get("SLOW"):
        while not os.path.exists("go"):
            pass
    if os.environ.get("BROKE"):
        raise ValueError("no money")
    return f"paid {invoice}"

@flow
def bill(invoice: str, amount: int = 1):
    return charge(invoice)

@flow
async def abill(invoice: str):
    return charge(invoice)

@flow
def asks(invoice: str):
    return kitaru.wait(schema=str, name="ok", question="Pay?") + charge(invoice)

@flow
def named(key: str, tags: int):
    return [key, tags]

@flow
def loose(**options):
    return sorted(options.items())
"""


def desk(lab: Lab) -> Lab:
    lab.write("bills.py", BILLS)
    return lab


def told(lab: Lab, program: str, **options: Any) -> list[str]:
    begin = "import kitaru, asyncio\nfrom kitaru import KitaruClient\nfrom bills import *\n"
    lines = program.split("\n")
    indent = len(lines[1]) - len(lines[1].lstrip())
    return lab.python("-c", begin + "\n".join(line[indent:] for line in lines), **options).ok().out.splitlines()


def test_the_same_key_starts_once_and_gives_its_result(lab: Lab) -> None:
    desk(lab)
    program = """
        first = bill.run("17", key="invoice-17")
        print(first.get(), bill.run("17", key="invoice-17").get(), bill.options(key="invoice-17")("17"))
        print(first.exec_id == bill.run("17", 1, key="invoice-17").exec_id)
        print(bill.run("18", key="invoice-18").get(), abill.run("17", key="invoice-17").get())
        async def main():
            print(await abill.options(key="invoice-17")("17"), await bill.run("17", key="invoice-17"))
        asyncio.run(main())
        print([one.key for one in KitaruClient().executions.list(key="invoice-17")])
    """
    assert told(lab, program) == [
        "paid 17 paid 17 paid 17",
        "True",
        "paid 18 paid 17",
        "paid 17 paid 17",
        "['invoice-17', 'invoice-17']",
    ]
    assert lab.done() == ["charge 17", "charge 18", "charge 17"]
    assert [one["flow"] for one in lab.items("ls", "--key", "invoice-17")] == ["abill", "bill"]


def test_of_many_processes_with_one_key_one_starts_and_all_have_its_result(lab: Lab) -> None:
    desk(lab)
    run = (KITARU, "run", "bills.py:bill", "--input", 'invoice="17"', "--key", "invoice-17")
    started = [lab.spawn(*run, SLOW="1") for _ in range(4)]
    lab.wait_for("charge 17")
    lab.write("go", "")
    ended = [Result(one.wait(60), *one.communicate()) for one in started]
    assert [(one.code, one.out) for one in ended] == [(0, "paid 17\n")] * 4, ended
    assert lab.done() == ["charge 17"]


def test_the_same_key_with_other_inputs_is_refused_and_nothing_is_started(lab: Lab) -> None:
    desk(lab)
    program = """
        bill.options(key="k")("17")
        for again in (lambda: bill.run("18", key="k").get(), lambda: bill.options(key="k")("17", amount=2)):
            try:
                print(again())
            except kitaru.KitaruStateError as error:
                print(error.code, "'k'" in str(error), error.hint.startswith("kitaru show "))
        print(bill.run(amount=1, invoice="17", key="k").get())
    """
    assert told(lab, program) == ["key-conflict True True"] * 2 + ["paid 17"]
    refused = lab.kitaru("run", "bills.py:bill", "--input", 'invoice="99"', "--key", "k").ok(1)
    assert refused.err.startswith("error[key-conflict]: bill was started with key 'k' and other inputs"), refused.err
    assert lab.done() == ["charge 17"]
    assert len(lab.items("ls")) == 1


def test_a_failure_of_a_key_is_told_and_not_paid_for_again(lab: Lab) -> None:
    desk(lab)
    program = """
        for _ in range(2):
            try:
                bill.options(key="k")("17")
            except ValueError as error:
                print(error)
    """
    assert told(lab, program, BROKE="1") == ["no money"] * 2
    lab.kitaru("run", "bills.py:bill", "--input", 'invoice="17"', "--key", "k").ok(1)
    assert lab.done() == ["charge 17"]
    assert lab.kitaru("retry", "latest").ok().out == "paid 17\n"
    assert lab.kitaru("run", "bills.py:bill", "--input", 'invoice="17"', "--key", "k").ok().out == "paid 17\n"
    assert lab.done() == ["charge 17"] * 2


def test_a_key_whose_process_was_killed_goes_on(lab: Lab) -> None:
    desk(lab)
    run = ("-c", "from bills import *; print(bill.options(key='k')('17'))")
    assert lab.python(*run, KILLED="1").code == -signal.SIGKILL
    assert lab.python(*run).ok().out == "paid 17\n"
    assert len(lab.items("ls")) == 1


def test_a_key_that_waits_for_somebody_says_so(lab: Lab) -> None:
    desk(lab)
    run = ("run", "bills.py:asks", "--input", 'invoice="17"', "--key", "k")
    lab.kitaru(*run).ok(75)
    assert "waiting for ok" in lab.kitaru(*run).ok(75).err
    program = """
        try:
            asks.options(key="k")("17")
        except kitaru.KitaruSuspended as suspended:
            print(suspended.waits, suspended.exec_id == KitaruClient().executions.latest().id)
        KitaruClient().executions.pause("latest")
        try:
            asks.run("17", key="k").get()
        except kitaru.KitaruPaused as paused:
            print(paused.code)
    """
    assert told(lab, program) == ["['ok'] True", "paused"]
    assert lab.done() == []


def test_a_keyword_of_the_flow_is_the_flows(lab: Lab) -> None:
    desk(lab)
    program = """
        print(named.run(key="mine", tags=3).get(), loose.run(key="a", detached=True).get())
        print(named.options(key="k", tags="t")("mine", 3))
        one = KitaruClient().executions.latest()
        print(one.key, one.tags, one.inputs)
        try:
            bill("17", key="k")
        except TypeError as error:
            print("key" in str(error))
    """
    assert told(lab, program) == [
        "['mine', 3] [('detached', True), ('key', 'a')]",
        "['mine', 3]",
        "k ('t',) {'key': 'mine', 'tags': 3}",
        "True",
    ]


def test_options_are_on_record_and_add_up(lab: Lab) -> None:
    desk(lab)
    program = """
        wished = bill.options(tags=["a", "b"], pause_before="charge").options(tags="c", key="k", detached=True)
        try:
            wished.run("17", tags="b").get()
        except kitaru.KitaruPaused as paused:
            print(str(paused).splitlines()[0].partition("paused before ")[2])
        one = KitaruClient().executions.latest()
        print(one.tags, one.key, one.detached, bill.options(tags="x") is not bill)
        for wrong in ({"key": ""}, {"key": 3}, {"tags": 3}, {"tags": [""]}, {"detached": 1}, {"pause_before": [1]}):
            try:
                bill.options(**wrong)
            except kitaru.KitaruUsageError as error:
                print(error.code, str(error).startswith(next(iter(wrong)) + "="))
    """
    assert told(lab, program) == [
        "charge. No process needs to run.",
        "('a', 'b', 'c') k True True",
        *["usage True"] * 6,
    ]
    assert lab.done() == []
    ((payload,),) = lab.query("SELECT payload FROM journal WHERE kind = 'created'")
    assert json.loads(payload)["created"]["pause_before"] == ["charge"]


def test_a_keyed_child_is_one_for_all_flows(lab: Lab) -> None:
    desk(lab)
    lab.write(
        "masters.py",
        """
        import kitaru
        from bills import bill
        @kitaru.flow
        def month(name: str, invoice: str = "17"):
            own = bill.run(invoice, key="k"), bill.run(invoice)
            return [one.get() for one in own] + [bill.options(key="k")(invoice)]
        """,
    )
    run = ("run", "masters.py:month", "--output", "json")
    first = lab.item(*run[:2], "--input", 'name="may"')
    assert first["result"] == ["paid 17"] * 3
    assert lab.item(*run[:2], "--input", 'name="june"')["result"] == ["paid 17"] * 3
    assert lab.done() == ["charge 17"] * 3
    assert [one["parent"]["id"] == first["id"] for one in lab.items("ls", "--key", "k")] == [True]
    other = lab.kitaru(*run[:2], "--input", 'name="july"', "--input", 'invoice="18"').ok(1)
    assert "other inputs" in other.err


def test_a_child_of_another_flows_key_is_waited_for_without_a_process(lab: Lab) -> None:
    desk(lab)
    lab.write(
        "masters.py",
        """
        import kitaru
        from bills import asks
        @kitaru.flow
        def month(name: str):
            return name + asks.run("17", key="k").get()
        """,
    )
    first = lab.item("run", "masters.py:month", "--input", 'name="may "', code=75)
    second = lab.item("run", "masters.py:month", "--input", 'name="june "', code=75)
    assert second["reason"]["executions"] == [lab.items("ls", "--key", "k")[0]["id"]]
    done = lab.kitaru("input", first["id"], "--value", '"yes, "').ok()
    assert done.out == "may yes, paid 17\n"
    assert f"month {second['id'][-8:]} waited for it, and is completed now" in done.err
    assert lab.item("show", second["id"])["result"] == "june yes, paid 17"
    assert lab.done() == ["charge 17"]


def test_the_python_of_another_process_waits_for_a_running_key(lab: Lab) -> None:
    desk(lab)
    first = lab.spawn(PYTHON, "-c", "from bills import *; bill.options(key='k')('17')", SLOW="1")
    lab.wait_for("charge 17")
    program = """
        import os
        handle = bill.run("17", key="k")
        print(handle.status, handle.done())
        open("go", "w").close()
        print(handle.get())
    """
    assert told(lab, program) == ["running False", "paid 17"]
    assert first.wait(30) == 0
