from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from triage.channels import ChannelTree
from triage.config import read_toml
from triage.errors import DataError
from triage.schema import Petition
from triage.taxonomy import load_taxonomy
from triage.text import Analyser

SHIPPED = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    return read_toml(SHIPPED / "taxonomy" / "channels.toml")


@pytest.fixture(scope="module")
def tree(table: dict[str, Any]) -> ChannelTree:
    taxonomy = load_taxonomy(SHIPPED)
    return ChannelTree(table, taxonomy.categories, taxonomy.clocks)


# Regulations on Petition Work (2022) Art. 31: one letter and more for each of the six ways.
@pytest.mark.parametrize(
    ("body", "category", "branch", "article"),
    [
        ("判决生效两年，请求法院强制执行", "litigation", "judicial", "第一项"),
        ("对征收补偿决定不服，请求撤销", "land_acquisition", "judicial", "第一项"),
        ("被骗八万元，请求派出所立案", "public_security", "judicial", "第一项"),
        ("借款三年不还，请问怎么要", "civil_dispute", "judicial", "第一项"),
        ("村里收回了我家承包地，请求归还", "land_contract", "arbitration", "第二项"),
        ("公司辞退我不给经济补偿，请求支付", "wages", "arbitration", "第二项"),
        ("外嫁女没有分红，请求确认成员资格", "village_affairs", "arbitration", "第二项"),
        ("对开除党籍的处分不服，请求复查党纪处分", "cadre_conduct", "party", "第三项"),
        ("申请宅基地三年没人审批，请求批地", "homestead", "administrative", "第四项"),
        ("社保局不予工伤认定，请求重新认定工伤", "social_security", "administrative", "第四项"),
        ("低保被取消，请求恢复", "social_assistance", "administrative", "第四项"),
        ("请求把女儿的户口落下来", "public_security", "administrative", "第四项"),
        ("老板拖欠我们半年工资，请求追讨", "wages", "duty", "第五项"),
        ("化工厂偷排废气，请求查处", "environment", "duty", "第五项"),
        ("商家卖假货，请求查处", "market_supervision", "duty", "第五项"),
        ("邻居把出水口对着我家院墙，请求制止", "civil_dispute", "duty", "第五项"),
        ("村口的路坏了多年，希望修一修", "infrastructure", "petition", "第六项"),
        ("当年修铁路的民兵没有补助，希望给个说法", "historical_claims", "petition", "第六项"),
        ("The boss owes us overtime pay, please help", "wages", "arbitration", "第二项"),
        ("Please investigate the illegal building next door", "housing", "duty", "第五项"),
    ],
)
def test_the_six_ways(
    tree: ChannelTree, analyser: Analyser, body: str, category: str, branch: str, article: str
) -> None:
    analysis = analyser(Petition(body=body))
    found, tell, why = tree(analysis, category, "zh")
    assert (found.code, found.article[-len(article) :] if branch != "petition" else article) == (branch, article)
    assert tell
    assert article in why[0].note or branch == "petition"
    assert ("close" in found.clocks) == (branch in ("administrative", "duty", "petition"))


def test_the_keyword_is_evidence_and_counts_only_where_something_is_asked(
    tree: ChannelTree, analyser: Analyser
) -> None:
    petition = Petition(body="邻居去年起诉过我。请求修好村口的路")
    analysis = analyser(petition)
    assert tree(analysis, "civil_dispute", "zh")[2][0].id == "L80"
    petition = Petition(body="请问我该怎么起诉他")
    analysis = analyser(petition)
    (why,) = tree(analysis, "civil_dispute", "zh")[2]
    assert why.span
    assert (why.id, petition.text[slice(*why.span)]) == ("J50", "起诉")


def test_what_the_petitioner_is_told_comes_in_both_languages(tree: ChannelTree, analyser: Analyser) -> None:
    analysis = analyser(Petition(body="请求追讨工资"))
    assert "劳动保障监察" in tree(analysis, "wages", "zh")[1]
    assert "labour inspection" in tree(analysis, "wages", "en")[1]


def _spoil(table: dict[str, Any], change: str) -> None:
    branches = table["branch"]
    if change == "category":
        branches[0]["rule"][0]["categories"] = ["moon"]
    elif change == "clock":
        branches[0]["clocks"] = ["noon"]
    elif change == "twice":
        branches[1]["rule"][0]["id"] = branches[0]["rule"][0]["id"]
    elif change == "pattern":
        branches[0]["rule"][1]["keywords"] = "(法院"
    elif change == "unbounded":
        branches[0]["rule"][1]["keywords"] = "法.*院"
    elif change == "empty":
        branches[0]["rule"] = []
    elif change == "last":
        branches[-1]["rule"] = [dict(branches[0]["rule"][0], id="Z9")]
    elif change == "unreachable":
        branches[4]["rule"].append({"id": "Z9", "categories": ["wages"], "keywords": "工资", "basis": ""})
    elif change == "nothing":
        branches[0]["rule"].append({"id": "Z9", "basis": ""})


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("category", "no such category: moon"),
        ("clock", "no such clock: noon"),
        ("twice", "rule J10 stands twice"),
        ("pattern", "missing )"),
        ("unbounded", "repeats need an upper bound"),
        ("empty", "judicial has no rule"),
        ("last", "the last, takes what is left"),
        ("unreachable", "rule Z9 cannot be reached"),
        ("nothing", "a rule needs categories or keywords"),
    ],
)
def test_faults_are_told(table: dict[str, Any], change: str, fault: str) -> None:
    spoilt = copy.deepcopy(table)
    _spoil(spoilt, change)
    taxonomy = load_taxonomy(SHIPPED)
    with pytest.raises(DataError) as caught:
        ChannelTree(spoilt, taxonomy.categories, taxonomy.clocks)
    assert any(fault in found for found in caught.value.faults), caught.value.faults
