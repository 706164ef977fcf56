"""Which of the app's functions run on Flet's event loop, which in threads, which in other processes.
Room: python/fletbridge/check.

Flet 0.70 and later call `main`, handlers and life-cycle methods on the event loop, whether they are
async or not; `page.run_thread`, `threading` and executors call in threads. From these roots the calls
are followed through the app's own functions.
"""

import ast

from .names import FUNCTIONS, Class, Function, Instance, Member, Outside

LOOP, THREAD, PROCESS = "loop", "thread", "process"

STARTS_FLET = {"flet.run", "flet.app", "flet.run_async", "flet.app_async"}
LIFE_CYCLE = {"did_mount", "will_unmount", "before_update", "build", "init", "did_update"}
THREAD_POOLS = {"concurrent.futures.ThreadPoolExecutor", "concurrent.futures.thread.ThreadPoolExecutor",
                "multiprocessing.pool.ThreadPool", "multiprocessing.dummy.Pool"}
PROCESS_POOLS = {"concurrent.futures.ProcessPoolExecutor", "multiprocessing.Pool", "multiprocessing.pool.Pool",
                 "concurrent.futures.process.ProcessPoolExecutor"}
POOL_METHODS = {"submit", "map", "apply", "apply_async", "map_async", "imap", "imap_unordered",
                "starmap", "starmap_async"}
# Called with a function that then runs elsewhere: name -> (place or keyword of the function, context).
TAKES_FUNCTION = {
    "threading.Thread": ((1, "target"), THREAD),
    "threading.Timer": ((1, "function"), THREAD),
    "_thread.start_new_thread": ((0, "function"), THREAD),
    "asyncio.to_thread": ((0, "func"), THREAD),
    "multiprocessing.Process": ((1, "target"), PROCESS),
    "flet.run": ((0, "main"), LOOP),
    "flet.run_async": ((0, "main"), LOOP),
    "flet.app": ((0, "target"), LOOP),
    "flet.app_async": ((0, "target"), LOOP),
    "flet.use_effect": ((0, "setup"), LOOP),
}
# The same for methods, by their name alone, since their class is often unknown.
METHOD_TAKES_FUNCTION = {
    "run_thread": ((0, "handler"), THREAD),
    "run_in_executor": ((1, "func"), THREAD),
    "run_task": ((0, "handler"), LOOP),
    "call_soon": ((0, "callback"), LOOP),
    "call_soon_threadsafe": ((0, "callback"), LOOP),
    "call_later": ((1, "callback"), LOOP),
}


def owner(node):
    """The function whose body this node runs in, or None at the level of the module."""
    scope = node.scope.function()
    return scope.node if isinstance(scope.node, FUNCTIONS) else None


def argument(call, place, keyword):
    """The argument at this place or of this name, or None."""
    for item in call.keywords:
        if item.arg == keyword:
            return item.value
    if place is not None and place < len(call.args) and \
            not any(isinstance(item, ast.Starred) for item in call.args[:place + 1]):
        return call.args[place]
    return None


