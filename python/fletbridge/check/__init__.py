"""`fletbridge check`: what would change for a Flet app on another stage. Room: python.

Called by the command line of tools/check_command.cc, with the app's own interpreter, isolated from
everything that is the app's. Reads the app's files, never imports them; needs nothing but Python's
standard library.

    source     files and their syntax trees: which ones belong to the app, comments that silence rules
    names      what a name or an expression stands for
    contexts   which functions run on Flet's event loop, which in threads
    rules      the table of rules: what each stage makes of a thing, why, what to do
    findings   one thing found, and its verdict for each stage
    look_*     what looks for the things; each a generator of findings
    report_*   the findings as text, JSON, SARIF
    live       `--run`: two runs with `watch` inside, and what differs between them
"""
