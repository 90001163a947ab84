"""YAML, environment and secret files → one validated `Settings`, or every mistake in them at once.

The sections below are the only list of keys: the file, the environment variables, the messages and the JSON
Schema are all made from them. A description completes the sentence "write ..." in a message.
"""

import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin
from urllib.parse import urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PrivateAttr,
    SecretStr,
    Tag,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from bridge.model import Energy, Meter

FILE = "fluvius2mqtt.yaml"
PREFIX = "FLUVIUS2MQTT_"
WORD = r"[A-Za-z0-9_-]{1,40}"

KeyPath = tuple[str | int, ...]  # ("meters", 0, "ean")

SHORT_NAMES: dict[str, KeyPath] = {
    "FLUVIUS_LOGIN": ("fluvius", "portal", "email"),
    "FLUVIUS_PASSWORD": ("fluvius", "portal", "password"),
    "FLUVIUS_EAN": ("meters", 0, "ean"),
    "FLUVIUS_METER_SERIAL": ("meters", 0, "serial"),
}


class ConfigError(Exception):
    """The configuration cannot be used; `mistakes` says what to write instead, one text per mistake."""

    def __init__(self, *mistakes: str) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


def slug(name: str) -> str:
    """A name as a topic level: `Mémé's huis` is `meme_s_huis`. Empty where no letter or digit is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9-]+", "_", plain).strip("_-")


def is_this_machine(host: str) -> bool:
    """Whether what is sent to a host stays on this machine, so that it may go unencrypted."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


# What a value must be. A check says what is wrong; `{it}` becomes the value, where that cannot be a secret.


def _wrong(reason: str) -> PydanticCustomError:
    return PydanticCustomError("wrong", "{reason}", {"reason": reason})


def _text(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise _wrong("is empty" if not value.strip() else "holds characters that cannot be seen")
    return value


def _host(value: str) -> str:
    if not re.fullmatch(r"[\w.-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%\w+)?", value):
        raise _wrong("is no host name")
    return value


def _topic(value: str) -> str:
    if not value.isprintable() or not value or set(value) & set("#+") or value[0] in "/$" or value[-1] == "/":
        raise _wrong("{it} is no topic")
    return value


def _email(value: str) -> str:
    if not re.fullmatch(r"[^\s@]+@[^\s@]+", value):
        raise _wrong("is no e-mail address")
    return value


def _ean(value: str) -> str:
    digits = re.sub(r"\s", "", value)
    if not re.fullmatch(r"[0-9]*", digits):
        raise _wrong("holds more than digits")
    if len(digits) != 18:
        raise _wrong(f"has {len(digits)} digits")
    return digits


def _name(value: str) -> str:
    if slug(value) in {"", "bridge"}:
        raise _wrong("is the bridge's own topic" if slug(value) else "has no letter a-z and no digit")
    return value


def _time(value: str) -> str:
    found = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9](?::(?!00)[0-5][0-9])?)(?::00)?", value)
    if not found:
        raise _wrong("{it} is no time of day")
    return f"{found[1]:0>2}:{found[2]}"


def _distinct(times: tuple[str, ...]) -> tuple[str, ...]:
    if not times or len(set(times)) < len(times):
        raise _wrong("holds the same time twice" if times else "is empty")
    return times


def _thumbprint(value: str) -> str:
    digits = re.sub(r"[\s:]", "", value).upper()
    if not re.fullmatch(r"[0-9A-F]{40}", digits):
        raise _wrong("is no SHA-1 thumbprint")
    return digits


def _address(value: str, schemes: tuple[str, ...]) -> str:
    try:
        parts = urlsplit(value)
        sound = parts.hostname and parts.port != 0 and re.fullmatch(r"[!-\[\]-~]+", value)
    except ValueError:
        sound = None
    if not sound or parts.scheme not in schemes:
        raise _wrong("is no address with " + " or ".join(f"{scheme}://" for scheme in schemes))
    if parts.username is not None:
        raise _wrong("holds a user name")
    return value.rstrip("/")


def _https(value: str) -> str:
    """An address that may carry a password: encrypted, or one that does not leave this machine."""
    address = _address(value, ("https", "http"))
    if urlsplit(address).scheme == "http" and not is_this_machine(urlsplit(address).hostname or ""):
        raise _wrong("would send the password unencrypted: http:// is for this machine only")
    return address


