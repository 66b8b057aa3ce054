"""From a bounce in a real mailbox to the list of a platform and off it again, by the service as its user runs it."""

import signal
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.integration.house import House, wait_until
from tests.mail import START, Letter, postfix
from tests.outbox.platforms.vendor import KEY, Answer, Vendor, serving
from tests.outbox.platforms.vendors.sendgrid import SendGrid

GONE = "550 5.1.1 <{}>: Recipient address rejected: User unknown in virtual mailbox table"
USER, OTHER, THEIRS = "user@gone.example", "other@gone.example", "unsubscribed@example.org"


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with serving(SendGrid()) as it:
        yield it


@pytest.fixture
def listed(house: House, vendor: Vendor) -> House:
    """The house, with a platform beside the webhook."""
    house.guarded = False
    house.more = f'[[platform]]\nname = "newsletter"\nkind = "sendgrid"\nurl = "{vendor.url}"\napi_key = "{KEY}"\n'
    house.configure()
    return house


def bounce(house: House, *recipients: str) -> None:
    for number, recipient in enumerate(recipients):
        sent = START + timedelta(days=number)
        house.dovecot.deliver(house.user, [postfix(Letter(number, recipient, GONE.format(recipient), sent)).encode()])


def test_a_bounce_puts_on_the_list_and_a_release_takes_off_it(listed: House, vendor: Vendor) -> None:
    house = listed
    service = house.start("run")
    bounce(house, USER, OTHER)
    wait_until(lambda: vendor.listed == {USER, OTHER}, 30, "both on the list")
    wait_until(lambda: {row["state"] for row in house.outbox()} == {"delivered"}, 30, "all is told")
    assert house.rows("drift", "newsletter") == []

    house.process("suppressions", "remove", USER, "--because", "mailbox is back")
    wait_until(lambda: vendor.listed == {OTHER}, 30, "taken off the list")
    wait_until(lambda: {row["state"] for row in house.outbox()} == {"delivered"}, 30, "all is told")
    assert house.rows("drift", "newsletter") == []

    vendor.listed = {THEIRS}  # somebody unsubscribed there, and somebody at the platform cleared the rest
    assert {row["recipient"]: row["fix"] for row in house.rows("drift", "newsletter")} == {
        OTHER: "there", THEIRS: "here"
    }
    house.process("drift", "newsletter", "--fix", "there")
    wait_until(lambda: vendor.listed == {OTHER, THEIRS}, 30, "put there again")
    house.call("drift", "newsletter", "--fix", "here")
    assert house.rows("drift", "newsletter") == []
    sources = {row["recipient"]: row["source"] for row in house.suppressions()}
    assert sources == {OTHER: "policy", THEIRS: "platform"}

    service.send_signal(signal.SIGTERM)
    assert service.wait(30) == 0
    assert KEY not in house.log()
    assert USER not in house.log()


def test_what_a_platform_refuses_for_good_is_told_once(listed: House, vendor: Vendor) -> None:
    house = listed
    vendor.always(Answer(400, {"errors": [{"message": f"{USER} is invalid"}]}))
    service = house.start("run")
    bounce(house, USER)
    wait_until(lambda: "action=change_refused" in house.log(), 30, "told")
    service.send_signal(signal.SIGTERM)
    assert service.wait(30) == 0
    (line,) = (line for line in house.log().splitlines() if "action=change_refused" in line)
    assert 'target="platform newsletter"' in line
    assert "HTTP 400" in line
    assert USER not in house.log()
    vendor.always(None)
    (row,) = house.rows("drift", "newsletter")
    assert (row["recipient"], row["case"]) == (USER, "dead")
