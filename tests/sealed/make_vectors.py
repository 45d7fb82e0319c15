#!/usr/bin/env python3
"""Makes the vectors in tests/data/sealed, with a writer of its own: make_vectors.py FOLDER

Keys and ids follow from names, so that the files are the same each time but for the boxes, which libsodium makes with
random numbers: files that are there already stay.
"""
import base64
import ctypes
import hashlib
import pathlib
import struct
import sys

from unseal import AES_256_GCM, XCHACHA20_POLY1305, aes_256_gcm, crc32c, nonce_of, public_key, sodium

TIME_MS = 1_764_000_000_000


def key_text(prefix, data):
    return prefix + base64.urlsafe_b64encode(data + struct.pack(">I", crc32c(data))).decode().rstrip("=")


def named(name, size):
    return hashlib.sha256(name.encode()).digest()[:size]


def seal_box(message, public):
    out = ctypes.create_string_buffer(len(message) + 48)
    assert sodium.crypto_box_seal(out, message, ctypes.c_ulonglong(len(message)), public) == 0
    return out.raw


def encrypt(cipher, key, nonce, associated, content):
    if cipher == AES_256_GCM:
        return aes_256_gcm(1, key, nonce, associated, content)
    out, tag = ctypes.create_string_buffer(max(len(content), 1)), ctypes.create_string_buffer(16)
    assert sodium.crypto_aead_xchacha20poly1305_ietf_encrypt_detached(
        out, tag, None, content, ctypes.c_ulonglong(len(content)), associated, ctypes.c_ulonglong(len(associated)), None,
        nonce, key) == 0
    return out.raw[:len(content)], tag.raw


def sealed_file(name, recipients, pieces, end=None, places=8, first_seal=0, cipher=XCHACHA20_POLY1305):
    """`end`: size of the plain file, for the end block; None: there is none."""
    key, file_id = named(name + " key", 32), named(name + " id", 16)
    head = b"RTPXSEAL" + struct.pack(">HHHH", 1, 0, cipher, places) + file_id + bytes(4)
    head += struct.pack(">I", crc32c(head))
    for recipient in recipients:
        place = recipient + seal_box(key + file_id, recipient)
        head += place + struct.pack(">II", crc32c(place), 1)
    head += bytes(136 * (places - len(recipients)))
    out, offset = head, 0
    blocks = [(piece, 0) for piece in pieces] + ([(b"", 1)] if end is not None else [])
    for number, (content, flags) in enumerate(blocks):
        seal = first_seal + number
        fields = file_id[:8] + struct.pack(">QQQqII", number, end if flags else offset, seal, TIME_MS + number * 100,
                                           len(content), flags)
        sealed, tag = encrypt(cipher, key, nonce_of(cipher, seal), file_id + fields, content)
        rest = fields + struct.pack(">I", crc32c(sealed)) + tag
        out += b"RXSB" + struct.pack(">I", crc32c(rest)) + rest + sealed
        offset += len(content)
    if end is not None:
        out += head + struct.pack(">I", len(head)) + b"RTPXSEND"
    return out, b"".join(pieces)[:end]


def main():
    folder = pathlib.Path(sys.argv[1])
    secret = named("alice", 32)
    alice, bob = public_key(secret), public_key(named("bob", 32))
    (folder / "alice.identity").write_text("# of the tests, known to everybody\n" + key_text("RTPXSECRET1", secret) + "\n")
    (folder / "alice.pub").write_text(key_text("rtpxpub1", alice) + "\n")
    noise = b"".join(hashlib.sha256(struct.pack(">I", i)).digest() for i in range(2200))
    vectors = {
        "one": sealed_file("one", [alice], [b"a record, or what is taken for one\n"], 35),
        "several": sealed_file("several", [bob, alice], [noise[:65536], noise[65536:66000], b"\x80\x60"], 66002, 12),
        "growing": sealed_file("growing", [alice], [b"first ", b"second"]),
        "cut": sealed_file("cut", [alice], [b"whole record, ", b"torn rec"], 14),
        "seals": sealed_file("seals", [alice], [b"x", b"y"], 2, first_seal=41),
        "aes": sealed_file("aes", [bob, alice], [noise[:65536], noise[65536:66001], b"\x80"], 66001, 9, 7, AES_256_GCM),
    }
    for name, (sealed, plain) in vectors.items():
        if (folder / (name + ".sealed")).exists():
            continue
        (folder / (name + ".sealed")).write_bytes(sealed)
        (folder / (name + ".plain")).write_bytes(plain)


if __name__ == "__main__":
    main()
