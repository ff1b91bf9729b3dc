"""The list of modules with other names than their projects: each row is of use."""

from __future__ import annotations

import pytest

from blast_core.names import is_valid_name, normalize_name
from blast_project.module_names import KNOWN_NAMES


@pytest.mark.parametrize(("module", "project"), KNOWN_NAMES.items(), ids=list(KNOWN_NAMES))
def test_each_row_is_of_use(module: str, project: str) -> None:
    assert all(part.isidentifier() for part in module.split("."))
    assert is_valid_name(project)
    assert project == normalize_name(project)
    # Elsewhere these have older projects' names, or only the whole of them tells.
    same = {"Levenshtein", "google.auth", "path"}
    assert normalize_name(module) != project or module in same
