#!/usr/bin/env python3
"""Hands out temporary credentials as a container's endpoint (/container) and a token service (/) do, on loopback until
standard input closes.

usage: credential_server.py PORT ACCESS-KEY SECRET
"""
import http.server
import json
import sys
import threading
import urllib.parse

PORT, KEY, SECRET = int(sys.argv[1]), sys.argv[2], sys.argv[3]
EXPIRES = "2099-01-01T00:00:00Z"


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_GET(self):
        if self.path != "/container" or self.headers.get("Authorization") != "container-token":
            return self.answer(403, "{}")
        self.answer(200, json.dumps({"AccessKeyId": KEY, "SecretAccessKey": SECRET, "Token": "", "Expiration": EXPIRES}))

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        wanted = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleArn": "arn:aws:iam::1:role/r",
                  "RoleSessionName": "rtpx", "WebIdentityToken": "web+token=="}
        if any(form.get(name) != [value] for name, value in wanted.items()):
            return self.answer(403, "<ErrorResponse><Error><Code>InvalidIdentityToken</Code></Error></ErrorResponse>")
        self.answer(200, "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
                         f"<AccessKeyId>{KEY}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken/>"
                         f"<Expiration>{EXPIRES}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>"
                         "</AssumeRoleWithWebIdentityResponse>")

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
