#!/usr/bin/env python3
"""Hands out temporary credentials on loopback until standard input closes, by the protocols of AWS: a container's endpoint
(/container), a machine's metadata (/latest/..., IMDSv2) and a token service (POST /). The role of AssumeRole is given to
those who sign with ACCESS-KEY and SECRET, and only with the external id "x".

usage: credential_server.py PORT ACCESS-KEY SECRET
"""
import http.server
import json
import sys
import threading
import urllib.parse

from signature import Signature

PORT, KEY, SECRET = int(sys.argv[1]), sys.argv[2], sys.argv[3]
EXPIRES = "2099-01-01T00:00:00Z"
MACHINE_TOKEN = "machine-token"
ROLES = "/latest/meta-data/iam/security-credentials/"
CREDENTIALS = {"AccessKeyId": KEY, "SecretAccessKey": SECRET, "Token": "", "Expiration": EXPIRES}


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_PUT(self):
        if self.path != "/latest/api/token" or not self.headers.get("X-aws-ec2-metadata-token-ttl-seconds"):
            return self.answer(400, "")
        self.answer(200, MACHINE_TOKEN)

    def do_GET(self):
        if self.path.startswith(ROLES):
            if self.headers.get("X-aws-ec2-metadata-token") != MACHINE_TOKEN:
                return self.answer(401, "")
            if self.path == ROLES:
                return self.answer(200, "recorder")
            return self.answer(200, json.dumps({"Code": "Success", **CREDENTIALS})) if self.path == ROLES + "recorder" else self.answer(404, "")
        if self.path != "/container" or self.headers.get("Authorization") != "container-token":
            return self.answer(403, "{}")
        self.answer(200, json.dumps(CREDENTIALS))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in urllib.parse.parse_qs(body).items()}
        action = form.pop("Action", "")
        if action == "AssumeRoleWithWebIdentity":
            wanted = {"Version": "2011-06-15", "RoleArn": "arn:aws:iam::1:role/r", "RoleSessionName": "rtpx",
                      "WebIdentityToken": "web+token=="}
            good = form == wanted
        else:
            wanted = {"Version": "2011-06-15", "RoleArn": "arn:aws:iam::1:role/r", "RoleSessionName": "night shift",
                      "ExternalId": "x"}
            signature = Signature(self.headers)
            good = (action == "AssumeRole" and form == wanted and signature.key == KEY and signature.service == "sts" and
                    "content-type" in signature.names and signature.fits("POST", "/", {}, self.headers, SECRET))
        if not good:
            return self.answer(403, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>Not authorized to assume "
                                    "the role.</Message></Error></ErrorResponse>")
        self.answer(200, f"<{action}Response><{action}Result><Credentials>"
                         f"<AccessKeyId>{KEY}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken/>"
                         f"<Expiration>{EXPIRES}</Expiration></Credentials></{action}Result></{action}Response>")

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