class Contexts:
    def __init__(self, names, modules):
        self.names = names
        self.modules = modules
        self.of = {}          # function node -> set of contexts
        self.why = {}         # (function node, context) -> what made it so: (text, node)
        self.handlers = {}    # function node -> how it was registered
        self.flet_mains = {}  # function node -> the call of ft.run
        self.uses_flet = {id(m): any(name.split(".")[0] == "flet" for name, _, _ in m.imports)
                          for m in modules}
        self._calls_of = {}   # function node -> calls of it
        self._calls_in = {}   # function node -> calls in it
        for module in modules:
            for call in module.calls:
                inside = owner(call)
                if inside is not None:
                    self._calls_in.setdefault(inside, []).append(call)
                target = self.function(call.func)
                if target is not None:
                    self._calls_of.setdefault(target, []).append(call)
        self._pages = {}
        for module in modules:
            self._find_roots(module)
        self._spread()

    # -- what runs where

    def function(self, node):
        """The app's own function that this expression stands for, or None."""
        value = self.names.value(node)
        if isinstance(value, Function):
            return value.node
        if isinstance(value, Class):
            method = self.names._class_attribute(value.node, "__init__", 0)
            return method.node if isinstance(method, Function) else None
        return None

    def is_in(self, node, context):
        inside = owner(node)
        return inside is not None and context in self.of.get(inside, ())

    def path(self, function, context):
        """How the function comes to run there: 'handler of on_click, called by save'."""
        return self.why.get((function, context), "")

    def _root(self, node, context, why):
        function = self.function(node) if node is not None else None
        if function is not None:
            self._add(function, context, why)
        return function

    def _add(self, function, context, why):
        contexts = self.of.setdefault(function, set())
        if context in contexts:
            return
        contexts.add(context)
        self.why[function, context] = why

    def _find_roots(self, module):
        for call in module.calls:
            self._root_of_call(call)
        for node in module.of(ast.Assign, ast.AnnAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Attribute) and target.attr.startswith("on_") \
                        and self._may_be_control(target.value):
                    self._handler(node.value, target.attr)
        for cls in module.classes:
            family = list(self.names.family(cls))
            bases = {c.name for c in family if isinstance(c, Outside)}
            for item in cls.body:
                if not isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    continue
                if item.name == "run" and bases & {"threading.Thread", "threading.Timer"}:
                    self._add(item, THREAD, f"is what the thread {cls.name} runs")
                elif item.name == "run" and "multiprocessing.Process" in bases:
                    self._add(item, PROCESS, f"is what the process {cls.name} runs")
                elif item.name in LIFE_CYCLE and any(b.startswith("flet.") for b in bases):
                    self._add(item, LOOP, f"is called by Flet ({cls.name}.{item.name})")
        for function in module.functions:
            for decorator in getattr(function, "decorator_list", ()):
                name = self.names.outside(decorator.func if isinstance(decorator, ast.Call) else decorator)
                if name == "flet.component":
                    self._add(function, LOOP, "is a component")

    def _root_of_call(self, call):
        for item in call.keywords:
            if item.arg and item.arg.startswith("on_") and self._may_make_control(call.func):
                self._handler(item.value, item.arg)
        value = self.names.value(call.func)
        name = value.name if isinstance(value, Outside) else ""
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if name in TAKES_FUNCTION:
            (place, keyword), context = TAKES_FUNCTION[name]
            if name == "threading.Thread":
                place = 1
            given = argument(call, place, keyword)
            if given is None and name in ("flet.app", "flet.app_async"):
                given = argument(call, None, "main")
            function = self._root(given, context, self._words(name, context))
            if name in STARTS_FLET:
                self._root(argument(call, None, "before_main"), LOOP, "is called by Flet before main")
                if function is not None:
                    self.flet_mains[function] = call
        elif isinstance(value, Member) and method in POOL_METHODS and \
                value.of.name in THREAD_POOLS | PROCESS_POOLS:
            context = THREAD if value.of.name in THREAD_POOLS else PROCESS
            self._root(argument(call, 0, "func"), context,
                       "runs in a pool of threads" if context == THREAD else "runs in another process")
        elif method in METHOD_TAKES_FUNCTION and not isinstance(value, Function) and not name:
            (place, keyword), context = METHOD_TAKES_FUNCTION[method]
            if method == "run_in_executor" and self._is_process_pool(argument(call, 0, "executor")):
                context = PROCESS
            self._root(argument(call, place, keyword), context, f"is given to {method}()")
        elif method in ("subscribe", "subscribe_topic") and isinstance(call.func.value, ast.Attribute) \
                and call.func.value.attr == "pubsub":
            given = argument(call, 1 if method == "subscribe_topic" else 0, "handler")
            function = self.function(given) if given is not None else None
            if function is not None:
                # Flet calls a sync subscriber in a thread of its executor.
                self._add(function, LOOP if isinstance(function, ast.AsyncFunctionDef) else THREAD,
                          "is given to pubsub." + method + "()")
        elif method == "on" and len(call.args) == 2 and self.is_page(call.func.value):
            self._handler(call.args[1], "on(...)")

    def _is_process_pool(self, node):
        value = self.names.value(node) if node is not None else None
        return isinstance(value, Instance) and isinstance(value.of, Outside) and value.of.name in PROCESS_POOLS

    @staticmethod
    def _words(name, context):
        if name in STARTS_FLET:
            return "is the app's main"
        if name == "flet.use_effect":
            return "is an effect"
        return f"is started by {name}" if context == THREAD else "runs in another process"

    def _handler(self, node, event):
        for one in ([node.body, node.orelse] if isinstance(node, ast.IfExp) else [node]):
            function = self._root(one, LOOP, f"is a handler of {event}")
            if function is not None:
                self.handlers.setdefault(function, event)

    def _may_make_control(self, function):
        """Whether calling this may make one of Flet's controls: it does not if it is another library's."""
        value = self.names.value(function)
        if isinstance(value, Outside):
            return value.name.startswith("flet.")
        if isinstance(value, Member):
            return value.of.name.startswith("flet.")
        return True

    def _may_be_control(self, node):
        value = self.names.value(node)
        if isinstance(value, Instance):
            if isinstance(value.of, Outside):
                return value.of.name.startswith("flet.")
            bases = [c.name for c in self.names.family(value.of.node) if isinstance(c, Outside)]
            return not bases or any(b.startswith("flet.") for b in bases)
        if isinstance(value, (Outside, Member)):
            return getattr(value, "name", "").startswith("flet.") or (
                isinstance(value, Member) and value.of.name.startswith("flet."))
        return True

    def _spread(self):
        todo = list(self.of)
        seen = set()
        while todo:
            function = todo.pop()
            for context in list(self.of[function]):
                if (function, context) in seen:
                    continue
                seen.add((function, context))
                for call in self._calls_in.get(function, ()):
                    called = self.function(call.func)
                    if called is None or called in self.handlers and context == LOOP:
                        continue
                    if context not in self.of.get(called, ()):
                        name = getattr(function, "name", "a lambda")
                        # A coroutine that a thread makes runs there only with a loop of its own.
                        self._add(called, context, f"is called by {name}, which {self.why[function, context]}")
                        todo.append(called)
        # What no root reaches: a coroutine can only run on a loop, and in an app of Flet's it is Flet's.
        rest = [f for m in self.modules for f in m.functions
                if isinstance(f, ast.AsyncFunctionDef) and f not in self.of]
        for function in rest:
            self._add(function, LOOP, "is async")
        if rest:
            self._spread()

    # -- what is what

    def is_page(self, node, depth=0):
        """Whether the expression is Flet's page, as far as the source shows it."""
        key = id(node)
        if key in self._pages:
            return self._pages[key]
        self._pages[key] = False  # a circle
        self._pages[key] = depth < 20 and self._find_page(node, depth)
        return self._pages[key]

    def _find_page(self, node, depth):
        value = self.names.value(node)
        if value is not None:
            return self.names.is_a(value, "flet.Page", "flet.BasePage", "flet.PageView") or (
                isinstance(value, Member) and value.name == "page" and value.of.name.startswith("flet."))
        if isinstance(node, ast.Name):
            return self._name_is_page(node, depth)
        if isinstance(node, ast.Attribute):
            return self._attribute_is_page(node, depth)
        return False

    def _name_is_page(self, node, depth):
        scope = node.scope
        while scope is not None and node.id not in scope.names:
            scope = scope.parent
        if scope is None:
            return False
        for what, bound in scope.names[node.id]:
            if what == "value" and self.is_page(bound, depth + 1):
                return True
            if what == "annotated" and bound.value is not None and self.is_page(bound.value, depth + 1):
                return True
            if what == "parameter" and bound.annotation is None and self._parameter_is_page(bound, depth):
                return True
        return False

    def _parameter_is_page(self, parameter, depth):
        function = parameter.of
        if function in self.flet_mains and parameter.index == 0:
            return True
        calls = self._calls_of.get(function, ())
        place = parameter.index
        is_method = function.inner.parent.kind == "class"
        given = []
        for call in calls:
            shift = 1 if is_method and place is not None and isinstance(call.func, (ast.Attribute, ast.Name)) \
                and not self._is_class_itself(call.func) else 0
            given.append(argument(call, None if place is None else place - shift, parameter.arg))
        given = [one for one in given if one is not None]
        if given:
            return any(self.is_page(one, depth + 1) for one in given)
        module = function.scope.module
        return parameter.arg == "page" and self.uses_flet[id(module)]

    def _is_class_itself(self, func):
        return isinstance(func, ast.Attribute) and isinstance(self.names.value(func.value), Class)

    def _attribute_is_page(self, node, depth):
        if node.attr not in ("page", "_page", "_page_"):
            base = self.names.value(node.value)
            if isinstance(base, Instance) and isinstance(base.of, Class):
                return any(self.is_page(v, depth + 1) for v in base.of.node.attributes.get(node.attr, ()))
            return False
        base = self.names.value(node.value)
        if isinstance(base, Instance) and isinstance(base.of, Class):
            given = base.of.node.attributes.get(node.attr, ())
            if given:
                return any(self.is_page(v, depth + 1) for v in given)
            return any(isinstance(c, Outside) and c.name.startswith("flet.")
                       for c in self.names.family(base.of.node))
        if base is not None:
            return isinstance(base, Instance) and isinstance(base.of, Outside) and \
                base.of.name.startswith("flet.")
        # `e.page` in a handler
        return isinstance(node.value, ast.Name) and self.uses_flet[id(node.scope.module)]

    def is_control(self, node):
        value = self.names.value(node)
        if isinstance(value, Instance):
            if isinstance(value.of, Outside):
                return value.of.name.startswith("flet.") and value.of.name[5:6].isupper()
            return any(isinstance(c, Outside) and c.name.startswith("flet.")
                       for c in self.names.family(value.of.node))
        return False
