"""Keys, and recordings that are sealed for those who have them."""

import os
from dataclasses import dataclass
from typing import Any, List, Optional, Sequence, Union

from ._library import Keys, c_void_p, checked, encoded, lib, taken, taken_json, texts

Path = Union[str, "os.PathLike[str]"]


class Identity:
    """The secret key that opens what was sealed for its `recipient`. Made by generate(), load() or parse()."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def __del__(self) -> None:
        lib.rtpx_identity_free(self._handle)

    @classmethod
    def generate(cls) -> "Identity":
        return cls(checked(lib.rtpx_identity_generate))

    @classmethod
    def load(cls, file: Path, passphrase: Optional[str] = None) -> "Identity":
        """From an identity file, which may be a pipe."""
        return cls(checked(lib.rtpx_identity_load, encoded(file), encoded(passphrase)))

    @classmethod
    def parse(cls, text: str, passphrase: Optional[str] = None) -> "Identity":
        return cls(checked(lib.rtpx_identity_parse, encoded(text), encoded(passphrase)))

    @property
    def recipient(self) -> str:
        """Its public key, "rtpxpub1…"."""
        return taken(lib.rtpx_identity_recipient(self._handle))

    def text(self, passphrase: Optional[str] = None) -> str:
        """The text of an identity file. A passphrase takes about a second and 256 MiB."""
        return taken(checked(lib.rtpx_identity_text, self._handle, encoded(passphrase)))


class E2eeKeys:
    """The keys of a call that was encrypted end to end: docs/e2ee.md."""

    def __init__(self, json: Optional[str] = None, file: Optional[Path] = None) -> None:
        if (json is None) == (file is None):
            raise TypeError("give either json or file")
        if json is not None:
            self._handle = checked(lib.rtpx_e2ee_keys_parse, encoded(json))
        else:
            self._handle = checked(lib.rtpx_e2ee_keys_load, encoded(file))

    def __del__(self) -> None:
        lib.rtpx_e2ee_keys_free(getattr(self, "_handle", None))


def keys_struct(identities: Sequence[Identity] = (), e2ee_keys: Optional[E2eeKeys] = None) -> Keys:
    """As C takes them. The caller keeps the objects alive."""
    handles = (c_void_p * max(1, len(identities)))(*[identity._handle for identity in identities])
    return Keys(handles, len(identities), e2ee_keys._handle if e2ee_keys is not None else None)


@dataclass
class OpenedFile:
    """`problems`: what is damaged, moved, missing or foreign, in sentences; what cannot be read has become zeros."""

    file: str
    bytes: int
    problems: List[str]


def is_sealed(recording: Path) -> bool:
    """Whether any file of a recording is sealed."""
    return bool(lib.rtpx_is_sealed(encoded(recording)))


def recipients(recording: Path) -> List[str]:
    """For whom a recording is sealed."""
    return taken_json(checked(lib.rtpx_recipients, encoded(recording)))


def open_sealed(recording: Path, output: Path, identities: Sequence[Identity]) -> List[OpenedFile]:
    """Writes the plain files of a sealed recording into `output`, which is new or empty."""
    report = taken_json(checked(lib.rtpx_open_sealed, encoded(recording), encoded(output), keys_struct(identities), None))
    return [OpenedFile(**file) for file in report["files"]]


def seal_file(file: Path, recipients: Sequence[str]) -> None:
    """Puts a sealed file of the same name in a file's place."""
    checked(lib.rtpx_seal_file, encoded(file), texts(recipients), len(recipients))


def rewrap(
    recording: Path, identities: Sequence[Identity] = (), add: Sequence[str] = (), remove: Sequence[str] = ()
) -> int:
    """Lets `add` open a recording from now on, and `remove` no more. Answers how many files were changed."""
    keys: Any = keys_struct(identities)
    return checked(lib.rtpx_rewrap, encoded(recording), keys, texts(add), len(add), texts(remove), len(remove))
