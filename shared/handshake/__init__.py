"""Handshake: decides what an AI agent may do.

Imports run one way: functions -> edge -> flows -> store -> domain.
"""

import gc
import os
from typing import Final

from handshake import patterns

# How often Python looks for garbage.
GC_THRESHOLD: Final = gc.get_threshold()

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    # A cold start keeps nearly all that it makes, so looking for garbage meanwhile only takes time (a fifth of it).
    # edge.runtime.start sets this back.
    gc.set_threshold(500_000)
    patterns.hand_over()
