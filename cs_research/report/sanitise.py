"""Lets through what a page may hold: text, tables and drawings; no script, no form, nothing from the network.

Names in the data are hostile until shown otherwise, so an allow-list decides, not a list of known attacks.
"""

import re
import xml.etree.ElementTree as ET

import nh3

_CLASSES = {tag: {"class"} for tag in ("p", "div", "span", "strong", "table", "td", "th", "tr", "ul", "figure")}
_SHAPES = {"svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan", "title",
           "desc", "defs", "clipPath", "use", "marker", "pattern", "linearGradient", "stop", "style"}
_REFERENCE = re.compile(r"url\(\s*['\"]?#([\w.:-]+)['\"]?\s*\)")
# What CSS can fetch with: a function that takes an address, an import, an address; a backslash can hide each.
_REACHES_OUT = re.compile(r"(url|src|image|image-set|cross-fade|element)\s*\(|@import|//|\\", re.IGNORECASE)
_DATA_IMAGE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+")
_LINK = re.compile(r"https?://.+|#.*|(?!//)[^:\\]*", re.IGNORECASE | re.DOTALL)


def safe_html(html: str) -> str:
    """`html` with the tags and attributes of text and tables only.

    >>> safe_html('<b onclick="steal()">Aoba</b><script>steal()</script>')
    '<b>Aoba</b>'
    """
    attributes = {**nh3.ALLOWED_ATTRIBUTES}
    for tag, names in _CLASSES.items():
        attributes[tag] = attributes.get(tag, set()) | names
    return nh3.clean(html, attributes=attributes, tags=nh3.ALLOWED_TAGS - {"map", "area"} | {"tfoot"},
                     attribute_filter=_only_safe_addresses, url_schemes={"http", "https", "data"})


def _only_safe_addresses(tag: str, name: str, value: str) -> str | None:
    """A picture carries its own bytes; a link goes to a page, here or on the web, and holds none."""
    if name == "src":
        return value if _DATA_IMAGE.fullmatch(value) else None
    if name in ("href", "cite"):
        return value if _LINK.fullmatch(value.strip()) else None
    return value


def safe_svg(text: str, prefix: str) -> str:
    """A drawing as inline SVG: known shapes only, ids made unique by `prefix`, links within the drawing only.

    Raises ValueError when `text` is not well-formed or declares entities.
    """
    text = re.sub(r"^\s*(<\?xml[^>]*\?>)?\s*(<!DOCTYPE svg PUBLIC \"[^\"\[]*\"\s+\"[^\"\[]*\">)?", "", text)
    if "<!" in re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL):
        raise ValueError("a drawing may declare no entities")
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise ValueError(f"not a drawing: {error}") from None
    if _local(root.tag) != "svg":
        raise ValueError(f"not a drawing: its root is {_local(root.tag)}")
    _clean(root, f"{prefix}-")
    return ET.tostring(root, encoding="unicode", short_empty_elements=True)


def _clean(element: ET.Element, prefix: str) -> None:
    element.tag = _local(element.tag)
    kept = {_local(name): value for name, value in element.attrib.items()}
    element.attrib.clear()
    for name, value in sorted(kept.items()):
        value = _REFERENCE.sub(rf"url(#{prefix}\1)", value)
        if name == "id":
            value = prefix + value
        elif name in ("aria-labelledby", "aria-describedby"):
            value = " ".join(prefix + word for word in value.split())
        elif name == "href":
            value = f"#{prefix}{value[1:]}" if value.startswith("#") else ""
        if value and not name.lower().startswith("on") and not _REACHES_OUT.search(value.replace(f"url(#{prefix}", "")):
            element.set(name, value)
    for child in list(element):
        name = _local(child.tag)
        if name not in _SHAPES or (name == "style" and _REACHES_OUT.search("".join(child.itertext()))):
            element.remove(child)
        else:
            _clean(child, prefix)


def _local(name: object) -> str:
    return name.rpartition("}")[2] if isinstance(name, str) else ""
