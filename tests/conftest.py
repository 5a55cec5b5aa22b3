"""A tiny office, its letters and a model for them: everything the tests need, made in under two seconds."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from triage.bundle import MODEL, save_bundle
from triage.classify import LetterModel
from triage.config import shipped_vectors
from triage.features import Featuriser, StaticVectors
from triage.policy import load_policy
from triage.schema import Petition
from triage.text import Analyser
from triage.training.fit import Fitted, HeadPlan, Plan, fit

# The same examples on every machine, however slow.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")

SHIPPED = Path(__file__).parents[1] / "data"
TERMS = ("自来水管", "水压", "停水", "路灯", "坑洼", "拖欠工资", "加班费", "工钱")
TINY_PLAN = Plan(
    heads={"category": HeadPlan(cost=1.0)},
    blocks={"word": 1.0, "every": 1.0, "static:word": 0.5},
    min_df=1,
    error=0.1,
    seed=7,
)

CATEGORIES = """
schema_version = 1
taxonomy_version = "tiny.1"
fallback = "road"

[retired_to]
tap = "water"

[[category]]
code = "water"
zh = "用水"
en = "Water supply"
definition_zh = "自来水的水压、水质、停水和水费"
definition_en = "pressure, quality, cuts and bills of tap water"
terms = ["自来水管", "水压", "停水"]

[[category]]
code = "road"
zh = "道路"
en = "Roads"
definition_zh = "路面、路灯和桥梁"
definition_en = "surfaces, lamps and bridges"
terms = ["路灯", "坑洼"]

[[category]]
code = "pay"
zh = "工资"
en = "Wages"
definition_zh = "工资、加班费和工钱"
definition_en = "wages, overtime and day rates"
terms = ["拖欠工资", "加班费", "工钱"]
"""
DEPARTMENTS = """
schema_version = 1

[[department]]
code = "works"
zh = "建设科"
en = "Public works"

[[department]]
code = "labour"
zh = "劳动科"
en = "Labour office"
"""
NATURES = """
schema_version = 1

[[nature]]
code = "ask"
zh = "请求"
en = "Request"
channel_zh = "转办"
channel_en = "Pass on"
article = "第一条"
clocks = ["answer", "object"]

[[nature]]
code = "idea"
zh = "建议"
en = "Suggestion"
channel_zh = "研究"
channel_en = "Study"
article = "第二条"
clocks = ["answer"]
"""
DEADLINES = """
schema_version = 1
roll_over = true

[[clock]]
code = "answer"
zh = "答复"
en = "Answer"
start = "received"
days = 15
kind = "calendar"
article = "第三条"

[[clock]]
code = "object"
zh = "退回"
en = "Objection"
start = "accepted"
days = 5
kind = "working"
"""
CHANNELS = """
schema_version = 1

[[branch]]
code = "court"
zh = "法院"
en = "Court"
article = "第二十条"
clocks = ["answer"]
tell_zh = "去法院"
tell_en = "Go to court"

[[branch.rule]]
id = "C1"
categories = ["pay"]
keywords = "起诉|sue"
basis = "第二十一条"
tell_zh = "带欠条去法院"
tell_en = "Take the IOU to court"

[[branch]]
code = "office"
zh = "本办"
en = "This office"
article = "第二十二条"
clocks = ["answer", "object"]
tell_zh = "我们办"
tell_en = "We do it"
"""
ACCUSED = """
schema_version = 1
superiors = ["labour"]
acts = ["贪污"]
loose_acts = ["不作为"]
reports = "举报"
loose_reports = "投诉"
addressed = "请"
denied = "没有"

[[unit]]
level = "county"
department = "works"
words = ["建设科"]
"""
LEVELS = """\
# schema_version = 1
category,township_office_zh,township_office_en,township_role,county_department,basis
water,水管站,water station,leads,works,第三十条
road,路管站,road station,assists,works,第三十一条
pay,劳动站,labour station,leads,labour,第三十二条
"""
ROUTING = """\
# schema_version = 2
id,category,nature,urgency,level,people,keywords,departments,assisting,basis
T1,water,,,,,收费|bill,works|labour,,第十条
T2,water,,,,,,works,labour,第十一条
T3,road,idea,,,,,works|labour,,第十二条
T4,road,,,,,,works,,第十三条
T5,pay,,,,,工伤|injur,labour|works,,第十四条
T6,pay,,,,,,labour,,第十五条
"""

_LETTERS = {
    "water": """\
我们三楼已经停水五天，请尽快恢复
院子里的自来水管爆了，水白白流走，请派人修
早上水压太低，热水器打不着火，希望加压
水龙头放出来的水发黄，还有股铁锈味，请化验
水表没动过，水费却涨了一倍，请核对
井水干了，全组挑水吃，请接通自来水
水厂通知周三停水，结果周日还没来水，请解释
屋顶水箱漏水，物业和水厂互相推，请协调
孩子喝了自来水拉肚子，请检测水质
新装的水表转得飞快，要求换表
The tap water has been brown for a week, please test it
No water on the fourth floor since Monday, please restore the supply
Water pressure is too low for a shower every evening
The water bill doubled although nobody lives there, please check the meter
A water pipe burst in our yard and nobody came to repair it
The well ran dry, please connect our hamlet to the water main
Tap water smells of chlorine, please tell us whether it is safe to drink
The water company cut the supply without notice, please explain
Our water meter runs backwards, please replace it
The roof tank leaks and the water company will not come
""",
    "road": """\
