#!/usr/bin/env python3
"""Opens sealed files of rtpx, written from docs/sealed-files.md alone; libsodium and libcrypto through ctypes.

usage: unseal.py IDENTITY SEALED-FILE > PLAIN-FILE
"""
import base64
import ctypes
import ctypes.util
import struct
import sys

sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
if sodium.sodium_init() < 0:
    raise SystemExit("libsodium cannot be used")
crypto = ctypes.CDLL(ctypes.util.find_library("crypto") or "libcrypto.so.3")
for name in ("EVP_CIPHER_CTX_new", "EVP_aes_256_gcm"):
    getattr(crypto, name).restype = ctypes.c_void_p
XCHACHA20_POLY1305, AES_256_GCM = 1, 2
GET_TAG, SET_TAG = 0x10, 0x11


def crc32c(data):
    if not hasattr(crc32c, "table"):
        crc32c.table = []
        for n in range(256):
            for _ in range(8):
                n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
            crc32c.table.append(n)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ crc32c.table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def read_identity(path):
    for line in open(path):
        line = line.strip()
        if line and not line.startswith("#"):
            break
    assert line.startswith("RTPXSECRET1"), "an identity without a passphrase"
    text = line[len("RTPXSECRET1"):]
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    secret, check = data[:32], struct.unpack(">I", data[32:])[0]
    assert crc32c(secret) == check, "a mistyped identity"
    return secret


def public_key(secret):
    out = ctypes.create_string_buffer(32)
    sodium.crypto_scalarmult_base(out, secret)
    return out.raw


def open_box(box, secret):
    out = ctypes.create_string_buffer(48)
    if sodium.crypto_box_seal_open(out, box, ctypes.c_ulonglong(len(box)), public_key(secret), secret) != 0:
        return None
    return out.raw


def nonce_of(cipher, seal):
    return struct.pack(">Q", seal) + bytes(16 if cipher == XCHACHA20_POLY1305 else 4)


def aes_256_gcm(way, key, nonce, associated, data, tag=None):
    """Encrypts (way 1) and answers the bytes and their tag, or decrypts (way 0): None where the tag is wrong."""
    context, size = ctypes.c_void_p(crypto.EVP_CIPHER_CTX_new()), ctypes.c_int()
    out, made = ctypes.create_string_buffer(max(len(data), 1)), ctypes.create_string_buffer(tag or bytes(16), 16)
    try:
        assert crypto.EVP_CipherInit_ex(context, ctypes.c_void_p(crypto.EVP_aes_256_gcm()), None, key, nonce, way) == 1
        assert crypto.EVP_CipherUpdate(context, None, ctypes.byref(size), associated, len(associated)) == 1
        assert not data or crypto.EVP_CipherUpdate(context, out, ctypes.byref(size), data, len(data)) == 1
        if way == 0:
            assert crypto.EVP_CIPHER_CTX_ctrl(context, SET_TAG, 16, made) == 1
        end = ctypes.create_string_buffer(16)
        if crypto.EVP_CipherFinal_ex(context, end, ctypes.byref(size)) != 1:
            return None
        if way == 1:
            assert crypto.EVP_CIPHER_CTX_ctrl(context, GET_TAG, 16, made) == 1
        return out.raw[:len(data)], made.raw
    finally:
        crypto.EVP_CIPHER_CTX_free(context)


def decrypt(cipher, key, nonce, associated, sealed, tag):
    if cipher == AES_256_GCM:
        opened = aes_256_gcm(0, key, nonce, associated, sealed, tag)
        if opened is None:
            raise ValueError("a block is not what was sealed")
        return opened[0]
    out = ctypes.create_string_buffer(max(len(sealed), 1))
    answer = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt_detached(
        out, None, sealed, ctypes.c_ulonglong(len(sealed)), tag, associated, ctypes.c_ulonglong(len(associated)),
        nonce, key)
    if answer != 0:
        raise ValueError("a block is not what was sealed")
    return out.raw[:len(sealed)]


def unseal(data, secret):
    """The plain content, and whether the file is complete."""
    magic, major, minor, cipher, places = struct.unpack(">8sHHHH", data[:16])
    assert magic == b"RTPXSEAL" and major == 1 and cipher in (XCHACHA20_POLY1305, AES_256_GCM)
    file_id = data[16:32]
    assert struct.unpack(">I", data[36:40])[0] == crc32c(data[:36])
    key = None
    for i in range(places):
        place = data[40 + 136 * i:40 + 136 * (i + 1)]
        check, used = struct.unpack(">II", place[128:])
        if used != 1 or check != crc32c(place[:128]) or place[:32] != public_key(secret):
            continue
        message = open_box(place[32:128], secret)
        if message is not None and message[32:] == file_id:
            key = message[:32]
    if key is None:
        raise ValueError("sealed for others")
    plain, at, number = b"", 40 + 136 * places, 0
    while at + 76 <= len(data):
        head = data[at:at + 76]
        mark, check, file, n, offset, seal, time_ms, length, flags, crc = struct.unpack(">4sIQQQQqIII", head[:60])
        if mark != b"RXSB" or check != crc32c(head[8:]) or at + 76 + length > len(data):
            break
        assert file == struct.unpack(">Q", file_id[:8])[0] and n == number
        sealed = data[at + 76:at + 76 + length]
        assert crc == crc32c(sealed)
        content = decrypt(cipher, key, nonce_of(cipher, seal), file_id + head[8:56], sealed, head[60:76])
        if flags == 1:
            assert offset <= len(plain)
            return plain[:offset], True
        assert offset == len(plain)
        plain += content
        at += 76 + length
        number += 1
    return plain, False


if __name__ == "__main__":
    content, complete = unseal(open(sys.argv[2], "rb").read(), read_identity(sys.argv[1]))
    sys.stdout.buffer.write(content)
    if not complete:
        print("the file has no end", file=sys.stderr)
