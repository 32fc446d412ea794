import pytest

from harness.suite.documents.extracted import Extracted, UnreadableError
from harness.suite.documents.html import read_html

PAGE = """<!DOCTYPE html><html><head><title>Name &mdash; Site</title><meta charset="utf-8">
<meta property="article:published_time" content="2024-05-06T10:00:00Z"><style>p { color: red }</style></head>
<body><header><h1>Site</h1></header><nav><ul><li>Home</li></ul></nav>
<main><nav>On this page</nav><h1>Name<a class="headerlink" href="#name">¶</a></h1>
<p>First &amp; <b>fore</b>most,<br>a  line.<script>track("x < y")</script></p>
<h2>Lists</h2><ul><li><p>one</p></li><li>two<ol><li>inner</li></ol></li></ul>
<table><tr><th>a</th><th>b</th></tr><tr><td><p>1</p></td><td><p>2</p></td></tr></table>
<pre><code># no heading
  x = 1</code></pre><button>Copy</button><dl><dt>word</dt><dd><p>meaning</p></dd></dl>
<aside>Note well.</aside></main><aside>Elsewhere</aside><footer>Imprint</footer></body></html>"""

WRITTEN = """# Name

First & foremost,
a line.

## Lists

- one
- two
  - inner

a | b
1 | 2

```
# no heading
  x = 1
```

word

meaning

Note well."""


def page(body: str) -> Extracted:
    return read_html(f"<!DOCTYPE html><title>T</title><body>{body}</body>".encode())


def test_a_page() -> None:
    """A page gives its main part as Markdown, without what frames it, and its title and date."""
    found = read_html(PAGE.encode())
    assert found.text == WRITTEN
    assert (found.title, found.metadata) == ("Name", {"date": "2024-05-06"})


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<p>a</p><div role=main><div><p>b</p></div>c</div>d", "b\n\nc"),
        ("<div role=main>b</div><footer>f</footer><div>d</div>", "b"),
        ("<p>a</p><article><p>b</p></article><p>c</p>", "b"),
        ("<p>a</p><article>b</article><article>c</article>", "a\n\nb\n\nc"),
        ("<p>a</p><main> </main>", "a"),
        ("a<div>b</div>c", "a\n\nb\n\nc"),
        ("<div role=navigation><div>n</div>n</div><p>a", "a"),
        ("<p aria-hidden=true>h</p><p>a", "a"),
        ("<header>h</header><p>a<footer>f</footer>", "a"),
        ("<article><header><h1>T</h1></header>a<footer>f</footer></article>", "# T\n\na\n\nf"),
        ("<h3><button>Why?</button></h3><p>So.", "### Why?\n\nSo."),
        ("<h3>Type C#<a href=#c>#</a></h3>", "### Type C#"),
        ("<p>one<p>two<li>three<li>four", "one\n\ntwo\n\n- three\n- four"),
        ("<pre>```\nx\n```</pre>", "~~~~\n```\nx\n```\n~~~~"),
        ("<p>a&nbsp;b &lt;i&gt; &#x1F600; &bogus; <!-- c --> d", "a b <i> 😀 &bogus; d"),
        ("<p>a<nav>never ends <p>b", "a\n\nnever ends\n\nb"),
    ],
)
def test_parts_of_pages(body: str, text: str) -> None:
    """The main part is found where it is marked, and no word is lost to tags that are missing or unknown."""
    assert page(body).text == text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('<meta charset="windows-1251"><p>да'.encode("cp1251"), "да"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1"><p>“é”'.encode("cp1252"), "“é”"),
        ('<?xml version="1.0" encoding="shift_jis"?><p>日本'.encode("shift_jis"), "日本"),
        ("<p>é".encode(), "é"),
        ("<meta charset=latin1><p>é".encode("utf-8-sig"), "é"),
    ],
)
def test_declared_encodings(content: bytes, text: str) -> None:
    """A page is read in the encoding that it declares, as browsers do, unless a byte order mark says otherwise."""
    assert read_html(content).text == text


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"<p>caf\xe9", "is not utf-8 text"),
        (b"<meta charset=klingon><p>a", "encoding is 'klingon', which is none"),
        (b"<meta charset=zlib><p>a", "encoding is 'zlib', which is none"),
        (b"<meta charset=utf-16><p>\xe9", "is not utf-8 text"),
    ],
)
def test_wrong_encodings(content: bytes, told: str) -> None:
    """A page in no encoding, an unknown one or another than it declares is refused."""
    with pytest.raises(UnreadableError, match=told):
        read_html(content)


def test_nested_tags() -> None:
    """A hundred thousand tags inside one another hide no word."""
    number = 100_000
    assert page("<div><b>" * number + "deep" + "</b></div>" * number + "after").text == "deep\n\nafter"


def test_nothing_is_marked() -> None:
    """A page's own name is its title where it has no heading, and blank where it has no name."""
    assert page("<p>a").title == "T"
    assert read_html(b"<p>a").title == ""
