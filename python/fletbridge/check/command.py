"""From a request to an exit code. Room: python/fletbridge/check."""

import sys

from .app import App, NoSuchApp
from .report_text import text
from .rules import RULES, STAGES, WEIGHT

USAGE, FAILURE = 2, 70


class WrongUsage(Exception):
    """Says what, why and what to do, in one line."""


def main(request):
    try:
        return check(request)
    except (WrongUsage, NoSuchApp) as error:
        print(f"fletbridge: {error}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        return 0


def check(request):
    app = App(request["target"], request)
    findings, silenced = app.findings(chosen(request))
    sys.stdout.write(text(app, findings, silenced))
    stages = [request["stage"]] if request.get("stage") else STAGES
    limit = WEIGHT[request.get("fail_on") or "breaks"]
    return 1 if any(WEIGHT[finding.worst(stages)] >= limit for finding in findings) else 0


def chosen(request):
    """The ids that --select and --ignore leave, or None for all. A beginning stands for all it begins."""
    def matching(words, option):
        ids = set()
        for word in filter(None, (w.strip() for w in words.split(","))):
            found = {id for id in RULES if id.startswith(word)}
            if not found:
                raise WrongUsage(f"--{option} {word}: there is no such rule; MIGRATION.md lists them")
            ids |= found
        return ids

    wanted = matching(request.get("select") or "", "select") or set(RULES)
    return wanted - matching(request.get("ignore") or "", "ignore")
