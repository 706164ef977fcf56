"""What a name or an expression stands for. Room: python/fletbridge/check.

Scopes are Python's; a value is one of the classes below, or None where it cannot be told. Aliases,
`from x import y as z`, attributes of modules, the app's own modules, classes and their attributes are
followed. Trees are walked with a list, not by recursion: real code nests deeper than Python calls.
"""

import ast
import builtins

BUILTINS = frozenset(dir(builtins))
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
DEEPEST = 40  # steps from a name to what it stands for


class Outside:
    """Something that is not the app's, by its full name: `os.fork`."""

    def __init__(self, name):
        self.name = name


class OwnModule:
    def __init__(self, module):
        self.module = module


class Function:
    def __init__(self, node):
        self.node = node


class Class:
    def __init__(self, node):
        self.node = node


class Instance:
    def __init__(self, of):
        self.of = of  # Outside or Class


class Member:
    """An attribute of an instance of a class that is not the app's: `pool.submit`."""

    def __init__(self, of, name):
        self.of = of  # Outside: the class
        self.name = name


class Scope:
    def __init__(self, kind, node, parent, module):
        self.kind, self.node, self.parent, self.module = kind, node, parent, module
        self.names = {}   # name -> list of (what, node)
        self.elsewhere = {}  # name -> "global" or "nonlocal"
        self.stars = []   # modules of `from x import *`

    def bind(self, name, what, node):
        scope = self
        where = self.elsewhere.get(name)
        if where == "global":
            scope = self.module.scope
        elif where == "nonlocal":
            scope = self.parent
            while scope is not None and name not in scope.names:
                scope = scope.parent
            scope = scope or self
        scope.names.setdefault(name, []).append((what, node))

    def function(self):
        """The scope of the function, or of the module, that this code runs in."""
        scope = self
        while scope.kind in ("comprehension", "class"):
            scope = scope.parent
        return scope


