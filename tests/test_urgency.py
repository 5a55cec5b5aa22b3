"""Urgency: pairs that must and must not fire, the reasons for not firing, and faults of the policy."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.config import read_toml
from triage.errors import DataError
from triage.facts import FactFinder
from triage.schema import Petition
from triage.text import Analyser
from triage.urgency import UrgencyRules

TAXONOMY = Path(__file__).parents[1] / "data" / "taxonomy"
GOLDEN = Path(__file__).parent / "golden" / "urgency_pairs.jsonl"
PAIRS = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
POLICY = read_toml(TAXONOMY / "urgency.toml")
RULES = UrgencyRules(POLICY)
FACTS = FactFinder(read_toml(TAXONOMY / "facts.toml"))
ANALYSER = Analyser()


def judge(text, title="", rules=RULES, **fields):
    analysis = ANALYSER(Petition(body=text, title=title, fields=fields))
    return rules(analysis, FACTS(analysis))


def statuses(text, criterion):
    return {item.status for item in judge(text).evidence if item.id == criterion}


def changed(**tables):
    policy = copy.deepcopy(POLICY)
    policy.update(tables)
    return policy


@pytest.mark.parametrize("pair", PAIRS, ids=[pair["text"][:24] for pair in PAIRS])
def test_a_pair_fires_or_does_not(pair):
    finding = judge(pair["text"])
    assert pair["low"] <= finding.level <= pair["high"]
    assert set(pair["active"]) <= set(finding.rules)
    assert not set(pair["inactive"]) & set(finding.rules)


@pytest.mark.parametrize(
    ("text", "criterion", "status"),
    [
        ("没有自杀的念头", "U01", "negated"),
        ("网上说有人自焚", "U01", "reported"),
        ("如果有人在楼里放炸药爆炸，现在着火，怎么办", "U13", "hypothetical"),
        ("去年推土机推过我家树，正在打官司", "U06", "exception"),
        ("前年他喝农药走的", "U01", "past"),
        ("《禁止自焚条例》里怎么写", "U01", "quoted"),
        ("昨天停电五天，已恢复", "U07", "resolved"),
        ("跳楼价甩卖", "U01", "exception"),
    ],
)
def test_a_near_miss_is_shown_with_its_reason(text, criterion, status):
    assert status in statuses(text, criterion)
    assert criterion not in judge(text).rules


def test_evidence_stands_where_it_says():
    petition = Petition(title="求助", body="我真的不想活了,遺書　已寫好")
    analysis = ANALYSER(petition)
    finding = RULES(analysis, FACTS(analysis))
    assert finding.level == 4
    spans = [item.span for item in finding.evidence if item.id == "U01"]
    assert {petition.text[start:end] for start, end in spans} >= {"不想活", "遺書"}


def test_active_evidence_comes_first_and_carries_the_level():
    finding = judge("去年有人跳楼。现在推土机正在推我家房子，已经断水五天")
    kinds = [item.status for item in finding.evidence]
    assert kinds == sorted(kinds, key=lambda kind: kind != "active")
    assert max(item.weight for item in finding.evidence if item.status == "active") == finding.level


def test_rules_are_named_in_the_order_of_the_file():
    finding = judge("我们一百户业主联名：燃气泄漏还在继续，再不解决我就自焚")
    assert list(finding.rules) == sorted(finding.rules)
    assert {"U01", "U12", "U13"} <= set(finding.rules)


def test_two_acute_criteria_are_critical():
    assert judge("已经停水五天了").level == 3
    assert judge("已经停水五天了。山体今天开始滑坡，石头正往下滚").level == 4


@pytest.mark.parametrize("text", ["我要去北京上访", "我写过三十封信，跑了四十趟，还要再来", "我们五百户业主联名反映"])
def test_petitioning_itself_is_never_critical(text):
    assert judge(text).level < 4


def test_advice_for_self_harm_is_help():
    finding = judge("我不想活了")
    assert "12356" in RULES.advice(finding, "zh")
    assert RULES.advice(finding, "en").startswith("Contact the person now")
    assert RULES.advice(judge("房子正在塌"), "zh") == RULES.levels[4].advice_zh
    assert RULES.advice(judge("你好"), "en") == RULES.levels[1].advice_en


def test_an_anonymous_letter_is_judged_alike():
    text = "我不想活了"
    assert judge(text).level == judge(text + "\n一名村民").level == 4


def test_a_letter_date_counts_the_days_that_are_left():
    text = "公示期到本月20号截止，我们有异议"
    assert judge(text, date="2024-05-18").level == 3
    assert judge(text, date="2024-05-10").level == 2


def test_a_special_period_raises_its_criteria_by_one():
    period = {"name": "feast", "first": "2027-01-07", "last": "2027-02-13", "raises": ["U18"]}
    rules = UrgencyRules(changed(periods=[period]))
    text = "眼看过年了，工资还没拿到"
    assert judge(text, rules=rules, date="2027-01-10").level == judge(text, rules=rules, date="2026-06-01").level + 1


def test_a_county_adds_a_word_without_python():
    policy = copy.deepcopy(POLICY)
    policy["criteria"]["U13"]["triggers"].append({"level": 4, "words": ["闹水猴子"]})
    assert judge("村口闹水猴子").level == 1
    assert judge("村口闹水猴子", rules=UrgencyRules(policy)).level == 4


def test_every_fault_is_told_at_once():
    policy = copy.deepcopy(POLICY)
    policy["levels"]["2"]["zh"] = 2
    policy["criteria"]["U01"]["level"] = 9
    policy["criteria"]["U02"]["triggers"].append({"patterns": [{"when": ["甲乙"], "find": "甲.*乙"}]})
    policy["criteria"]["U03"]["triggers"].append({"words": ["丙"], "ignore": ["sense"], "needs": ["luck"]})
    policy["combine"]["acute"] = ["U99"]
    policy["spare"] = {}
    with pytest.raises(DataError) as caught:
        UrgencyRules(policy)
    faults = "\n".join(caught.value.faults)
    for part in ("levels.2.zh", "criteria.U01.level", "upper bound", "too short", "sense", "luck", "U99", "spare"):
        assert part in faults
    assert all(fault.startswith("urgency.toml: ") for fault in caught.value.faults)


@pytest.mark.parametrize("broken", [{}, {"schema_version": 2}, {"criteria": []}, {"levels": None}])
def test_a_broken_policy_is_a_data_error(broken):
    with pytest.raises(DataError):
        UrgencyRules(broken if not broken else changed(**broken))


CUES = st.sampled_from(
    ["我不想活了", "如果", "去年", "没有", "《", "》", "推土机正在推我的房子", "停水五天", "我们三十户", "今天", "但是", "，", "。", "\n",
     "I will jump", "ICU", "　", "１２", "👍", "\u200b", "听说", "İ"]
)  # fmt: skip
LETTERS = st.lists(st.one_of(CUES, st.text(max_size=8)), max_size=30).map("".join)


@settings(max_examples=150, deadline=None)
@given(LETTERS, LETTERS)
def test_any_text_is_judged_and_every_span_is_inside(title, body):
    petition = Petition(title=title, body=body)
    analysis = ANALYSER(petition)
    finding = RULES(analysis, FACTS(analysis))
    assert 1 <= finding.level <= 4
    assert set(finding.rules) <= set(RULES.criteria)
    for item in finding.evidence:
        assert item.field == "urgency"
        if item.span:
            start, end = item.span
            assert 0 <= start < end <= len(petition.text)


@pytest.mark.parametrize("unit", ["跳楼但是", "我们去年没有停水五天", "《推土机今天", "1", "help the wall is leaning "])
def test_a_very_long_letter_is_judged(unit):
    assert judge((unit * 60_000)[:60_000]).level >= 1
