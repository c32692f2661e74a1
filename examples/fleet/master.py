"""The master: ten agents beside each other. It answers one that asks, resumes those that failed, and merges.

``python examples/fleet/master.py [TOPIC …]`` runs it; the report goes to standard output, behind what happened. No
agent knows of the others, and none is started twice, wherever this process is killed. Not here: what an agent does
(`researcher`).
"""

from __future__ import annotations

import argparse
import os
import re
from collections import Counter

from researcher import Section, research

import kitaru
from kitaru import KitaruClient, checkpoint, flow

import corpus as library  # isort: skip - `researcher` says where it is
import report  # isort: skip
from writer import Finding, ProviderError, writer  # isort: skip

TOPICS = [
    "cancelling asyncio tasks",
    "timeouts",
    "retrying failed HTTP requests",
    "temporary files that are removed safely",
    "locks between threads",
    "running a subprocess and reading its output",
    "parsing command line arguments",
    "reading large JSON documents",
    "logging from several processes",
    "comparing secrets without leaking time",
]
_TRIES = 3
_CITED = re.compile(r"\[@(\d+)\]")


@checkpoint
def tell(line: str) -> None:
    """Says once what happened, however often the master is entered again."""
    print(line, flush=True)


@checkpoint
def decide(topics: list[str], modules: list[str]) -> str:
    """Which part of the library a wide topic means: the one that the other topics name most."""
    words = Counter(re.findall(r"\w+", " ".join(topics).lower()))
    return max(modules, key=lambda name: (words[name.lower()], -modules.index(name)))


@checkpoint
def merge(title: str, sections: list[Section], corpus: str | None) -> str:
    """One report of all sections, with one list of sources."""
    who = writer()
    parts: list[str] = []
    findings: list[Finding] = []
    for section in sections:
        body = who.report(section.question, section.findings) if section.findings else "Nothing was found."
        body = _moved(body, len(findings))
        parts.append(f"# {section.topic.capitalize()}\n\n{body.replace('## In short', '').strip()}")
        findings += section.findings
    read = sum(section.read for section in sections)
    return report.compose(title, library.root_of(corpus).absolute(), "\n\n".join(parts), findings, read, who.name)


def _moved(body: str, by: int) -> str:
    """A section's citations as they are in the whole report."""
    return _CITED.sub(lambda cited: f"[@{int(cited[1]) + by}]", body)


@flow
def fleet(topics: list[str], corpus: str | None = None, sources: int = 4) -> str:
    """A report on all ``topics``, each researched by an agent of its own."""
    executions = KitaruClient().executions
    agents = [research.options(tags=topic).run(topic, corpus, sources) for topic in topics]
    topic_of = dict(zip(agents, topics, strict=True))
    sections: dict[str, Section] = {}
    failures: Counter[str] = Counter()
    left = agents
    while left:
        done, asking, left = kitaru.wait_for(left)
        for agent in asking:
            (wait,) = executions.get(agent.exec_id).waits
            answer = decide(topics, wait.metadata["modules"])
            executions.input(agent.exec_id, answer, wait=wait.key)
            tell(f"{topic_of[agent]!r} asks: {wait.question}\n  answered: {answer}")
            left.append(agent)
        for agent in done:
            topic = topic_of[agent]
            try:
                sections[topic] = agent.get()
            except ProviderError as refusal:
                failures[topic] += 1
                if failures[topic] == _TRIES:
                    raise
                tell(f"{topic!r} failed: {refusal}\n  resumed: what it has finished is kept")
                executions.resume(agent.exec_id)
                left.append(agent)
            else:
                tell(f"{topic!r} is done: {len(sections[topic].findings)} findings ({len(sections)} of {len(topics)})")
    return merge("What the fleet found", [sections[topic] for topic in topics], corpus)


def main() -> None:
    """Reads the command line and runs the flow."""
    parser = argparse.ArgumentParser(prog="fleet", description="Research several topics at once, one agent each.")
    parser.add_argument("topic", nargs="*", help="a question or some keywords [default: ten of them]")
    parser.add_argument("--corpus", metavar="DIR", help="a folder of text or Markdown [default: Python's library]")
    parser.add_argument("--sources", type=int, default=4, help="how many each agent reads [default: 4]")
    given = parser.parse_args()
    corpus = os.path.abspath(given.corpus) if given.corpus else None
    if given.sources < 1:
        parser.error("--sources is at least 1")
    try:
        library.root_of(corpus)
    except library.CorpusError as problem:
        parser.error(f"--corpus: {problem}")
    print(fleet(given.topic or TOPICS, corpus, given.sources), end="")


if __name__ == "__main__":
    main()