class Module:
    """A file's tree with scopes: each node gets `.scope` and `.up`, functions and classes `.inner`."""

    def __init__(self, source):
        self.source = source
        self.name = source.name
        self.tree = source.tree
        self.scope = Scope("module", source.tree, None, self)
        self._by_type = {}
        self.functions = []
        self.classes = []
        self.imports = []     # (full name of the module, name within it or None, node)
        source.tree.scope, source.tree.up, source.tree.inner = self.scope, None, self.scope
        self._walk()

    def imported(self, name, level):
        """The full name in `from <level dots>name import ...`."""
        if not level:
            return name or ""
        parts = self.name.split(".") if self.name else []
        if not self.source.is_package:
            parts = parts[:-1]
        parts = parts[: len(parts) - (level - 1)] if level > 1 else parts
        return ".".join(parts + ([name] if name else []))

    def of(self, *types):
        """The nodes of these types, in the order of the text within each."""
        return [node for kind in types for node in self._by_type.get(kind, ())]

    def _walk(self):
        enter = {
            ast.ClassDef: self._enter_class, ast.Import: self._enter_import, ast.ImportFrom: self._enter_import,
            ast.Global: self._enter_elsewhere, ast.Nonlocal: self._enter_elsewhere, ast.Assign: self._enter_assign,
            ast.AnnAssign: self._enter_annotated, ast.NamedExpr: self._enter_walrus, ast.withitem: self._enter_with,
            ast.For: self._enter_for, ast.AsyncFor: self._enter_for, ast.comprehension: self._enter_for,
            ast.ExceptHandler: self._enter_named,
        }
        enter.update(dict.fromkeys(FUNCTIONS, self._enter_function))
        enter.update(dict.fromkeys(COMPREHENSIONS, self._enter_comprehension))
        for name in ("MatchAs", "MatchStar", "MatchMapping", "TypeVar", "ParamSpec", "TypeVarTuple"):
            if hasattr(ast, name):
                enter[getattr(ast, name)] = self._enter_named
        by_type = self._by_type
        todo = [(node, self.scope, self.tree) for node in reversed(self.tree.body)]
        while todo:
            node, scope, up = todo.pop()
            node.scope, node.up = scope, up
            kind = type(node)
            if kind in by_type:
                by_type[kind].append(node)
            else:
                by_type[kind] = [node]
            inside = enter[kind](node, scope) if kind in enter else None
            if inside is None:
                # Names and constants, of which a tree has most, hold nothing.
                if kind is not ast.Name and kind is not ast.Constant:
                    todo += [(child, scope, node) for child in reversed(children(node))]
            else:
                todo += [(child, inner, node) for child, inner in reversed(inside)]
        self.calls = by_type.get(ast.Call, [])

    def _enter_class(self, node, scope):
        scope.bind(node.name, "class", node)
        node.inner = Scope("class", node, scope, self)
        node.attributes = {}  # name -> values given to self.name in its methods
        self.classes.append(node)
        body = set(map(id, node.body))
        return [(child, node.inner if id(child) in body else scope) for child in children(node)]

    def _enter_comprehension(self, node, scope):
        node.inner = Scope("comprehension", node, scope, self)
        # Its loops first: their names are used in what stands before them.
        element = [child for child in children(node) if not isinstance(child, ast.comprehension)]
        return [(child, node.inner) for child in node.generators + element]

    def _enter_elsewhere(self, node, scope):
        for name in node.names:
            scope.elsewhere[name] = type(node).__name__.lower()

    def _enter_assign(self, node, scope):
        for target in node.targets:
            self._bind_target(target, node.value, scope)

    def _enter_annotated(self, node, scope):
        if isinstance(node.target, ast.Name):
            scope.bind(node.target.id, "annotated", node)
        else:
            self._bind_target(node.target, node.value, scope)

    def _enter_walrus(self, node, scope):
        while scope.kind == "comprehension":
            scope = scope.parent
        scope.bind(node.target.id, "value", node.value)

    def _enter_with(self, node, scope):
        if node.optional_vars is not None:
            self._bind_target(node.optional_vars, node.context_expr, scope)

    def _enter_for(self, node, scope):
        self._bind_target(node.target, None, scope)

    def _enter_named(self, node, scope):
        for field in ("name", "rest"):
            bound = getattr(node, field, None)
            if isinstance(bound, str):
                scope.bind(bound, "unknown", node)

    def _enter_function(self, node, scope):
        node.inner = Scope("function", node, scope, self)
        self.functions.append(node)
        if not isinstance(node, ast.Lambda):
            scope.bind(node.name, "function", node)
        arguments = node.args
        named = [*arguments.posonlyargs, *arguments.args]
        for argument in [*named, *arguments.kwonlyargs]:
            node.inner.bind(argument.arg, "parameter", argument)
            argument.of, argument.index = node, named.index(argument) if argument in named else None
        for argument in (arguments.vararg, arguments.kwarg):
            if argument is not None:
                node.inner.bind(argument.arg, "unknown", argument)
        body = node.body if isinstance(node.body, list) else [node.body]
        inner = {id(child) for child in body}
        return [(child, node.inner if id(child) in inner else scope)
                for child in children(node)]

    def _enter_import(self, node, scope):
        if isinstance(node, ast.Import):
            for alias in node.names:
                self.imports.append((alias.name, None, node))
                if alias.asname:
                    scope.bind(alias.asname, "import", alias.name)
                else:
                    scope.bind(alias.name.split(".")[0], "import", alias.name.split(".")[0])
            return
        name = self.imported(node.module, node.level)
        for alias in node.names:
            if alias.name == "*":
                scope.stars.append(name)
                self.imports.append((name, None, node))
            else:
                self.imports.append((name, alias.name, node))
                scope.bind(alias.asname or alias.name, "import", f"{name}.{alias.name}")

    def _bind_target(self, target, value, scope):
        if isinstance(target, ast.Name):
            scope.bind(target.id, "value" if value is not None else "unknown", value)
        elif isinstance(target, (ast.Tuple, ast.List)):
            values = value.elts if isinstance(value, (ast.Tuple, ast.List)) else []
            matching = len(values) == len(target.elts) and not any(
                isinstance(item, ast.Starred) for item in [*values, *target.elts])
            for number, item in enumerate(target.elts):
                self._bind_target(item, values[number] if matching else None, scope)
        elif isinstance(target, ast.Starred):
            self._bind_target(target.value, None, scope)
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            owner = class_of_self(target.value.id, scope)
            if owner is not None and value is not None:
                owner.attributes.setdefault(target.attr, []).append(value)


