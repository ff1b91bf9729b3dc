"""Thirty popular packages do something real: in an environment, without one, and from memory, on four interpreters.

A few of them always run, on the interpreter of the tests. All of them on every interpreter take a quarter of an hour,
so they run only where ``BLAST_TESTS_PACKAGES`` names a file, to which the outcomes are appended as rows of a table:
``BLAST_TESTS_PACKAGES=/tmp/table.md python3 -m pytest tests/acceptance/test_popular_packages.py``.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = [pytest.mark.acceptance, pytest.mark.network]

# What a project is asked to do, by the name that it is installed by.
_SNIPPETS = {
    "numpy": """
import numpy as np
from numpy.linalg import solve
a = np.array([[3.0, 1.0], [1.0, 2.0]])
assert np.allclose(solve(a, [9.0, 8.0]), [2.0, 3.0])
assert np.fft.rfft(np.ones(8))[0].real == 8
""",
    "pandas": """
import io
import pandas as pd
frame = pd.read_csv(io.StringIO("k,v\\na,1\\nb,2\\na,3\\n"))
assert frame.groupby("k")["v"].sum().to_dict() == {"a": 4, "b": 2}
assert str(pd.Timestamp("2024-02-28") + pd.Timedelta(days=1))[:10] == "2024-02-29"
""",
    "scipy": """
import numpy as np
from scipy import integrate, optimize, sparse, stats
assert abs(optimize.brentq(lambda x: x * x - 2, 0, 2) - 2**0.5) < 1e-9
assert abs(integrate.quad(np.sin, 0, np.pi)[0] - 2) < 1e-9
assert sparse.csr_matrix(np.eye(3)).nnz == 3
assert abs(stats.norm.cdf(0) - 0.5) < 1e-12
""",
    "scikit-learn": """
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
x, y = load_iris(return_X_y=True)
assert LogisticRegression(max_iter=500).fit(x, y).score(x, y) > 0.9
assert RandomForestClassifier(20, random_state=0).fit(x, y).score(x, y) > 0.9
""",
    "matplotlib": """
import io
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
figure, axes = plt.subplots()
axes.plot([1, 2, 3], label="$x^2$")
axes.legend()
out = io.BytesIO()
figure.savefig(out)
assert out.getvalue().startswith(b"\\x89PNG") and len(out.getvalue()) > 5000
""",
    "pydantic": """
from pydantic import BaseModel, ValidationError
class User(BaseModel):
    name: str
    age: int = 3
assert User.model_validate_json('{"name": "a", "age": "4"}').age == 4
try:
    User(name=[])
except ValidationError as error:
    assert error.error_count() == 1
else:
    raise AssertionError
""",
    "cryptography": """
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
key = Fernet(Fernet.generate_key())
assert key.decrypt(key.encrypt(b"x")) == b"x"
private = ec.generate_private_key(ec.SECP256R1())
private.public_key().verify(private.sign(b"m", ec.ECDSA(hashes.SHA256())), b"m", ec.ECDSA(hashes.SHA256()))
""",
    "orjson": """
import orjson
assert orjson.loads(orjson.dumps({"a": [1, 2.5, None, "\\u00e9"]})) == {"a": [1, 2.5, None, "\\u00e9"]}
""",
    "lxml": """
from lxml import etree, html
assert etree.fromstring("<a><b c='1'/></a>").xpath("//b/@c") == ["1"]
assert html.fromstring("<p>x<br>y").text_content() == "xy"
style = etree.XSLT(etree.XML('<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
    '<xsl:template match="/"><r><xsl:value-of select="/a"/></r></xsl:template></xsl:stylesheet>'))
assert str(style(etree.XML("<a>t</a>"))).strip().endswith("<r>t</r>")
""",
    "pillow": """
import io
from PIL import Image, ImageDraw, ImageFont
image = Image.new("RGB", (40, 20), "white")
ImageDraw.Draw(image).text((2, 2), "hi", fill="black", font=ImageFont.load_default())
for kind in ("PNG", "JPEG", "WEBP"):
    out = io.BytesIO()
    image.save(out, kind)
    assert Image.open(io.BytesIO(out.getvalue())).resize((4, 2)).size == (4, 2)
""",
    "sqlalchemy": """
from sqlalchemy import create_engine, select, String
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
class Base(DeclarativeBase): pass
class Row(Base):
    __tablename__ = "t"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(9))
engine = create_engine("sqlite://")
Base.metadata.create_all(engine)
with Session(engine) as session:
    session.add_all([Row(name="a"), Row(name="b")])
    session.commit()
    assert [row.name for row in session.scalars(select(Row).order_by(Row.name))] == ["a", "b"]
""",
    "django": """
import django
from django.conf import settings
from django.http import HttpResponse
from django.urls import path
urlpatterns = [path("", lambda request: HttpResponse("hello"))]
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="k", USE_TZ=True,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}])
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.contrib.auth.models import User
User.objects.create_user("u", password="p")
from django.test import Client
assert Client().get("/").content == b"hello" and User.objects.get().check_password("p")
""",
    "flask": """
