"""The page of asyncapi.yaml has all in it, and is made with the component that is named."""

import json
import re
from pathlib import Path

import pytest

from specification import page
from specification.document import document


def test_the_page_holds_the_document_and_the_component_and_loads_nothing() -> None:
    made = page.page('const ends = "</script><!--"', "body { margin: 0 }")
    scripts = re.findall(r"<script>(.*?)</script>", made, re.DOTALL)
    assert scripts[0] == r'const ends = "<\/script><\!--"', "what is inside ends no element"
    (told,) = re.findall(r"render\((.*), document\.", scripts[1])
    assert json.loads(told)["schema"] == document()
    assert "<style>body { margin: 0 }</style>" in made
    assert not re.search(r'(?:src|href)="(?!data:)', made)


def test_another_package_is_refused(tmp_path: Path) -> None:
    package = tmp_path / "component.tgz"
    package.write_bytes(b"something else")
    with pytest.raises(page.ForeignPackageError, match=r"component\.tgz"):
        page.component(package)
