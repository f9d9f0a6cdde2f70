"""Personal columns at capture: dropped, or replaced by a keyed hash, before anything is written.

What was done is said in each file's own metadata, so that a reader never takes a column that was
left out for one that is missing.
"""

import hashlib
import hmac
import json
import math
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa

from core.errors import Refused

METADATA: Final = b"stile.capture"
_KEY_FILE: Final = "capture.key"
_KEY_BYTES: Final = 32
_HEX_DIGITS: Final = 16  # 64 bits: a million values share a hash once in 40 million such columns


@dataclass(frozen=True, slots=True)
class ColumnCapture:
    """What a file of the log says was done to its columns; `key_id` names the key of hashes."""

    dropped: frozenset[str] = frozenset()
    hashed: frozenset[str] = frozenset()
    key_id: str = ""


AS_IT_IS: Final = ColumnCapture()


@dataclass(frozen=True, slots=True)
class HashKey:
    """The secret of an installation's hashes; it stays out of every `repr`."""

    secret: bytes = field(repr=False)

    @property
    def key_id(self) -> str:
        """A short digest that tells keys apart and gives nothing away."""
        return hashlib.sha256(b"stile capture key" + self.secret).hexdigest()[:12]

    def hashed(self, column: str, value: str) -> str:
        """What stands for a value of a column: equal for equal values, and no number."""
        name = column.encode("utf-8", "surrogateescape")
        message = len(name).to_bytes(4, "big") + name + value.encode("utf-8", "surrogateescape")
        return "#" + hmac.new(self.secret, message, hashlib.sha256).hexdigest()[:_HEX_DIGITS]


@dataclass(frozen=True, slots=True)
class PersonalColumns:
    """Which inputs are left out of the log and which are hashed; by default none."""

    drop: frozenset[str] = frozenset()
    hash: frozenset[str] = frozenset()
    key: HashKey | None = None

    @classmethod
    def of(
        cls, home: Path, *, drop: Iterable[str] = (), hash_: Iterable[str] = ()
    ) -> "PersonalColumns":
        """The treatment of these columns with the installation's key, made when first needed.

        Raises
        ------
        Refused
            A column has no name, or is to be dropped and hashed, or the key cannot be kept.
        """
        dropped, hashed = frozenset(drop), frozenset(hash_)
        if "" in dropped | hashed:
            raise Refused("A column to drop or hash has no name: give the input's name.")
        both = sorted(dropped & hashed)
        if both:
            raise Refused(f"{both[0]} is to be dropped and hashed: choose one of the two.")
        return cls(dropped, hashed, _key(home) if hashed else None)

    @property
    def capture(self) -> ColumnCapture:
        """What files written under this treatment say of themselves."""
        return ColumnCapture(self.drop, self.hash, self.key.key_id if self.key else "")

    def hashes(self, column: str, values: Sequence[object]) -> pa.Array:
        """The hashes of a column's values as text; missing stays missing."""
        if self.key is None:
            raise Refused(f"{column} cannot be hashed without a key.")
        key = self.key
        texts = [None if _is_absent(v) else key.hashed(column, _text(v)) for v in values]
        return pa.array(texts, pa.string())

    def unknown(self, inputs: Iterable[str]) -> tuple[str, ...]:
        """The columns it names that are none of these inputs, in order."""
        return tuple(sorted((self.drop | self.hash) - set(inputs)))


def kept_key(home: Path) -> HashKey | None:
    """The installation's key; None where nothing was hashed yet, or the key was destroyed."""
    try:
        secret = (home / _KEY_FILE).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refused(f"The key of hashes cannot be read ({error}): see {_KEY_FILE}.") from error
    return HashKey(secret) if len(secret) == _KEY_BYTES else None


def metadata_of(capture: ColumnCapture) -> Mapping[bytes, bytes]:
    """The metadata of a file's schema that says what was done; empty when nothing was."""
    if capture == AS_IT_IS:
        return {}
    said = {
        "dropped": sorted(capture.dropped),
        "hashed": sorted(capture.hashed),
        "key": capture.key_id,
    }
    return {METADATA: json.dumps(said).encode()}


def capture_in(schema: pa.Schema) -> ColumnCapture:
    """What a file's schema says was done to its columns; files of others say nothing."""
    try:
        said = json.loads((schema.metadata or {})[METADATA])
        dropped, hashed = (frozenset(map(str, said[name])) for name in ("dropped", "hashed"))
        return ColumnCapture(dropped, hashed, str(said["key"]))
    except (KeyError, TypeError, ValueError):
        return AS_IT_IS


def _key(home: Path) -> HashKey:
    """The key beside the log, made once even when several processes start together."""
    found = kept_key(home)
    if found is not None:
        return found
    path = home / _KEY_FILE
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    growing = home / f".{_KEY_FILE}.{os.getpid()}.{secrets.token_hex(4)}"
    descriptor = os.open(growing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was first: its key is the key
            os.link(growing, path)
    finally:
        growing.unlink(missing_ok=True)
    made = kept_key(home)
    if made is None:
        raise Refused(f"{path} holds no key: move it away, and a new one is made.")
    return made


def _is_absent(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _text(value: object) -> str:
    """A value as text, the same for 5 and 5.0, as a profile's levels are."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)