from flask import Flask, render_template_string
app = Flask("a")
app.add_url_rule("/", "i", lambda: render_template_string("{{ 1 + 1 }}"))
assert app.test_client().get("/").data == b"2"
""",
    "fastapi": """
import asyncio
from fastapi import FastAPI
import httpx
app = FastAPI()
@app.get("/{n}")
def read(n: int): return {"n": n}
async def ask():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
        return (await client.get("/4")).json(), (await client.get("/x")).status_code
assert asyncio.run(ask()) == ({"n": 4}, 422)
""",
    "pytest": """
import os, subprocess, sys, tempfile
with tempfile.TemporaryDirectory() as place:
    with open(os.path.join(place, "test_it.py"), "w") as file:
        file.write("import pytest\\n@pytest.mark.parametrize('n', [1, 2])\\ndef test_it(n, tmp_path): assert n\\n")
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", place]
    run = subprocess.run(line, capture_output=True, text=True)
assert "2 passed" in run.stdout, run.stdout + run.stderr
""",
    "requests": """
import http.server, threading
import requests
class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers(); self.wfile.write(b"hi")
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Hello)
threading.Thread(target=server.serve_forever, daemon=True).start()
session = requests.Session()
session.trust_env = False
assert session.get(f"http://127.0.0.1:{server.server_port}/").text == "hi"
assert "BEGIN CERTIFICATE" in open(requests.certs.where()).read()
import ssl
ssl.create_default_context(cafile=requests.certs.where())
""",
    "httpx": """
import httpx
client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200, json={"p": request.url.path})))
assert client.get("http://x/y").json() == {"p": "/y"}
httpx.Client().close()
""",
    "rich": """
import io
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
console = Console(file=io.StringIO(), width=60)
table = Table("a", "b")
table.add_row("1", ":smiley:")
console.print(table, Syntax("x = 1", "python"))
assert "\\U0001f603" in console.file.getvalue()
""",
    "click": """
import click
from click.testing import CliRunner
@click.command()
@click.option("--n", type=int)
def run(n): click.echo(n + 1)
assert CliRunner().invoke(run, ["--n", "2"]).output == "3\\n"
""",
    "jinja2": """
import jinja2
env = jinja2.Environment(autoescape=True)
assert env.from_string("{% for x in xs %}{{ x }};{% endfor %}").render(xs=[1, "<"]) == "1;&lt;;"
""",
    "attrs": """
import attr, attrs
@attrs.define
class P:
    x: int = attrs.field(validator=attrs.validators.instance_of(int))
assert attrs.asdict(P(1)) == {"x": 1} and attr.s
""",
    "pyyaml": """
import yaml
assert yaml.__with_libyaml__
assert yaml.load("a: [1, 2]", yaml.CSafeLoader) == yaml.safe_load(yaml.safe_dump({"a": [1, 2]}))
""",
    "boto3": """
import boto3
from botocore.stub import Stubber
client = boto3.client("s3", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="y")
with Stubber(client) as stub:
    stub.add_response("list_buckets", {"Buckets": [{"Name": "b"}]})
    assert client.list_buckets()["Buckets"][0]["Name"] == "b"
assert "dynamodb" in boto3.Session().get_available_services()
""",
    "psycopg2-binary": """
import psycopg2
from psycopg2 import sql, extensions
assert psycopg2.__libpq_version__ >= 90000
try:
    psycopg2.connect(host="127.0.0.1", port=1, connect_timeout=2)
except psycopg2.OperationalError:
    pass
assert extensions.quote_ident
""",
    "aiohttp": """
