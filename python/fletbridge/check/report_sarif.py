"""The findings as SARIF 2.1.0, which code hosts show beside the code. Room: python/fletbridge/check.

Places are relative to the folder that was checked. A finding's level is that of the stage it is judged
for, the worst if it is judged for all.
"""

from urllib.parse import quote

from .rules import STAGES, TABLE

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {"fine": "note", "differs": "warning", "breaks": "error"}


def document(app, findings, facts, stages=STAGES):
    number = {rule.id: place for place, rule in enumerate(TABLE)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "fletbridge check",
                "version": facts.get("version") or "0",
                "rules": [described(rule) for rule in TABLE],
            }},
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {"APP": {"description": {"text": "the folder of the app"}}},
            "results": [{
                "ruleId": finding.rule.id,
                "ruleIndex": number[finding.rule.id],
                "level": LEVELS[finding.worst(stages)],
                "message": {"text": f"{finding.message}. {verdicts(finding)}: {finding.why}. "
                                    f"What to do: {finding.do}."},
                "locations": [{"physicalLocation": {
                    "artifactLocation": {"uri": quote(finding.source.shown), "uriBaseId": "APP"},
                    "region": {"startLine": finding.line, "startColumn": finding.column,
                               "endLine": finding.end_line, "endColumn": finding.end_column},
                }}],
                "properties": {"stages": finding.stages},
            } for finding in findings],
        }],
    }


def described(rule):
    text = f"{rule.title}: {rule.why}. What to do: {rule.do}. MIGRATION.md has a section on {rule.id}."
    # No helpUri: the schema wants an absolute one, and the text lies beside the program, not at a host.
    markdown = (f"**{rule.title}**\n\n| stage | {' | '.join(STAGES)} |\n|---|{'---|' * len(STAGES)}\n"
                f"| | {' | '.join(rule.stages[stage] for stage in STAGES)} |\n\n{rule.why}.\n\n"
                f"What to do: {rule.do}.\n\nAn example: `MIGRATION.md#{rule.id.lower()}` of fletbridge. "
                f"Silenced on its line by `# fletbridge: ignore[{rule.id}]`.\n")
    return {
        "id": rule.id, "name": rule.name,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": f"{rule.title}: {rule.why}."},
        "help": {"text": text, "markdown": markdown},
        "defaultConfiguration": {"level": LEVELS[max(rule.stages.values(), key=list(LEVELS).index)]},
    }


def verdicts(finding):
    return ", ".join(f"stage {stage} {verdict}" for stage, verdict in finding.stages.items())
