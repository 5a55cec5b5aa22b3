from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage import Decision, InputError, Petition, Triager
from triage.classify import Scores
from triage.engine import LONGEST, check
from triage.signs import signs

TEXT, TEXTS = str, list[str]
# Every field of a record, in order, with what it holds.
FIELDS: dict[str, Any] = {
    "id": TEXT, "category": TEXT, "category_name": TEXT, "confidence": float, "candidates": TEXTS, "scores": list[float],
    "candidate_set": TEXTS, "secondary": TEXTS, "nature": TEXT, "urgency": int, "urgency_rules": TEXTS,
    "urgency_advice": TEXT, "department": TEXT, "department_name": TEXT, "assisting": TEXTS, "handler": TEXT,
    "principle": TEXT, "channel": TEXT,
    "channel_code": TEXT, "channel_article": TEXT, "channel_tell": TEXT, "due": dict, "due_provisional": TEXTS, "place": TEXT,
    "place_level": TEXT, "place_certainty": TEXT, "area": TEXT, "forward": TEXT, "persons": (int, type(None)), "collective": bool, "repeat": bool,
    "needs_review": bool, "review_reason": TEXTS, "evidence": list[dict], "model": TEXT,
}  # fmt: skip
EVIDENCE = {
    "field": TEXT, "source": TEXT, "id": TEXT, "status": TEXT, "span": (list, type(None)), "weight": (int, float), "note": TEXT,
}  # fmt: skip
REASONS = {
    "language", "unfamiliar", "uncertain", "fallback", "closed", "critical", "two_matters", "no_department",
    "reading", "lost_digits", "out_of_area", "two_offices", "accused",
}  # fmt: skip
STATUSES = {"active", "negated", "past", "hypothetical", "reported", "quoted", "resolved", "exception"}

WAGES = Petition(
    body="包工头跑了，欠我们八个人三个月工资，合计九万六千元，要求帮忙讨回。",
    title="讨要工钱",
    id="A-1",
    fields=MappingProxyType({"date": "2026-03-02"}),
)
ENGLISH = Petition(body="My boss has not paid our wages for three months. Please help the six of us to get the money.")
MIXED = Petition(
    body="我在 Lakeview Hotel 做保洁，manager 说 head office 没钱，July 和 August 的工资 not paid，请劳动监察帮忙。"
)
TRADITIONAL = Petition(body="老闆拖欠工資三個月，我們六個人一分錢也沒有拿到，請勞動監察幫忙討回。")
SICK = Petition(body="我不想活了，农药已经买好放在床头，今晚就走，谁也别拦我。")
ACCUSED = Petition(body="我实名举报村支书王某贪污集体征地款，挪用低保金给自己亲戚，请纪委查处。")
LETTERS = [
    WAGES, ENGLISH, MIXED, TRADITIONAL, SICK, ACCUSED,
    Petition(body="村里把我家的承包地收回去了，要求归还。", id="7", fields={"date": "2026-09-28"}),
    Petition(body="请问外地户口的孩子怎么报名上小学？需要什么材料？"),
    Petition(body="后天上午机器进场拆屋，补偿协议我没有签字，请马上叫停。", title="关于旧屋征收"),
    Petition(body="我们三十七户村民联名要求公布村里五年的账目，去年已经写过一次，没有答复。"),
    Petition(body="İstanbul 餐馆后面 ﬁre 通道被堵，１２３号楼 ㎡ 都写错了，停水裏停電。[/b] \u200b请处理"),
    Petition(body="help"),
    Petition(body="!!! 123"),
]  # fmt: skip


@pytest.fixture(scope="session")
def triager() -> Triager:
    """Return a triager with the shipped bundle."""
    return Triager.load()


@pytest.fixture(scope="session")
def decisions(triager: Triager) -> list[Decision]:
    """Return the decisions of `LETTERS`."""
    return list(triager.triage_many(LETTERS))


def fits(value: Any, kind: Any) -> bool:
    """Tell whether a value is of a type; a bool is no number."""
    if kind in (TEXTS, list[float], list[dict]):
        return isinstance(value, list) and all(fits(item, kind.__args__[0]) for item in value)
    return isinstance(value, kind) and (isinstance(value, bool) <= (kind is bool))


def refused(triager: Triager, petition: Petition, code: str) -> InputError:
    with pytest.raises(InputError) as caught:
        triager.triage(petition)
    assert caught.value.code == code
    assert caught.value.text("zh") != caught.value.text("en")
    return caught.value


