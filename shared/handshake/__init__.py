"""Handshake: decides what an AI agent may do.

A folder is a subject. Inside it imports run from use cases to stores to rules; pyproject.toml holds which folder may
use which.
"""

import gc
import os
from typing import Final

# How often Python looks for garbage.
GC_THRESHOLD: Final = gc.get_threshold()

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    # A cold start keeps nearly all that it makes, so looking for garbage meanwhile only takes time (a fifth of it).
    # api.runtime.start sets this back.
    gc.set_threshold(500_000)
