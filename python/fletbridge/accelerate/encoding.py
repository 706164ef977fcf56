"""What MessagePack asks for a control: the dictionary that stands for it, and the snapshots that Flet keeps of it.
The bytes are msgpack's own; dates, durations, and what cannot be sent, are left to Flet's code."""

import sys

_PROTOCOL = "flet.messaging.protocol:"
_VALUES = "flet.controls.value_types:"
_USERS = ["flet.messaging.flet_socket_server", "flet.messaging.flet_dart_bridge_server",
          "flet_web.fastapi.flet_app"]
RELIES = [_PROTOCOL + "configure_encode_object_for_msgpack", _PROTOCOL + "_get_root_dataclass_field",
          "dataclasses:is_dataclass", "dataclasses:fields", "enum:EnumType.__getattr__", "enum:_is_dunder"]
SPARSE = [_VALUES + "_ValueMeta.__instancecheck__", _VALUES + "_ValueMeta.__subclasscheck__"]


def apply(native):
    import dataclasses
    from enum import Enum

    from flet.messaging import protocol

    name = "configure_encode_object_for_msgpack"
    flet = getattr(protocol, name)
    # A Flet whose controls keep only what is not a default says so here.
    native.set_up_encoding(getattr(protocol, "_UNSET", None), Enum, dataclasses._FIELD)
    ours = getattr(native, name)(flet)
    for module in (protocol, *map(sys.modules.get, _USERS)):
        if getattr(module, name, None) is flet:
            setattr(module, name, ours)
