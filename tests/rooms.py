"""The rooms of the house and which use which, drawn from the imports: `make rooms` writes it to the docs."""

from collections.abc import Mapping
from pathlib import Path

import grimp

PAGE = Path(__file__).parent.parent / "docs" / "architecture.md"
BEGIN, END = "```mermaid\n", "```\n"
ANYONE = {"metering", "text", "config"}  # used from nearly everywhere: no arrow would tell anything


def arrows() -> Mapping[str, set[str]]:
    """Room → the rooms whose modules it imports."""
    graph = grimp.build_graph("bridge", include_external_packages=False)
    rooms = {module.rpartition(".")[2] for module in graph.find_children("bridge")}
    found: dict[str, set[str]] = {room: set() for room in rooms if room != "__main__"}
    for module in graph.modules:
        room = _room(module)
        if room in found:
            used = {_room(each) for each in graph.find_modules_directly_imported_by(module)}
            found[room] |= {each for each in used if each in found and each != room}
    return found


def drawing() -> str:
    """As Mermaid, which GitHub draws."""
    lines = ["graph TD"]
    for room, used in sorted(arrows().items()):
        lines += [f"  {room} --> {each}" for each in sorted(used - ANYONE)]
    return "\n".join(lines) + "\n"


def page(text: str) -> str:
    """The page with the drawing of now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{drawing()}{END}{after}"


def _room(module: str) -> str:
    return [*module.split("."), ""][1]


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
