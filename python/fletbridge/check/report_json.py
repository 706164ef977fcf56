"""The findings for programs; MIGRATION.md documents the keys. Room: python/fletbridge/check."""

from .report_text import summary


def document(app, findings, silenced, facts):
    return {
        "format": 1,
        "version": facts.get("version", ""),
        "target": str(facts["target"]),
        "python": facts.get("python", ""),
        "flet": facts.get("flet") or None,
        "files": [source.shown for source in app.sources],
        "findings": [one(finding) for finding in findings],
        "silenced": silenced,
        "summary": summary(findings),
    }


def one(finding):
    return {
        "rule": finding.rule.id, "name": finding.rule.name,
        "file": finding.source.shown, "line": finding.line, "column": finding.column,
        "end_line": finding.end_line, "end_column": finding.end_column,
        "message": finding.message, "stages": finding.stages, "why": finding.why, "do": finding.do,
    }
