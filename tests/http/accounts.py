#!/usr/bin/env python3
"""accounts.py SERVER [TEST...]: people, tokens and agents of a real hinomi-server, from outside.

Who may do what is asked of every route that the server says it has, for each kind of credential: a new route is
tried without a word here.
"""
import json
import os
import re
import socket
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server import PASSWORD  # noqa: E402
import server as shared  # noqa: E402

ROLES = {
    "nobody": set(),
    "viewer": {"read", "self"},
    "analyst": {"read", "self", "triage", "content", "respond"},
    "admin": {"read", "self", "triage", "content", "respond", "admin"},
    "token-read": {"read", "self"},
    "token-falco": {"falco"},
    "token-admin": {"read", "self", "triage", "content", "respond", "admin", "falco"},
    "enrolment": {"enrol"},
    "agent": {"agent"},
}
# Refused by who asks, beyond what the permission says; each has a test of its own.
OTHER_REFUSALS = {"people_only", "own_account", "too_much", "wrong_password", "setup_over", "not_yours"}
# With the right credentials these end the credentials themselves, or the server.
ENDING = {("delete", "/v1/session")}


class Server(shared.Server):
    def __init__(self, program):
        super().__init__(program, HINOMI_LIMITS_RATE_PER_ADDRESS="100000",
                         HINOMI_LIMITS_RATE_PER_PRINCIPAL="100000")
        self.sessions = {}

    def ask(self, method, path, bearer=None, body=None, headers=None, timeout=10):
        given = dict(headers or {})
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        if body is not None:
            given.setdefault("Content-Type", "application/json")
        answer = super().ask(method.upper(), path, body, given, bearer=bearer, timeout=timeout)
        answer.body = answer.text
        return answer

    def log_in(self, name, password=PASSWORD):
        answer = self.ask("POST", "/v1/session", body={"name": name, "password": password, "cookie": False})
        assert answer.status == 201, answer.body
        return answer.json["token"]

    def set_up(self):
        link = Path(self.folder, "setup-link")
        assert link.stat().st_mode & 0o777 == 0o600
        token = link.read_text().strip().split("#")[1]
        answer = self.ask("POST", "/v1/setup", body={"token": token, "name": "admin", "password": PASSWORD})
        assert answer.status == 201, answer.body
        assert not link.exists()
        self.admin = self.log_in("admin")
        for role in ("viewer", "analyst"):
            answer = self.ask("POST", "/v1/users", self.admin,
                              {"name": role, "role": role, "password": PASSWORD})
            assert answer.status == 201, answer.body
            self.sessions[role] = self.log_in(role)

    def token(self, *permissions):
        answer = self.ask("POST", "/v1/tokens", self.admin, {"name": "t", "permissions": permissions})
        assert answer.status == 201, answer.body
        return answer.json

    def enrolment(self, **members):
        answer = self.ask("POST", "/v1/enrolments", self.admin, {"name": "e", **members})
        assert answer.status == 201, answer.body
        return answer.json

    def enrol(self, token, instance="0" * 16):
        answer = self.ask("POST", "/v1/agents", token, {"name": "n", "instance": instance})
        assert answer.status == 201, answer.body
        return answer.json

    def speak(self, agent, instance="0" * 16):
        return self.ask("GET", f"/v1/agents/{agent['id']}/credential", agent["credential"],
                        headers={"Hinomi-Instance": instance})


def routes(server):
    document = server.ask("GET", "/v1/openapi.json").json
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def credentials(server):
    """One of each kind, and headers that belong to it."""
    enrolment = server.enrolment(max_uses=0)["token"]
    agent = server.enrol(enrolment)
    return {
        "nobody": (None, {}), "viewer": (server.sessions["viewer"], {}),
        "analyst": (server.sessions["analyst"], {}), "admin": (server.log_in("admin"), {}),
        "token-read": (server.token("read")["token"], {}), "token-falco": (server.token("falco")["token"], {}),
        "token-admin": (server.token("read", "triage", "content", "respond", "admin", "falco")["token"], {}),
        "enrolment": (enrolment, {}), "agent": (agent["credential"], {"Hinomi-Instance": "0" * 16}),
    }, agent


