"""What can't be run from memory files: libraries that open files by path in C, where nobody stands between.

Known are files by which such a library is recognised, whatever distribution brings it: wheels bundle the same few. What
the store holds already has paths, so nothing of this concerns it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["find_obstacle"]

_BY_END = {
    ".onnx": "ONNX Runtime opens its model",
    "/driver/package/cli.js": "Playwright's Node.js opens its program",
    "/freesansbold.ttf": "pygame opens its font",
    "/gdalvrt.xsd": "GDAL opens its data",
    "/libqoffscreen.so": "Qt looks for its plugins",
    "/libqxcb.so": "Qt looks for its plugins",
    "/libsndfile_arm64.so": "soundfile opens its library",
    "/libsndfile_x86_64.so": "soundfile opens its library",
    "/libtorch_cuda.so": "PyTorch's CUDA libraries open one another",
    "/proj.db": "PROJ opens its database",
}
_ENDS = tuple(_BY_END)


def find_obstacle(paths: Iterable[str]) -> str:
    """Return why files with these paths can't be used from memory; "" if nothing is known against it."""
    for path in paths:
        if path.endswith(_ENDS):
            return next(f"{why} by path, from C" for end, why in _BY_END.items() if path.endswith(end))
    return ""
