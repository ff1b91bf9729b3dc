"""Every setting of Blast in one table: where it may stand, what it may be, which variable and option go before it.

What reads files, what checks them, the help of ``blast config``, the JSON Schemas and the page of the guide all come
from here, so that none of them knows a setting that another does not.

A setting that decides what a lock holds belongs to the project alone: a lock is the same whoever makes it. One that is
about a machine or a person may stand in that person's ``config.toml``, and some in both.
"""

from __future__ import annotations

from blast_compat.policy_tables import CHOICES
from blast_core.tuples import NamedTuple

__all__ = [
    "BOTH",
    "PROJECT",
    "SETTINGS",
    "SETTINGS_BY_NAME",
    "USER",
    "Setting",
    "close_name",
    "setting_fault",
    "value_fault",
]

#: Where a setting may stand: in ``[tool.blast]`` and ``blast.toml``, in ``config.toml``, in all of them.
PROJECT, USER, BOTH = "project", "user", "both"

_LINK_MODES = ("auto", "fold", "hardlink", "clone", "copy")
_TYPES: dict[str, tuple[type, ...]] = {
    "switch": (bool,),
    "text": (str,),
    "path": (str,),
    "choice": (str,),
    "number": (int, float),
    "texts": (list,),
    "table": (dict,),
    "tables": (list,),
    "array": (list,),
    "any": (),
}
_WORDS = {
    "switch": "true or false",
    "text": "a text",
    "path": "a path",
    "choice": "a text",
    "number": "a number",
    "texts": "an array of texts",
    "table": "a table",
    "tables": "an array of tables",
    "array": "an array",
}


class Setting(NamedTuple):
    """One setting.

    Attributes:
        name: as it stands in a file.
        kind: ``switch``, ``text``, ``path``, ``choice``, ``number``, ``texts``, ``table``, ``tables``, ``array`` or
            ``any``.
        scope: ``PROJECT``, ``USER`` or ``BOTH``.
        help: one line.
        default: what holds where nobody says anything, in words.
        choices: of a choice.
        variable: that goes before every file; empty if there is none.
        option: that goes before the variable; empty if there is none.
    """

    name: str
    kind: str
    scope: str
    help: str
    default: str = ""
    choices: tuple[str, ...] = ()
    variable: str = ""
    option: str = ""


def _setting(
    name: str,
    kind: str,
    scope: str,
    help_: str,
    *,
    default: str = "",
    choices: tuple[str, ...] = (),
    variable: str = "",
    option: str = "",
) -> Setting:
    if option and not variable:
        variable = "BLAST_" + option.lstrip("-").replace("-", "_").upper()
    return Setting(name, kind, scope, help_, default, choices, variable, option)


