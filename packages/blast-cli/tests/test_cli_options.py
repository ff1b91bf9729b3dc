"""Every option has a variable, every variable is checked like the option, and every command explains itself."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from blast_cli import application
from blast_cli.catalog import COMMANDS, GROUPS, Command, find_command
from blast_cli.options import settings_from
from blast_cli.parsing import make_parser, parse
from blast_core.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from blast_cli.outcome import Outcome

BY_NAME = {command.name: command for command in COMMANDS}
each_command = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name.replace(" ", "-"))


def configure_of(command: Command) -> Any:
    return import_module(f"blast_cli.commands.{command.module}").configure


def actions(command: Command) -> list[argparse.Action]:
    return [
        action
        for action in make_parser(command, configure_of(command))._actions
        if action.option_strings and action.dest != "help"
    ]


def words_for(command: Command) -> list[str]:
    """Return a word for each argument that the command can't do without."""
    parser = make_parser(command, configure_of(command))
    return [
        "1" if action.type is int else next(iter(action.choices or ("x",)))
        for action in parser._actions
        if not action.option_strings and action.nargs not in {"?", "*", "..."}
    ]


def parsed(name: str, *words: str, **environ: str) -> argparse.Namespace:
    command = BY_NAME[name]
    return parse(command, configure_of(command), [*words_for(command), *words], environ)


@each_command
def test_every_long_option_has_a_variable(command: Command) -> None:
    for action in actions(command):
        long = next((name for name in action.option_strings if name.startswith("--")), None)
        if long is None:
            continue
        variable = f"BLAST_{long[2:].replace('-', '_').upper()}"
        choices: list[str] = [value for value in action.choices or () if value != action.default]
        value = choices[0] if choices else "1"
        found = getattr(parsed(command.name, **{variable: value}), action.dest)
        by_option = getattr(parsed(command.name, long, *([] if action.nargs == 0 else [value])), action.dest)
        assert found == by_option, variable
        assert found != action.default or action.const == action.default


