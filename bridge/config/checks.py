"""What single values must be. A check says what is wrong; `{it}` becomes the value, where it is no secret."""

import os
import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, SecretStr, Tag, ValidationInfo
from pydantic_core import PydanticCustomError

from bridge.config.bounds import instant_of
from bridge.metering.model import Energy
from bridge.text.hosts import is_this_machine
from bridge.text.words import slug


def _wrong(reason: str) -> PydanticCustomError:
    return PydanticCustomError("wrong", "{reason}", {"reason": reason})


def _text(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise _wrong("is empty" if not value.strip() else "contains invisible characters")
    return value


def host(value: str) -> str:
    if not re.fullmatch(r"[\w.-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%\w+)?", value):
        raise _wrong("is not a host name")
    return value


def path(value: str) -> str:
    if not value.startswith("/") or not value.isascii() or not value.isprintable() or " " in value:
        raise _wrong("is not a path that begins with /")
    return value


def _topic(value: str) -> str:
    if not value.isprintable() or not value or set(value) & set("#+") or value[0] in "/$" or value[-1] == "/":
        raise _wrong("{it} is not a topic")
    return value


def dsn(value: SecretStr) -> SecretStr:
    """A database's address as libpq takes it; what it would misread it would also tell, password and all."""
    text = value.get_secret_value()
    if not re.match(r"postgres(ql)?://", text):
        if "=" not in text:
            raise _wrong("is not the address of a database")
        return value
    place = urlsplit(text)
    if place.netloc.count("@") > 1 or "@" in place.path + place.query + place.fragment:
        raise _wrong("has a character in its password that must be written otherwise (@ as %40, / as %2F)")
    return value


def schema(value: str) -> str:
    """A name that is the same with quotes and without, so that every query may leave them out."""
    if not value:
        raise _wrong("is empty")
    if not re.fullmatch(r"[a-z0-9_]*", value):
        raise _wrong("{it} has something other than small letters, digits and _")
    if value[0].isdigit():
        raise _wrong("{it} begins with a digit")
    if value.startswith("pg_"):
        raise _wrong("{it} is a name that PostgreSQL keeps for itself")
    if len(value) > 63:
        raise _wrong("{it} is longer than 63 characters")
    return value


def email(value: str) -> str:
    if not re.fullmatch(r"[^\s@]+@[^\s@]+", value):
        raise _wrong("is not an e-mail address")
    return value


def ean(value: str) -> str:
    digits = re.sub(r"\s", "", value)
    if not re.fullmatch(r"[0-9]*", digits):
        raise _wrong("contains something other than digits")
    if len(digits) != 18:
        raise _wrong(f"has {len(digits)} digits")
    return digits


def serial(value: str) -> str:
    """As on the meter, where it may stand in groups."""
    return re.sub(r"\s", "", value).upper()


def name(value: str) -> str:
    if slug(value) in {"", "bridge"}:
        raise _wrong("is the bridge's own topic" if slug(value) else "has no letter a-z and no digit")
    return value


def _time(value: str) -> str:
    found = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9](?::(?!00)[0-5][0-9])?)(?::00)?", value)
    if not found:
        raise _wrong("{it} is not a time of day")
    return f"{found[1]:0>2}:{found[2]}"


def bound(value: str) -> str:
    try:
        instant_of(value, Energy.ELECTRICITY)
    except ValueError as error:
        raise _wrong(f"{{it}} {error}") from None
    return value


def distinct(times: tuple[str, ...]) -> tuple[str, ...]:
    if not times or len(set(times)) < len(times):
        raise _wrong("holds the same time twice" if times else "is empty")
    return times


def thumbprint(value: str) -> str:
    digits = re.sub(r"[\s:]", "", value).upper()
    if not re.fullmatch(r"[0-9A-F]{40}", digits):
        raise _wrong("is not a SHA-1 thumbprint")
    return digits


def _address(value: str, schemes: tuple[str, ...]) -> str:
    try:
        parts = urlsplit(value)
        sound = parts.hostname and parts.port != 0 and re.fullmatch(r"[!-\[\]-~]+", value)
    except ValueError:
        sound = None
    if not sound or parts.scheme not in schemes:
        raise _wrong("is not an address with " + " or ".join(f"{scheme}://" for scheme in schemes))
    if parts.username is not None:
        raise _wrong("holds a user name")
    return value.rstrip("/")


def _https(value: str) -> str:
    """An address that may carry a password: encrypted, or one that does not leave this machine."""
    address = _address(value, ("https", "http"))
    if urlsplit(address).scheme == "http" and not is_this_machine(urlsplit(address).hostname or ""):
        raise _wrong("would send the password unencrypted: http:// is for this machine only")
    return address


def websocket(value: str) -> str:
    return _address(value, ("ws", "wss"))


def _beside(value: Path, info: ValidationInfo) -> Path:
    """A relative path is relative to the configuration file, wherever the program was started from."""
    if not str(value).isprintable():  # "C:\new" has a line end
        raise _wrong("contains invisible characters; for a backslash, write single quotes or /")
    _text(str(value))
    try:
        folder: Path = (info.context or {}).get("folder", Path())
        return folder / value.expanduser()
    except RuntimeError:
        raise _wrong("is in the home folder of a user who does not exist here") from None


def _readable(value: Path, info: ValidationInfo) -> Path:
    if info.context and not (os.access(value, os.R_OK) and value.is_file()):
        raise _wrong("{it} is not a file that can be read")
    return value


def port(value: Any, info: ValidationInfo) -> Any:
    if value is None:
        return 8883 if info.data.get("tls") else 1883
    return value


def form(value: Any) -> str:
    return "(keys)" if isinstance(value, dict | BaseModel) else "(value)"


Text = Annotated[str, AfterValidator(_text)]
Secret = Annotated[SecretStr, Field(min_length=1)]
Topic = Annotated[str, AfterValidator(_topic)]
Address = Annotated[str, AfterValidator(_https)]
Time = Annotated[
    str, AfterValidator(_time), Field(json_schema_extra={"pattern": "^[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?$"})
]
Bound = Annotated[
    str, AfterValidator(bound), Field(json_schema_extra={"pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}"})
]
LocalPath = Annotated[Path, AfterValidator(_beside)]
LocalFile = Annotated[LocalPath, AfterValidator(_readable)]
Flag = Annotated[bool, Tag("(value)")]