def sound(decision: Decision, petition: Petition, triager: Triager) -> None:
    """Check everything that must hold of whatever letter."""
    taxonomy, text = triager.policy.taxonomy, petition.text
    assert decision.category in taxonomy.categories
    assert decision.category not in decision.candidates
    assert len(decision.candidates) == len(decision.scores) == len(set(decision.candidates))
    assert {*decision.candidates, *decision.candidate_set, *decision.secondary} <= set(taxonomy.categories)
    assert list(decision.scores) == sorted(decision.scores, reverse=True)
    assert 1 >= decision.confidence >= max(decision.scores)
    assert min(decision.scores) >= 0
    assert decision.confidence + sum(decision.scores) <= 1 + 1e-9
    assert decision.category not in decision.secondary
    assert len(set(decision.candidate_set)) == len(decision.candidate_set)
    assert decision.nature in taxonomy.natures
    assert decision.urgency in (1, 2, 3, 4)
    assert set(decision.urgency_rules) <= set(triager.policy.urgency.criteria)
    assert {decision.department, *decision.assisting} <= set(taxonomy.departments)
    assert decision.department not in decision.assisting
    assert set(decision.due) <= {*taxonomy.clocks, "target"}
    assert set(decision.due_provisional) <= set(decision.due)
    assert decision.channel_tell
    assert decision.needs_review == bool(decision.review_reason)
    assert set(decision.review_reason) <= REASONS
    for item in decision.evidence:
        assert item.status in STATUSES
        assert item.source in ("rule", "model")
        if item.span is not None:
            start, end = item.span
            assert 0 <= start < end <= len(text)


# ------------------------------------------------------------------------------------------------ what a decision holds
@pytest.mark.parametrize("place", range(len(LETTERS)))
def test_a_record_holds_every_field_with_its_type(decisions: list[Decision], place: int) -> None:
    record = decisions[place].to_dict()
    assert list(record) == list(FIELDS)
    assert {name: value for name, value in record.items() if not fits(value, FIELDS[name])} == {}
    for item in record["evidence"]:
        assert list(item) == list(EVIDENCE)
        assert {name: value for name, value in item.items() if not fits(value, EVIDENCE[name])} == {}
    for clock, day in record["due"].items():
        assert isinstance(clock, str)
        assert date.fromisoformat(day)


@pytest.mark.parametrize("place", range(len(LETTERS)))
def test_a_record_survives_json(decisions: list[Decision], place: int) -> None:
    record = decisions[place].to_dict()
    assert json.loads(json.dumps(record, ensure_ascii=False, allow_nan=False)) == record


@pytest.mark.parametrize("place", range(len(LETTERS)))
def test_what_holds_of_every_letter(triager: Triager, decisions: list[Decision], place: int) -> None:
    sound(decisions[place], LETTERS[place], triager)


PIECES = [
    "İ", "ﬁ", "㎡", "①", "停水", "路灯", "欠工资", "\u200b", "\ufeff", "e\u0301", " ", "\n", "\t", "１２３", "後", "裏", "👨‍👩‍👧", "ß", "Ǆ", "我要跳楼", "自来氺", "not paid",
    "wages", "。", ",", "\x01", "\ud83d", "ｗａｇｅｓ", "12人", "[/b]", "İstanbul ", "臺灣", "ﷺ", "\u2028", "九万六千元", "前年", "《", "请", "去北京",
]  # fmt: skip


@given(
    body=st.lists(st.sampled_from(PIECES), min_size=1, max_size=14), title=st.lists(st.sampled_from(PIECES), max_size=3)
)
def test_whatever_a_letter_is_made_of(triager: Triager, body: list[str], title: list[str]) -> None:
    petition = Petition(body="".join(body), title="".join(title))
    try:
        check(petition)
    except InputError:
        return
    sound(triager.triage(petition), petition, triager)


def test_model_evidence_points_at_its_word(decisions: list[Decision]) -> None:
    told = [item for item in decisions[0].evidence if item.source == "model"]
    assert told
    assert all(item.weight > 0 and item.id == decisions[0].category for item in told)
    for item in told:
        assert item.span is not None
        assert WAGES.text[slice(*item.span)].startswith(item.note.split()[0])


