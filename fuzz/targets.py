"""The targets by name: what is checked, how inputs are changed, how large they may be."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from fuzz.mutators import Mutator

__all__ = ["TARGETS", "Target"]


class Target(NamedTuple):
    """One reader.

    Attributes:
        name: as on the command line.
        place: ``module:function`` of the check: it returns whether the input was accepted, and raises where something
            that must hold does not.
        mutator: ``module:function``; "" where the fuzzer's own will do.
        room: most bytes of an input.
        main: one of those that are run unless others are named.
    """

    name: str
    place: str
    mutator: str
    room: int
    main: bool = False

    def load(self) -> Callable[[bytes], bool]:
        """Import the check."""
        return cast("Callable[[bytes], bool]", _load(self.place))

    def load_mutator(self) -> Mutator | None:
        """Import the mutator, None for none."""
        return cast("Mutator", _load(self.mutator)) if self.mutator else None


def _load(place: str) -> object:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


TARGETS = {
    target.name: target
    for target in (
        Target("wheel", "fuzz.wheel_target:check_wheel", "fuzz.zip_mutator:mutate_wheel", 16 << 10, main=True),
        Target("dpp", "fuzz.container_targets:check_dpp", "fuzz.mutators:mutate_dpp", 8 << 10, main=True),
        Target("dpl", "fuzz.container_targets:check_dpl", "fuzz.mutators:mutate_dpl", 8 << 10, main=True),
        Target("dpx", "fuzz.container_targets:check_dpx", "fuzz.mutators:mutate_dpx", 4 << 10),
        Target("dpm", "fuzz.map_target:check_dpm", "fuzz.mutators:mutate_dpm", 4 << 10),
        Target("sdist", "fuzz.text_targets:check_sdist", "fuzz.tar_mutator:mutate_tar", 16 << 10),
        Target("page", "fuzz.text_targets:check_page", "", 4 << 10),
        Target("text", "fuzz.text_targets:check_text", "", 512),
        Target("pylock", "fuzz.text_targets:check_pylock", "", 4 << 10),
        Target("manifest", "fuzz.text_targets:check_manifest", "", 2 << 10),
        Target("requirements", "fuzz.text_targets:check_requirements", "", 1 << 10),
    )
}