def test_every_role_at_every_route(server):
    """401 without credentials, 403 with those that may not, neither with those that may."""
    who, agent = credentials(server)
    tried, wrong = 0, []
    for method, path, operation in routes(server):
        wanted = operation.get("x-hinomi-permission")
        own = agent["id"] if wanted == "agent" else "a" + "f" * 16
        real = re.sub(r"\{\w+\}", own, path)
        for name, may in ROLES.items():
            secret, headers = who[name]
            allowed = wanted is None or wanted in may
            if allowed and (method, path) in ENDING:
                continue
            tried += 1
            body = "{}" if method in ("post", "put", "patch") else None
            try:
                answer = server.ask(method, real, secret, body, headers, timeout=1.5 if allowed else 10)
            except (socket.timeout, TimeoutError):
                if not allowed:
                    wrong.append(f"{name}: {method} {path} waits instead of refusing")
                continue
            refused = answer.status in (401, 403) and answer.code not in OTHER_REFUSALS
            if not allowed:
                fine = answer.status == (401 if name == "nobody" else 403)
            else:
                fine = not refused or (wanted is None and answer.code == "wrong_credentials")
            if not fine or answer.status >= 500:
                wrong.append(f"{name}: {method} {path} ({wanted}): {answer.status} {answer.body[:200]}")
    assert not wrong, "\n".join(wrong)
    assert tried > 250, tried


def test_agents_of_others(server):
    """An agent reads and writes nothing in the name of another."""
    token = server.enrolment(max_uses=2)["token"]
    mine, other = server.enrol(token), server.enrol(token)
    for method, path, operation in routes(server):
        if operation.get("x-hinomi-permission") == "agent":
            answer = server.ask(method, re.sub(r"\{\w+\}", "1", path.replace("{id}", other["id"])), mine["credential"],
                                "{}" if method != "get" else None, {"Hinomi-Instance": "0" * 16})
            assert (answer.status, answer.code) == (403, "not_yours"), (method, path, answer.body)
    log = server.ask("GET", "/v1/audit?action=agent.impersonate", server.admin).json["items"]
    assert log and log[0]["object"] == "agent:" + other["id"] and log[0]["actor"] == mine["id"]
    assert log[0]["result"] == "refused"


def test_things_of_others(server):
    """What belongs to another is not there, by whatever number."""
    viewer = server.sessions["viewer"]
    token = server.token("read")
    session = server.ask("GET", "/v1/session", server.admin).json["id"]
    assert server.ask("DELETE", f"/v1/tokens/{token['id']}", viewer).status == 404
    assert server.ask("DELETE", f"/v1/sessions/{session}", viewer).status == 404
    assert server.ask("GET", "/v1/agents", token["token"]).status == 200
    assert server.ask("GET", "/v1/session", server.admin).status == 200
    listed = server.ask("GET", "/v1/tokens", viewer).json
    assert listed["items"] == []
    assert server.ask("GET", "/v1/tokens?all=true", viewer).status == 403
    assert server.ask("DELETE", f"/v1/tokens/{token['id']}", server.admin).status == 204
    assert server.ask("GET", "/v1/agents", token["token"]).status == 401


def test_who_exists(server):
    """Wrong passwords and unknown names get the same answer, header for header."""
    def shape(name):
        answer = server.ask("POST", "/v1/session", body={"name": name, "password": "wrong wrong wrong"})
        headers = {k: v for k, v in answer.headers.items() if k not in ("Date",)}
        return answer.status, headers, {k: v for k, v in answer.json.items() if k != "request"}
    assert shape("viewer") == shape("no-such-user") == shape("x" * 200) == shape("' OR 1=1 --")


