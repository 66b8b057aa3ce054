"""What may be a secret in a URL is shown to nobody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounce_watcher.model.url import Hides, shown_url, url_secrets, without_url_secrets
from tests.families import for_each

HIDDEN = "T0ken-of-ours_17"


@for_each(("url", "shown"), [
    ("https://h.example/a/b", "https://h.example/a/b"),
    ("https://h.example:8443/a?key=1&b=2", "https://h.example:8443/a?…"),
    ("https://jo:pw@h.example/a#f", "https://…@h.example/a?…"),
    ("https://jo@h.example", "https://…@h.example"),
    ("https://[2001:db8::1]:1/a?b", "https://[2001:db8::1]:1/a?…"),
    ("/a/b?key=1", "/a/b?…"),
    ("//h.example/a?key=1", "://h.example/a?…"),
    ("mailto:jo@h.example", "…"),
    ("https://[", "…"),
    ("", ""),
])
def test_user_query_and_fragment_are_left_out(url: str, shown: str) -> None:
    assert shown_url(url) == shown
    assert shown_url(url, Hides.NOTHING) == url


@pytest.mark.parametrize(("url", "shown"), [
    ("https://hooks.example/services/T0/B0/x7Y", "https://hooks.example/…"),
    ("https://jo:pw@h.example:1/a?b#c", "https://…@h.example:1/…"),
    ("/services/T0/B0/x7Y", "…"),
    ("https://[", "…"),
])
def test_of_one_that_is_a_secret_the_host_alone_is_shown(url: str, shown: str) -> None:
    assert shown_url(url, Hides.PATH) == shown


@given(st.text(), st.sampled_from(list(Hides)), st.text(max_size=3))
def test_any_text_can_be_shown(url: str, hides: Hides, mask: str) -> None:
    assert isinstance(shown_url(url, hides, mask), str)
    assert url_secrets(url, hides) <= {each for each in url_secrets(url, hides) if len(each) > 5}


@given(st.sampled_from(["https://h.example/a?{}", "https://h.example/a?key={}&b=1", "https://{}@h.example/", "https://u:{}@h/",
                        "https://h.example/a#{}", "/a?{}"]), st.text("abcXYZ019-_.~%", min_size=6))
def test_what_is_hidden_is_not_shown(form: str, secret: str) -> None:
    url = form.format(f"S{secret}")
    assert f"S{secret}" not in shown_url(url)
    assert f"S{secret}" not in shown_url(url, Hides.PATH)
    assert f"S{secret}" not in without_url_secrets(f"see {url if '://' in url else ''} now")


def test_what_is_hidden_is_known_to_be_masked_elsewhere() -> None:
    url = f"https://h.example/services/{HIDDEN}?key=abcdefgh"
    assert {"key=abcdefgh", "abcdefgh"} <= url_secrets(url, Hides.QUERY)
    assert HIDDEN not in url_secrets(url, Hides.QUERY)
    assert {HIDDEN, f"/services/{HIDDEN}", url} <= url_secrets(url, Hides.PATH)
    assert url_secrets("https://h.example/hook", Hides.QUERY) == set(), "nothing of it is hidden"