WITHOUT_CONTENT = (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop)


def children(node):
    """The nodes in it; without Load, Add and the like, which the trees share."""
    found = []
    for field in node._fields:
        value = getattr(node, field, None)
        if isinstance(value, list):
            found += [item for item in value if isinstance(item, ast.AST) and not isinstance(item, WITHOUT_CONTENT)]
        elif isinstance(value, ast.AST) and not isinstance(value, WITHOUT_CONTENT):
            found.append(value)
    return found


def class_of_self(name, scope):
    """The class whose method's first parameter `name` is, seen from `scope`, or None."""
    while scope is not None:
        if scope.kind == "function" and name in scope.names:
            method = scope.node
            arguments = [*method.args.posonlyargs, *method.args.args]
            is_method = (scope.parent.kind == "class" and arguments and arguments[0].arg == name
                         and scope.names[name][0][0] == "parameter"
                         and not any(getattr(d, "id", "") == "staticmethod"
                                     for d in getattr(method, "decorator_list", ())))
            return scope.parent.node if is_method else None
        scope = scope.parent
    return None


def full_name(name):
    """Flet's classes have one name each, whichever module of Flet's they are taken from."""
    first, _, rest = name.partition(".")
    if first == "flet" and rest:
        return "flet." + rest.rpartition(".")[2]
    return "os." + rest if first in ("posix", "nt") and rest else name


# What a call of these gives is, for us, the same as the thing named.
SAME_AS = {"multiprocessing.get_context": "multiprocessing"}