def test_evidence_of_a_traditional_letter_quotes_it_as_it_was_written(decisions: list[Decision]) -> None:
    quotes = [TRADITIONAL.text[slice(*item.span)] for item in decisions[3].evidence if item.span]
    assert any("工資" in quote for quote in quotes)


def test_names_come_in_both_languages(triager: Triager, decisions: list[Decision]) -> None:
    english = Triager(triager.policy, triager.bundle, lang="en").triage(WAGES)
    chinese = decisions[0]
    assert chinese.category == english.category == "wages"
    assert chinese.category_name == triager.policy.taxonomy.categories["wages"].zh
    assert english.category_name == triager.policy.taxonomy.categories["wages"].en
    for field in ("department_name", "channel", "channel_tell", "urgency_advice"):
        assert getattr(english, field).isascii()
        assert not getattr(chinese, field).isascii()
    same = {"category_name", "department_name", "channel", "channel_tell", "urgency_advice"}
    assert {k: v for k, v in english.to_dict().items() if k not in same} == {
        k: v for k, v in chinese.to_dict().items() if k not in same
    }


def test_the_bundle_is_named(triager: Triager, decisions: list[Decision]) -> None:
    manifest = triager.bundle.manifest
    assert {decision.model for decision in decisions} == {f"{manifest['name']} {manifest['version']}"}


@pytest.mark.parametrize("petition", [WAGES, ENGLISH, MIXED, TRADITIONAL])
def test_unpaid_wages_in_every_script(triager: Triager, petition: Petition) -> None:
    decision = triager.triage(petition)
    assert (decision.category, decision.nature, decision.department) == ("wages", "appeal", "human_resources")


# ------------------------------------------------------------------------------------------------------------ due dates
@pytest.mark.parametrize(
    "day", ["2026-03-02", "2026-03-02 10:30:00", "2026-03-02T10:30:00", "2026/3/2", "2026.3.2", "2026年3月2日"]
)
def test_due_dates_count_from_the_day_of_receipt(triager: Triager, day: str) -> None:
    decision = triager.triage(replace(WAGES, fields={"date": day}))
    assert decision.due == {
        "notice": "2026-03-17", "objection": "2026-03-09", "close": "2026-05-01", "target": "2026-03-02",
    }  # fmt: skip
    assert decision.due_provisional == ()


def test_a_date_over_unpublished_holidays_is_told(triager: Triager) -> None:
    decision = triager.triage(replace(WAGES, fields={"date": "2035-03-02"}))
    assert decision.due_provisional == ("objection", "target")


def test_due_dates_count_from_acceptance_where_it_is_known(triager: Triager) -> None:
    decision = triager.triage(replace(WAGES, fields={"date": "2026-03-02", "accepted": "2026-03-10"}))
    assert decision.due["notice"] == "2026-03-17"
    assert decision.due["close"] == (date(2026, 3, 10) + timedelta(days=60)).isoformat()


@pytest.mark.parametrize("day", ["", "soon", "三月二日", "2026-02-30"])
def test_no_due_dates_without_a_day(triager: Triager, day: str) -> None:
    assert triager.triage(replace(WAGES, fields={"date": day})).due == {}


def test_a_nature_has_its_own_clocks(triager: Triager) -> None:
    decision = triager.triage(replace(ACCUSED, fields={"date": "2026-03-02"}))
    clocks = list(triager.policy.taxonomy.natures["accusation"].clocks)
    assert [name for name in decision.due if name != "target"] == clocks


# ------------------------------------------------------------------------------------------- what is no letter, and odd
@pytest.mark.parametrize("text", ["", " ", "\n\t \u3000"])
def test_an_empty_letter_is_refused(triager: Triager, text: str) -> None:
    assert "A-9" in refused(triager, Petition(body=text, id="A-9"), "empty_letter").text()


@pytest.mark.parametrize("text", ["停水", "help", "路", "x", "!", "7", "Привет"])
def test_one_word_is_judged(triager: Triager, text: str) -> None:
    petition = Petition(body=text)
    decision = triager.triage(petition)
    sound(decision, petition, triager)
    assert decision.urgency < 4


@pytest.mark.parametrize("text", ["!!! ???", "12345", "…………"])
def test_no_word_at_all_needs_a_person(triager: Triager, text: str) -> None:
    assert "language" in triager.triage(Petition(body=text)).review_reason