#: In the order of the guide.
SETTINGS = (
    # What a project is.
    _setting("package", "switch", PROJECT, "Whether the project itself is installed", default="has a build system"),
    _setting("workspace", "table", PROJECT, "Members of the workspace: `members`, `exclude`"),
    _setting("sources", "table", PROJECT, "By name, where a requirement comes from"),
    _setting("index", "tables", PROJECT, "Indexes: `name`, `url`, `default`, `explicit`, `format`"),
    _setting("targets", "texts", PROJECT, "Platforms and Pythons to lock for", default="all", option="--target"),
    _setting("default-groups", "any", PROJECT, "Dependency groups that are installed unasked, or `all`",
             default="`dev`, if there is one"),
    _setting("conflicts", "array", PROJECT, "Extras and groups that are never installed together"),
    _setting(
        "lock", "choice", PROJECT, "Whether `pylock.toml` is written, too", default="both", choices=("both", "dpl")
    ),
    # Which versions and files count.
    _setting("resolution", "choice", PROJECT, "Which of the versions that fit", default="highest",
             choices=CHOICES["resolution"], option="--resolution"),
    _setting("prerelease", "choice", PROJECT, "When pre-releases count", default="if-necessary-or-explicit",
             choices=CHOICES["prerelease"], option="--prerelease"),
    _setting("prerelease-package", "table", PROJECT, "The same by project", option="--prerelease-package"),
    _setting("exclude-newer", "any", PROJECT, "Only files uploaded before a date, or `7 days` ago",
             option="--exclude-newer"),
    _setting("exclude-newer-package", "table", PROJECT, "The same by project; `false` for no limit",
             option="--exclude-newer-package"),
    _setting("constraint-dependencies", "texts", PROJECT, "Limits on what something else needs",
             option="--constraint-dependency"),
    _setting("override-dependencies", "texts", PROJECT, "Replace what anything needs of a project",
             option="--override-dependency"),
    _setting("build-constraint-dependencies", "texts", PROJECT, "Limits on what builds are done with",
             option="--build-constraint-dependency"),
    _setting("no-build", "switch", PROJECT, "Use no source distributions", default="false", option="--no-build"),
    _setting("no-build-package", "texts", PROJECT, "Of these projects none", option="--no-build-package"),
    _setting("no-binary", "switch", PROJECT, "Use no wheels", default="false", option="--no-binary"),
    _setting("no-binary-package", "texts", PROJECT, "Of these projects none", option="--no-binary-package"),
    _setting("only-binary", "any", PROJECT, "pip's word for no-build and no-build-package", option="--only-binary"),
    _setting("resolver", "choice", PROJECT, "What searches", default="pubgrub", choices=CHOICES["resolver"],
             option="--resolver"),
    # Builds.
    _setting("config-settings", "table", PROJECT, "For the backends of builds"),
    _setting("config-settings-package", "table", PROJECT, "The same by project"),
    _setting("no-build-isolation", "switch", PROJECT, "Build in the project's environment", default="false"),
    _setting("no-build-isolation-package", "texts", PROJECT, "Build these projects in the project's environment"),
    _setting("cache-keys", "array", PROJECT, "Which files decide that the project is built anew"),
    # Tasks and variables.
    _setting("tasks", "table", PROJECT, "Named commands, see [tasks](tasks.md)"),
    _setting("hooks", "table", PROJECT, "What runs after a sync: `post-sync`, see [hooks](tasks.md#hooks)"),
    _setting("tools", "table", PROJECT, "Command-line tools of the project, see [tools](tools.md#tools-of-a-project)"),
    _setting("env", "table", PROJECT, "Variables of what is run"),
    _setting("env-file", "any", PROJECT, "Files of variables of what is run", option="--env-file"),
    # Environments.
    _setting("envs", "table", PROJECT, "Named environments, see [named environments](named-environments.md)"),
    _setting("link-mode", "choice", BOTH, "How files reach an environment", default="auto", choices=_LINK_MODES,
             option="--link-mode"),
    _setting("link-mode-package", "table", PROJECT, "The same by distribution"),
    _setting("compile-bytecode", "any", BOTH, "When bytecode is compiled: `wait`, `background`, `never`",
             default="background", option="--compile-bytecode"),
    _setting("allow-overwrite", "switch", USER, "Of two files for one path take one", default="false",
             option="--allow-overwrite"),
    _setting("project-environment", "text", USER, "Where a project's environment is", default=".venv",
             variable="BLAST_PROJECT_ENVIRONMENT"),
    # The network.
    _setting("index-url", "text", USER, "The index instead of the configured ones", option="--index-url"),
    _setting("extra-index-url", "texts", USER, "Further indexes", variable="BLAST_EXTRA_INDEX_URL"),
    _setting("index-strategy", "choice", BOTH, "Which indexes count for a project that several have",
             default="first-index", choices=("first-index", "unsafe-first-match", "unsafe-best-match"),
             option="--index-strategy"),
    _setting("keyring-provider", "choice", BOTH, "How to ask the keyring", default="pip's, else auto",
             choices=("auto", "import", "subprocess", "disabled"), option="--keyring-provider"),
    _setting("python-downloads", "choice", BOTH, "When interpreters may be downloaded", default="automatic",
             choices=("automatic", "manual", "never"), variable="BLAST_PYTHON_DOWNLOADS"),
    _setting("python-preference", "text", BOTH, "Which interpreters are looked at, and in which order",
             variable="BLAST_PYTHON_PREFERENCE"),
    _setting("python-mirror", "text", BOTH, "Where interpreters are fetched from", variable="BLAST_PYTHON_MIRROR"),
    _setting("http-timeout", "number", USER, "Seconds without an answer", variable="BLAST_HTTP_TIMEOUT"),
    _setting("proxy", "text", USER, "Address of a proxy", variable="BLAST_PROXY"),
    _setting("cert", "path", USER, "Certificates to trust", variable="BLAST_CERT"),
    _setting("client-cert", "path", USER, "Certificate to show", variable="BLAST_CLIENT_CERT"),
    _setting("transport", "text", USER, "What makes connections", variable="BLAST_TRANSPORT"),
    _setting("allow-insecure-host", "texts", USER, "Hosts whose scripts may come without encryption",
             option="--allow-insecure-host"),
    _setting("offline", "switch", USER, "Never use the network", default="false", option="--offline"),
    # The store.
    _setting("home", "path", USER, "Where Blast keeps what outlives a project", variable="BLAST_HOME"),
    _setting("site-store", "path", USER, "A store that is only read", variable="BLAST_SITE_STORE"),
    _setting("lock-timeout", "number", USER, "Seconds to wait for another command", default="300",
             variable="BLAST_LOCK_TIMEOUT"),
    # What is shown.
    _setting("color", "choice", USER, "When to use colours", default="auto", choices=("auto", "always", "never"),
             option="--color"),
    _setting("quiet", "switch", USER, "Print nothing but errors and data", default="false", option="--quiet"),
    _setting("verbose", "number", USER, "Print more; 2 shows tracebacks", default="0", option="--verbose"),
    _setting("no-progress", "switch", USER, "Show no progress", default="false", option="--no-progress"),
    _setting("no-env-file", "switch", USER, "Read no files of variables", default="false", option="--no-env-file"),
)  # fmt: skip