@each_command
def test_every_option_is_explained(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert all(action.help for action in actions(command))
    with pytest.raises(SystemExit) as caught:
        application.run([*command.name.split(), "-h"])
    out, err = capsys.readouterr()
    assert caught.value.code == 0
    assert f"usage: blast {command.name}" in out
    assert command.help in out
    assert err == ""


@pytest.mark.parametrize(
    ("variables", "name", "dest", "value"),
    [
        pytest.param({"BLAST_GROUP": "docs test"}, "sync", "group", ["docs", "test"], id="list"),
        pytest.param({"BLAST_OFFLINE": "0"}, "sync", "offline", False, id="off"),
        pytest.param({"BLAST_OFFLINE": ""}, "sync", "offline", False, id="empty"),
        pytest.param({"BLAST_OFFLINE": "No"}, "sync", "offline", False, id="no"),
        pytest.param({"BLAST_OFFLINE": "yes"}, "sync", "offline", True, id="yes"),
        pytest.param({"BLAST_VERBOSE": "2"}, "sync", "verbose", 2, id="count"),
        pytest.param({"BLAST_COLOR": ""}, "sync", "color", "auto", id="empty choice"),
        pytest.param({"BLAST_LIB": "1"}, "init", "kind", "lib", id="one of two"),
        pytest.param({"BLAST_LIB": "0"}, "init", "kind", "app", id="not the other of two"),
        pytest.param({"BLAST_KIND": "lib"}, "init", "kind", "app", id="an inner name"),
        pytest.param({"BLAST_HELP": "1"}, "sync", "quiet", False, id="help has none"),
    ],
)
def test_variables(variables: dict[str, str], name: str, dest: str, value: object) -> None:
    assert getattr(parsed(name, **variables), dest) == value


def test_the_command_line_counts_more_than_a_variable() -> None:
    assert parsed("sync", "--color", "always", BLAST_COLOR="never").color == "always"
    assert parsed("init", "--app", BLAST_LIB="1").kind == "app"


@pytest.mark.parametrize("variable", ["BLAST_COLOR", "BLAST_LINK_MODE"])
@pytest.mark.parametrize("words", [["sync"], ["sync", "--dry-run"], ["venv", "x"]], ids=" ".join)
def test_a_variable_is_held_to_the_options_choices(
    variable: str, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, "purple")
    assert application.run(words) == 2
    assert f"{variable} is 'purple'" in capsys.readouterr().err


@each_command
def test_an_unknown_option_is_wrong_usage(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert application.run([*command.name.split(), "--banana", *words_for(command)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert f"'blast {command.name} -h' explains the command" in err


@each_command
def test_options_are_not_abbreviated(command: Command) -> None:
    """An abbreviation of today is ambiguous tomorrow."""
    with pytest.raises(UsageError):
        parsed(command.name, "--quie")


@each_command
def test_every_command_has_a_module_and_stands_in_the_help(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    module = import_module(f"blast_cli.commands.{command.module}")
    assert set(module.__all__) >= {"configure", "execute"}
    assert find_command([*command.name.split(), "x"]) == (command, len(command.name.split()))
    group = command.name.split()[0]
    if group in GROUPS:
        for words in ([group], [group, "-h"], ["help", group]):
            assert application.run(words) == 0
            assert f"\n  {command.name} " in capsys.readouterr().out
    for words in ([], ["-h"], ["--help"], ["help"]):
        assert application.run(words) == 0
        shown = capsys.readouterr().out
        assert f"\n  {group if group in GROUPS else command.name} " in shown
        assert re.search(rf"\b{command.name.split()[-1]}\b", shown)
    assert application.run(["help", *command.name.split()]) == 0
    assert capsys.readouterr().out.startswith(f"usage: blast {command.name} ")


def test_names_of_commands_and_groups_are_unique_and_groups_have_commands() -> None:
    names = [command.name for command in COMMANDS]
    assert len(names) == len(set(names))
    assert {name.split()[0] for name in names if " " in name} - {"lock"} == set(GROUPS)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["snyc"], "sync"),
        (["instal"], "install"),
        (["pip", "instal"], "pip install"),
        (["hsitory"], "history"),
        (["pi"], "pip"),
        (["dpp", "verfy"], "dpp verify"),
        (["uninstall"], "remove"),
        (["tool", "rm"], "tool uninstall"),
        (["python", "use"], "python pin"),
        (["help", "snyc"], "sync"),
        (["zzzz"], ""),
    ],
)
def test_a_near_command_is_suggested(words: list[str], meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert application.run(words) == 2
    err = capsys.readouterr().err
    asked = words[1:] if words[0] == "help" else words
    assert f"there is no command '{' '.join(asked)}'" in err
    assert (f"did you mean 'blast {meant}'?" if meant else "lists the commands") in err


def test_settings_come_from_options_and_variables(tmp_path: Path) -> None:
    arguments = parsed("sync", "--project", str(tmp_path), "--offline")
    environ = {"BLAST_HOME": "/h", "BLAST_PROJECT_ENVIRONMENT": "e", "BLAST_INDEX_URL": "https://index.invalid/"}
    settings = settings_from(arguments, environ)
    assert (settings.directory, settings.home, settings.environment) == (str(tmp_path), "/h", "e")
    assert (settings.offline, settings.index_url) == (True, "https://index.invalid/")
    with pytest.raises(UsageError, match="no such directory"):
        settings_from(parsed("sync", "--project", str(tmp_path / "no")), environ)


def test_an_interrupt_has_its_own_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def interrupted(*_: object) -> Outcome:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(application, "settings_from", interrupted)
    assert application.run(["cache", "dir"]) == 130
    assert capsys.readouterr().err.startswith("interrupted")


@pytest.mark.parametrize(
    "error", [FileNotFoundError(2, "No such file", "/x"), PermissionError(13, "Denied"), OSError("odd")]
)
def test_errors_of_the_operating_system_are_said_in_words(
    error: OSError, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def refused(*_: object) -> Outcome:
        raise error

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(application, "settings_from", refused)
    assert application.run(["cache", "dir"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: the operating system refused" + (" at /x" if error.filename else ""))
    assert "Traceback" not in err
    assert application.run(["cache", "dir", "-vv"]) == 1
    assert "Traceback" in capsys.readouterr().err


@each_command
def test_no_argument_takes_the_place_of_another(command: Command) -> None:
    """Two of one name overwrite each other: where the files go would become the directory that all is done in."""
    parser = make_parser(command, configure_of(command))
    # Several options may set one value, such as --color and --no-color; an argument stands alone.
    options = {action.dest for action in parser._actions if action.option_strings}
    assert options.isdisjoint(action.dest for action in parser._actions if not action.option_strings)
    own = make_parser(command, lambda _: None)
    common = {action.dest for action in own._actions}
    mine = [
        action
        for action in parser._actions
        if action.option_strings not in [each.option_strings for each in own._actions]
    ]
    assert common.isdisjoint(action.dest for action in mine)
