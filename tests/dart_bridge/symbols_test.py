"""What our libdart_bridge.so exports is the C ABI and Python's entry, and nothing else.

    symbols_test.py NM LIBRARY
"""

import subprocess
import sys

ABI = {
    "DartBridge_EnqueueMessage",
    "DartBridge_InitDartApiDL",
    "PyInit_dart_bridge",
    "dart_bridge_clear_handlers",
    "dart_bridge_install_stdio_redirect",
    "dart_bridge_is_python_initialized",
    "dart_bridge_signal_dart_session",
    "serious_python_finalize",
    "serious_python_hard_exit",
    "serious_python_is_mp_invocation",
    "serious_python_main",
    "serious_python_register_extension",
    "serious_python_request_stop",
    "serious_python_run",
}

nm, library = sys.argv[1:]
listing = subprocess.run([nm, "-D", "--defined-only", library], check=True, capture_output=True, text=True)
symbols = {line.split()[-1].split("@")[0] for line in listing.stdout.splitlines()}
for name in sorted(ABI - symbols):
    print(f"{library} does not export {name}: apps look it up")
for name in sorted(symbols - ABI):
    print(f"{library} exports {name}: hide it, or it meets the same name of another library")
sys.exit(symbols != ABI)