def _websocket(value: str) -> str:
    return _address(value, ("ws", "wss"))


def _beside(value: Path, info: ValidationInfo) -> Path:
    """A relative path is relative to the configuration file, wherever the program was started from."""
    _text(str(value))
    try:
        folder: Path = (info.context or {}).get("folder", Path())
        return folder / value.expanduser()
    except RuntimeError:
        raise _wrong("is in the home folder of someone unknown") from None


def _readable(value: Path, info: ValidationInfo) -> Path:
    if info.context and not (os.access(value, os.R_OK) and value.is_file()):
        raise _wrong("{it} is no file that can be read")
    return value


def _port(value: Any, info: ValidationInfo) -> Any:
    if value is None:
        return 8883 if info.data.get("tls") else 1883
    return value


def _form(value: Any) -> str:
    return "(keys)" if isinstance(value, dict | BaseModel) else "(flag)"


Text = Annotated[str, AfterValidator(_text)]
Secret = Annotated[SecretStr, Field(min_length=1)]
Topic = Annotated[str, AfterValidator(_topic)]
Address = Annotated[str, AfterValidator(_https)]
Time = Annotated[
    str, AfterValidator(_time), Field(json_schema_extra={"pattern": "^[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?$"})
]
LocalPath = Annotated[Path, AfterValidator(_beside)]
LocalFile = Annotated[LocalPath, AfterValidator(_readable)]
Flag = Annotated[bool, Tag("(flag)")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _without_empty_keys(cls, data: Any) -> Any:
        """A key without a value counts as not written, as with every key below it commented out."""
        if not isinstance(data, dict):
            return data
        fields = cls.model_fields
        return {
            key: value
            for key, value in data.items()
            if key not in fields or not (value is None or (value == "" and fields[key].default is None))
        }


class TlsSettings(_Section):
    """How the connection to the broker is encrypted."""

    ca_file: LocalFile | None = Field(
        default=None, description="A PEM file with the authority that signed the broker's certificate"
    )
    cert_file: LocalFile | None = Field(default=None, description="A PEM file with the client's certificate")
    key_file: LocalFile | None = Field(
        default=None, description="A PEM file with the key of the client's certificate"
    )
    insecure: bool = Field(
        default=False, description="True to accept whatever certificate the broker shows, or false"
    )


class MqttSettings(_Section):
    """Where the readings go."""

    host: Annotated[str, AfterValidator(_host)] = Field(
        default="localhost", description="The broker's host name or IP address, without mqtt:// and port"
    )
    tls: Annotated[Flag | Annotated[TlsSettings, Tag("(keys)")], Discriminator(_form)] = Field(
        default=False,
        description="True to encrypt, false, or the keys ca_file, cert_file, key_file, insecure",
    )
    port: Annotated[int, Field(ge=1, le=65535), BeforeValidator(_port)] = Field(
        default=None,
        validate_default=True,
        description="The broker's port, a number from 1 to 65535, by default 1883 and with tls 8883",
        json_schema_extra={"default": 1883},
    )
    username: Text | None = Field(default=None, description="The user name that the broker knows")
    password: SecretStr | None = Field(default=None, description="The password that belongs to username")
    client_id: Text = Field(
        default="fluvius2mqtt", description="A name that no other client of the broker has"
    )
    protocol: Literal["3.1.1", "5"] = Field(default="3.1.1", description='The MQTT version, "3.1.1" or "5"')
    transport: Literal["tcp", "websockets"] = Field(default="tcp", description="One of tcp and websockets")
    base_topic: Topic = Field(
        default="fluvius",
        description="The topic above all others, without # and +, no / at either end, no $ in front",
    )
    stream: bool = Field(
        default=False,
        description="True to publish every new or corrected interval once, on .../reading, or false",
    )

    @property
    def tls_settings(self) -> TlsSettings | None:
        """How to encrypt; None where the connection is not encrypted."""
        if isinstance(self.tls, bool):
            return TlsSettings() if self.tls else None
        return self.tls


class PortalSettings(_Section):
    """The account on Mijn Fluvius."""

    email: Annotated[str, AfterValidator(_email)] | None = Field(
        default=None, description="The e-mail address of the account on Mijn Fluvius"
    )
    password: SecretStr | None = Field(
        default=None, description="The password of the account on Mijn Fluvius"
    )
    remember_me: bool = Field(
        default=False,
        description="True to tick the box that keeps the account signed in for longer, or false",
    )
    token: SecretStr | None = Field(
        default=None, description="A bearer token, to use instead of signing in with e-mail and password"
    )
    url: Address = Field(
        default="https://mijn.fluvius.be", description="The address of Mijn Fluvius, https://mijn.fluvius.be"
    )


class CertificateSettings(_Section):
    """What proves to the Energy API who is asking."""

    private_key_file: LocalFile = Field(description="A PEM file with the certificate's private key")
    thumbprint: Annotated[str, AfterValidator(_thumbprint)] = Field(
        description="The certificate's SHA-1 thumbprint, 40 hexadecimal digits"
    )


class EnergyApiSettings(_Section):
    """The contract with Fluvius as an energy service provider."""

    environment: Literal["production", "sandbox"] = Field(
        default="production", description="One of production and sandbox"
    )
    tenant_id: Text = Field(description="The tenant's id, from the contract")
    client_id: Text = Field(description="The client's id, from the contract")
    scope: Text = Field(description="The contract's scope, which ends in /.default")
    subscription_key: Secret = Field(description="The subscription key of the Energy API")
    contract_number: Text = Field(description="The number of the data access contract")
    client_secret: SecretStr | None = Field(
        default=None, description="The client's secret, where there is no certificate"
    )
    certificate: CertificateSettings | None = Field(
        default=None, description="The keys private_key_file and thumbprint, where there is no client_secret"
    )
    url: Address | None = Field(
        default=None, description="The address of the Energy API, https://...; by default from environment"
    )
    authority: Address | None = Field(
        default=None, description="The address that hands out tokens, https://...; by default from tenant_id"
    )


class FluviusSettings(_Section):
    """Where the readings come from."""

    portal: PortalSettings | None = Field(
        default=None, description="The keys of an account on Mijn Fluvius: email and password"
    )
    energy_api: EnergyApiSettings | None = Field(
        default=None,
        description="The keys of a contract for the Energy API: environment, tenant_id, client_id, scope, "
        "subscription_key, contract_number, and client_secret or certificate",
    )


class MeterSettings(_Section):
    """A meter to follow."""

    name: Annotated[Text, AfterValidator(_name)] | None = Field(
        default=None, description="A name for topics and devices, such as home; by default the EAN"
    )
    ean: Annotated[str, AfterValidator(_ean)] = Field(
        description="The connection's EAN: 18 digits, on every bill and in Mijn Fluvius",
        json_schema_extra={"pattern": "^[0-9]{18}$"},
    )
    serial: Text | None = Field(
        default=None, description="The number on the meter itself, such as 1SAG1100042062"
    )
    energy: Energy = Field(default=Energy.ELECTRICITY, description="One of electricity and gas")
    source: Literal["portal", "energy_api"] | None = Field(
        default=None, description="One of portal and energy_api"
    )


class ScheduleSettings(_Section):
    """When Fluvius is asked."""

    at: Annotated[tuple[Time, ...], AfterValidator(_distinct)] = Field(
        default=("06:15", "09:15", "12:15", "18:15"),
        description='Times of day in Europe/Brussels, each once, such as ["06:15", "12:15"]',
        json_schema_extra={"minItems": 1},
    )
    jitter_minutes: int = Field(
        default=10, ge=0, le=180, description="By how much to stray from these times, 0 to 180 minutes"
    )
    lookback_days: int = Field(
        default=7,
        ge=1,
        le=31,
        description="How far back days are awaited and corrections looked for, 1 to 31 days",
    )


class StatisticsSettings(_Section):
    """The Home Assistant that keeps the statistics."""

    url: Annotated[str, AfterValidator(_websocket)] = Field(
        description="The address of Home Assistant, such as ws://homeassistant.local:8123/api/websocket"
    )
    token: Secret = Field(description="A long-lived access token, made on the profile page of Home Assistant")


class HomeAssistantSettings(_Section):
    """What Home Assistant is told."""

    discovery: bool = Field(
        default=True, description="True for devices and sensors that appear by themselves, or false"
    )
    discovery_prefix: Topic = Field(
        default="homeassistant", description="The topic on which Home Assistant listens, homeassistant"
    )
    discovery_format: Literal["components", "device"] = Field(
        default="components", description="One of components and device"
    )
    statistics: Annotated[Flag | Annotated[StatisticsSettings, Tag("(keys)")], Discriminator(_form)] = Field(
        default=False, description="False, in the add-on also true, or the keys url and token"
    )


class LogSettings(_Section):
    """What is told along the way."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="One of debug, info, warning and error"
    )
    format: Literal["text", "json"] = Field(default="text", description="One of text and json")


class Settings(_Section):
    """Everything that a user can set."""

    mqtt: MqttSettings = Field(default=MqttSettings(), description="The keys of the broker: host, port, ...")
    fluvius: FluviusSettings = Field(
        default=FluviusSettings(), description="The keys of one source or both: portal, energy_api"
    )
    meters: tuple[MeterSettings, ...] = Field(
        default=(), description="A list of meters, each with the keys ean and, for the portal, serial"
    )
    schedule: ScheduleSettings = Field(
        default=ScheduleSettings(), description="The keys at, jitter_minutes, lookback_days"
    )
    homeassistant: HomeAssistantSettings = Field(
        default=HomeAssistantSettings(),
        description="The keys discovery, discovery_prefix, discovery_format, statistics",
    )
    data_dir: LocalPath = Field(
        default=Path("data"),
        validate_default=True,
        description="The folder for ledger and tokens, such as data",
    )
    log: LogSettings = Field(default=LogSettings(), description="The keys level and format")
    _warnings: tuple[str, ...] = PrivateAttr(default=())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is probably not meant, a line each."""
        return self._warnings

    @property
    def followed(self) -> tuple[Meter, ...]:
        """The meters as the rest of the bridge knows them."""
        only = "portal" if self.fluvius.portal else "energy_api"
        return tuple(
            Meter(
                name=slug(meter.name or meter.ean),
                ean=meter.ean,
                energy=meter.energy,
                serial=meter.serial or "",
                source=meter.source or only,
            )
            for meter in self.meters
        )


KEYS: dict[KeyPath, FieldInfo] = {}  # every key there is; 0 stands for any place in a list


def _kinds(annotation: Any) -> tuple[Any, ...]:
    """All types in an annotation, however nested: that of `tls` holds both bool and TlsSettings."""
    inner = (kind for argument in get_args(annotation) for kind in _kinds(argument))
    return (get_origin(annotation) or annotation, *inner)


def _section_of(info: FieldInfo) -> type[BaseModel] | None:
    return next(
        (k for k in _kinds(info.annotation) if isinstance(k, type) and issubclass(k, BaseModel)), None
    )


def _collect(section: type[BaseModel], above: KeyPath) -> None:
    for name, info in section.model_fields.items():
        KEYS[*above, name] = info
        if inner := _section_of(info):
            _collect(inner, (*above, name, 0) if tuple in _kinds(info.annotation) else (*above, name))


_collect(Settings, ())


def _anywhere(path: KeyPath) -> KeyPath:
    return tuple(0 if isinstance(part, int) else part for part in path)


def _key(path: KeyPath) -> FieldInfo | None:
    """What is known about a key; for a place in a list, about the list."""
    return KEYS.get(_anywhere(path)) or KEYS.get(_anywhere(path[:-1]))


def _at(tree: Any, *path: str | int) -> Any:
    """What was written at a path; None where nothing was, or an empty text."""
    for part in path:
        if isinstance(tree, list) and isinstance(part, int):
            tree = dict(enumerate(tree))
        tree = tree.get(part) if isinstance(tree, dict) else None
    return None if tree == "" else tree


def _advice(path: KeyPath) -> str:
    """The key's description, so that it goes on after "; "."""
    info = _key(path)
    text = (info and info.description) or "something else"
    return f"write {text[0].lower()}{text[1:]}"


# What all of it together must be. These look at what was written, so that they speak up next to wrong values.


def _contradictions(tree: Any) -> Iterator[tuple[KeyPath, str]]:
    portal, energy_api = _at(tree, "fluvius", "portal"), _at(tree, "fluvius", "energy_api")
    sources = {name for name, there in (("portal", portal), ("energy_api", energy_api)) if there is not None}
    if not sources:
        yield ("fluvius",), f"no source of readings; {_advice(('fluvius',))}"
    if isinstance(portal, dict) and not _at(portal, "token"):
        for path in ("fluvius", "portal", "email"), ("fluvius", "portal", "password"):
            if not _at(tree, *path):
                yield path, f"is missing; {_advice(path)}"
    if isinstance(energy_api, dict):
        proofs = [key for key in ("client_secret", "certificate") if _at(energy_api, key)]
        if len(proofs) != 1:
            reason = (
                "stands beside certificate; keep one" if proofs else "is missing; write it, or certificate"
            )
            yield ("fluvius", "energy_api", "client_secret"), reason
    yield from _mqtt_contradictions(_at(tree, "mqtt"))
    meters = _at(tree, "meters")
    if sources == {"portal"} and meters in (None, []):
        yield ("meters",), f"is empty; {_advice(('meters',))}"
    if isinstance(meters, list):
        yield from _meter_contradictions(meters, sources)
        yield from _repeated_meters(meters)


def _mqtt_contradictions(mqtt: Any) -> Iterator[tuple[KeyPath, str]]:
    if _at(mqtt, "password") and not _at(mqtt, "username") and _at(mqtt, "protocol") != "5":
        yield ("mqtt", "username"), f"is missing beside password; {_advice(('mqtt', 'username'))}"
    tls = _at(mqtt, "tls")
    for key, other in pairwise(("cert_file", "key_file", "cert_file")):
        if _at(tls, other) and not _at(tls, key):
            yield ("mqtt", "tls", key), f"is missing beside {other}; {_advice(('mqtt', 'tls', key))}"


def _meter_contradictions(meters: list[Any], sources: set[str]) -> Iterator[tuple[KeyPath, str]]:
    for index, meter in enumerate(meters):
        source = _at(meter, "source") or (min(sources) if len(sources) == 1 else None)
        path = ("meters", index, "source")
        if not source and len(sources) == 2:
            yield path, f"is missing, and two sources are configured; {_advice(path)}"
        elif source in ("portal", "energy_api") and sources and source not in sources:
            yield path, f"fluvius.{source} is not configured; write {min(sources)}, or configure it"
        if isinstance(meter, dict) and source == "portal" and not _at(meter, "serial"):
            yield ("meters", index, "serial"), f"is missing; {_advice(('meters', index, 'serial'))}"


def _repeated_meters(meters: list[Any]) -> Iterator[tuple[KeyPath, str]]:
    eans: dict[str, int] = {}
    slugs: dict[str, int] = {}
    for index, meter in enumerate(meters):
        ean = re.sub(r"[^0-9]", "", str(_at(meter, "ean")))
        name = slug(str(_at(meter, "name") or ean))
        if ean and eans.setdefault(ean, index) != index:
            yield ("meters", index, "ean"), f"is that of meters[{eans[ean]}] too; write each meter once"
        elif name and slugs.setdefault(name, index) != index:
            reason = f"gives the same topic as the name of meters[{slugs[name]}]; write another one"
            yield ("meters", index, "name"), reason


# Where it comes from.


class _Hidden(str):
    """A value that its owner put into a file of its own: no message shows it."""

    __slots__ = ()


class _Unreadable(_Hidden):
    """Stands for a value that could not be read; the mistake is on the list already."""

    __slots__ = ()


class _Loader(yaml.BaseLoader):
    """YAML in which every plain value is text, null aside, and means what is written.

    So 06:15 is not 375, 0123 stays a password and an EAN keeps its digits; pydantic makes the numbers.
    """

    def __init__(self, text: str, secret: Callable[[str], str]) -> None:
        super().__init__(text)
        self.secret = secret

    def mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        """Keys are words, and each is there once."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key is no word", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem="the same key twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return {key.value: self.construct_object(value) for key, value in node.value}

    def from_secrets(self, node: yaml.ScalarNode) -> str:
        """`!secret name`."""
        return self.secret(str(self.construct_scalar(node)))

    def unknown(self, node: yaml.Node) -> None:
        """A value such as `!hunter2`: the message must not show it."""
        raise yaml.MarkedYAMLError(problem="a value begins with !", problem_mark=node.start_mark)


_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("~|null|Null|NULL|"), ["~", "n", "N", ""])
_CONSTRUCTORS: dict[str | None, Callable[..., Any]] = {
    "tag:yaml.org,2002:null": lambda *_: None,
    "tag:yaml.org,2002:str": _Loader.construct_scalar,
    "tag:yaml.org,2002:seq": _Loader.construct_sequence,
    "tag:yaml.org,2002:map": _Loader.mapping,
    "!secret": _Loader.from_secrets,
    None: _Loader.unknown,
}
for _tag, _constructor in _CONSTRUCTORS.items():
    _Loader.add_constructor(_tag, _constructor)


def _parse(text: str, secret: Callable[[str], str]) -> Any:
    try:
        return _Loader(text, secret).get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        quoted = re.compile("'[^']*'")  # a character, or a word that may be a secret
        problem = quoted.sub(lambda found: found[0] if len(found[0]) <= 3 else "a word", error.problem or "")
        reason = f"{place}{problem}; put quotes around values with special characters such as * ! % : #"
    except yaml.YAMLError:
        reason = "holds characters that cannot be seen"
    except RecursionError:
        reason = "is nested too deeply"
    raise ConfigError(reason)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
    except ValueError:
        reason = "is no UTF-8 text"
    raise ConfigError(reason)


def _dotted(path: KeyPath) -> str:
    """`meters[0].ean`; of a key that is no word, the part that is: the rest may be a secret."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += "." * bool(text) + (part if re.fullmatch(WORD, part) else _word(part) + "…")
    return text


def _word(key: str) -> str:
    found = re.match(WORD, key)
    return found[0] if found else ""


def _variable(path: KeyPath) -> str:
    return "__".join(map(str, path)).upper()


def _path(variable: str) -> KeyPath:
    parts = variable.removeprefix(PREFIX).lower().split("__")
    return tuple(int(part) if re.fullmatch("[0-9]{1,4}", part) else part for part in parts)


@dataclass
class _Draft:
    """What was written so far, by whom, and what is wrong with it."""

    file: Path | None
    tree: dict[str, Any] = field(default_factory=dict)
    variables: dict[KeyPath, str] = field(default_factory=dict)  # which variable a value came from
    secrets: Any = None  # what is in secrets.yaml, once it was read
    mistakes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.file.parent if self.file else Path()

    def where(self, path: KeyPath) -> str:
        for end in range(len(path), 0, -1):
            if variable := self.variables.get(path[:end]):
                return f"{variable} ({_dotted(path)})"
        if self.file:
            return f"{self.file}: {_dotted(path)}" if path else str(self.file)
        short = next((name for name, key in SHORT_NAMES.items() if key == path), None)
        return f"{short or PREFIX + _variable(path)} ({_dotted(path)})"

    def add_file(self, file: Path) -> None:
        """One file's keys. Nothing else is worth looking at while it cannot be read."""
        try:
            tree = _parse(_read(file), self.secret)
        except ConfigError as error:
            raise ConfigError(*self.mistakes, f"{file}: {error}") from None
        if not isinstance(tree, dict | None):
            raise ConfigError(f"{file}: holds no keys; write them as in config.example.yaml")
        self.tree = tree or {}
        written = [_at(tree, *path) for path, info in KEYS.items() if SecretStr in _kinds(info.annotation)]
        if any(value and not isinstance(value, _Hidden) for value in written):
            self.warn_if_public(file)

    def warn_if_public(self, file: Path) -> None:
        if os.name == "posix" and file.stat().st_mode & 0o004:
            self.warnings.append(
                f"{file}: every user of this machine can read the secrets in it; run: chmod o-r {file}"
            )

    def secret(self, name: str) -> str:
        """What `!secret name` stands for."""
        file = self.folder / "secrets.yaml"
        if self.secrets is None:
            self.secrets = {}
            try:
                self.secrets = _parse(_read(file), self.secret) or {}
                self.warn_if_public(file)
            except ConfigError as error:
                self.mistakes.append(f"{file}: {error}; it has the values of !secret, such as {name}: ...")
                self.secrets = _Unreadable("?")
        if isinstance(self.secrets, _Unreadable):
            return self.secrets
        value = _at(self.secrets, name)
        if not isinstance(value, str):
            self.mistakes.append(
                f"{file}: {_dotted((name,))}: is missing; write {_dotted((name,))}: and its value"
            )
            return _Unreadable("?")
        return _Hidden(value)

    def add_variables(self, environ: Mapping[str, str]) -> None:
        """FLUVIUS2MQTT_MQTT__HOST and the like, the shorter first: sections before their keys."""
        for variable in sorted(environ, key=lambda name: (len(name), name)):
            if not variable.startswith(PREFIX) or not environ[variable]:
                continue
            name = variable if _anywhere(_path(variable)) in KEYS else variable.removesuffix("_FILE")
            if _anywhere(_path(name)) in KEYS:
                self.take(variable, name, _path(name), environ)
            else:
                near = get_close_matches(variable[len(PREFIX) :], [_variable(key) for key in KEYS], n=1)
                advice = f"did you mean {PREFIX}{near[0]}?" if near else "the keys are in config.example.yaml"
                self.mistakes.append(f"{variable}: unknown key; {advice}")

    def add_short_names(self, environ: Mapping[str, str]) -> None:
        """FLUVIUS_LOGIN and the like, where nothing else says it; the meter, where there is none."""
        has_meters = _at(self.tree, "meters") not in (None, [])
        for name, path in SHORT_NAMES.items():
            variable = f"{name}_FILE" if environ.get(f"{name}_FILE") else name
            if environ.get(variable) and not (has_meters if path[0] == "meters" else _at(self.tree, *path)):
                self.take(variable, name, path, environ)
        if environ.get("FLUVIUS_TIMEZONE", "") not in ("", "Europe/Brussels"):
            self.mistakes.append(
                "FLUVIUS_TIMEZONE: Fluvius's days are those of Europe/Brussels; remove the variable"
            )

    def take(self, variable: str, name: str, path: KeyPath, environ: Mapping[str, str]) -> None:
        """A variable's value, or what is in the file that it names if it ends in _FILE."""
        text = environ[variable]
        value: Any = _Unreadable("?")
        try:
            if variable != name:
                text = _Hidden(_read(Path(text)).rstrip("\r\n"))
            info = KEYS[_anywhere(path)]
            has_form = tuple in _kinds(info.annotation) or _section_of(info)
            value = _parse(text, self.secret) if has_form else text
        except ConfigError as error:
            self.mistakes.append(f"{variable}: {'the file that it names ' * (variable != name)}{error}")
        if variable != name and environ.get(name):
            self.mistakes.append(f"{variable}: stands beside {name}; keep one of them")
        self.put(path, value, variable)

    def put(self, path: KeyPath, value: Any, variable: str) -> None:
        """Lays a value over what is there; the keys beside it stay, a list is replaced."""
        if isinstance(value, dict) and value:
            for key, inner in value.items():
                self.put((*path, key), inner, variable)
            return
        here: Any = self.tree
        for part, following in pairwise(path):
            if isinstance(part, int) and part == len(here):
                here.append({})
            elif isinstance(part, int) and part > len(here):
                self.mistakes.append(f"{variable}: there is no number {len(here)} yet; count from 0")
                return
            if not isinstance(_at(here, part), list if isinstance(following, int) else dict):
                here[part] = [] if isinstance(following, int) else {}
            here = here[part]
        here[path[-1]] = value
        self.variables[path] = variable

    def settings(self) -> Settings | None:
        """The settings, or mistakes. Single values and contradictions are looked at in one go."""
        reasons: dict[KeyPath, str] = {}
        settings = None
        try:
            settings = Settings.model_validate(self.tree, context={"folder": self.folder})
        except ValidationError as error:
            for found in error.errors(include_url=False):
                path = tuple(part for part in found["loc"] if part not in ("(flag)", "(keys)"))
                reasons.setdefault(path, _reason(found, path))
        for path, reason in _contradictions(self.tree):
            reasons.setdefault(path, reason)
        self.mistakes += [f"{self.where(path)}: {reason}" for path, reason in reasons.items() if reason]
        if settings:
            for index, meter in enumerate(settings.meters):
                if not _check_digit_fits(meter.ean):
                    where = self.where(("meters", index, "ean"))
                    self.warnings.append(
                        f"{where}: the last digit does not fit the others; is there a slip in it?"
                    )
            settings._warnings = tuple(self.warnings)  # noqa: SLF001 - it is ours
        return settings


def _check_digit_fits(ean: str) -> bool:
    """GS1's check digit: the digits weigh 3 and 1 in turn, and add up to a multiple of ten."""
    return sum(int(digit) * (1 if place % 2 else 3) for place, digit in enumerate(ean)) % 10 == 0


REASONS = {
    "wrong": "{reason}",
    "missing": "is missing",
    "int_parsing": "{it} is no whole number",
    "int_parsing_size": "{it} is no whole number",
    "int_type": "{it} is no whole number",
    "greater_than_equal": "{it} is out of range",
    "less_than_equal": "{it} is out of range",
    "bool_parsing": "{it} is neither true nor false",
    "bool_type": "{it} is neither true nor false",
    "string_type": "{it} stands where text belongs",
    "path_type": "{it} stands where text belongs",
    "model_type": "{it} stands where keys belong",
    "tuple_type": "{it} stands where a list belongs",
    "too_short": "is empty",
    "enum": "{it} is unknown",
    "literal_error": "{it} is unknown",
}


def _reason(found: ErrorDetails, path: KeyPath) -> str:
    """What is wrong with a value and what to write, in our words: pydantic's show the value."""
    value = found["input"]
    if isinstance(value, _Unreadable):
        return ""
    if found["type"] == "extra_forbidden":
        beside = [str(key[-1]) for key in KEYS if key[:-1] == _anywhere(path[:-1])]
        near = get_close_matches(_word(str(path[-1])), beside, n=1)
        return f"unknown key; did you mean {near[0]}?" if near else f"unknown key; write {', '.join(beside)}"
    reason = REASONS.get(found["type"], "{it} does not fit").format(**found.get("ctx", {}), it="{it}")
    return f"{reason.replace('{it}', _shown(value, path))}; {_advice(path)}"


def _shown(value: Any, path: KeyPath) -> str:
    """A value as a message may show it: not a secret, nor what may be one in the wrong place."""
    if not isinstance(value, str):
        return {"dict": "a group of keys", "list": "a list"}.get(type(value).__name__, "nothing")
    info = _key(path)
    if not info or SecretStr in _kinds(info.annotation) or _section_of(info) or isinstance(value, _Hidden):
        return "text"
    return (value if re.fullmatch(r"[\w.:/+-]+", value) else repr(value)) if len(value) <= 60 else "this text"


# What the rest of the bridge asks for.


def _places(environ: Mapping[str, str]) -> Iterator[Path]:
    yield Path(FILE)
    home = environ.get("HOME") or environ.get("USERPROFILE")
    if folder := environ.get("XDG_CONFIG_HOME") or (home and f"{home}/.config"):
        yield Path(folder) / "fluvius2mqtt" / FILE
        yield Path(folder) / FILE
    yield Path("/config") / FILE


def find(explicit: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The configuration file: the one asked for, else the first that there is, else none."""
    return explicit or next((place for place in _places(environ) if os.access(place, os.F_OK)), None)


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings in a file, if any, and in the environment, which goes first.

    JSON is YAML, so the add-on's `options.json` is such a file too.

    Raises:
        ConfigError: with every mistake that was found.
    """
    draft = _Draft(path)
    if path:
        draft.add_file(path)
    draft.add_variables(environ)
    draft.add_short_names(environ)
    if not path and not draft.tree and not draft.mistakes:
        raise ConfigError(_nowhere(environ))
    settings = draft.settings()
    if draft.mistakes or not settings:
        raise ConfigError(*draft.mistakes, *([] if path else [_nowhere(environ)]))
    return settings


def _nowhere(environ: Mapping[str, str]) -> str:
    places = ", ".join(map(str, _places(environ)))
    return (
        f"no configuration file in {places}; copy config.example.yaml to one of these, "
        f"or set {', '.join(SHORT_NAMES)}"
    )


def schema() -> dict[str, Any]:
    """The configuration's JSON Schema (draft 2020-12), for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | Settings.model_json_schema()
