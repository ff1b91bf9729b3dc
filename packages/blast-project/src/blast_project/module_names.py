"""Modules that everybody imports and that are called otherwise than their projects, where other lists don't know it.

A row is here because the module's own name on an index would be nothing, or something else.
"""

from __future__ import annotations

__all__ = ["KNOWN_NAMES"]

_ROWS = """\
Bio biopython
Cryptodome pycryptodomex
Levenshtein levenshtein
MySQLdb mysqlclient
OpenGL pyopengl
Xlib python-xlib
_pytest pytest
airflow apache-airflow
attr attrs
barcode python-barcode
bluetooth pybluez
cairo pycairo
can python-can
community python-louvain
corsheaders django-cors-headers
cpuinfo py-cpuinfo
cv2 opencv-python
dbus dbus-python
debug_toolbar django-debug-toolbar
docx python-docx
environ django-environ
faiss faiss-cpu
ffmpeg ffmpeg-python
fitz pymupdf
gi pygobject
gitlab python-gitlab
google.auth google-auth
google.protobuf protobuf
grpc grpcio
grpc_status grpcio-status
hydra hydra-core
imblearn imbalanced-learn
isapi pywin32
jks pyjks
jose python-jose
kafka kafka-python
mpl_toolkits matplotlib
multipart python-multipart
mysql mysql-connector-python
nacl pynacl
nmap python-nmap
osgeo gdal
path path
pdfminer pdfminer-six
pkcs11 python-pkcs11
pkg_resources setuptools
pptx python-pptx
pylab matplotlib
pythoncom pywin32
pywt pywavelets
pyximport cython
rapidjson python-rapidjson
shapefile pyshp
skimage scikit-image
skopt scikit-optimize
snappy python-snappy
socks pysocks
speech_recognition speechrecognition
tlz toolz
umap umap-learn
usb1 libusb1
win32api pywin32
win32com pywin32
win32con pywin32
win32gui pywin32
wx wxpython
z3 z3-solver
"""

#: Normalised name of the project by dotted name of the module.
KNOWN_NAMES = {row.partition(" ")[0]: row.partition(" ")[2] for row in _ROWS.splitlines()}
