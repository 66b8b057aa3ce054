"""Each IMAP server of the tests does what the tests of the main job ask of it."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError

from tests.servers import courier, cyrus
from tests.servers.courier import Courier
from tests.servers.cyrus import Cyrus
from tests.servers.dovecot import Dovecot
from tests.servers.mailboxes import Enclosed, Mailboxes
from tests.servers.mailutils import Mailutils
from tests.servers.relay import UNPACKED

FIRST, SECOND = b"Subject: first\n\nA line.\n", b"Subject: second\n\nAnother.\n"
PROCESSED = "Bounces/Processed"
RECEIVED_AT = datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)
LAYOUTS: dict[str, cyrus.Layout | courier.Layout | None] = {
    "cyrus": cyrus.Layout(),
    "cyrus of old": cyrus.Layout(altnamespace=False, unixhierarchysep=False),
    "courier": courier.Layout(),
}
if (UNPACKED / "mailutils").is_dir():  # only where somebody wants it
    LAYOUTS["mailutils"] = None


@pytest.fixture(scope="module", params=LAYOUTS)
def shared_server(
    request: pytest.FixtureRequest,
    start_cyrus: Callable[[cyrus.Layout], Cyrus],
    start_courier: Callable[[courier.Layout], Courier],
    start_mailutils: Callable[[], Mailutils],
) -> Enclosed:
    match LAYOUTS[request.param]:
        case cyrus.Layout() as layout:
            return start_cyrus(layout)
        case courier.Layout() as layout:
            return start_courier(layout)
        case None:
            return start_mailutils()


@pytest.fixture
def server(shared_server: Enclosed) -> Enclosed:
    shared_server.clear()
    return shared_server


@pytest.fixture
def granting(server: Enclosed) -> Enclosed:
    """One that knows rights and quotas."""
    if not server.has_rights:
        pytest.skip("it knows no rights")
    return server


def visible(client: IMAPClient, folder: str) -> str:
    """A folder's name for the user itself."""
    prefix, separator = client.namespace().personal[0]
    return str(prefix + folder.replace("/", separator))


def test_dovecot_has_the_same_face(dovecot: Dovecot) -> None:
    mailboxes: Mailboxes = dovecot
    assert mailboxes.messages("bounces") == []


def test_mail_lies_where_it_was_delivered(server: Enclosed) -> None:
    mailboxes: Mailboxes = server
    mailboxes.deliver("bounces", [FIRST, SECOND], received_at=RECEIVED_AT)
    mailboxes.deliver("bounces", [SECOND], PROCESSED)
    assert mailboxes.messages("bounces") == [FIRST, SECOND]
    assert mailboxes.messages("bounces", PROCESSED) == [SECOND]
    assert mailboxes.messages("bounces", "Bounces/Review") == mailboxes.messages("other") == []
    assert [mailboxes.count("bounces", name) for name in ("INBOX", PROCESSED, "Bounces/Review")] == [2, 1, 0]
    assert PROCESSED in mailboxes.folders("bounces")
    assert mailboxes.folders("other") == set()


def test_the_user_sees_the_mail(server: Enclosed) -> None:
    server.deliver("bounces", [FIRST], received_at=RECEIVED_AT)
    server.deliver("bounces", [SECOND], PROCESSED)
    with server.connected("bounces") as client:
        client.normalise_times = False
        client.select_folder("INBOX")
        (found,) = client.fetch(client.search(), ["BODY.PEEK[]", "INTERNALDATE", "FLAGS"]).values()
        assert found[b"BODY[]"] == FIRST.replace(b"\n", b"\r\n")
        assert (found[b"INTERNALDATE"] == RECEIVED_AT) is server.keeps_dates
        assert client.folder_status(visible(client, PROCESSED), "MESSAGES") == {b"MESSAGES": 1}


def test_clear_takes_mail_folders_and_rights_back(granting: Enclosed) -> None:
    granting.deliver("bounces", [FIRST], PROCESSED)
    granting.set_rights("bounces", "INBOX", "lr")
    granting.clear()
    assert granting.folders("bounces") == set()
    assert granting.messages("bounces") == []
    with granting.connected("bounces") as client:
        client.append("INBOX", SECOND.replace(b"\n", b"\r\n"))
    assert granting.messages("bounces") == [SECOND]


def test_a_right_is_taken_away(granting: Enclosed) -> None:
    granting.deliver("bounces", [FIRST])
    granting.set_rights("bounces", "INBOX", "lrs")
    with granting.connected("bounces") as client:
        client.select_folder("INBOX")
        with pytest.raises(IMAPClientError):
            client.append("INBOX", SECOND.replace(b"\n", b"\r\n"))
    assert granting.messages("bounces") == [FIRST]


def test_a_quota_holds(granting: Enclosed) -> None:
    granting.set_quota("bounces", 4)
    granting.deliver("bounces", [FIRST])
    with pytest.raises(IMAPClientError, match=r"(?i)quota"):
        granting.deliver("bounces", [b"Subject: large\n\n" + b"words\n" * 2000])
    assert granting.messages("bounces") == [FIRST]


def test_all_is_there_again_after_a_crash(server: Enclosed) -> None:
    server.deliver("bounces", [FIRST])
    port = server.imap_port
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        server.connect("bounces")
    server.start()
    assert server.imap_port == port
    assert server.messages("bounces") == [FIRST]


def test_idle_tells_of_new_mail(server: Enclosed) -> None:
    if not server.tells_of_mail:
        pytest.skip("it tells nothing while a client idles")
    with server.connected("bounces") as client:
        client.select_folder("INBOX")
        client.idle()
        server.deliver("bounces", [FIRST])
        assert (1, b"EXISTS") in client.idle_check(timeout=60)
        client.idle_done()


def test_what_is_suppressed_is_not_announced(start_cyrus: Callable[[cyrus.Layout], Cyrus]) -> None:
    server = start_cyrus(cyrus.Layout(suppressed=("MOVE", "UIDPLUS")))
    with server.connected("bounces") as client:
        assert not {b"MOVE", b"UIDPLUS"} & set(client.capabilities())
        assert b"IDLE" in client.capabilities()


def test_what_is_hidden_is_not_announced(start_courier: Callable[[courier.Layout], Courier]) -> None:
    server = start_courier(courier.Layout(hidden=frozenset({"UIDPLUS"})))
    with server.connected("bounces") as client:
        assert not {b"MOVE", b"UIDPLUS"} & set(client.capabilities())
        assert b"IDLE" in client.capabilities()
