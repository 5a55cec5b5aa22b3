from __future__ import annotations

from tests.service.conftest import Office


def test_a_letter_is_entered_judged_and_read_back_masked(office: Office) -> None:
    clerk = office.key(role="clerk")
    made = office.enter(clerk, body="村里把我家的承包地收回去，要求归还。电话13912345678", phone="13912345678")
    assert made["decision"]["category"] == "land_contract"
    assert made["status"] == "open"
    read = office.client.get(f"/v1/letters/{made['id']}", headers=clerk)
    assert read.json() == made
    assert read.headers["etag"] == '"1"'
    assert "13912345678" not in read.text
