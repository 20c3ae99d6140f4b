"""Labels agree with the human coding of the OpenI dev reports, as the benchmark measures it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

_BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "label_quality.py"


@pytest.mark.real_data
@pytest.mark.skipif(not os.environ.get("RADSIM_DATA"), reason="RADSIM_DATA is not set")
def test_micro_and_macro_f1_do_not_fall() -> None:
    command = [sys.executable, str(_BENCHMARK)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"uncertain negative: micro F1 ([\d.]+) .*macro F1 ([\d.]+)", printed)
    assert found is not None
    assert float(found[1]) >= 88
    assert float(found[2]) >= 86
