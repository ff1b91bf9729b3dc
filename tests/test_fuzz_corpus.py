"""What fuzzing has found to be worth keeping still holds: every input of the corpus, and every seed, is tried again."""

from __future__ import annotations

import random

import pytest

from blast_core.archive.headers import parse_headers
from fuzz.corpus import CORPUS, choose, pack, read_corpus, unpack
from fuzz.covering import choose_covering, trace_steps
from fuzz.seeds import make_seeds
from fuzz.tar_mutator import seal_tar
from fuzz.targets import TARGETS
from fuzz.zip_mutator import cross_wheels, mutate_wheel, take_apart

_EVERY_TARGET = pytest.mark.parametrize("target", TARGETS)


@_EVERY_TARGET
def test_what_was_kept_still_holds(target: str) -> None:
    inputs = read_corpus(target)
    assert inputs
    check = TARGETS[target].load()
    for content in inputs:
        check(content)


@_EVERY_TARGET
def test_seeds_are_accepted_and_refused(target: str) -> None:
    check = TARGETS[target].load()
    answers = [check(content) for content in make_seeds(target)]
    assert any(answers)


def _shuffle(source: random.Random, data: bytes, room: int) -> bytes:
    """Stand in for libFuzzer's own mutation of bytes."""
    changed = bytearray(data)
    for _ in range(source.randint(1, 4)):
        if changed:
            changed[source.randrange(len(changed))] = source.randrange(256)
    return bytes(changed[:room])


@_EVERY_TARGET
def test_changed_seeds_hold_too(target: str) -> None:
    """A few hundred executions, of which `dev.py fuzz` makes millions."""
    chosen = TARGETS[target]
    check, mutate = chosen.load(), chosen.load_mutator()
    source = random.Random(14)
    seeds = [seed for seed in make_seeds(target) if len(seed) <= chosen.room]
    for number in range(200):
        seed = source.choice(seeds)
        if mutate is None:
            check(_shuffle(source, seed, chosen.room))
        else:
            check(mutate(seed, chosen.room, number, lambda data, room: _shuffle(source, data, room)))


def test_the_corpus_is_small_and_packed_in_one_way() -> None:
    files = [path for path in CORPUS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 300_000
    for path in CORPUS.glob("*.pack"):
        assert path.stem in TARGETS
        inputs = unpack(path.read_bytes())
        assert pack(reversed(inputs)) == pack(inputs)
        assert unpack(pack(inputs)) == inputs


def test_the_smallest_inputs_are_kept() -> None:
    inputs = [bytes([number]) * size for number, size in enumerate((5, 1, 900, 30))]
    assert choose(inputs, 10_000) == sorted(inputs, key=len)
    assert choose([random.Random(1).randbytes(900), b"x"], 100) == [b"x"]


def test_inputs_that_add_nothing_are_not_kept() -> None:
    def check(content: bytes) -> bool:
        return bool(parse_headers(content).fields)

    inputs = [b"Name: a", b"Name: b", b"Version: 1", b"Name: a\n b", b"x", b"Name: a\n c\n d"]
    chosen = choose_covering(check, inputs)
    assert chosen[0] == b"x"
    assert len(chosen) == len(set(chosen)) < len(inputs)
    assert sum(b"\n" in content for content in chosen) == 1
    assert trace_steps(check, b"Name: a") == trace_steps(check, b"Name: b")


def test_a_wheel_taken_apart_is_the_same_wheel() -> None:
    check = TARGETS["wheel"].load()
    seed = make_seeds("wheel")[0]
    names = [member.name for member in take_apart(seed)]
    assert names == [
        "sample/__init__.py", "sample-1.0.dist-info/METADATA", "sample-1.0.dist-info/WHEEL",
        "sample-1.0.dist-info/RECORD",
    ]  # fmt: skip
    accepted = sum(check(mutate_wheel(seed, 1 << 14, number, lambda data, _: data)) for number in range(60))
    assert 5 < accepted < 55, "most changes make no wheel, or none does any harm"
    assert take_apart(cross_wheels(seed, make_seeds("wheel")[1], 1 << 14, 1))
    assert take_apart(b"PK") == []


def test_a_sealed_archive_is_one() -> None:
    seed = make_seeds("sdist")[2]
    assert seal_tar(seed) == seed
    damaged = b"\0" * 8 + seed[8:]
    assert TARGETS["sdist"].load()(seal_tar(damaged)) in {True, False}
