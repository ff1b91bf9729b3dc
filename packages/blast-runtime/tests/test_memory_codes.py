"""Code objects that the processes of one run share."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading

import pytest

from blast_runtime.memory.codes import SIZE, VARIABLE, Codes, open_codes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="NO MEMORY FILES: only Linux has them")


@pytest.fixture
def codes() -> Codes:
    descriptor = os.memfd_create("codes")
    os.ftruncate(descriptor, SIZE)
    return Codes(descriptor)


def _value(codes: Codes, key: int) -> object:
    code = codes.find(key)
    return None if code is None else eval(code)


def _add_many(codes: Codes, begin: int) -> None:
    for key in range(begin, begin + 400):
        codes.add(key, compile(f"{key} * 2", f"file {key}", "eval"))


def test_what_one_adds_another_finds(codes: Codes) -> None:
    assert codes.find(7) is None
    codes.add(7, compile("6 * 7", "<test>", "eval"))
    codes.add(7, compile("1", "<test>", "eval"))
    assert _value(codes, 7) == 42
    other = open_codes({VARIABLE: str(codes.descriptor)})
    assert other is not None
    assert _value(other, 7) == 42
    assert other.find(8) is None


def test_many_processes_and_threads_add_at_once(codes: Codes) -> None:
    context = multiprocessing.get_context("fork")
    # Each range twice, by different processes.
    processes = [context.Process(target=_add_many, args=(codes, begin % 3 * 400)) for begin in range(6)]
    threads = [threading.Thread(target=_add_many, args=(codes, 1200 + number * 400)) for number in range(2)]
    for process in processes:
        process.start()
    for thread in threads:
        thread.start()
    for process in processes:
        process.join()
    for thread in threads:
        thread.join()
    assert [process.exitcode for process in processes] == [0] * 6
    assert all(_value(codes, key) == key * 2 for key in range(2000))


def test_what_is_no_such_file_is_left_alone() -> None:
    read, write = os.pipe()
    for value in ("", "nothing", str(read), "99999"):
        assert open_codes({VARIABLE: value}) is None
    assert open_codes({}) is None
    os.close(read)
    os.close(write)


def test_a_closed_descriptor_costs_the_sharing_alone(codes: Codes) -> None:
    os.close(codes.descriptor)
    codes.add(1, compile("1", "<test>", "eval"))
    assert codes.find(1) is None
