"""One thing found in the app, with its verdict for each stage. Room: python/fletbridge/check."""

from .rules import FINE, RULES, STAGES, WEIGHT, verdicts


class Finding:
    """`stages`, `why` and `do` replace the rule's own where this place is a special case of it."""

    def __init__(self, rule, source, message, node=None, place=None, stages=None, why=None, do=None):
        self.rule = RULES[rule]
        self.source = source
        self.message = message
        if node is not None:
            self.line, self.column = node.lineno, source.column(node.lineno, node.col_offset)
            self.end_line = node.end_lineno or node.lineno
            self.end_column = source.column(self.end_line, node.end_col_offset or node.col_offset)
        else:
            self.line, self.column = place
            self.end_line, self.end_column = self.line, self.column + 1
        self.stages = verdicts(stages) if stages else dict(self.rule.stages)
        self.why = why or self.rule.why
        self.do = do or self.rule.do

    @property
    def place(self):
        return f"{self.source.shown}:{self.line}:{self.column}"

    def worst(self, stages=STAGES):
        return max((self.stages[stage] for stage in stages), key=WEIGHT.__getitem__, default=FINE)

    def key(self):
        return (self.source.shown, self.line, self.column, self.rule.id)
