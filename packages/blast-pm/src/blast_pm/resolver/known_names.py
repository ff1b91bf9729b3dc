"""Names of projects that are often meant by another one: what is imported, and what is mistyped.

Only what is known here is suggested: nothing asks an index for names.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["similar_names"]

_MOST_NAMES = 2
_LIKENESS = 0.8

#: What is imported by another name than the project's.
_IMPORTED = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "crypto": "pycryptodome",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "discord": "discord-py",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "git": "gitpython",
    "github": "pygithub",
    "google-protobuf": "protobuf",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "magic": "python-magic",
    "mpl-toolkits": "matplotlib",
    "mysqldb": "mysqlclient",
    "openssl": "pyopenssl",
    "pil": "pillow",
    "pptx": "python-pptx",
    "psycopg2-binaries": "psycopg2-binary",
    "pytorch": "torch",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "telegram": "python-telegram-bot",
    "usb": "pyusb",
    "websocket": "websocket-client",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}

#: What many use, parted by blanks.
_POPULAR = """
    aiohttp alembic anyio apache-airflow asyncpg attrs azure-core babel bcrypt beautifulsoup4 black bokeh boto3
    botocore cachetools celery certifi cffi charset-normalizer click cloudpickle colorama coverage cryptography
    cython dash dask datasets django django-rest-framework djangorestframework docker docutils fastapi filelock
    flake8 flask fsspec gensim gevent google-api-core google-cloud-storage greenlet grpcio gunicorn h5py httpx
    huggingface-hub hypothesis idna importlib-metadata ipykernel ipython isort jinja2 joblib jsonschema jupyter
    jupyterlab keras kubernetes langchain lightgbm lxml markdown markupsafe marshmallow matplotlib mkdocs
    more-itertools mypy mysqlclient networkx nltk notebook numba numpy oauthlib openai opencv-python openpyxl
    orjson packaging pandas paramiko peewee pillow pip platformdirs playwright plotly pluggy poetry polars
    pre-commit prometheus-client protobuf psutil psycopg2 psycopg2-binary pyarrow pycryptodome pydantic pygments
    pyjwt pylint pymongo pymysql pyopenssl pyparsing pyqt5 pyserial pytest pytest-cov python-dateutil
    python-dotenv pytz pyyaml pyzmq redis regex requests rich ruff s3fs scikit-image scikit-learn scipy seaborn
    selenium sentry-sdk setuptools shapely six snowflake-connector-python spacy sphinx sqlalchemy starlette
    statsmodels streamlit sympy tabulate tenacity tensorflow tokenizers toml torch torchvision tornado tox tqdm
    transformers typer typing-extensions ujson urllib3 uvicorn virtualenv websockets werkzeug wheel xgboost
    xlsxwriter yarl
"""


def similar_names(name: str, known: Iterable[str]) -> list[str]:
    """Return names of projects that ``name`` may be meant for, the likeliest first.

    Args:
        name: normalised.
        known: names that the user has to do with: they count as those that many use.
    """
    from difflib import get_close_matches

    found = [_IMPORTED[name]] if name in _IMPORTED else []
    close = get_close_matches(name, sorted({*_POPULAR.split(), *known, *_IMPORTED}), n=_MOST_NAMES, cutoff=_LIKENESS)
    found += [_IMPORTED.get(other, other) for other in close]
    return list(dict.fromkeys(found))[:_MOST_NAMES]
