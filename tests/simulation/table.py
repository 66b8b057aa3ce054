"""The account of each judge in a column."""

from collections.abc import Callable, Sequence

from tests.simulation.run import FURTHER_MAILS, Account

_ROWS: tuple[tuple[str, Callable[[Account], str]], ...] = (
    ("good addresses", lambda it: f"{it.good:,}"),
    ("  suppressed wrongly, ever", lambda it: f"{len(it.good_suppressed):,}"),
    ("  … of 10,000", lambda it: f"{10_000 * len(it.good_suppressed) / it.good:.2f}"),
    ("  … and missed a mail", lambda it: f"{len(it.missed_mail):,}"),
    ("  … still at the end", lambda it: f"{len(it.still_suppressed):,}"),
    ("paused while full or away", lambda it: f"{it.paused:,}"),
    ("dead addresses found", lambda it: f"{len(it.found_after):,}"),
    *(
        (f"  after {mails} mail{'s' * (mails > 1)}", lambda it, mails=mails: f"{_after(it, mails):,}")
        for mails in range(1, 2 + FURTHER_MAILS)
    ),
    ("  after more", lambda it: f"{sum(mails > 1 + FURTHER_MAILS for mails in it.found_after.values()):,}"),
    ("  never", lambda it: f"{len(it.missed):,}"),
    (f"  found by {FURTHER_MAILS} further mails", lambda it: f"{it.found_in_time:.2%}"),
    ("mails to the dead", lambda it: f"{it.mails_to_dead:,}"),
    ("forged reports", lambda it: f"{it.forged:,}"),
    ("  believed", lambda it: f"{it.forged_believed:,}"),
    ("complainers", lambda it: f"{it.complaints:,}"),
    ("  mailed no more", lambda it: f"{it.heeded:,}"),
)


def table(accounts: Sequence[Account]) -> str:
    titles = ["", *(account.name for account in accounts)]
    rows = [[title, *(cell(account) for account in accounts)] for title, cell in _ROWS]
    widths = [max(len(row[column]) for row in [titles, *rows]) for column in range(len(titles))]
    return "\n".join(
        "  ".join(cell.rjust(width) if column else cell.ljust(width)
                  for column, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in [titles, *rows]
    )


def _after(account: Account, mails: int) -> int:
    return sum(needed == mails for needed in account.found_after.values())
