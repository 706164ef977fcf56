"""What the library of the posix preset asks the C library for is nothing that Linux alone has.

    posix_symbols_test.py NM LIBRARY
"""

import subprocess
import sys

# Not syscall: the C++ library waits for atomics by it.
OF_LINUX = ("epoll_", "eventfd", "inotify_", "memfd_", "pidfd_", "prctl", "signalfd", "timerfd_")

nm, library = sys.argv[1:]
listing = subprocess.run([nm, "-D", "--undefined-only", library], check=True, capture_output=True, text=True)
asked = {line.split()[-1].split("@")[0] for line in listing.stdout.splitlines()}
wrong = sorted(name for name in asked if name.startswith(OF_LINUX))
for name in wrong:
    print(f"{library} asks for {name}, which is of Linux: put it into common/platform")
sys.exit(bool(wrong) or not asked)
