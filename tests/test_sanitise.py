"""Nothing that a name in the data may hold reaches the page as more than text."""

import pytest

from cs_research.report.sanitise import safe_html, safe_svg

SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9">{}</svg>'


@pytest.mark.parametrize("hostile", [
    "<script>x()</script>", "<img src=x onerror=x()>", '<a href="javascript:x()">a</a>', "<iframe src=//x></iframe>",
    '<p style="background:url(//x)">p</p>', "<form action=//x><input></form>", "<svg onload=x()></svg>",
    '<meta http-equiv="refresh" content="0;url=//x">', "<style>@import '//x'</style>", "<base href=//x>",
    '<img src="https://x">', '<img src="//x">', '<img src="data:image/svg+xml,//x">', '<a href="//x">a</a>',
    '<a href="data:text/html,//x">a</a>', '<a href="mailto://x">a</a>', '<a href="/\\\\//x">a</a>',
])
def test_html_loses_what_acts_or_reaches_out(hostile):
    shown = safe_html(f"<b>Aoba</b>{hostile}")
    assert shown.startswith("<b>Aoba</b>")
    assert not any(word in shown for word in ("x()", "//x", "javascript", "style", "<svg", "<form"))


def test_html_keeps_tables_and_classes():
    table = ('<table class="dataframe"><thead><tr><th scope="col">a</th></tr></thead>'
             "<tbody><tr><td>1</td></tr></tbody></table>")
    assert safe_html(table) == table


@pytest.mark.parametrize("kept", ['<a href="05_onboarding.html#a" rel="noopener noreferrer">a</a>',
                                  '<a href="https://example.org/a:b" rel="noopener noreferrer">a</a>',
                                  '<a href="#a" rel="noopener noreferrer">a</a>',
                                  '<img src="data:image/png;base64,iVBORw0KGgo=">'])
def test_html_keeps_links_and_pictures_that_carry_themselves(kept):
    assert safe_html(kept) == kept


@pytest.mark.parametrize("hostile", [
    "<script>x()</script>", '<g onload="x()"/>', '<use xlink:href="http://x/#a"/>', '<image href="http://x/a.png"/>',
    '<a href="javascript:x()"><text>a</text></a>', "<foreignObject><b>x()</b></foreignObject>",
    '<rect style="fill: url(http://x)"/>', "<style>@import url(http://x)</style>", "<style>*{fill:u\\72l(http://x)}</style>",
    '<rect fill="url(http://x#a)"/>', '<rect style="cursor: image-set(\'//x\' 1x)"/>', '<rect mask="//x"/>',
    "<style>*{background: image('x()')}</style>", "<style>*{background: src('x()')}</style>",
    "<style>*{mask: -webkit-image-set('x()')}</style>", "<style>*{fill: url(#c);mask: '//x'}</style>",
    '<set attributeName="href" to="javascript:x()"/>',
])
def test_drawings_lose_what_acts_or_reaches_out(hostile):
    shown = safe_svg(SVG.format(hostile), "fig1")
    assert not any(word in shown for word in ("x()", "http:", "javascript", "onload", "72l", "//x"))


def test_ids_of_two_drawings_never_meet_and_references_follow():
    inner = ('<title id="t">Share &lt;green&gt;</title><clipPath id="c"><rect/></clipPath>'
             '<g clip-path="url(#c)"/><use href="#c"/>')
    shown = safe_svg(SVG.format(inner).replace("<svg", '<svg role="img" aria-labelledby="t"', 1), "fig2")
    assert 'id="fig2-t"' in shown and 'aria-labelledby="fig2-t"' in shown and "Share &lt;green&gt;" in shown
    assert 'clip-path="url(#fig2-c)"' in shown and 'href="#fig2-c"' in shown


@pytest.mark.parametrize("text", ["no drawing", '<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>', "<svg><g></svg>",
                                  "<script>x()</script>", "<html><svg/></html>"])
def test_what_is_no_drawing_is_refused(text):
    with pytest.raises(ValueError, match="drawing"):
        safe_svg(text, "fig1")
