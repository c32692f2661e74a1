"""The tests of values import their shapes by name, as a program imports its own modules."""

from __future__ import annotations

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
