"""The table of rules: what each stage makes of a thing, why, and what to do. Room:
python/fletbridge/check.

The verdicts were found by running such code on the stages (tests/check/stages.py does it again), with
`python app.py` and Flet's own client as what they are measured against. Each rule has its section, with
an example, in MIGRATION.md.
"""

FINE, DIFFERS, BREAKS = "fine", "differs", "breaks"
WEIGHT = {FINE: 0, DIFFERS: 1, BREAKS: 2}
STAGES = ("1", "2", "3")


class Rule:
    def __init__(self, id, name, title, stages, why, do):
        self.id, self.name, self.title = id, name, title
        self.stages = verdicts(stages)
        self.why, self.do = why, do


def verdicts(words):
    """{'1': 'fine', ...} from 'fine differs differs', one word for each stage."""
    return dict(zip(STAGES, words.split()))


TABLE = [
    Rule("FB104", "fork", "os.fork() in the process of the host", "fine differs differs",
         "the process has threads of the host besides Python's, and a fork copies only the calling one",
         "start a program with subprocess, or a worker with multiprocessing's spawn method"),
    Rule("FB105", "hard-exit", "os._exit() ends the process at once", "fine fine fine",
         "the host writes its report and cleans up first, on every stage",
         "nothing; sys.exit() at the end of main lets Python clean up too"),
    Rule("FB301", "page-url", "page.url is an address of this run", "fine fine differs",
         "it is the path of a socket, or tcp://localhost:PORT, and dartbridge://N on stage 3",
         "do not take it apart; page.route is the app's own part of an address"),
]
RULES = {rule.id: rule for rule in TABLE}