def test_fixation(server):
    """A session that came with the log-in is neither used nor kept."""
    fixed = "hs_" + "A" * 43
    answer = server.ask("POST", "/v1/session", body={"name": "admin", "password": PASSWORD},
                        headers={"Cookie": "hinomi_session=" + fixed})
    assert answer.status == 201
    cookie = answer.headers["Set-Cookie"]
    assert fixed not in cookie and "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert server.ask("GET", "/v1/me", headers={"Cookie": "hinomi_session=" + fixed}).status == 401
    fresh = cookie.split(";")[0]
    assert server.ask("GET", "/v1/me", headers={"Cookie": fresh}).status == 200
    changed = server.ask("PATCH", "/v1/me", headers={"Cookie": fresh, "X-Hinomi-CSRF": answer.json["csrf"]},
                         body={"password": {"current": PASSWORD, "new": PASSWORD + "!"}})
    assert changed.status == 201, changed.body
    assert server.ask("GET", "/v1/me", headers={"Cookie": fresh}).status == 401
    assert server.ask("GET", "/v1/me", server.admin).status == 401
    last = changed.headers["Set-Cookie"].split(";")[0]
    back = server.ask("PATCH", "/v1/me", headers={"Cookie": last, "X-Hinomi-CSRF": changed.json["csrf"]},
                      body={"password": {"current": PASSWORD + "!", "new": PASSWORD}})
    assert back.status == 201
    server.admin = server.log_in("admin")


def test_forged_requests(server):
    """What a page of somebody else can make a browser send changes nothing."""
    answer = server.ask("POST", "/v1/session", body={"name": "viewer", "password": PASSWORD})
    cookie = {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}
    csrf = {"X-Hinomi-CSRF": answer.json["csrf"]}
    change = {"theme": "dark"}
    for extra in ({}, {"X-Hinomi-CSRF": ""}, {"X-Hinomi-CSRF": "A" * 43},
                  {**csrf, "Sec-Fetch-Site": "cross-site"}, {**csrf, "Sec-Fetch-Site": "same-site"},
                  {**csrf, "Origin": "http://evil.example"}, {**csrf, "Origin": "null"}):
        refused = server.ask("PATCH", "/v1/me", body=change, headers={**cookie, **extra})
        assert refused.status == 403, (extra, refused.body)
    for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data"):
        refused = server.ask("PATCH", "/v1/me", body=json.dumps(change),
                             headers={**cookie, **csrf, "Content-Type": kind})
        assert refused.status == 415, (kind, refused.status)
        assert server.ask("POST", "/v1/session", body=json.dumps({"name": "viewer", "password": PASSWORD}),
                          headers={"Content-Type": kind}).status == 415
    assert server.ask("PATCH", "/v1/me", body=change, headers={**cookie, **csrf}).status == 200
    assert server.ask("POST", "/v1/session", headers={"Sec-Fetch-Site": "cross-site"},
                      body={"name": "viewer", "password": PASSWORD}).status == 403


def test_raising_oneself(server):
    analyst = server.sessions["analyst"]
    assert server.ask("PATCH", "/v1/me", analyst, {"role": "admin"}).status == 422
    assert server.ask("PATCH", "/v1/users/analyst", analyst, {"role": "admin"}).status == 403
    refused = server.ask("POST", "/v1/tokens", analyst, {"name": "t", "permissions": ["admin"]})
    assert (refused.status, refused.code) == (403, "too_much")
    refused = server.ask("PATCH", "/v1/users/admin", server.admin, {"disabled": True})
    assert (refused.status, refused.code) == (403, "own_account")
    assert server.ask("DELETE", "/v1/users/admin", server.admin).code == "last_admin"
    # A token makes no token, and no session of its owner.
    token = server.token("read", "admin")["token"]
    for path, body in (("/v1/tokens", {"name": "t", "permissions": ["read"]}),):
        refused = server.ask("POST", path, token, body)
        assert (refused.status, refused.code) == (403, "people_only")


