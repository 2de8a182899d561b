"""A local Hugging Face hub on 127.0.0.1, with as much of the API as clients need to fetch data sets or resolve models.

The real clients talk to it. They read its address from HF_ENDPOINT when they are imported, so run them in a process of
their own (`as_client`).
"""

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

API = re.compile(
    r"/api/(?:datasets|models)/(?P<id>[^/]+/[^/]+)(?:/(?P<what>revision|tree|paths-info|auth-check)/?(?P<rest>.*))?$"
)
FILE = re.compile(r"/(?:datasets/)?(?P<id>[^/]+/[^/]+)/resolve/(?P<rest>.*)$")


LARGE = ".safetensors"
"""Ending of the files that the hub stores as LFS objects, under their SHA-256."""


def commit_of(files: Mapping[str, bytes]) -> str:
    """Return forty hex digits that change with the files."""
    return hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()


@dataclass
class Hub:
    """Repositories by id. Each is a list of commits, newest last, and a commit is its files by path."""

    repositories: dict[str, list[dict[str, bytes]]]
    requests: list[str] = field(default_factory=list)
    endpoint: str = ""
    gated: set[str] = field(default_factory=set)
    """Repositories that require a token."""
    down: bool = False
    stalls_after: int | None = None
    """Send this many bytes of a large file, then no more."""
    corrupts: bool = False
    """Send large files with a wrong last byte."""

    def files(self, repository: str, revision: str) -> dict[str, bytes] | None:
        """Return the files at a branch ("main") or a commit, or None if there is no such revision."""
        commits = self.repositories.get(repository, [])
        if revision == "main" and commits:
            return commits[-1]
        return next((files for files in commits if commit_of(files) == revision), None)


@contextmanager
def serving(repositories: dict[str, list[dict[str, bytes]]]) -> Iterator[Hub]:
    """Serve the repositories until the block ends."""
    hub = Hub(repositories)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # send header and body in one packet: apart, they cost 40 ms of waiting for an acknowledgement

        def do_GET(self) -> None:
            self._answer()

        do_HEAD = do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path, query = unquote(urlsplit(self.path).path), urlsplit(self.path).query
            if hub.down:
                return self._send(503, b"")
            hub.requests.append(f"{self.command} {path}")
            if path.split("/resolve/")[0].strip("/") in hub.gated and "Authorization" not in self.headers:
                return self._send(403, b"", {"X-Error-Code": "GatedRepo"})
            if match := API.match(path):
                self._answer_api(match["id"], match["what"], match["rest"] or "main", body.decode() or query)
            elif match := FILE.match(path):
                self._answer_file(match["id"], *match["rest"].split("/", 1))
            else:
                self._send(404, b"{}")

        def _answer_api(self, repository: str, what: str | None, rest: str, arguments: str) -> None:
            if what == "auth-check":
                closed = repository in hub.gated and "Authorization" not in self.headers
                return self._send(403, b"", {"X-Error-Code": "GatedRepo"}) if closed else self._send_json({})
            revision, _, folder = rest.partition("/")
            files = hub.files(repository, revision)
            if files is None:
                known = repository in hub.repositories
                return self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound" if known else "RepoNotFound"})
            entries: list[dict[str, object]] = [
                {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for path, content in files.items()
            ]
            for entry in entries:
                if str(entry["path"]).endswith(LARGE):
                    digest = hashlib.sha256(files[str(entry["path"])]).hexdigest()
                    entry["lfs"] = {"oid": digest, "size": entry["size"], "pointerSize": 130}
            if what == "paths-info":
                wanted = parse_qs(arguments)["paths"]
                return self._send_json([entry for entry in entries if entry["path"] in wanted])
            if what == "tree":
                recursive = parse_qs(arguments).get("recursive", [""])[0].lower() == "true"
                folders = {str(parent) for path in files for parent in PurePosixPath(path).parents} - {"."}
                entries += [{"type": "directory", "path": name, "size": 0, "oid": "0" * 40} for name in sorted(folders)]
                above = PurePosixPath(folder)
                return self._send_json(
                    [
                        entry
                        for entry in entries
                        if above in (parents := PurePosixPath(str(entry["path"])).parents)
                        and (recursive or above == parents[0])
                    ]
                )
            siblings = [{"rfilename": path} for path in files]
            return self._send_json({"id": repository, "sha": commit_of(files), "siblings": siblings, "tags": []})

        def _answer_file(self, repository: str, revision: str, path: str) -> None:
            files = hub.files(repository, revision)
            if files is None or path not in files:
                return self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
            content, large = files[path], path.endswith(LARGE)
            digest = (hashlib.sha256 if large else hashlib.sha1)(content).hexdigest()
            headers = {"ETag": f'"{digest}"', "X-Repo-Commit": commit_of(files)}
            if hub.corrupts and large:
                content = content[:-1] + bytes([content[-1] ^ 1])
            if hub.stalls_after is not None and large and self.command == "GET":
                return self._stall(content, headers, hub.stalls_after)
            return self._send(200, content, headers)

        def _stall(self, content: bytes, headers: Mapping[str, str], after: int) -> None:
            self._send(200, content[:after], {**headers, "Content-Length": str(len(content))})
            self.wfile.flush()
            self.close_connection = True
            with suppress(ConnectionResetError):
                self.rfile.read(1)  # returns when the client is gone

        def _send_json(self, content: object) -> None:
            self._send(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

        def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def as_client(code: str, argument: object, endpoint: str, home: Path, **environment: str) -> Any:
    """Run the code in a process whose hub is at `endpoint`, and return the JSON that it prints."""
    ran = subprocess.run(
        [sys.executable, "-c", code, json.dumps(argument)],
        env={**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0", **environment},
        cwd=home.parent,
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(ran.stdout)


def parquet(rows: list[dict[str, Any]]) -> bytes:
    """Return the rows as a Parquet file."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()
