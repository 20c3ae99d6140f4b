"""Import spaCy without what it drags in.

spaCy's numerics (thinc) import torch wherever it is installed, which costs the labeler seconds
and hundreds of megabytes for nothing: its matchers and tokenizer use none of it.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def spacy_without_torch() -> Iterator[None]:
    """Within it, importing spaCy does not import torch; an already imported torch stays."""
    if "torch" in sys.modules or "thinc" in sys.modules:
        yield
        return
    # A None entry makes `import torch` raise ImportError, which thinc takes for «not installed».
    sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["torch"]
