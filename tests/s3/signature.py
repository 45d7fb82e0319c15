"""Checks AWS Signature Version 4 as a service does, from its documentation:
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html"""
import hashlib
import hmac
import re
import urllib.parse

AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d+)/([^/]+)/(\w+)/aws4_request, SignedHeaders=([^,]+), "
                           r"Signature=(\w+)")


def quote(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "-._~")


class Signature:
    """What a request claims; `key` is empty when it claims nothing."""

    def __init__(self, headers):
        given = AUTHORIZATION.fullmatch(headers.get("Authorization", ""))
        self.key, self.day, self.region, self.service, names, self.value = given.groups() if given else [""] * 6
        self.names = names.split(";")

    def fits(self, method, path, query, headers, secret):
        canonical = "\n".join([
            method, quote(urllib.parse.unquote(path), "/"),
            "&".join(f"{quote(k)}={quote(v)}" for k, v in sorted(query.items())),
            "".join(f"{name}:{headers[name].strip()}\n" for name in self.names), ";".join(self.names),
            headers["x-amz-content-sha256"]])
        text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], f"{self.day}/{self.region}/{self.service}/aws4_request",
                          hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + secret).encode()
        for step in (self.day, self.region, self.service, "aws4_request", text):
            key = hmac.new(key, step.encode(), hashlib.sha256).digest()
        return hmac.compare_digest(key.hex(), self.value)