村口那段路全是坑洼，下雨过不了车，请修路
桥上的路灯坏了半个月，晚上摔了两个人，请换灯
学校门口没有斑马线，请补画
水泥路裂了大缝，摩托车陷进去过，希望修补
路边的护栏被撞断，请尽快装好
进村公路太窄，会车要倒半里地，建议加宽
井盖没了一个多月，路人绕着走，请补上
修路挖开的沟一直没填，请催施工队
盲道上停满了车，请划出车位
十字路口的红绿灯总不亮，请检修
The road into our village is full of potholes, please repair it
Street lamps on the bridge have been dark for two weeks
There is no zebra crossing in front of the school, please paint one
A guard rail on the road was broken by a truck, please mend it
The bridge surface is cracked and motorcycles get stuck
A manhole cover is missing on the main street, please replace it
The lane is too narrow for two cars, I suggest widening the road
The traffic light at the crossing does not work, please fix it
The trench across the road was never filled, please urge the builders
Cars park on the pavement of our street every night
""",
    "pay": """\
老板拖欠工资三个月，要求发放
在工地干了四十天，工钱一分没给，请帮忙讨要
厂里加班从来不给加班费，请查处
离职半年，最后一个月工资还扣着，请责令支付
包工头跑了，我们六个人的工钱没着落
公司说效益不好，工资只发一半，请监察
保洁员的工资低于最低标准，请核查
试用期干满了却不给工资，要求补发
餐馆扣我押金和半月工资，请处理
年底的绩效工资说好发，到现在没有发
My boss has not paid our wages for three months
We worked forty days on the site and got no pay, please help
The factory never pays overtime, please inspect it
I left the job and my last salary is still withheld
The contractor ran off with the wages of six workers
The company pays only half of our salary, please look into it
Cleaners are paid less than the minimum wage here
I finished the trial period and got no salary, I demand the pay
The restaurant kept my deposit and half a month of wages
The promised bonus and wages of last year were never paid
""",
}


def write_home(folder: Path) -> Path:
    """Write the tiny office's policy folder."""
    taxonomy = folder / "taxonomy"
    taxonomy.mkdir(parents=True)
    for name, text in (
        ("categories.toml", CATEGORIES),
        ("departments.toml", DEPARTMENTS),
        ("natures.toml", NATURES),
        ("deadlines.toml", DEADLINES),
        ("routing.csv", ROUTING),
        ("channels.toml", CHANNELS),
        ("accused.toml", ACCUSED),
        ("levels.csv", LEVELS),
    ):
        (taxonomy / name).write_text(text, encoding="utf-8")
    for name in ("facts.toml", "urgency.toml", "place.toml", "divisions.csv", "privacy.toml", "similar.toml"):
        shutil.copyfile(SHIPPED / "taxonomy" / name, taxonomy / name)
    shutil.copytree(SHIPPED / "lexicons", folder / "lexicons")
    return folder


@pytest.fixture(scope="session")
def tiny_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a policy folder with codes of its own; not to be written to."""
    return write_home(tmp_path_factory.mktemp("office") / "data")


@pytest.fixture
def own_home(tmp_path: Path) -> Path:
    """Return a copy of the tiny policy folder that a test may spoil."""
    return write_home(tmp_path / "data")


@pytest.fixture(scope="session")
def analyser() -> Analyser:
    """Return an analyser with a few terms and two misspellings."""
    return Analyser(TERMS, {"自来氺": "自来水", "拖歉": "拖欠"})


@pytest.fixture(scope="session")
def vectors() -> StaticVectors:
    """Return the shipped table of word vectors."""
    return StaticVectors.load(shipped_vectors())


@pytest.fixture(scope="session")
def tiny_letters() -> list[tuple[Petition, str]]:
    """Return sixty letters with their codes, twenty a code, half of them English."""
    letters = [(text, code) for code, texts in _LETTERS.items() for text in texts.splitlines()]
    return [(Petition(body=text, id=str(number)), code) for number, (text, code) in enumerate(letters, 1)]


@pytest.fixture(scope="session")
def tiny_blocks(analyser: Analyser, tiny_letters: list[tuple[Petition, str]]) -> list[dict[str, list[str]]]:
    """Return the letters' words by block."""
    featuriser = Featuriser(TINY_PLAN.blocks)
    return [featuriser.blocks_of(analyser(petition)) for petition, _ in tiny_letters]


@pytest.fixture(scope="session")
def tiny_plan() -> Plan:
    """Return the settings of the tiny model."""
    return TINY_PLAN


@pytest.fixture(scope="session")
def tiny_fitted(
    tiny_letters: list[tuple[Petition, str]], tiny_blocks: list[dict[str, list[str]]], vectors: StaticVectors
) -> Fitted:
    """Return the tiny model with its held-out probabilities."""
    labels = {"category": [code for _, code in tiny_letters]}
    return fit(tiny_blocks, labels, np.arange(len(tiny_letters)), vectors, TINY_PLAN)


@pytest.fixture(scope="session")
def tiny_model(tiny_fitted: Fitted) -> LetterModel:
    """Return a model for the three codes."""
    return tiny_fitted.model


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory, tiny_home: Path, tiny_model: LetterModel) -> Path:
    """Return the tiny model's folder, for processes that load it themselves."""
    policy, path = load_policy(tiny_home), tmp_path_factory.mktemp("models") / "tiny"
    terms = {"terms": policy.analyser.segmenter.fingerprint}
    manifest = {"name": "tiny", "version": "1", "taxonomy": policy.taxonomy.fingerprint, "segmenter": terms}
    save_bundle(path, {MODEL: tiny_model}, manifest, {})
    return path
