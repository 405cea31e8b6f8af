"""What went wrong with the export after years of use: rows to refuse, rows to skip, rows in the wrong place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from examples.legacy.company import TWIN_NAME, Company, Deal
from examples.legacy.export import DAY_FIRST_TIME, FORMATS, Clerk, Files, Row
from examples.legacy.vocabulary import OPEN_STAGES

# Column, what stands in it, reason code, how many rows, and the kind as the README names it.
Defect = tuple[str, str, str, int, str]

CONTACT_DEFECTS: tuple[Defect, ...] = (
    ("Last name", "n/a", "required", 2, "blank required value"),
    ("Account No", "99999", "unknown_link", 3, "link to a record that does not exist"),
    ("Account No", "42", "unknown_link", 2, "link that lost its leading zeros"),
    ("Role", "Golf buddy", "unknown_choice", 2, "picklist value nobody knows"),
)
DEAL_DEFECTS: tuple[Defect, ...] = (
    ("Opportunity", "", "required", 2, "blank required value"),
    ("Opportunity", "  ", "required", 1, "blank required value"),
    ("Account", "Vanished Ltd.", "unknown_link", 5, "link to a record that does not exist"),
    ("Account", TWIN_NAME, "ambiguous_link", 2, "link that fits two records"),
    ("Owner", "gone@nordwind.example.com", "unknown_link", 2, "link to a record that does not exist"),
    ("Stage", "Demo booked", "unknown_stage", 3, "stage that does not exist"),
    ("Amount", "tbd", "invalid_amount", 2, "amount that is not a number"),
    ("Curr.", "EUX", "unknown_currency", 2, "unknown currency code"),
    ("Created", "02/31/2026 09:15", "invalid_date", 2, "date that does not exist"),
    ("Close date", "31/02/2026", "invalid_date", 3, "date that does not exist"),
    ("Lead source", "Carrier pigeon", "unknown_choice", 2, "picklist value nobody knows"),
)
QUIET_ACCOUNT_DEFECTS: tuple[Defect, ...] = (
    ("Account name", "", "required", 2, "blank required value"),
    ("Owner", "Nobody Known", "unknown_link", 1, "link to a record that does not exist"),
    ("Parent account", "Vanished Holding", "unknown_link", 2, "link to a record that does not exist"),
    ("Branch", "Alchemy", "unknown_choice", 1, "picklist value nobody knows"),
)
HISTORY_DEFECTS: tuple[Defect, ...] = (
    ("New stage", "Demo booked", "unknown_stage", 6, "stage that does not exist"),
    ("Changed", "31/02/2026 10:00", "invalid_date", 5, "date that does not exist"),
    ("Changed by", "Nobody Known", "unknown_link", 3, "link to a record that does not exist"),
)
REPEATS = {"people.csv": 1, "accounts.csv": 4, "contacts.csv": 9, "opportunities.csv": 15, "stage_history.csv": 40}
REUSED_IDS = (
    ("accounts.csv", "Account name", 2),
    ("contacts.csv", "Last name", 2),
    ("opportunities.csv", "Opportunity", 4),
)
EMPTY_ROWS = {"accounts.csv": 3, "contacts.csv": 2, "opportunities.csv": 5}


def spoil(files: Files, company: Company, clerk: Clerk) -> None:
    """Spoil the files in place. Every rejected row has one defect only, so that there is one right answer."""
    _lose_history(files, company, clerk)
    _defects(files, clerk, "accounts.csv", QUIET_ACCOUNT_DEFECTS, among=lambda row: row["Account No"] in company.quiet)
    _defects(files, clerk, "opportunities.csv", DEAL_DEFECTS, among=_plainly_priced)
    _orphan(files, company, clerk)
    _defects(files, clerk, "contacts.csv", CONTACT_DEFECTS)
    _nameless_and_unquoted_contacts(files, clerk)
    _negative_probabilities(files, clerk)
    _reuse_ids(files, clerk)
    _history_extras(files, company, clerk)
    _repeat(files, clerk)
    _disorder(files, clerk)
    _tail(files, company, clerk)


def _plainly_priced(row: dict[str, str]) -> bool:
    """Rows with an amount and a currency, so that a bad one of the two is the only thing wrong."""
    return row["Curr."] in {"EUR", "USD"} and any(letter.isdigit() for letter in row["Amount"])


def _sound(files: Files, clerk: Clerk, name: str, among: Callable[[dict[str, str]], bool] | None = None) -> list[Row]:
    return clerk.dice.shuffled([row for row in files[name] if row.loads and (among is None or among(row.cells))])


def _defects(
    files: Files,
    clerk: Clerk,
    name: str,
    defects: tuple[Defect, ...],
    among: Callable[[dict[str, str]], bool] | None = None,
) -> None:
    rows = _sound(files, clerk, name, among)
    for column, text, code, count, kind in defects:
        for _ in range(count):
            row = rows.pop()
            row.cells[column] = text
            if text == "n/a":
                row.cells["First name"] = ""
            row.reject = ("First name" if name == "contacts.csv" and code == "required" else column, code)
            clerk.seen(kind)


def _nameless_and_unquoted_contacts(files: Files, clerk: Clerk) -> None:
    rows = _sound(files, clerk, "contacts.csv")
    for row in (rows.pop() for _ in range(3)):
        row.cells |= {"First name": "", "Last name": ""}
        row.reject = ("First name", "required")
        clerk.seen("blank required value")
    for row in (rows.pop() for _ in range(2)):
        row.cells["Job title"] = "Head of Sales, EMEA"
        row.unquoted = "Job title"
        row.reject = ("", "wrong_width")
        clerk.seen("comma in an unquoted field")


def _negative_probabilities(files: Files, clerk: Clerk) -> None:
    for row in _sound(files, clerk, "opportunities.csv")[:4]:
        row.cells["Probability"] = "-10 %"
        clerk.seen("negative probability")


def _reuse_ids(files: Files, clerk: Clerk) -> None:
    for name, column, count in REUSED_IDS:
        for row in _sound(files, clerk, name)[:count]:
            again = Row({**row.cells, column: f"{row.cells[column]} (new)"})
            again.reject = (next(iter(row.cells)), "duplicate_id")
            _insert_after(files[name], row, again, clerk)
            clerk.seen("external id used twice for different records")


def _orphan(files: Files, company: Company, clerk: Clerk) -> None:
    """Refuse what hangs on a refused row: contacts of a lost account, and the history of a lost deal."""
    lost = _lost(files, "accounts.csv", "Account No", company.quiet)
    for row in files["contacts.csv"]:
        if row.loads and row.cells["Account No"] in lost:
            row.reject = ("Account No", "unknown_link")
            clerk.seen("row that hangs on a refused row")
    dropped = _lost(files, "opportunities.csv", "Opp No", {deal.number for deal in company.deals})
    for row in files["stage_history.csv"]:
        if row.cells["Opp No"] in dropped:
            row.reject = ("Opp No", "unknown_record")
            clerk.seen("row that hangs on a refused row")


def _lost(files: Files, name: str, column: str, numbers: frozenset[str] | set[str]) -> set[str]:
    return set(numbers) - {row.cells[column] for row in files[name] if row.loads}


def _lose_history(files: Files, company: Company, clerk: Clerk) -> None:
    open_deals = [deal for deal in company.deals if deal.stage in OPEN_STAGES and len(deal.moves) == 1]
    lost = {deal.number for deal in clerk.dice.shuffled(open_deals)[:12]}
    clerk.tally["open deal without history"] += len(lost)
    files["stage_history.csv"] = [row for row in files["stage_history.csv"] if row.cells["Opp No"] not in lost]


def _history_extras(files: Files, company: Company, clerk: Clerk) -> None:
    """Rows that a clean log would not have. None of them changes what the remaining rows say."""
    deals = {deal.number: deal for deal in company.deals}
    rows = _sound(files, clerk, "stage_history.csv")
    for row in (rows.pop() for _ in range(300)):
        saved = _later(row, deals[row.cells["Opp No"]], clerk)
        saved.cells["New stage"] = row.cells["New stage"]
        _insert_after(files["stage_history.csv"], row, saved, clerk, within=1)
        clerk.seen("history row that keeps the stage")
    for column, text, code, count, kind in HISTORY_DEFECTS:
        for row in (rows.pop() for _ in range(count)):
            bad = _later(row, deals[row.cells["Opp No"]], clerk)
            bad.cells[column] = text
            bad.reject = (column, code)
            _insert_after(files["stage_history.csv"], row, bad, clerk, within=1)
            clerk.seen(kind)
    for index, row in enumerate(rows.pop() for _ in range(12)):
        stray = Row({**row.cells, "Opp No": f"9{index:05d}"}, reject=("Opp No", "unknown_record"))
        _insert_after(files["stage_history.csv"], row, stray, clerk)
        clerk.seen("history of an unknown opportunity")


def _later(row: Row, deal: Deal, clerk: Clerk) -> Row:
    """A row some minutes after `row`, always before the next move of the deal."""
    at = next(move.at for move in deal.moves if move.at.strftime(DAY_FIRST_TIME) == row.cells["Changed"])
    later: datetime = at + timedelta(minutes=1 + clerk.dice.below(300))
    return Row({**row.cells, "Old stage": row.cells["New stage"].strip(), "Changed": later.strftime(DAY_FIRST_TIME)})


def _repeat(files: Files, clerk: Clerk) -> None:
    for name, count in REPEATS.items():
        for row in _sound(files, clerk, name)[:count]:
            _insert_after(files[name], row, Row(dict(row.cells), skip="repeat"), clerk)
            clerk.seen("row repeated word for word")


def _disorder(files: Files, clerk: Clerk) -> None:
    """Turn some pairs of history rows round. A repeat stays behind its original: which of the two loads is the same."""
    rows = files["stage_history.csv"]
    for _ in range(200):
        index = clerk.dice.below(len(rows) - 1)
        first, second = rows[index], rows[index + 1]
        if first.loads and second.loads and first.cells["Opp No"] == second.cells["Opp No"]:
            rows[index], rows[index + 1] = second, first
            clerk.seen("history rows out of order")


def _tail(files: Files, company: Company, clerk: Clerk) -> None:
    rows = files["opportunities.csv"]
    total = sum((deal.amount or Decimal(0) for deal in company.deals), Decimal(0))
    text = f"{total:,.2f}".translate(str.maketrans(",.", ".,"))
    rows.append(Row({**dict.fromkeys(rows[0].cells, ""), "Opp No": "Total", "Amount": f"{text} €"}, skip="total"))
    clerk.seen("totals row")
    for name, count in EMPTY_ROWS.items():
        files[name] += [Row(dict.fromkeys(files[name][0].cells, ""), skip="empty") for _ in range(count)]
        clerk.tally["empty row at the end"] += count
    clerk.tally["file in cp1252"] += sum(layout.encoding == "cp1252" for layout in FORMATS.values())
    clerk.tally["file with a byte order mark"] += sum(layout.encoding == "utf-8-sig" for layout in FORMATS.values())
    clerk.tally["file with semicolons"] += sum(layout.delimiter == ";" for layout in FORMATS.values())


def _insert_after(rows: list[Row], row: Row, new: Row, clerk: Clerk, *, within: int = 40) -> None:
    rows.insert(_place(rows, row) + 1 + clerk.dice.below(within), new)


def _place(rows: list[Row], row: Row) -> int:
    """Where this very row stands; equal rows do not count."""
    return next(index for index, other in enumerate(rows) if other is row)
