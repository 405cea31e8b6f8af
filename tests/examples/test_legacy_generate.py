"""The committed legacy export is what its generator makes, and the truth beside it agrees with the files."""

import csv
import io
import json
import re
import subprocess
import sys
import tomllib
from collections import Counter, defaultdict
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

import pytest

ROOT = Path(__file__).parents[2]
LEGACY = ROOT / "examples" / "legacy"
FILES = ("people.csv", "accounts.csv", "contacts.csv", "opportunities.csv", "stage_history.csv")
OPEN_STAGES = ("qualification", "needs_analysis", "proposal", "negotiation")


@pytest.fixture(scope="module")
def truth():
    return json.loads((LEGACY / "expected.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def mapping():
    return tomllib.loads((LEGACY / "mapping.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def records(mapping):
    """Every data record of every file, with the line number that people would give it."""
    settings = {file["path"]: file for file in mapping["file"]}
    found = {}
    for name in FILES:
        encoding = settings[name].get("encoding", "utf-8").replace("utf-8", "utf-8-sig")
        text = (LEGACY / name).read_bytes().decode(encoding)
        header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=settings[name].get("delimiter", ","))
        found[name] = [(line, dict(zip(header, row, strict=False)), row) for line, row in enumerate(rows, start=2)]
        assert all(len(row) == len(header) for line, _, row in found[name] if name != "contacts.csv")
    return found


@pytest.fixture(scope="module")
def loaded(records, truth):
    """The rows that the truth says must load: not rejected, not empty, no total, no repeat."""
    rejected = {(row["file"], row["line"]) for row in truth["rejected"]}
    kept = {}
    for name, rows in records.items():
        seen = set()
        kept[name] = []
        for line, cells, values in rows:
            key = tuple(values)
            skip = key in seen or not any(values) or "Total" in values
            if (name, line) not in rejected and not skip:
                kept[name].append(cells)
                seen.add(key)
    return kept


@pytest.fixture(scope="module")
def translate(mapping):
    """Our value for a spelling of the file, by the maps of the mapping; fails on a spelling that they do not know."""
    tables = {
        name: {spelling.casefold(): ours for ours, spellings in table.items() for spelling in (ours, *spellings)}
        for name, table in mapping["maps"].items()
    }
    return lambda name, text: tables[name][text.strip().casefold()] if text.strip() else None


@pytest.fixture(scope="module")
def deals(loaded, translate):
    """The opportunities that load, read from the files alone: stage, source, value, and the cleaned log."""
    log = defaultdict(list)
    for row in loaded["stage_history.csv"]:
        at = datetime.strptime(row["Changed"], "%d/%m/%Y %H:%M").replace(tzinfo=ZoneInfo("Europe/Berlin"))
        log[row["Opp No"]].append((at, translate("stage", row["New stage"])))
    found = []
    for row in loaded["opportunities.csv"]:
        sign = re.search(r"[€$]", row["Amount"])
        digits = re.sub(r"[^\d.,]", "", row["Amount"])
        currency = translate("currency", row["Curr."] or (sign and sign.group()) or "")
        plain = digits.replace(",", "") if currency == "USD" else digits.replace(".", "").replace(",", ".")
        moves = [next(group) for _, group in groupby(sorted(log[row["Opp No"]]), key=lambda move: move[1])]
        stage = translate("stage", row["Stage"])
        source = translate("source", row["Lead source"]) or "(blank)"
        found.append((stage, source, currency, Decimal(plain) if plain else None, moves))
    return found


def test_the_committed_files_are_what_the_generator_makes_now(tmp_path):
    subprocess.run([sys.executable, "-m", "examples.legacy.generate", "--into", tmp_path], cwd=ROOT, check=True)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(made) == {*FILES, "expected.json"}
    different = [name for name, content in made.items() if (LEGACY / name).read_bytes() != content]
    assert different == []


def test_the_export_is_small_enough_to_ship():
    assert sum((LEGACY / name).stat().st_size for name in FILES) < 1_500_000


def test_the_readme_names_every_kind_of_dirt_with_its_count(truth):
    readme = (LEGACY / "README.md").read_text("utf-8")
    told = {kind: int(count) for kind, count in re.findall(r"^\| ([^|]+?) \| (\d+) \|", readme, re.MULTILINE)}
    assert told == truth["dirt"]
    assert all(count > 0 for count in told.values())


def test_every_row_is_accepted_rejected_or_skipped(truth, records, loaded):
    rejected = Counter(row["file"] for row in truth["rejected"])
    for name, counts in truth["files"].items():
        assert counts["rows"] == len(records[name])
        assert counts["rejected"] == rejected[name]
        assert counts["accepted"] == len(loaded[name])
        assert counts["rows"] == counts["accepted"] + counts["rejected"] + sum(counts["skipped"].values())
    assert truth["accepted"]["opportunity"] == truth["files"]["opportunities.csv"]["accepted"]
    assert truth["accepted"]["team"] == len({row["Team"] for row in loaded["people.csv"]})


def test_one_or_two_rows_in_a_hundred_are_rejected_each_once_in_a_real_column(truth, records):
    rows = sum(counts["rows"] for counts in truth["files"].values())
    assert 0.01 <= len(truth["rejected"]) / rows <= 0.02
    assert len({(row["file"], row["line"]) for row in truth["rejected"]}) == len(truth["rejected"])
    for row in truth["rejected"]:
        _, cells, values = records[row["file"]][row["line"] - 2]
        assert row["column"] in cells or (row["code"] == "wrong_width" and len(values) != len(cells))


def test_the_maps_know_every_spelling_of_the_rows_that_load(mapping, loaded, translate):
    for file in mapping["file"]:
        for field in file["fields"].values():
            if "map" in field and "column" in field:
                assert {translate(field["map"], row[field["column"]]) for row in loaded[file["path"]]}


def test_the_mapping_uses_or_ignores_every_column(mapping, records):
    for file in mapping["file"]:
        fields = [field if isinstance(field, dict) else {"column": field} for field in file["fields"].values()]
        fields += [field["currency"] for field in fields if "currency" in field]
        used = {field[key] for field in fields for key in ("column", "money") if key in field}
        used |= {column for field in fields for column in field.get("columns", ())}
        used |= {file.get("id"), file.get("record")} - {None}
        assert used | set(file.get("ignore", ())) == set(records[file["path"]][0][1])


def test_counts_by_stage_outcome_source_and_currency_follow_from_the_files(truth, deals):
    told = truth["opportunities"]
    assert told["by_stage"] == Counter(stage for stage, *_ in deals)
    assert told["by_source"] == Counter(source for _, source, *_ in deals)
    assert told["by_currency"] == Counter(currency for _, _, currency, *_ in deals)
    assert told["without_amount"] == sum(amount is None for *_, amount, _ in deals)
    assert sum(told["by_outcome"].values()) == sum(told["by_stage"].values()) == truth["accepted"]["opportunity"]
    assert 0.3 < told["by_outcome"]["open"] / len(deals) < 0.4


@pytest.mark.parametrize(
    ("key", "stages"), [("won_value", ("won",)), ("lost_value", ("lost",)), ("open_value", OPEN_STAGES)]
)
def test_values_follow_from_the_amounts_of_the_files(truth, deals, key, stages):
    for currency, told in truth[key].items():
        amounts = [amount for stage, _, own, amount, _ in deals if stage in stages and own == currency and amount]
        assert Decimal(told) == sum(amounts)


def test_weighted_value_follows_from_the_probabilities(truth, deals):
    for currency, told in truth["weighted_open_value"].items():
        own = [(amount, truth["pipeline"][stage]) for stage, _, cur, amount, _ in deals if cur == currency and amount]
        open_only = [amount * percent / 100 for amount, percent in own if 0 < percent < 100]
        assert Decimal(told) == sum(open_only)


def test_win_rates_are_won_over_closed_and_add_up_over_the_sources(truth, deals):
    told = truth["win_rate"]
    for source, rate in [(None, told["overall"]), *told["by_source"].items()]:
        stages = Counter(stage for stage, own, *_ in deals if source in {None, own})
        assert (rate["won"], rate["lost"]) == (stages["won"], stages["lost"])
        assert rate["rate"] == round(rate["won"] / (rate["won"] + rate["lost"]), 6)
    for part in ("won", "lost", "open"):
        assert sum(rate[part] for rate in told["by_source"].values()) == told["overall"][part]


def test_reached_stages_follow_from_the_log_and_never_rise_along_the_pipeline(truth, deals):
    reached = {"(all)": Counter(), **{source: Counter() for source in truth["reached_by_source"]}}
    for stage, source, _, _, moves in deals:
        seen = {name for _, name in moves} | {stage}
        furthest = max(OPEN_STAGES.index(name) for name in seen if name in OPEN_STAGES) if stage != "won" else 3
        for counter in (reached["(all)"], reached[source]):
            counter.update(OPEN_STAGES[: furthest + 1])
            counter.update(["won"] if stage == "won" else [])
    assert {"(all)": truth["reached"], **truth["reached_by_source"]} == reached
    for told in (truth["reached"], *truth["reached_by_source"].values()):
        assert list(told.values()) == sorted(told.values(), reverse=True)


def test_the_log_ends_in_the_stage_of_its_deal(deals):
    assert [moves[-1][1] for stage, *_, moves in deals if moves] == [stage for stage, *_, moves in deals if moves]


def test_the_median_cycle_follows_from_the_log(truth, deals):
    won = [moves for stage, *_, moves in deals if stage == "won"]
    elapsed = [(moves[-1][0].timestamp() - moves[0][0].timestamp()) / 86_400 for moves in won]
    assert truth["days_created_to_won"]["deals"] == len(won)
    assert truth["days_created_to_won"]["median_elapsed"] == pytest.approx(median(elapsed), abs=1e-6)
    calendar = [(moves[-1][0].date() - moves[0][0].date()).days for moves in won]
    assert truth["days_created_to_won"]["median_calendar"] == median(calendar)


def test_referrals_convert_better_than_the_web(truth):
    rates = truth["win_rate"]["by_source"]
    assert rates["referral"]["rate"] > rates["partner"]["rate"] > rates["web"]["rate"] > rates["cold_call"]["rate"]


def test_links_of_rows_that_load_fit_exactly_one_row_that_loads(mapping, loaded):
    columns = {file["into"]: (file["path"], file["id"], file["fields"]) for file in mapping["file"] if "into" in file}
    for file in mapping["file"]:
        for link in (field for field in file["fields"].values() if "link" in field):
            path, key, fields = columns[link["link"]]
            column = fields[link["by"]] if "by" in link else key
            distinct = {(row[key], row[column].strip().casefold()) for row in loaded[path]}
            known = Counter(name for _, name in distinct)
            meant = {row[link["column"]].strip().casefold() for row in loaded[file["path"]]} - {""}
            assert {name for name in meant if known[name] != 1} == set()
