import base64
import http.client
import re
import threading
from types import SimpleNamespace
from urllib.parse import quote

import pytest

from stackmotif.catalog import load_catalog
from stackmotif.errors import StackmotifError
from stackmotif.explorer import ExplorerServer, serve
from stackmotif.explorer.pages import LONGEST_WORD

HOSTILE = "\"><script>alert(1)</script>'&{{ 7*7 }}"


@pytest.fixture(scope="module")
def server():
    with ExplorerServer(load_catalog()) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def ask(server, path, *, method="GET", host=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", host or f"127.0.0.1:{server.port}")
    connection.endheaders()
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return SimpleNamespace(status=response.status, headers=response.headers, body=body)


def page(server, path):
    return ask(server, f"/{server.token}/{path}")


def test_it_listens_on_loopback_only(server):
    assert server.server_address[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.port}/{server.token}/"
    assert len(server.token) >= 30


def test_keys_differ():
    with ExplorerServer({}) as one, ExplorerServer({}) as other:
        assert one.token != other.token


@pytest.mark.parametrize("path", ["/", "/x/", "/x/spell?word=O3", "//", "", "/..", "/%00/"])
def test_without_the_key_nothing_is_shown(server, path):
    answer = ask(server, path or "/")
    assert answer.status == 403
    assert server.token not in answer.body


def test_a_part_of_the_key_is_not_the_key(server):
    assert ask(server, f"/{server.token[:-1]}/").status == 403
    assert ask(server, f"/{server.token}x/").status == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "localhost:1"])
def test_other_hosts_are_refused(server, host):
    answer = ask(server, f"/{server.token}/", host=host)
    assert answer.status == 403
    assert "html" not in answer.body


def test_localhost_is_this_host(server):
    assert ask(server, f"/{server.token}/", host=f"localhost:{server.port}").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_can_be_sent(server, method):
    assert ask(server, f"/{server.token}/", method=method).status == 501


def test_head_has_no_body(server):
    answer = ask(server, f"/{server.token}/", method="HEAD")
    assert (answer.status, answer.body) == (200, "")
    assert int(answer.headers["Content-Length"]) > 500


@pytest.mark.parametrize("path", ["", "entry/o3", "spell", "nope"])
def test_every_page_has_a_policy_and_no_script(server, path):
    answer = page(server, path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "<script" not in answer.body
    links = re.findall(r'(?:href|src|action)="([^"]*)"', answer.body)
    own = (f"/{server.token}/", "data:image/svg+xml;base64,")
    assert all(link.startswith(own) for link in links)


def test_list_links_to_every_entry(server):
    listed = page(server, "").body
    catalog = load_catalog()
    assert len(catalog) >= 20
    for motif_id in catalog:
        assert f'href="/{server.token}/entry/{motif_id}"' in listed
    assert "sm.load_catalog()" in listed


@pytest.mark.parametrize("motif_id", ["o3", "td-1-flipped", "nio"])
def test_entry_shows_what_the_catalog_holds(server, motif_id):
    motif = load_catalog()[motif_id]
    answer = page(server, f"entry/{motif_id}")
    assert answer.status == 200
    assert motif_id in answer.body
    assert f"[&#39;{motif_id}&#39;]" in answer.body
    assert ("<svg" in answer.body) == (motif.word is not None)


def test_partners_share_the_projection(server):
    shown = page(server, "entry/td-1-flipped").body
    assert "entry/td-1-glided" in shown
    assert "entry/o1-fault-1" not in shown
    assert "entry/o6" in page(server, "entry/o3").body


def test_a_word_is_spelt(server):
    body = page(server, f"spell?word={quote('|L- L-|')}").body
    for text in ("O3r", "|R+|", "<svg", "sm.Word.parse(&#39;|L-2|&#39;)"):
        assert text in body
    assert "twin octahedral" in page(server, "spell?word=twin%20octahedral").body


def test_a_malformed_word_is_explained(server):
    answer = page(server, f"spell?word={quote('|R+')}")
    assert answer.status == 200
    assert "expected a slab" in answer.body


@pytest.mark.parametrize("path", ["spell?word=", "entry/", ""])
def test_hostile_text_stays_text(server, path):
    answer = page(server, path + quote(HOSTILE, safe=""))
    assert "<script" not in answer.body
    assert "49" not in re.sub(r"[\w-]{30,}", "", answer.body.split("</style>")[1])


@pytest.mark.parametrize(
    "path",
    ["../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "entry/../../x", "entry/%2e%2e%2fmotif.toml",
     "templates/base.html", "entry/o3/motif.toml"],
)  # fmt: skip
def test_no_file_is_reachable(server, path):
    answer = page(server, path)
    assert answer.status == 404
    assert "root:" not in answer.body


@pytest.mark.parametrize("word", ["R+" * 1000 + "R.", "|R+9999|", "(R+9)99 R."])
def test_long_words_are_refused_quickly(server, word):
    answer = page(server, f"spell?word={quote(word)}")
    assert answer.status == 200
    assert f"expected {LONGEST_WORD} or fewer" in answer.body


def test_serve_tells_its_address_and_a_taken_port_is_an_error(server):
    with pytest.raises(StackmotifError, match="cannot be used"):
        serve(port=server.port, catalog={})

    class Ready(Exception):
        pass

    def ready(url):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{30,}/", url)
        raise Ready

    with pytest.raises(Ready):
        serve(on_ready=ready)


def test_an_entry_shows_its_picture_as_an_image(server):
    body = page(server, "entry/wall-asu-o1-o3").body
    source = re.search(r'<img src="data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)"', body)
    picture = base64.b64decode(source[1]).decode()
    assert picture == load_catalog()["wall-asu-o1-o3"].picture()
    assert "idealized" in body
    assert "<svg" not in body.partition("<img")[0]
