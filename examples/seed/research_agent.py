"""A research agent that asks a human before it spends: two checkpoints, a wait, ordinary Python."""

from helpers import call_llm, search_academic_papers

import kitaru
from kitaru import checkpoint, flow


@checkpoint
def gather_sources(topic: str) -> list[str]:
    return search_academic_papers(topic)


@checkpoint
def analyze(sources: list[str]) -> str:
    return call_llm(f"Analyze these sources: {sources}")


@flow
def research_agent(topic: str) -> str:
    sources = gather_sources(topic)
    # Agent pauses here until a human approves
    approved = kitaru.wait(
        schema=bool,
        question=f"Found {len(sources)} sources. Continue?",
    )
    if not approved:
        return "Stopped by reviewer."
    return analyze(sources)


if __name__ == "__main__":
    print(research_agent("async"))