import asyncio
from aiohttp import ClientSession, web
async def main():
    app = web.Application()
    async def hello(request): return web.json_response({"q": request.query["q"]})
    app.router.add_get("/", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    async with ClientSession() as session, session.get(f"http://127.0.0.1:{port}/?q=1") as answer:
        assert await answer.json() == {"q": "1"}
    await runner.cleanup()
asyncio.run(main())
""",
    "beautifulsoup4": """
from bs4 import BeautifulSoup
for parser in ("html.parser", "lxml"):
    assert [a["href"] for a in BeautifulSoup("<a href=x>1</a><a href=y>", parser).find_all("a")] == ["x", "y"]
""",
    "networkx": """
import networkx as nx
assert nx.shortest_path(nx.path_graph(5), 0, 4) == [0, 1, 2, 3, 4]
assert abs(sum(nx.pagerank(nx.cycle_graph(4)).values()) - 1) < 1e-6
""",
    "sympy": """
from sympy import Symbol, diff, integrate, latex, sin, solve
x = Symbol("x")
assert solve(x**2 - 4) == [-2, 2] and diff(sin(x), x) == sin(x).diff(x)
assert latex(integrate(x, x)) == r"\\frac{x^{2}}{2}"
""",
    "ipython": """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
assert shell.run_cell("6 * 7").result == 42
assert "sum" in shell.Completer.global_matches("su")
""",
    "black": """
import subprocess, sys
import black
assert black.format_str("x = {  'a':1 }", mode=black.Mode()) == 'x = {"a": 1}\\n'
run = subprocess.run([sys.executable, "-m", "black", "-q", "-"], input="a  =  1", capture_output=True, text=True)
assert run.stdout == "a = 1\\n", run.stderr
""",
}
_FEW = ("numpy", "pydantic", "orjson", "jinja2", "attrs", "click")
_MODES = ("folded", "no-env", "in-memory")
_PYTHONS = ("3.9", "3.11", "3.12", "3.13")

# Each in a process of its own, which begins as a copy of this one.
_DRIVER = """
import json, os, sys, time, traceback

def attempt(name, snippet):
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            sys.stdout = sys.stderr
            module = type(sys)("snippet")
            sys.modules["snippet"] = module
            exec(compile(snippet, name, "exec"), module.__dict__)
        except BaseException:
            os.write(writer, traceback.format_exc()[-3000:].encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as said:
        text = said.read()
    status = os.waitpid(child, 0)[1]
    return text or (f"ended with {status}" if status else "")

snippets = json.load(open(sys.argv[1]))
print(json.dumps({name: attempt(name, text) for name, text in snippets.items()}))
"""


def find_python(minor: str) -> str:
    """Return an interpreter of this version, or skip."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = [*sorted(root.glob(f"versions/{minor}.*/bin/python")), shutil.which(f"python{minor}")]
    if sys.version_info[:2] == tuple(map(int, minor.split("."))):
        found.insert(0, sys.executable)
    if not any(found):
        pytest.skip(f"NO INTERPRETER: there is no Python {minor}")
    return str(next(each for each in found if each))


def make_project(place: Path, python: str, minor: str, names: tuple[str, ...]) -> Blast:
    """Return the command in a project that asks for these packages, locked for this interpreter."""
    place.mkdir(exist_ok=True)
    (place / "project").mkdir()
    settings = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    blast = Blast(place / "project", place / "home", {**settings, "BLAST_PYTHON": python})
    needs = json.dumps([*names, *(("httpx",) if "fastapi" in names else ())])
    (place / "project/pyproject.toml").write_text(
        f'[project]\nname = "popular"\nversion = "1"\nrequires-python = "=={minor}.*"\ndependencies = {needs}\n'
        '[tool.blast]\ntargets = ["linux-x86_64"]\npackage = false\n'
    )
    (place / "project/driver.py").write_text(_DRIVER)
    (place / "project/snippets.json").write_text(json.dumps({name: _SNIPPETS[name] for name in names}))
    return blast


def run_mode(blast: Blast, mode: str) -> Mapping[str, str]:
    """Return what went wrong, by package; "" for nothing."""
    options = {"folded": (), "no-env": ("--no-env",), "in-memory": ("--in-memory",)}[mode]
    if mode == "in-memory":  # with a store that has nothing, or it would be linked
        blast = Blast(blast.directory, blast.home.parent / "empty", blast.environ)
    words = ("run", *options, "--frozen", "python", "driver.py", "snippets.json")
    with blast.start(*words, MPLCONFIGDIR=str(blast.home.parent / "mpl"), HOME=str(blast.home.parent)) as process:
        out, err = process.communicate(timeout=1200)
    assert process.returncode == 0, out + err
    outcomes: dict[str, str] = json.loads(out.splitlines()[-1])
    return outcomes


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Blast:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    blast = make_project(tmp_path_factory.mktemp("few"), sys.executable, version, _FEW)
    blast("sync")
    return blast


@pytest.mark.parametrize("mode", _MODES)
def test_a_few_packages_do_something_real(few: Blast, mode: str) -> None:
    if mode == "in-memory" and sys.platform != "linux":
        pytest.skip("NO MEMORY FILES: only Linux has them")
    assert run_mode(few, mode) == dict.fromkeys(_FEW, "")


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not os.environ.get("BLAST_TESTS_PACKAGES"), reason="LONG: BLAST_TESTS_PACKAGES names no file")
@pytest.mark.parametrize("minor", _PYTHONS)
def test_thirty_packages_do_something_real(minor: str, tmp_path: Path) -> None:
    python = find_python(minor)
    blast = make_project(tmp_path, python, minor, tuple(_SNIPPETS))
    blast("sync")
    outcomes = {mode: run_mode(blast, mode) for mode in _MODES}
    rows = [
        f"| {minor} | {name} | " + " | ".join("yes" if not outcomes[mode][name] else "NO" for mode in _MODES) + " |\n"
        for name in _SNIPPETS
    ]
    with open(os.environ["BLAST_TESTS_PACKAGES"], "a", encoding="utf-8") as table:
        table.writelines(rows)
    wrong = {f"{mode} {name}": said for mode in _MODES for name, said in outcomes[mode].items() if said}
    assert wrong == {}, "\n".join(f"== {where}\n{said}" for where, said in wrong.items())
