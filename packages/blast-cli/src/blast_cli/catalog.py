"""The commands: their names, the modules that hold them, and a line of help each.

A module of ``blast_cli.commands`` has ``configure(parser)`` and ``execute(arguments, context) -> Outcome``; it is
imported only when its command is asked for.
"""

from __future__ import annotations

from blast_core.tuples import NamedTuple

__all__ = ["COMMANDS", "GROUPS", "Command", "find_command"]


class Command(NamedTuple):
    """One command.

    Attributes:
        name: one word, or two for a command of a group.
        module: below ``blast_cli.commands``.
        help: one line.
    """

    name: str
    module: str
    help: str


COMMANDS = (
    Command("init", "init", "Make a new project"),
    Command("add", "add", "Add requirements to the project, lock and sync"),
    Command("remove", "remove", "Remove requirements from the project, lock and sync"),
    Command("lock", "lock", "Resolve the project's requirements into blast.lock and pylock.toml"),
    Command("sync", "sync", "Make the environment what the lock says"),
    Command("install", "install", "Lock and sync"),
    Command("run", "run", "Run a command in the project's environment"),
    Command("build", "build", "Build source distributions and wheels"),
    Command("publish", "publish", "Upload distributions to an index"),
    Command("version", "version", "Show the version of the project, or change it"),
    Command("task", "task", "Run a task of the project, or list its tasks"),
    Command("shell", "shell", "Start a shell with the project's environment active"),
    Command("hook", "hook", "Print a script by which a shell enters environments by itself"),
    Command("venv", "venv", "Make a bare virtual environment"),
    Command("undo", "undo", "Take back the last change of the environment, the manifest and the lock"),
    Command("redo", "redo", "Take back the last undo"),
    Command("rollback", "rollback", "Go to a kept generation of the environment"),
    Command("history", "history", "List the generations of the environment"),
    Command("diff", "diff", "Show what differs between two generations"),
    Command("tree", "tree", "Show what the project needs as a tree"),
    Command("why", "why", "Say who needs a package, and what holds its version"),
    Command("outdated", "outdated", "List what there are newer versions of, and who holds them back"),
    Command("export", "export", "Write the lock, or a part of it, for other tools"),
    Command("pip install", "pip_install", "Install distributions into an environment"),
    Command("pip uninstall", "pip_uninstall", "Remove distributions from an environment"),
    Command("pip sync", "pip_sync", "Make an environment hold what pinned requirements say, and nothing else"),
    Command("pip list", "pip_list", "List the distributions of an environment"),
    Command("pip freeze", "pip_freeze", "Print the distributions of an environment as requirements"),
    Command("pip show", "pip_show", "Show what is known of installed distributions"),
    Command("pip check", "pip_check", "Say whether what is installed fits together"),
    Command("pip tree", "pip_tree", "Show what is installed as a tree"),
    Command("pip compile", "pip_compile", "Resolve requirement files into pinned requirements"),
    Command("python install", "python_install", "Download and install interpreters"),
    Command("python list", "python_list", "List the interpreters of this machine, and those that can be installed"),
    Command("python find", "python_find", "Print the path of the interpreter that would be used"),
    Command("python pin", "python_pin", "Write which interpreter a directory, a project or the user wants"),
    Command("python upgrade", "python_upgrade", "Install the newest patch level of installed interpreters"),
    Command("python uninstall", "python_uninstall", "Remove interpreters that Blast installed"),
    Command("python dir", "python_dir", "Print where interpreters are installed"),
    Command("python update-shell", "python_update_shell", "Put the directory of programs on PATH in the shell's files"),
    Command("python shims", "python_shims", "Make programs called python that run with a project's packages"),
    Command("env list", "env_list", "List the environments that have names"),
    Command("env dir", "env_dir", "Print where an environment is"),
    Command("env remove", "env_remove", "Remove environments that have names"),
    Command("tool run", "tool_run", "Run a command-line tool from an environment of its own (bx)"),
    Command("tool install", "tool_install", "Install a command-line tool, to be run by its name"),
    Command("tool upgrade", "tool_upgrade", "Bring installed tools to newer versions"),
    Command("tool list", "tool_list", "List the installed tools"),
    Command("tool uninstall", "tool_uninstall", "Remove installed tools"),
    Command("tool dir", "tool_dir", "Print where tools are"),
    Command("cache dir", "cache_dir", "Print where the store lies"),
    Command("cache size", "cache_size", "Print how large the store is, and what of it is whose"),
    Command("cache gc", "cache_gc", "Remove what no environment needs and nobody used for a while"),
    Command("cache prune", "cache_prune", "Remove what no environment needs, however young it is"),
    Command("cache clear", "cache_clear", "Remove projects from the store, or everything"),
    Command("cache verify", "cache_verify", "Compare the store with what was stored, and mend it"),
    Command("cache why", "cache_why", "Say why distributions are in the store"),
    Command("memstore start", "memstore_start", "Run a store that holds distributions in memory for many runners"),
    Command("memstore stop", "memstore_stop", "Have the memory store end"),
    Command("memstore status", "memstore_status", "Say whether a memory store runs, and how full it is"),
    Command("memstore put", "memstore_put", "Put files into the memory store"),
    Command("memstore list", "memstore_list", "List what the memory store holds"),
    Command("memstore evict", "memstore_evict", "Remove records from the memory store"),
    Command("memstore dump", "memstore_dump", "Write what the memory store holds into one file"),
    Command("memstore restore", "memstore_restore", "Put what a dump holds back into the memory store"),
    Command("self version", "self_version", "Say which Blast this is, what runs it, and where its things are"),
    Command("self doctor", "self_doctor", "Find what is wrong with store, project and environment, and mend it"),
    Command("self hook", "self_hook", "Let an interpreter get a program's packages by itself where BLAST=1 is set"),
    Command("self view", "self_view", "Make what programs import from without an environment, and say where it is"),
    Command("lock show", "lock_show", "Show a lock"),
    Command("config list", "config_list", "List the settings that somebody set, and where"),
    Command("config get", "config_get", "Print a setting, and say where it comes from"),
    Command("config set", "config_set", "Write a setting where it belongs"),
    Command("config path", "config_path", "List the files of settings"),
    Command("config schema", "config_schema", "Print the JSON Schema of the settings"),
    Command("dpp pack", "dpp_pack", "Turn a wheel into a DPP"),
    Command("dpp unpack", "dpp_unpack", "Unpack a DPP into a directory"),
    Command("dpp inspect", "dpp_inspect", "Show what a DPP holds"),
    Command("dpp verify", "dpp_verify", "Check every digest of a DPP"),
    Command("dpp optimize", "dpp_optimize", "Recompress a DPP with Zstandard"),
    Command("dpp to-wheel", "dpp_to_wheel", "Turn a DPP back into a wheel"),
    Command("dx encode", "dx_encode", "Compile pyproject.toml into pyproject.dx"),
    Command("dx decode", "dx_decode", "Turn pyproject.dx back into TOML"),
    Command("map show", "map_show", "Show where imports lie for programs without an environment"),
    Command("completions", "completions", "Print a script by which a shell completes Blast's words"),
)

GROUPS = {
    "pip": "The pip interface",
    "python": "Interpreters",
    "env": "Named environments",
    "tool": "Command-line tools",
    "cache": "The store",
    "memstore": "The package memory store",
    "self": "Blast itself",
    "config": "Settings",
    "dpp": "Distributions as DPP files",
    "dx": "Compiled manifests",
    "map": "Module maps of programs without an environment",
}


def find_command(words: list[str]) -> tuple[Command | None, int]:
    """Return the command that ``words`` begin with and how many words name it; None and 0 if there is none."""
    by_name = {command.name: command for command in COMMANDS}
    for count in (2, 1):
        command = by_name.get(" ".join(words[:count]))
        if command is not None and len(words) >= count:
            return command, count
    return None, 0
