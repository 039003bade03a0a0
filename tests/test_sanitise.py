"""Nothing that a name in the data may hold reaches the page as more than text."""

import pytest

from cs_research.report.sanitise import safe_html, safe_svg

SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9">{}</svg>'


@pytest.mark.parametrize("hostile", [
    "<script>x()</script>", "<img src=x onerror=x()>", '<a href="javascript:x()">a</a>', "<iframe src=//x></iframe>",
    '<p style="background:url(//x)">p</p>', "<form action=//x><input></form>", "<svg onload=x()></svg>",
    '<meta http-equiv="refresh" content="0;url=//x">', "<style>@import '//x'</style>", "<base href=//x>",
])
def test_html_loses_what_acts_or_reaches_out(hostile):
    shown = safe_html(f"<b>Aoba</b>{hostile}")
    assert shown.startswith("<b>Aoba</b>")
    assert not any(word in shown for word in ("x()", "//x", "javascript", "style", "<svg", "<form"))


def test_html_keeps_tables_and_classes():
    table = ('<table class="dataframe"><thead><tr><th scope="col">a</th></tr></thead>'
             "<tbody><tr><td>1</td></tr></tbody></table>")
    assert safe_html(table) == table


@pytest.mark.parametrize("hostile", [
    "<script>x()</script>", '<g onload="x()"/>', '<use xlink:href="http://x/#a"/>', '<image href="http://x/a.png"/>',
    '<a href="javascript:x()"><text>a</text></a>', "<foreignObject><b>x()</b></foreignObject>",
    '<rect style="fill: url(http://x)"/>', "<style>@import url(http://x)</style>", "<style>*{fill:u\\72l(http://x)}</style>",
    '<rect fill="url(http://x#a)"/>', '<set attributeName="href" to="javascript:x()"/>',
])
def test_drawings_lose_what_acts_or_reaches_out(hostile):
    shown = safe_svg(SVG.format(hostile), "fig1")
    assert not any(word in shown for word in ("x()", "http:", "javascript", "onload", "72l"))


def test_ids_of_two_drawings_never_meet_and_references_follow():
    inner = ('<title id="t">Share &lt;green&gt;</title><clipPath id="c"><rect/></clipPath>'
             '<g clip-path="url(#c)"/><use href="#c"/>')
    shown = safe_svg(SVG.format(inner).replace("<svg", '<svg role="img" aria-labelledby="t"', 1), "fig2")
    assert 'id="fig2-t"' in shown and 'aria-labelledby="fig2-t"' in shown and "Share &lt;green&gt;" in shown
    assert 'clip-path="url(#fig2-c)"' in shown and 'href="#fig2-c"' in shown


@pytest.mark.parametrize("text", ["no drawing", '<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>', "<svg><g></svg>"])
def test_what_is_no_drawing_is_refused(text):
    with pytest.raises(ValueError, match="drawing"):
        safe_svg(text, "fig1")
