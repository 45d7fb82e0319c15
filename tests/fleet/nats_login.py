"""Ways to log in at nats-server, made with the openssl command: authorities and certificates, NKeys (ed25519 keys in
base32 with a prefix and a CRC), and the JWTs that they sign."""
import base64
import json
import pathlib
import re
import subprocess

DOCS = pathlib.Path(__file__).parents[2] / "docs" / "fleet.md"
# The first byte of an NKey, so that its text begins with that letter.
OPERATOR, ACCOUNT, USER, SEED = (value << 3 for value in (14, 0, 20, 18))
UNLIMITED = {name: -1 for name in ("subs", "data", "payload", "imports", "exports", "conn", "leaf", "mem_storage", "disk_storage", "streams", "consumer")}


def openssl(*words, **more):
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, **more).stdout


def documented_roles():
    """{role: {"publish": [subjects], "subscribe": [subjects]}} as docs/fleet.md has them."""
    roles = {}
    for role, publish, subscribe in re.findall(r"^(\w+): \{ publish: \[(.*?)\],\s*subscribe: \[(.*?)\] \}$", DOCS.read_text(), re.DOTALL | re.MULTILINE):
        roles[role] = {"publish": re.findall('"(.*?)"', publish), "subscribe": re.findall('"(.*?)"', subscribe)}
    return roles


class Authority:
    """A certificate authority of the test's own, in a folder."""

    def __init__(self, folder, name):
        self.folder = pathlib.Path(folder)
        self.certificate, self.key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                "-keyout", self.key, "-out", self.certificate)

    def issue(self, name, host=None):
        """(certificate, key) of a client, or of a server that is reached as `host`."""
        certificate, key, request, extensions = (self.folder / f"{name}.{end}" for end in ("pem", "key", "csr", "ext"))
        extensions.write_text(f"subjectAltName=DNS:{host or name}\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", "2", "-extfile", extensions,
                "-out", certificate)
        return certificate, key


def crc16(data):
    value = 0
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ (0x1021 if value & 0x8000 else 0)) & 0xFFFF
    return value.to_bytes(2, "little")


def base32(data):
    return base64.b32encode(data + crc16(data)).decode().rstrip("=")


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class NKey:
    """public, seed: as texts; seed_file."""

    def __init__(self, folder, name, kind=USER):
        self.pem, self.seed_file, self.name = pathlib.Path(folder) / f"{name}.ed25519", pathlib.Path(folder) / f"{name}.seed", name
        openssl("genpkey", "-algorithm", "ed25519", "-out", self.pem)
        secret = openssl("pkey", "-in", self.pem, "-outform", "DER")[-32:]
        self.public = base32(bytes([kind]) + openssl("pkey", "-in", self.pem, "-pubout", "-outform", "DER")[-32:])
        self.seed = base32(bytes([SEED | kind >> 5, (kind & 31) << 3]) + secret)
        self.seed_file.write_text(self.seed + "\n")
        self.seed_file.chmod(0o600)

    def sign(self, subject, name, claims):
        """A JWT about the NKey `subject`."""
        body = {"jti": f"{name}-1", "iat": 1700000000, "iss": self.public, "sub": subject, "name": name, "nats": {**claims, "version": 2}}
        text = ".".join(base64url(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "ed25519-nkey"}, body))
        message = self.pem.with_suffix(".message")
        message.write_text(text)
        return f"{text}.{base64url(openssl('pkeyutl', '-sign', '-rawin', '-inkey', self.pem, '-in', message))}"


class Operator:
    """Who signs accounts, which sign their users: nothing of a user stands in the server's configuration."""

    def __init__(self, folder):
        self.folder, self.key, self.account, system = pathlib.Path(folder), *(NKey(folder, "jwt-" + name, kind) for name, kind in (
            ("operator", OPERATOR), ("account", ACCOUNT), ("system", ACCOUNT)))
        jwt = lambda key: self.key.sign(key.public, key.name, {"type": "account", "limits": {**UNLIMITED, "wildcards": True}, "default_permissions": {"pub": {}, "sub": {}}})
        without_streams = self.key.sign(system.public, "SYS", {"type": "account", "limits": {**UNLIMITED, "wildcards": True, "mem_storage": 0, "disk_storage": 0},
                                                               "default_permissions": {"pub": {}, "sub": {}}})
        self.configuration = (f'operator: "{self.key.sign(self.key.public, "operator", {"type": "operator"})}"\nresolver: MEMORY\nsystem_account: {system.public}\n'
                              f'resolver_preload {{ {self.account.public}: "{jwt(self.account)}", {system.public}: "{without_streams}" }}\n')

    def credentials(self, name, permissions=None):
        """The file of a user who may do that, or everything."""
        user = NKey(self.folder, name)
        limits = {} if permissions is None else {"pub": {"allow": permissions["publish"]}, "sub": {"allow": permissions["subscribe"]}}
        jwt = self.account.sign(user.public, name, {"type": "user", "subs": -1, "data": -1, "payload": -1, **limits})
        file = self.folder / f"{name}.creds"
        file.write_text(f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
                        f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n")
        file.chmod(0o600)
        return file