def test_cloned(server):
    token = server.enrolment(max_uses=0)["token"]
    agent = server.enrol(token, "a" * 16)
    assert server.speak(agent, "a" * 16).status == 200
    assert server.speak(agent, "b" * 16).status == 200
    time.sleep(2.1)
    assert server.speak(agent, "a" * 16).code == "agent_cloned"
    assert server.speak(agent, "b" * 16).code == "agent_cloned"
    assert server.stop() == 0
    server.start()
    assert server.speak(agent, "b" * 16).status == 409
    assert server.ask("GET", f"/v1/agents/{agent['id']}", server.admin).json["state"] == "cloned"
    assert server.ask("POST", f"/v1/agents/{agent['id']}/accept", server.admin).status == 200
    assert server.speak(agent, "b" * 16).status == 200
    assert server.ask("POST", f"/v1/agents/{agent['id']}/revoke", server.admin).status == 200
    assert server.speak(agent, "b" * 16).code == "agent_revoked"
    assert server.ask("POST", "/v1/agents", token, {}, timeout=10).status == 201


def test_odd_bodies(server):
    """Whatever the body, the answer is no failure of the server."""
    admin = server.log_in("admin")
    odd = ["", "{", "[]", "null", "1", '"a"', "{}", '{"a":1}', "[" * 100, '{"name":' * 40,
           '{"name":{},"permissions":{}}', '{"name":null,"password":null}', '{"name":"\\ud800"}',
           '{"name":"a","name":"b"}', '{"max_uses":1e400}', '{"expires_ms":99999999999999999999}',
           '{"password":{"current":[],"new":[]}}', '{"labels":{"a":{}}}', b'{"name":"\xff"}',
           json.dumps({"name": "n" * 5000})]
    for method, path, operation in routes(server):
        if method in ("post", "put", "patch") and path.startswith(
                ("/v1/setup", "/v1/session", "/v1/me", "/v1/users", "/v1/tokens", "/v1/enrolments")):
            real = re.sub(r"\{\w+\}", "nobody", path)
            for body in odd:
                answer = server.ask(method, real, None if path in ("/v1/setup", "/v1/session") else admin, body)
                fine = path in ("/v1/me", "/v1/enrolments") and answer.status < 300
                assert fine or 400 <= answer.status < 500, (method, path, body, answer.status, answer.body)


def test_throttle(server):
    """Guessing gets slower, for names that exist and for those that do not."""
    for name in ("viewer", "nobody-at-all"):
        seen = [server.ask("POST", "/v1/session", body={"name": name, "password": f"wrong wrong {i}"}).status
                for i in range(8)]
        assert 429 in seen, (name, seen)


def test_no_secrets_are_written(server):
    """Neither in the log of the server, nor in that of what was done, nor in the database."""
    export = server.ask("GET", "/v1/audit/export", server.admin).body
    assert export.count("\n") > 20
    log = server.log()
    files = b"".join(p.read_bytes() for p in Path(server.folder).glob("hinomi.db*"))
    for prefix in ("hs", "ht", "he", "ha", "hu"):
        secret = re.compile(prefix + r"_[A-Za-z0-9_-]{43}")
        assert not secret.search(export), prefix
        assert not secret.search(log), prefix
        assert not re.search(secret.pattern.encode(), files), prefix
    assert PASSWORD not in export + log and PASSWORD.encode() not in files


def main():
    server = Server(sys.argv[1])
    wanted = sys.argv[2:]
    tests = [(n, f) for n, f in globals().items() if n.startswith("test_") and (not wanted or n in wanted)]
    failed = 0
    try:
        server.set_up()
        for name, test in tests:
            try:
                test(server)
                print(f"ok {name}")
            except AssertionError as error:
                failed += 1
                print(f"FAILED {name}: {error}\n{traceback.format_exc()}")
    finally:
        ended = server.stop()
        server.remove()
    return 1 if failed or ended else 0


if __name__ == "__main__":
    sys.exit(main())
