"""The table of rules: the verdict for each stage, the reason, and the remedy. Room:
python/fletbridge/check.

The verdicts were found by running such code on every stage and hosting, against `python app.py` with
Flet's own code on its desktop path. Each rule has its section, with an example, in MIGRATION.md.
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
    Rule("FB001", "unreadable", "A file that cannot be read", "differs differs differs",
         "its content is unknown",
         "use --python to name the interpreter that the file is written for, or leave the file out"),
    Rule("FB002", "unknown-rule", "A comment that silences an unknown rule", "fine fine fine",
         "it silences nothing", "use an id of MIGRATION.md's list"),
    Rule("FB101", "multiprocessing", "Worker processes", "fine fine fine",
         "workers are ordinary Python processes on every stage, with any start method",
         "prefer the spawn method: without fletbridge, a worker that was forked while Flet runs inherits its "
         "SIGTERM handler and may outlive terminate(); on the stages it ends"),
    Rule("FB102", "unguarded-main", "Workers that run the whole script again", "breaks breaks breaks",
         "a spawned worker imports the script and calls ft.run() itself: it waits for a UI that never "
         "connects, or fails, instead of doing its work (today it opens a second window)",
         'put ft.run() below `if __name__ == "__main__":`'),
    Rule("FB103", "executable", "sys.executable", "fine fine fine",
         "it is the app's own interpreter on every stage", "nothing"),
    Rule("FB104", "fork", "os.fork()", "fine differs differs",
         "the process has a thread of the host besides Python's, and a fork copies only the calling one; "
         "CPython 3.12 and later warns about it",
         "start a program with subprocess, or a worker with multiprocessing's spawn method"),
    Rule("FB105", "hard-exit", "os._exit() and os.abort()", "fine fine fine",
         "the exit code is the app's, and the host writes its report and cleans up first",
         "nothing; sys.exit() lets Python clean up too"),
    Rule("FB106", "self-kill", "Signals to the app's own process", "differs differs differs",
         "SIGTERM and SIGINT end the app in order, with 128 + signal on stages 2 and 3, where Flet alone "
         "waits for its client; any other fatal signal ends the UI too on stages 2 and 3",
         "close the window (page.window.close()) or call sys.exit()"),
    Rule("FB107", "signal-handler", "Handlers of SIGTERM and SIGINT", "differs differs differs",
         "when the UI closes there is no signal and no handler is called; a real SIGTERM or Ctrl-C is passed on and "
         "calls this one, where Flet alone replaces a handler that was set before ft.run()",
         "do the clean-up after ft.run() or in atexit: both run when the UI has closed, and after a signal too"),
    Rule("FB108", "exec", "os.exec*() in place of the process", "breaks breaks breaks",
         "the session belongs to the old program: the new one starts as if it were the app "
         "again, and has no UI",
         "start the program with subprocess, and end the app"),
    Rule("FB109", "second-flet-app", "Another Flet app as a child", "breaks breaks breaks",
         "it inherits FLET_PLATFORM and FLET_SERVER_* (FLET_DART_BRIDGE_PORT on stage 3), acts as "
         "the hosted app, and waits for a UI or fails",
         "pass env= with an environment without the variables that begin with FLET_"),
    Rule("FB110", "close-descriptors", "Closing descriptors it did not open", "fine breaks breaks",
         "the host's descriptors are in the same process: the app hangs",
         "close each object that the app has opened; subprocess closes other descriptors in the child by default"),
    Rule("FB111", "process-identity", "The parent process, or the program behind the process",
         "differs fine fine",
         "on stage 1 the parent is fletbridge; with --hosting static or library /proc/self/exe is one "
         "of our executables",
         "use sys.executable for the interpreter, and do not rely on the parent's pid"),
    Rule("FB201", "other-ui", "Another user interface's loop", "fine differs differs",
         "it shares a process with the window of the Flet client (--ui desktop): one crash ends both",
         "give the other interface a process of its own (subprocess)"),
    Rule("FB202", "blocking-call", "A call that blocks Flet's event loop", "fine fine fine",
         "nothing else of the app runs meanwhile, on every stage",
         "await it (asyncio.sleep, asyncio.to_thread), or do it in page.run_thread()"),
    Rule("FB203", "thread-update", "Updates from a thread", "fine fine differs",
         "on sockets such an update waits for the next iteration of the event loop; on stage 3 it is sent at once",
         "call update() once, when a change is complete; on stage 3 partial changes are visible"),
    Rule("FB204", "run-arguments", "view=, host= and port= of ft.run()", "differs differs differs",
         "without --ui, an app that asks for a browser gets one, at that host and port unless --host and --port say "
         "otherwise; with --ui, and for any other view, they have no effect",
         "use --web, --host and --port, and --transport for the address of a window's socket"),
    Rule("FB205", "asgi", "An ASGI app in place of a window", "breaks breaks breaks",
         "the app is served by a web server, and never connects to its host",
         "run it with its web server, without fletbridge"),
    Rule("FB206", "second-run", "ft.run() more than once", "breaks breaks breaks",
         "the host's session ends with the first; the second fails on stages 1 and 2, and on stage 3 has no UI",
         "combine them into one app, with routes or views"),
    Rule("FB207", "run-in-thread", "ft.run() in a thread", "differs breaks breaks",
         "Flet alone refuses it, since it sets signal handlers; on the stages the app is shown, but on 2 and 3 it "
         "must be ended by force, because those handlers are missing",
         "call ft.run() on the main thread"),
    Rule("FB208", "own-loop", "An event loop of the app's own", "fine fine fine",
         "ft.run_async() runs in it, and returns when the UI has closed, no matter who handles the loop's signals",
         "nothing"),
    Rule("FB301", "page-url", "page.url", "fine fine differs",
         "it is the path of a socket, or tcp://localhost:PORT, and dartbridge://N on stage 3",
         "do not parse it; page.route is the part of the address that belongs to the app"),
    Rule("FB302", "client-address", "page.client_ip and page.client_user_agent", "fine fine fine",
         "in a window they are None, as with Flet's desktop client; with --ui web they are the browser's",
         "only a web server knows them"),
    Rule("FB303", "uploads", "Uploads", "fine fine fine",
         "in a window get_upload_url() raises NotImplementedError and upload_dir has no effect, as with Flet's desktop "
         "client; with --ui web they work as with Flet's web server",
         "in a window read the picked file by its path: the app and the client are on one machine"),
    Rule("FB304", "oauth", "page.login()", "fine fine fine",
         "in a window it raises NotImplementedError, as with Flet's desktop client; with --ui web it works as with "
         "Flet's web server",
         "in a window run the authorization in the app, with a redirect to a port of its own"),
    Rule("FB305", "window", "page.window", "fine fine fine",
         "with --ui desktop it works as with Flet's desktop client; with --ui web and --ui webview the page has no window "
         "of its own: size, position, prevent_close and close() have no effect, as with Flet's web server",
         "ask page.web before the app relies on it"),
    Rule("FB401", "relative-path", "Relative paths at run time", "fine fine fine",
         "the working folder is the one that fletbridge is started in, as for python app.py",
         "start from Path(__file__).parent, so that it works from any folder"),
    Rule("FB402", "display", "DISPLAY and WAYLAND_DISPLAY", "differs differs differs",
         "without a display Flet alone becomes a web server; here the app runs as usual, and the variable "
         "stays unset",
         "do not use it to decide whether there is a UI"),
    Rule("FB403", "flet-variables", "FLET_* variables", "differs differs differs",
         "FLET_PLATFORM and the address are in the environment, as in an app of flet build",
         "leave them to the host"),
    Rule("FB404", "stdin", "Standard input", "fine fine fine",
         "it is the standard input of fletbridge", "nothing"),
    Rule("FB405", "at-exit", "atexit and threads at the end", "fine fine fine",
         "ft.run() returns on every stage, and the code after it, atexit and non-daemon threads may take as long "
         "as they need; --end-deadline sets a limit, a second Ctrl-C ends it",
         "nothing"),
    Rule("FB501", "runtime-patch", "Libraries that change the process or the runtime", "fine fine fine",
         "the session runs on every stage and hosting with it", "nothing"),
    Rule("FB502", "other-python", "A module or a version of Python that is not there",
         "breaks breaks breaks", "this interpreter does not have it", "use another interpreter with --python"),
    Rule("FB503", "old-flet", "A version of Flet that a stage cannot run", "breaks breaks breaks",
         "it has no socket for its client, as Flet has since 0.4", "move the app to Flet 0.4 or later first"),
]
RULES = {rule.id: rule for rule in TABLE}
