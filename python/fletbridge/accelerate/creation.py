"""Making a control and comparing it with another: what the __init__() and the __eq__() that dataclasses wrote for its
class do, without a step for each of the sixty properties that are not given. Classes that have them of their own are
left to Python."""

_BASE = "flet.controls.base_control:"
_VALUES = "flet.controls.value_types:"
RELIES = [_BASE + "_apply_control", _BASE + "BaseControl.__post_init__", _BASE + "BaseControl.init",
          _BASE + "BaseControl.__hash__", _VALUES + "Prop.__get__", _VALUES + "Prop.__set__",
          _VALUES + "_install_props", "dataclasses:_init_fn", "dataclasses:_field_init", "dataclasses:_field_assign",
          "dataclasses:_cmp_fn", "dataclasses:_tuple_str"]


def _found(cls, name):
    return next((vars(owner)[name] for owner in cls.__mro__ if name in vars(owner)), None)


def _describer(base, control, prop):
    from dataclasses import _FIELD_CLASSVAR, _FIELD_INITVAR, MISSING

    wrapper = next(code for code in control._apply_control.__code__.co_consts
                   if getattr(code, "co_name", None) == "new_post_init")

    def cells(function):
        return dict(zip(function.__code__.co_freevars, (cell.cell_contents for cell in function.__closure__ or ())))

    def describe(cls):
        """None, or what set_up_creation() asks of a class."""
        owner = next(owner for owner in cls.__mro__ if "__init__" in vars(owner))
        init = vars(owner)["__init__"]
        code = getattr(init, "__code__", None)
        fields = [field for field in getattr(owner, "__dataclass_fields__", {}).values()
                  if field._field_type is not _FIELD_CLASSVAR]
        if code is None or code.co_filename != "<string>" or code.co_flags & 0x0c or not fields:
            return None
        # The text that dataclasses makes stores each field by name, and calls __post_init__ last.
        stored = [field for field in fields if field._field_type is not _FIELD_INITVAR and
                  (field.init or field.default_factory is not MISSING)]
        if code.co_names != (*(field.name for field in stored), "__post_init__"):
            return None
        if cls.__setattr__ is not object.__setattr__ or cls.__getattribute__ is not object.__getattribute__:
            return None
        positional = code.co_argcount - 1
        arguments = code.co_varnames[1:code.co_argcount + code.co_kwonlyargcount]
        numbers = {name: number for number, name in enumerate(arguments)}
        given = [field.name for field in fields if field.init]
        if sorted(given) != sorted(arguments):
            return None
        initvars = [field.name for field in fields if field._field_type is _FIELD_INITVAR and field.init]
        if initvars != ["ref"]:
            return None
        defaults = dict(zip(arguments[:positional][::-1], (init.__defaults__ or ())[::-1]))
        defaults.update(init.__kwdefaults__ or {})
        if defaults.get("ref", 0) is not None:
            return None
        required = tuple(name not in defaults for name in arguments)
        steps = []
        for field in stored:
            number = numbers.get(field.name, -1)
            if field.default_factory is not MISSING:
                steps.append((field.name, number, field.default_factory, None, False))
                continue
            default = defaults.get(field.name)
            descriptor = _found(cls, field.name)
            unset = field.name in defaults and type(descriptor) is prop and descriptor.name == field.name and \
                descriptor.default is default and bool(default == default)
            steps.append((field.name, number, None, default, unset))
        post, function = [], _found(cls, "__post_init__")
        while getattr(function, "__code__", None) is wrapper:
            inside = cells(function)
            if inside["post_init_args"] < 1:
                return None
            post.append((inside["type_name"], inside["isolated"]))
            function = inside["orig_post_init"]
        if function is not vars(base)["__post_init__"]:
            return None
        return (numbers, positional, required, tuple(steps), tuple(post), numbers["ref"],
                _found(cls, "init") is vars(base)["init"])

    return describe


def _comparison(prop):
    import dataclasses

    def describe(cls):
        """None, or the (name, whether it is a Prop, its default) of what the class compares, in order."""
        owner = next(owner for owner in cls.__mro__ if "__eq__" in vars(owner))
        fields = [field for field in getattr(owner, "__dataclass_fields__", {}).values()
                  if field._field_type is dataclasses._FIELD and field.compare]
        if not fields or getattr(cls.__eq__, "__code__", None) != dataclasses._cmp_fn(
                "__eq__", "==", dataclasses._tuple_str("self", fields), dataclasses._tuple_str("other", fields),
                globals={}).__code__:
            return None
        if cls.__getattribute__ is not object.__getattribute__ or \
                _found(cls, "__class__") is not vars(object)["__class__"]:
            return None
        told = []
        for field in fields:
            held = _found(cls, field.name)
            if type(held) is prop and held.name == field.name:
                told.append((field.name, True, held.default))
            elif hasattr(type(held), "__set__"):
                return None
            else:
                told.append((field.name, False, None))
        return tuple(told)

    return describe


def apply(native, note=None):
    from flet.controls import base_control, id_counter, value_types

    native.set_up_creation(base_control.BaseControl, id_counter.ControlId.next,
                           _describer(base_control.BaseControl, base_control, value_types.Prop))
    base_control._install_props = native._install_props(base_control._install_props)
    native.take_props(value_types.Prop)
    native.set_up_equality(base_control.BaseControl, _comparison(value_types.Prop), note)
