"""What `fletbridge check` starts: one JSON object on the command line, which it has made of its options.
Room: python/fletbridge/check.

    {"target": "app.py", "stage": "", "fail_on": "breaks", "json": false, "sarif": "", "select": "", "ignore": "",
     "flet": "1.0.5", "python": "/usr/bin/python3", ...}
"""

import json
import os
import sys

if not __package__:  # started by its path, in an interpreter that is isolated
    sys.path[0] = os.path.abspath(os.path.join(os.path.dirname(__file__), os.pardir, os.pardir))

from fletbridge.check.command import main  # noqa: E402

sys.exit(main(json.loads(sys.argv[1])))