SETTINGS_BY_NAME = {setting.name: setting for setting in SETTINGS}


def close_name(name: str, names: tuple[str, ...] | None = None) -> str:
    """Return the one of ``names``, all settings if None, that was probably meant by ``name``; "" if none is near."""
    import difflib

    known = list(SETTINGS_BY_NAME if names is None else names)
    spelled = name.replace("_", "-").lower()
    if spelled in known:
        return spelled
    return next(iter(difflib.get_close_matches(spelled, known, n=1, cutoff=0.6)), "")


def setting_fault(name: str, scope: str) -> tuple[str, str, str] | None:
    """Return what is wrong with naming ``name`` in a file of ``scope``: message, reason and hint; None for nothing."""
    setting = SETTINGS_BY_NAME.get(name)
    if setting is None:
        close = close_name(name)
        return (
            f"there is no setting '{name}'",
            "",
            f"did you mean '{close}'?" if close else "'blast config list' names all settings",
        )
    if setting.scope in {BOTH, scope}:
        return None
    if scope == PROJECT:
        reason, place = "it is about a machine or a person, not about a project", "config.toml"
    else:
        reason, place = "it decides what a lock holds, which is the same for everyone", "[tool.blast] or blast.toml"
    variable = f", or in {setting.variable}" if setting.variable else ""
    return f"'{name}' can't be set here", reason, f"write it in {place}{variable}"


def value_fault(setting: Setting, value: object) -> str:
    """Return what a value would have to be, where it is something else; "" where it is right."""
    types = _TYPES[setting.kind]
    if not types:
        return ""
    if not isinstance(value, types) or (isinstance(value, bool) and setting.kind != "switch"):
        return f"it must be {_WORDS[setting.kind]}"
    if setting.choices and value not in setting.choices:
        return f"it may be {', '.join(setting.choices)}"
    if setting.kind in {"texts", "tables"}:
        wanted = str if setting.kind == "texts" else dict
        if not all(isinstance(element, wanted) for element in _elements(value)):
            return f"it must be {_WORDS[setting.kind]}"
    return ""


def _elements(value: object) -> list[object]:
    return value if isinstance(value, list) else []
