"""Killed or refused by the disk at every single operation: whole objects or none, and the next run succeeds."""

import errno
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from blast_core import fs
from blast_core.errors import StoreError
from blast_pm.store.testing import check_store, ensure_wheels
from blast_pm.testing import make_wheel

pytestmark = [
    pytest.mark.crash,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="NO FORK: the child that dies is a fork"),
]

_MOST = 400


@pytest.fixture
def wheels(tmp_path: Path) -> list[str]:
    return [
        make_wheel(tmp_path, "one", "1", files={"one/__init__.py": b"1", "one/sub/data": b"d" * 999}),
        make_wheel(tmp_path, "two", "2", files={"two.py": b"2"}),
    ]


@pytest.fixture(autouse=True)
def _no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count the flushing of the disk, and leave it: hundreds of them would wait for what else the machine writes."""
    monkeypatch.setattr(fs, "sync_filesystem", fs._begin)


def _in_child(work: Callable[[], object], fault: str) -> int:
    """Do ``work`` in a fork with ``fault`` armed: 0 if it came to its end, 1 after a StoreError, minus the signal."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 2
    try:
        fs.set_fault(fault)
        work()
        code = 0
    except StoreError as error:
        code = 1 if error.hint or "meta.lmdb" in error.message else 3
    except BaseException as error:  # noqa: BLE001 - the parent looks at the code
        sys.stderr.write(f"{error!r}\n")
    finally:
        os._exit(code)


def test_killed_at_any_operation(tmp_path: Path, wheels: list[str]) -> None:
    for number in range(1, _MOST):
        home = str(tmp_path / f"home{number}")
        code = _in_child(partial(ensure_wheels, home, wheels, workers=1), f"kill:{number}")
        if code == 0:
            break
        assert code == -signal.SIGKILL
        check_store(home)
        assert len(ensure_wheels(home, wheels)) == 2
        assert check_store(home) == 2
        assert os.listdir(os.path.join(home, "tmp")) == []
    else:
        pytest.fail("it never came to its end")
    assert number > 30


@pytest.mark.parametrize("name", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("lasting", ["", "+"], ids=["once", "for-good"])
def test_refused_at_any_operation(tmp_path: Path, wheels: list[str], name: str, lasting: str) -> None:
    unfailing = 0
    for number in range(1, _MOST):
        home = str(tmp_path / f"home{number}")
        code = _in_child(partial(ensure_wheels, home, wheels, workers=1), f"fail:{number}{lasting}:{name}")
        if code == 0 and lasting:
            break
        assert code in (0, 1)
        if code:
            assert check_store(home) < 2
        assert len(ensure_wheels(home, wheels)) == 2
        assert check_store(home) == 2
        assert os.listdir(os.path.join(home, "tmp")) == []
        unfailing = 0 if code else unfailing + 1
        if unfailing > 20:
            break
    else:
        pytest.fail("it never came to its end")


def test_killed_while_another_works(tmp_path: Path, wheels: list[str]) -> None:
    home = str(tmp_path / "home")
    more = [*wheels, *(make_wheel(tmp_path, f"p{number}", "1") for number in range(4))]
    for number in range(5, 160, 12):
        _in_child(lambda: ensure_wheels(home, more, workers=4), f"kill:{number}")
        check_store(home)
    assert len(ensure_wheels(home, more)) == 6
    assert check_store(home) == 6


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ENOSPC", "BLAST_HOME"),
        ("EDQUOT", "quota"),
        ("EROFS", "read-only"),
        ("EXDEV", "one file system"),
        ("EMFILE", "ulimit -n"),
        ("EACCES", "BLAST_HOME"),
    ],
)
def test_the_reason_and_a_hint_are_given(tmp_path: Path, wheels: list[str], name: str, says: str) -> None:
    fs.set_fault(f"fail:14:{name}")
    try:
        with pytest.raises(StoreError) as caught:
            ensure_wheels(str(tmp_path / "home"), wheels, workers=1)
    finally:
        fs.set_fault(None)
    assert says in caught.value.hint
    assert os.strerror(getattr(errno, name)) in caught.value.reason
    assert caught.value.details["errno"] == name


def test_a_read_only_store_is_used_and_says_so(tmp_path: Path, wheels: list[str]) -> None:
    home = str(tmp_path / "home")
    ensure_wheels(home, wheels)
    fs.set_fault("fail:1+:EROFS")
    try:
        assert len(ensure_wheels(home, wheels)) == 2
        with pytest.raises(StoreError) as caught:
            ensure_wheels(home, [make_wheel(tmp_path, "three", "3")])
    finally:
        fs.set_fault(None)
    assert "read-only" in caught.value.hint
