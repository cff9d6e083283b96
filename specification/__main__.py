"""Write what is made from asyncapi.yaml: `python -m specification`."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from specification.document import ROOT, json_schema, needed
from specification.typescript import declarations

SCHEMAS = ROOT / "specification" / "schemas"
TYPES = ROOT / "clients" / "javascript" / "types" / "frames.d.ts"

FILES = {
    "ClientFrame": "client-frame.json",
    "ServerFrame": "server-frame.json",
    "Event": "event.json",
    "PublishedEvent": "published-event.json",
    "Alarm": "alarm.json",
    "DeadLetterAttributes": "dead-letter-attributes.json",
}
"""The JSON Schemas that are written, by the document's names."""

_FRAMES = ("ClientFrame", "ServerFrame")
_MADE = "Made from asyncapi.yaml by `python -m specification`. Change that, not this."


def made() -> Mapping[Path, str]:
    """Return the texts of all files that are made from the document."""
    texts = {
        SCHEMAS / file: json.dumps({"$comment": _MADE, **json_schema(name)}, indent=1, ensure_ascii=False)
        + "\n"
        for name, file in FILES.items()
    }
    return {**texts, TYPES: f"// {_MADE}\n\n{declarations(needed(*_FRAMES))}"}


def main() -> int:
    """Write the files, and remove what was made earlier under other names."""
    texts = made()
    for path in SCHEMAS.glob("*.json"):
        if path not in texts:
            path.unlink()
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
