"""The two helper functions that the seed's program leaves to its user.

Stand-ins that need no network: replace them by a real search and a real model.
"""

from __future__ import annotations

import pkgutil


def search_academic_papers(topic: str) -> list[str]:
    """The names of Python's own modules that share letters with the topic: free, and always there."""
    words = {word.lower() for word in topic.split()}
    return sorted(module.name for module in pkgutil.iter_modules() if any(word in module.name for word in words))


def call_llm(prompt: str) -> str:
    """What a model would say."""
    return f"A model would analyse a prompt of {len(prompt)} characters here."
