"""One report of the Indiana University collection (OpenI), parsed from its XML."""

from dataclasses import dataclass, field
from xml.parsers import expat

SECTION_KINDS = {
    "COMPARISON": "comparison",
    "INDICATION": "indication",
    "FINDINGS": "findings",
    "IMPRESSION": "impression",
}
MESH_CODINGS = {"major": "mesh_major", "automatic": "mesh_automatic"}


class DoctypeError(Exception):
    """A document type declaration: the place where entities are defined, never in a report."""


@dataclass
class OpeniDocument:
    """What a document says: its exam, its sections, and the codes people and MTI gave it.

    `codes` are pairs of coding (mesh_major: by people; mesh_automatic: by the Medical Text
    Indexer) and heading.
    """

    exam_id: str | None = None
    kinds: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    codes: list[tuple[str, str]] = field(default_factory=list)


def parse_openi(data: bytes) -> OpeniDocument:
    """Return the document in `data`.

    The uid is the exam's id (`<uId id="CXR1"/>`), each `AbstractText` with text one section.

    Raises
    ------
    xml.parsers.expat.ExpatError
        If `data` is not well-formed XML.
    DoctypeError
        If it declares a document type: entities are neither expanded nor fetched.
    """
    document = OpeniDocument()
    path: list[str] = []
    text: list[str] = []
    kind = "body"

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal kind
        path.append(name)
        if name == "uId" and document.exam_id is None:
            document.exam_id = attributes.get("id")
        elif name == "AbstractText":
            kind = SECTION_KINDS.get(attributes.get("Label", "").strip().upper(), "body")
            text.clear()
        elif path[-2:-1] == ["MeSH"]:
            text.clear()

    def end(name: str) -> None:
        path.pop()
        content = "".join(text)
        if name == "AbstractText" and content.strip():
            document.kinds.append(kind)
            document.texts.append(content)
        elif path[-1:] == ["MeSH"] and name in MESH_CODINGS and content.strip():
            document.codes.append((MESH_CODINGS[name], content.strip()))

    def refuse_doctype(*_: object) -> None:
        raise DoctypeError

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse_doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text.append
    parser.Parse(data, True)
    return document
