"""How long a test waits for what has to happen."""

import os
from pathlib import Path


class Patience:
    """`5 * PATIENCE`: five seconds of a quiet machine. Where several tasks share a core it is as many times longer,
    since what is waited for gets that part of a core only. FLETBRIDGE_E2E_PATIENCE stretches it further, for machines
    that are slower and builds that are instrumented."""

    least = float(os.environ.get("FLETBRIDGE_E2E_PATIENCE", "1"))

    def __rmul__(self, seconds):
        lately, _, _, now, _ = Path("/proc/loadavg").read_text().split()
        tasks = max(float(lately), float(now.partition("/")[0]))
        return seconds * self.least * max(1.0, tasks / len(os.sched_getaffinity(0)))


PATIENCE = Patience()