@pytest.mark.parametrize("text", ["qwrtz plmkn bvxcy", "Привет, как дела", "ขอความช่วยเหลือ"])
def test_unknown_words_need_a_person(triager: Triager, text: str) -> None:
    assert "unfamiliar" in triager.triage(Petition(body=text)).review_reason


@pytest.mark.parametrize("piece", ["老板拖欠工资，要求发放。", "My boss did not pay us. ", "停", "，", "我不想活了。"])
def test_the_longest_letter_is_judged(triager: Triager, piece: str) -> None:
    petition = Petition(body=(piece * (LONGEST // len(piece) + 1))[: LONGEST - 1] + "停")
    assert len(petition.text) == LONGEST == 200_000
    sound(triager.triage(petition), petition, triager)


def test_a_longer_letter_is_refused(triager: Triager) -> None:
    error = refused(triager, Petition(body="停水" * 100_000 + "了"), "long_letter")
    assert "200001" in error.text()
    assert "200000" in error.text()
    refused(triager, Petition(body="停" * LONGEST, title="水"), "long_letter")


@pytest.mark.parametrize("text", ["PK\x03\x04\x00\x00停水", "\x01\x02\x03\x04停水了", "停水\x00"])
def test_binary_is_refused(triager: Triager, text: str) -> None:
    refused(triager, Petition(body=text), "binary_letter")


@pytest.mark.parametrize(
    "text", ["\ufffd\ufffd\ufffdͣˮ\ufffd\ufffd\ufffd", "我们\ud83d家停水了", "我们\ufffd停\ufffd水"]
)
def test_garbled_text_is_refused(triager: Triager, text: str) -> None:
    refused(triager, Petition(body=text), "garbled_letter")


def test_a_few_unreadable_characters_are_no_hindrance(triager: Triager) -> None:
    clean, broken = (
        Petition(body=f"老板拖欠工资三个月，我们六个人一分钱也没有拿到，请劳动监察帮忙讨回工钱。{half}")
        for half in ("\ufffd", "\ud83d")
    )
    assert triager.triage(broken) == triager.triage(clean)


def test_an_error_never_quotes_the_letter(triager: Triager) -> None:
    for text in ("停水" * 100_001, "停水\x00", "停水\ufffd"):
        with pytest.raises(InputError) as caught:
            triager.triage(Petition(body=text))
        assert "停水" not in caught.value.text("zh") + caught.value.text("en")


# ---------------------------------------------------------------------------------------------------------- explanation
@pytest.mark.parametrize("place", range(len(LETTERS)))
def test_an_explanation_adds_up(triager: Triager, decisions: list[Decision], place: int) -> None:
    petition, decision = LETTERS[place], decisions[place]
    told = triager.explain(petition, count=4)
    assert [score["code"] for score in told["scores"]] == [decision.category, *decision.candidates[:3]]
    assert [score["probability"] for score in told["scores"]] == [decision.confidence, *decision.scores[:3]]
    assert told["evidence"] == decision.to_dict()["evidence"]
    assert told["model"] == decision.model
    # The margins, from the features and the weights themselves.
    model = triager.bundle.models[0]
    head = model.heads["category"]
    analysis = triager.policy.analyser(petition)
    facts = triager.policy.facts(analysis)
    marks = signs(triager.policy.urgency(analysis, facts), facts)
    features = model.featuriser.transform([model.featuriser.blocks_of(analysis, marks)]).astype(float)
    margins = np.asarray(features @ head.coef.astype(float))[0] + head.intercept
    for score in told["scores"]:
        column = head.classes.index(score["code"])
        assert score["margin"] == pytest.approx(margins[column], abs=1e-6)
        assert sum(part["weight"] for part in score["parts"]) + score["intercept"] == pytest.approx(
            score["margin"], abs=1e-6
        )
        assert score["probability"] == pytest.approx(head.probabilities(margins[None])[0, column], abs=1e-5)
    ranked = sorted(told["scores"], key=lambda score: -score["margin"])
    for first, second in zip(ranked, told["scores"], strict=True):
        assert first["margin"] == pytest.approx(second["margin"], abs=1e-6)
    json.dumps(told, ensure_ascii=False, allow_nan=False)


def test_an_explanation_names_the_words(triager: Triager) -> None:
    told = triager.explain(WAGES, count=1)["scores"]
    assert len(told) == 1
    parts = told[0]["parts"]
    assert {"工资"} <= {part["word"] for part in parts[:12]}
    assert [abs(part["weight"]) for part in parts] == sorted((abs(part["weight"]) for part in parts), reverse=True)


def test_an_explanation_refuses_what_triage_refuses(triager: Triager) -> None:
    with pytest.raises(InputError):
        triager.explain(Petition(body=""))


# -------------------------------------------------------------------------------------------------------------- safety
@pytest.mark.parametrize(
    "text",
    [
        ACCUSED.body,
        "现检举镇林业站副站长解某虚开发票套取公款，以上有照片可查，请予查处。",
        "I accuse the village head of taking bribes and ask the discipline commission to investigate and punish him.",
    ],
)
def test_an_accusation_is_closed_and_looked_at(triager: Triager, text: str) -> None:
    decision = triager.triage(Petition(body=text))
    assert decision.nature == "accusation"
    assert decision.needs_review
    assert "closed" in decision.review_reason
    assert decision.department == "discipline"


@pytest.mark.parametrize(
    "text",
    [
        SICK.body,
        "活着没意思，绳子已经挂在梁上了，我走了以后麻烦照看我娘。",
        "I want to die. The pills are on the table, tell my daughter I am sorry.",
        "If nobody helps me I will kill myself tonight.",
    ],
)
def test_self_harm_is_critical_and_the_advice_is_to_reach_the_person(triager: Triager, text: str) -> None:
    chinese = triager.triage(Petition(body=text))
    english = Triager(triager.policy, triager.bundle, lang="en").triage(Petition(body=text))
    assert chinese.urgency == english.urgency == 4
    assert "U01" in chinese.urgency_rules
    assert chinese.needs_review
    assert "critical" in chinese.review_reason
    assert "联系本人" in chinese.urgency_advice
    assert "contact the person" in english.urgency_advice.lower()
    assert any(item.id == "U01" and item.status == "active" and item.span for item in chinese.evidence)


@pytest.mark.parametrize(
    "text",
    [
        "我要去北京上访。",
        "我打算下个月去北京。",
        "村里不解决，我们就去北京反映。",
        "我明天要去北京上访，问题再不解决我就去国家信访局。",
        "去年我去北京反映过承包地的事，今年还要再去一趟北京。",
        "我们十五个人商量好了，下周一起进京上访，讨要工资。",
        "I will go to Beijing next week and petition there.",
        "If the town does not settle our land we shall take the train to Beijing.",
    ],
)
def test_going_to_beijing_alone_is_never_critical(triager: Triager, text: str) -> None:
    assert triager.triage(Petition(body=text)).urgency < 4


def test_every_critical_letter_needs_a_person(triager: Triager, decisions: list[Decision]) -> None:
    assert any(decision.urgency == 4 for decision in decisions)
    for decision in decisions:
        assert ("critical" in decision.review_reason) == (decision.urgency == 4)


def test_a_model_raises_a_level_and_never_lowers_it(triager: Triager, decisions: list[Decision]) -> None:
    for petition, decision in zip(LETTERS, decisions, strict=True):
        analysis = triager.policy.analyser(petition)
        rules = triager.policy.urgency(analysis, triager.policy.facts(analysis))
        assert decision.urgency >= rules.level
        assert decision.urgency_rules == rules.rules


class _Certain:
    """A bundle's model that is sure of one level of urgency."""

    def __init__(self, model: Any, level: str) -> None:
        self.model, self.level = model, level

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def __call__(self, analyses: Any, marks: Any, **options: Any) -> list[Any]:
        judgements = self.model(analyses, marks, **options)
        head = self.model.heads["urgency"]
        sure = np.array([float(code == self.level) for code in head.classes])
        for judgement in judgements:
            if "urgency" in judgement.scores:
                judgement.scores["urgency"] = Scores(head, sure)
        return judgements


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_the_higher_of_rules_and_model_counts(triager: Triager, level: int) -> None:
    models = (_Certain(triager.bundle.models[0], str(level)), *triager.bundle.models[1:])
    sure = Triager(triager.policy, replace(triager.bundle, models=models))  # type: ignore[arg-type]
    for petition in LETTERS:
        analysis = triager.policy.analyser(petition)
        rules = triager.policy.urgency(analysis, triager.policy.facts(analysis))
        decision = sure.triage(petition)
        # What the model hardly knows, and what the rules saw is over, stays where the rules put it.
        if "unfamiliar" in decision.review_reason:
            assert decision.urgency == rules.level
        elif {item.status for item in rules.evidence} <= {"active"}:
            assert decision.urgency == max(rules.level, level)


# --------------------------------------------------------------------------------------------------------- many letters
def test_many_letters_are_judged_as_one_by_one(triager: Triager, decisions: list[Decision]) -> None:
    for petition, together in zip(LETTERS, decisions, strict=True):
        assert triager.triage(petition) == together


def test_order_and_company_do_not_matter(triager: Triager, decisions: list[Decision]) -> None:
    assert list(triager.triage_many(reversed(LETTERS))) == decisions[::-1]
    many = LETTERS * 11  # more than are scored at once
    assert list(triager.triage_many(many)) == decisions * 11


def test_letters_are_taken_as_they_are_needed(triager: Triager) -> None:
    taken: list[str] = []

    def endless() -> Iterator[Petition]:
        number = 0
        while True:
            number += 1
            taken.append(str(number))
            yield Petition(body=f"第{number}次停水，请修", id=str(number))

    stream = triager.triage_many(endless())
    assert taken == []
    assert [next(stream).id for _ in range(150)] == [str(number) for number in range(1, 151)]
    assert len(taken) < 300


def test_no_letters_no_decisions(triager: Triager) -> None:
    assert list(triager.triage_many([])) == []


def test_a_letter_that_cannot_be_judged_stops_the_stream(triager: Triager) -> None:
    with pytest.raises(InputError):
        list(triager.triage_many([WAGES, Petition(body="")]))


def test_the_same_letter_the_same_decision(triager: Triager, decisions: list[Decision]) -> None:
    again = Triager.load()
    assert list(again.triage_many(LETTERS)) == decisions
    assert [triager.triage(petition).to_dict() for petition in LETTERS] == [item.to_dict() for item in decisions]


def test_a_nature_that_the_office_does_not_know_is_not_suggested(triager: Triager, decisions: list[Decision]) -> None:
    taxonomy = triager.policy.taxonomy
    natures = {code: nature for code, nature in taxonomy.natures.items() if code not in ("accusation", "appeal")}
    policy = replace(triager.policy, taxonomy=replace(taxonomy, natures=natures))
    other = Triager(policy, triager.bundle)
    assert {decision.nature for decision in decisions} & {"accusation", "appeal"}
    assert {decision.nature for decision in other.triage_many(LETTERS)} <= set(natures)


def test_a_persons_word_moves_what_follows_from_it(triager: Triager) -> None:
    letter = Petition(body="村里把我家的承包地收回去了，要求归还。", fields={"date": "2026-11-20"})
    first = triager.triage(letter)
    again = triager.reconsider(letter, {"category": "education", "nature": "consultation", "urgency": 3})
    assert (again.category, again.nature, again.urgency) == ("education", "consultation", 3)
    assert again.department == "education" != first.department
    assert again.channel_code == "consultation"
    assert again.due["target"] < first.due["notice"]
    assert first.category in again.candidates
    assert "uncertain" not in again.review_reason


def test_a_given_department_leads_and_does_not_assist_itself(triager: Triager) -> None:
    letter = Petition(body="村里把我家的承包地收回去了，要求归还。")
    again = triager.reconsider(letter, {"department": "forestry"})
    assert again.department == "forestry"
    assert "forestry" not in again.assisting


def test_nothing_given_changes_nothing(triager: Triager) -> None:
    letter = Petition(body="楼上漏水半年，物业不管，请协调。", title="漏水")
    assert triager.reconsider(letter, {}) == triager.triage(letter)


@pytest.mark.parametrize("given", [{"category": "x"}, {"urgency": 5}, {"place": "石桥村"}])
def test_an_unknown_correction_is_refused_with_what_is_allowed(triager: Triager, given: dict[str, object]) -> None:
    with pytest.raises(InputError, match="allowed are"):
        triager.reconsider(Petition(body="楼上漏水半年，物业不管。"), given)


def test_categories_alone_are_those_of_full_triage(triager: Triager, decisions: list[Decision]) -> None:
    for alone, whole in zip(triager.categorise(LETTERS), decisions, strict=True):
        assert {name: getattr(whole, name) for name in alone._fields} == alone._asdict()


def test_categories_alone_refuse_what_triage_refuses(triager: Triager) -> None:
    with pytest.raises(InputError) as caught:
        list(triager.categorise([WAGES, Petition(body=" ")]))
    assert caught.value.code == "empty_letter"
