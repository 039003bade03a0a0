"""Names that are attacks: on pages, drawings, spreadsheets, JSON and terminals."""

HOSTILE = (
    "<script>alert(1)</script>", '"""><img src=x onerror=alert(1)>', "</script><script>alert(2)</script>",
    "=cmd|' /C calc'!A0", "@SUM(1+1)", r"$\href{javascript:alert(1)}{x}$", "[a](javascript:alert(1))", "{{7*7}}",
    "%s%n%x", "'; DROP TABLE accounts;--", "</title></td></svg><svg onload=alert(3)>", "&lt;b&gt; &amp;",
    "<!-- gone", "![a](https://example.org/a.png)", "**bold** `code` _x_ ~~y~~", "شركة النور للتجارة",
    "🦊👩‍💻 株式会社",
    "長い" * 60, "W" * 150, "\\", "$x$ and $$y$$", "https://example.org/", "<a href=//x>Kaede</a>",
)