class Names:
    """Answers what an expression stands for, over all modules of the app."""

    def __init__(self, modules):
        self.modules = modules  # name -> Module
        self._known = {}

    def value(self, node, depth=0):
        if node is None or depth > DEEPEST:
            return None
        key = id(node)
        if key not in self._known:
            self._known[key] = None  # while it is being found out: a circle ends here
            self._known[key] = self._find(node, depth + 1)
        return self._known[key]

    def outside(self, node):
        """The full name of what is not the app's, or ''."""
        value = self.value(node)
        return value.name if isinstance(value, Outside) else ""

    def _find(self, node, depth):
        if isinstance(node, ast.Name):
            return self._lookup(node.id, node.scope, depth)
        if isinstance(node, ast.Attribute):
            return self._attribute(self.value(node.value, depth), node.attr, depth)
        if isinstance(node, ast.Call):
            return self._called(node, depth)
        if isinstance(node, ast.Lambda):
            return Function(node)
        if isinstance(node, (ast.Await, ast.NamedExpr)):
            return self.value(node.value, depth)
        if isinstance(node, ast.IfExp):
            return self.value(node.body, depth) or self.value(node.orelse, depth)
        if isinstance(node, ast.BoolOp):
            return next(filter(None, (self.value(v, depth) for v in node.values)), None)
        return None

    def _lookup(self, name, scope, depth):
        first = scope
        while scope is not None:
            # A class's names are seen by its own body alone.
            if name in scope.names and (scope.kind != "class" or scope is first):
                return self._bound(scope.names[name], depth)
            scope = scope.parent
        if name in BUILTINS:
            return Outside("builtins." + name)
        for star in reversed(first.module.scope.stars):
            value = self.by_name(star, depth)
            if isinstance(value, OwnModule):
                value = self._attribute(value, name, depth)
                if value is not None:
                    return value
            elif isinstance(value, Outside):
                return Outside(full_name(f"{star}.{name}"))
        return None

    def _bound(self, bindings, depth):
        imports = [node for what, node in bindings if what == "import"]
        if imports:  # `try: import x` / `except ImportError: x = None` is an import
            return self.by_name(imports[0], depth)
        for what, node in bindings:
            value = None
            if what == "function":
                value = Function(node)
            elif what == "class":
                value = Class(node)
            elif what == "value":
                value = self.value(node, depth)
            elif what == "annotated":
                value = self.value(node.value, depth) or self._of_type(node.annotation, depth)
            elif what == "parameter":
                owner = class_of_self(node.arg, node.of.inner)
                value = Instance(Class(owner)) if owner is not None else \
                    self._of_type(node.annotation, depth)
            if value is not None:
                return value
        return None

    def _of_type(self, annotation, depth):
        """An instance of what the annotation names; of the X in Optional[X] and X | None."""
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            name = annotation.value.strip()
            if not all(part.isidentifier() for part in name.split(".")):
                return None
            first, *rest = name.split(".")
            value = self._lookup(first, annotation.scope, depth)
            for part in rest:
                value = self._attribute(value, part, depth)
        elif isinstance(annotation, ast.Subscript):
            if self.outside(annotation.value) == "typing.Optional":
                return self._of_type(annotation.slice, depth)
            value = self.value(annotation.value, depth)
        elif isinstance(annotation, ast.BinOp):
            return self._of_type(annotation.left, depth) or self._of_type(annotation.right, depth)
        else:
            value = self.value(annotation, depth) if annotation is not None else None
        return Instance(value) if isinstance(value, (Outside, Class)) else None

    def by_name(self, name, depth=0):
        """What `import`ing this full name gives."""
        if name in self.modules:
            return OwnModule(self.modules[name])
        before, _, last = name.rpartition(".")
        if before and depth < DEEPEST:
            module = self.by_name(before, depth + 1)
            if isinstance(module, (OwnModule, Class)):
                return self._attribute(module, last, depth + 1)
        return Outside(full_name(name))

    def _attribute(self, of, name, depth):
        if isinstance(of, Outside):
            return Outside(full_name(f"{of.name}.{name}"))
        if isinstance(of, OwnModule):
            if name in of.module.scope.names:
                return self._bound(of.module.scope.names[name], depth)
            inner = f"{of.module.name}.{name}"
            if inner in self.modules:
                return OwnModule(self.modules[inner])
            return None
        if isinstance(of, Class):
            return self._class_attribute(of.node, name, depth)
        if isinstance(of, Instance):
            if isinstance(of.of, Outside):
                return Member(of.of, name)
            for value in of.of.node.attributes.get(name, ()):
                found = self.value(value, depth)
                if found is not None:
                    return found
            return self._class_attribute(of.of.node, name, depth)
        return None

    def _class_attribute(self, node, name, depth):
        for cls in self.family(node):
            if isinstance(cls, Outside):
                return Member(cls, name)
            if name in cls.inner.names:
                return self._bound(cls.inner.names[name], depth)
            for value in cls.attributes.get(name, ()):
                found = self.value(value, depth)
                if found is not None:
                    return found
        return None

    def family(self, node):
        """The class, then its bases, the app's own as nodes and the others as Outside."""
        todo, seen = [node], set()
        while todo:
            cls = todo.pop(0)
            if isinstance(cls, Outside):
                yield cls
                continue
            if id(cls) in seen:
                continue
            seen.add(id(cls))
            yield cls
            for base in cls.bases:
                value = self.value(base)
                if isinstance(value, Class):
                    todo.append(value.node)
                elif isinstance(value, Outside):
                    todo.append(value)

    def _called(self, node, depth):
        function = self.value(node.func, depth)
        if isinstance(function, Class):
            return Instance(function)
        if isinstance(function, Outside):
            name = function.name
            if name in ("builtins.__import__", "importlib.import_module") and node.args \
                    and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
                return self.by_name(node.args[0].value, depth)
            if name in ("functools.partial", "functools.wraps") and node.args:
                return self.value(node.args[0], depth)
            if name == "builtins.super" and not node.args:
                return self._super(node)
            if name in SAME_AS:
                return Outside(SAME_AS[name])
            return Instance(function)
        return None

    def _super(self, node):
        scope = node.scope
        while scope is not None and scope.kind != "class":
            scope = scope.parent
        if scope is None:
            return None
        for base in scope.node.bases:
            value = self.value(base)
            if isinstance(value, (Class, Outside)):
                return Instance(value)
        return None

    def is_a(self, value, *names):
        """Whether the value is an instance of one of these classes, which are not the app's."""
        if not isinstance(value, Instance):
            return False
        if isinstance(value.of, Outside):
            return value.of.name in names
        return any(isinstance(cls, Outside) and cls.name in names
                   for cls in self.family(value.of.node))
