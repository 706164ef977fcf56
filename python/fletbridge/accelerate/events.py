"""What Flet asks again at each event and could know from the last one: the type of an event, what its class's fields
are, how many parameters its handler takes, the page of a control. Flet's own code still dispatches the event."""

_BASE = "flet.controls.base_control:BaseControl."
RELIES = [
    "flet.controls.control_event:get_event_field_type", "flet.utils.typing_utils:eval_type",
    "flet.utils.object_model:get_param_count", _BASE + "page", _BASE + "parent", _BASE + "_trigger_event",
    "inspect:signature", "inspect:Signature.from_callable", "inspect:_signature_from_callable",
    "inspect:_signature_from_function", "inspect:_signature_bound_method", "inspect:unwrap",
    "flet.utils.from_dict:from_dict", "flet.utils.from_dict:convert_value", "typing:get_type_hints",
    "typing:get_origin", "typing:get_args", "typing:_eval_type", "typing:ForwardRef._evaluate", "typing:_type_check",
]


def apply(native):
    import typing
    from enum import Enum
    from sys import modules

    from flet.controls import base_control, control_event, page
    from flet.utils import object_model

    conversion = modules["flet.utils.from_dict"]  # flet.utils has the function by that name

    control = base_control.BaseControl
    _replace(native.get_event_field_type, "get_event_field_type", control_event, base_control)
    _replace(native.get_param_count, "get_param_count", object_model, base_control)
    _replace(native.get_type_hints, "get_type_hints", conversion)
    _replace(native.convert_value, "convert_value", conversion)
    for name in ("parent", "page"):
        flet = vars(control)[name]
        ours = getattr(native, "get_" + name)(flet.fget)
        setattr(control, name, property(ours, flet.fset, flet.fdel, flet.__doc__))
    native.set_up_events(typing, page, control, conversion, Enum)


def _replace(make, name, *modules):
    """In each module that has it, also by a name of its own."""
    flet = getattr(modules[0], name)
    ours = make(flet)
    for module in modules:
        if getattr(module, name, None) is flet:
            setattr(module, name, ours)
