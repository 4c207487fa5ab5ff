"""A small Hub over loopback for the installed client: revisions, redirects, ETags, ranges, uploads, and faults."""

import base64
import hashlib
import itertools
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import sleep
from urllib.parse import unquote, urlsplit

from huggingface_hub import constants

LARGE = ".safetensors"


def git_digest(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Hub:
    """Repositories in memory, served to whoever asks.

    `fault` is None or a function of a handler and what it serves: "api", "file" for a small file or the redirect of a
    large one, or "large" for the content of a large one. It answers itself and returns True, or returns False.
    """

    def __init__(self):
        self.fault = None
        self.etag = None
        self.spoil = None
        self.commits = {}
        self.branches = {}
        self.large = {}
        self.requests = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": self}))
        self.server.handle_error = lambda *arguments: None  # of clients that hang up
        port = self.server.server_address[1]
        self.endpoint = f"http://127.0.0.1:{port}"
        # Another origin, as the content of large files has on the Hub.
        self.elsewhere = f"http://localhost:{port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *arguments):
        self.server.shutdown()
        self.server.server_close()

    def heal(self):
        self.fault = self.etag = self.spoil = None
        self.requests.clear()

    def commit(self, repo, files):
        """Add files to the branch main, and return the new commit."""
        former = self.commits.get((repo, self.branches.get((repo, "main"))), {})
        content = {**former, **files}
        oid = git_digest(repr((repo, sorted(content), len(self.commits))).encode())
        self.commits[repo, oid] = content
        self.branches[repo, "main"] = oid
        return oid

    def add_folder(self, repo, path, folder):
        prefix = f"{path}/" if path else ""
        return self.commit(repo, {prefix + file.name: file.read_bytes() for file in folder.iterdir()})

    def downloads(self):
        return [path for method, path in self.requests if method == "GET" and "/api/" not in path]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_HEAD(self):
        self.serve()

    do_GET = do_POST = do_PUT = do_HEAD

    def serve(self):
        path = unquote(urlsplit(self.path).path)
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length) if length else b""
        if path == "/api/agent-harnesses":
            return self.reply(404)
        self.hub.requests.append((self.command, path))
        kind = "large" if path.startswith("/large/") else "file" if "/resolve/" in path else "api"
        if self.hub.fault and self.hub.fault(self, kind):
            return None
        if kind == "large":
            return self.send_content(self.hub.large[path.removeprefix("/large/")])
        if match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            return self.resolve(*match.groups())
        return self.api(path)

    def resolve(self, repo, revision, path):
        commit = self.hub.branches.get((repo, revision), revision)
        if repo not in {known for known, _ in self.hub.commits}:
            return self.reply(401, headers={"X-Error-Code": "RepoNotFound"})
        if (repo, commit) not in self.hub.commits:
            return self.reply(404, headers={"X-Error-Code": "RevisionNotFound"})
        content = self.hub.commits[repo, commit].get(path)
        about = {"X-Repo-Commit": commit}
        if content is None:
            return self.reply(404, headers={**about, "X-Error-Code": "EntryNotFound"})
        if path.endswith(LARGE):
            digest = hashlib.sha256(content).hexdigest()
            self.hub.large[digest] = content
            about |= {
                "X-Linked-Etag": f'"{self.hub.etag or digest}"',
                "X-Linked-Size": str(len(content)),
                "Location": f"{self.hub.elsewhere}/large/{digest}",
            }
            return self.reply(302, headers=about)
        return self.send_content(content, {**about, "ETag": f'"{git_digest(content)}"'})

    def send_content(self, content, headers=None):
        if self.hub.spoil:
            content = self.hub.spoil(content)
        if asked := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            begin = int(asked[1])
            span = {"Content-Range": f"bytes {begin}-{len(content) - 1}/{len(content)}"}
            return self.reply(206, content[begin:], span)
        return self.reply(200, content, headers)

    def api(self, path):
        hub = self.hub
        if path == "/api/repos/create":
            asked = json.loads(self.body)
            repo = f"{asked['organization']}/{asked['name']}"
            hub.commit(repo, {})
            return self.reply_json({"url": f"{hub.endpoint}/{repo}", "name": repo})
        if path == "/api/validate-yaml":
            return self.reply_json({"errors": [], "warnings": []})
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/[^/]+", path):
            files = json.loads(self.body)["files"]
            for file in files:
                file |= {
                    "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular",
                    "shouldIgnore": False,
                }
            return self.reply_json({"files": files})
        if path.endswith(".git/info/lfs/objects/batch"):
            objects = [
                {**item, "actions": {"upload": {"href": f"{hub.endpoint}/store/{item['oid']}"}}}
                for item in json.loads(self.body)["objects"]
            ]
            return self.reply_json({"transfer": "basic", "objects": objects})
        if path.startswith("/store/"):
            hub.large[path.removeprefix("/store/")] = self.body
            return self.reply(200)
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/[^/]+", path):
            return self.add_commit(match[1])
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?", path):
            return self.revision(match[1], match[3] or "main", match[2] == "tree")
        return self.reply(404)

    def add_commit(self, repo):
        files = {}
        for line in self.body.splitlines():
            value = json.loads(line)
            if value["key"] == "file":
                files[value["value"]["path"]] = base64.b64decode(value["value"]["content"])
            elif value["key"] == "lfsFile":
                files[value["value"]["path"]] = self.hub.large[value["value"]["oid"]]
        oid = self.hub.commit(repo, files)
        self.reply_json({"commitUrl": f"{self.hub.endpoint}/{repo}/commit/{oid}", "commitOid": oid})

    def revision(self, repo, revision, tree):
        commit = self.hub.branches.get((repo, revision), revision)
        files = self.hub.commits.get((repo, commit))
        if files is None:
            return self.reply(404, headers={"X-Error-Code": "RepoNotFound"})
        listed = [
            {
                "type": "file",
                "rfilename": path,
                "path": path,
                "oid": git_digest(content),
                "size": len(content),
            }
            for path, content in files.items()
        ]
        return self.reply_json(listed if tree else {"id": repo, "sha": commit, "siblings": listed})

    def reply_json(self, values):
        self.reply(200, json.dumps(values).encode(), {"Content-Type": "application/json"})

    def reply(self, status, content=b"", headers=None):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def use_hub(monkeypatch, endpoint, cache):
    """Let the client of this process talk to a server, as if its environment had been so from the start."""
    settings = {
        "ENDPOINT": endpoint,
        "HUGGINGFACE_CO_URL_TEMPLATE": endpoint + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(cache),
        "HF_HUB_ETAG_TIMEOUT": 3,
        "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_DISABLE_TELEMETRY": True,
    }
    for name, value in settings.items():
        monkeypatch.setattr(constants, name, value)
    monkeypatch.setenv("NO_PROXY", "*")
    # Where the client waits before it tries again, the tests need not.
    monkeypatch.setattr("time.sleep", lambda seconds: sleep(min(seconds, 0.02)))


def status(code, on=("file", "large", "api"), headers=None):
    """Return a fault: answer everything of these kinds by a status."""

    def answer(handler, kind):
        if kind in on:
            handler.reply(code, headers=headers)
        return kind in on

    return answer


def cut(share, seconds=0, times=None):
    """Return a fault: send a share of a large file, keep the line open for some seconds, and hang up."""
    left = itertools.count() if times is None else iter(range(times))

    def answer(handler, kind):
        if kind != "large" or next(left, None) is None:
            return False
        content = handler.hub.large[handler.path.removeprefix("/large/")]
        handler.reply(200, content[: int(len(content) * share)], {"Content-Length": str(len(content))})
        handler.wfile.flush()
        handler.close_connection = True
        sleep(seconds)
        return True

    return answer


def silence(seconds):
    """Return a fault: keep the line open and say nothing."""

    def answer(handler, kind):
        sleep(seconds)
        handler.close_connection = True
        return True

    return answer
