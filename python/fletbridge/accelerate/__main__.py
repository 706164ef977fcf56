"""`python -m fletbridge.accelerate SCRIPT | -m MODULE | -c COMMAND [ARGS...]`: runs it as python does,
accelerated."""

from fletbridge.accelerate.script import main

main()
