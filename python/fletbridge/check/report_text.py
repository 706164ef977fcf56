"""The findings for people. Room: python/fletbridge/check."""

import textwrap

from .rules import BREAKS, DIFFERS, FINE, STAGES


def summary(findings):
    """stage -> verdict -> count"""
    return {stage: {verdict: sum(f.stages[stage] == verdict for f in findings)
                    for verdict in (FINE, DIFFERS, BREAKS)} for stage in STAGES}


def indented(label, text):
    return textwrap.fill(text, 100, initial_indent="      " + label, subsequent_indent=" " * 13,
                         break_on_hyphens=False)


def text(app, findings, silenced):
    lines = []
    file = None
    for finding in findings:
        if finding.source.shown != file:
            file = finding.source.shown
            lines += ["", file] if lines else [file]
        marks = "  ".join(f"{stage} {verdict}" for stage, verdict in finding.stages.items())
        lines.append(f"  {finding.line}:{finding.column}  {finding.rule.id}  {finding.message}")
        lines.append(f"      stages:  {marks}")
        lines.append(indented("why:   ", finding.why))
        if finding.worst() != FINE:
            lines.append(indented("do:    ", finding.do))
    if lines:
        lines.append("")
    lines.append(f"{'':10}" + "".join(f"stage {stage:<6}" for stage in STAGES))
    counts = summary(findings)
    for verdict in (BREAKS, DIFFERS, FINE):
        lines.append(f"{verdict:10}" + "".join(f"{counts[stage][verdict]:<12}" for stage in STAGES).rstrip())
    files = f"{len(app.sources)} file{'s' if len(app.sources) != 1 else ''} read"
    quiet = f"; {silenced} silenced by a comment" if silenced else ""
    lines.append(files + quiet)
    return "\n".join(lines) + "\n"
