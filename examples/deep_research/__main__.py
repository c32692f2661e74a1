"""``python examples/deep_research TOPIC``: the agent as a script. The report goes to standard output."""

from __future__ import annotations

import argparse
import os

from agent import deep_research
from corpus import CorpusError, root_of


def main() -> None:
    """Reads the command line and runs the flow."""
    parser = argparse.ArgumentParser(prog="deep_research", description="Research a topic and write a cited report.")
    parser.add_argument("topic", help="a question or some keywords")
    parser.add_argument("--corpus", metavar="DIR", help="a folder of text or Markdown [default: Python's library]")
    parser.add_argument("--sources", type=int, default=34, help="how many to read [default: 34]")
    given = parser.parse_args()
    corpus = os.path.abspath(given.corpus) if given.corpus else None
    if not given.topic.strip():
        parser.error("the topic is empty")
    if given.sources < 1:
        parser.error("--sources is at least 1")
    try:
        root_of(corpus)
    except CorpusError as problem:
        parser.error(f"--corpus: {problem}")
    print(deep_research(given.topic, corpus, given.sources), end="")


if __name__ == "__main__":
    main()
