"""Makes the methods of this package known to peft by name, as its own are."""

from typing import Any


def register() -> None:
    """Registers every method of this package with peft; a second call changes nothing."""
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
    from peft.utils import register_peft_method

    from harness.weights.peft_methods.bottleneck import BottleneckModel
    from harness.weights.peft_methods.bottleneck_config import BottleneckConfig
    from harness.weights.peft_methods.reft import ReftModel
    from harness.weights.peft_methods.reft_config import ReftConfig

    methods: list[tuple[str, Any, Any]] = [
        ("bottleneck", BottleneckConfig, BottleneckModel),
        ("reft", ReftConfig, ReftModel),
    ]
    for name, config, model in methods:
        if add_peft_type(name.upper()) not in PEFT_TYPE_TO_CONFIG_MAPPING:
            register_peft_method(name=name, config_cls=config, model_cls=model)


def add_peft_type(name: str) -> Any:
    """The member `name` of peft's PeftType, which is added if it is absent.

    `register_peft_method` demands that its method is a member, but enums can't be extended in a documented way. This
    does what `enum` does for a member in a class body: the value, the attribute, and the three tables of lookups.
    """
    from peft.utils.peft_types import PeftType

    if name not in PeftType.__members__:
        member = str.__new__(PeftType, name)
        member._name_, member._value_, member._sort_order_ = name, name, len(PeftType)
        type.__setattr__(PeftType, name, member)  # EnumType's own refuses to touch members
        PeftType._member_names_.append(name)
        PeftType._member_map_[name] = member
        PeftType._value2member_map_[name] = member
    return PeftType[name]
