"""A day is the hospital's day: TIME_ZONE says where it begins, in filters, ages and counts by day."""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from support import ok, png, problem

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def early_film(new_server):
    """A film of half past midnight, 5 January, in Shanghai, which is 4 January in UTC."""
    server = new_server(TIME_ZONE="Asia/Shanghai")
    admin = server.admin()
    film = admin.upload(png())
    moment = datetime(2026, 1, 5, 0, 30, tzinfo=SHANGHAI).timestamp()
    server.database.rows(f"update image_files set created_at = {int(moment * 1e6)} where id = {film['id']}")
    return admin


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"start_date": "2026-01-05", "end_date": "2026-01-05"}, 1),
        ({"end_date": "2026-01-04"}, 0),
        ({"start_date": "2026-01-06"}, 0),
        ({"start_date": "2026-01-05T00:30:00"}, 1),
        ({"start_date": "2026-01-05T00:30:01"}, 0),
        ({"start_date": "2026-01-04T16:30:00Z"}, 1),
        ({"start_date": "2026-01-04T16:30:01Z"}, 0),
    ],
)
def test_filters(early_film, query, found):
    assert ok(early_film.get("/image-files/my-images", params=query))["total"] == found


def test_answers_stay_utc(early_film):
    (item,) = ok(early_film.get("/image-files/my-images"))["items"]
    assert item["created_at"].startswith("2026-01-04T16:30:00")


def test_counts_by_day(new_server):
    server = new_server(TIME_ZONE="Pacific/Kiritimati")  # 14 hours before UTC: another day most of the time
    admin = server.admin()
    before = datetime.now(ZoneInfo("Pacific/Kiritimati")).date()
    admin.upload(png())
    days = ok(admin.get("/system/stats"))["uploads_by_day"]
    after = datetime.now(ZoneInfo("Pacific/Kiritimati")).date()
    assert list(days)[-1] in (str(before), str(after)) and sum(days.values()) == 1


def test_whoever_is_born_today_is_not_born_in_the_future(new_server):
    server = new_server(TIME_ZONE="Pacific/Kiritimati")
    admin = server.admin()
    today = datetime.now(ZoneInfo("Pacific/Kiritimati")).date()
    assert admin.patient(birth_date=str(today))["age"] == 0
    later = (datetime.now(timezone.utc) + timedelta(days=3)).date()
    problem(admin.post("/patients", json={"patient_id": "P9", "name": "x", "birth_date": str(later)}), 422)


def test_a_date_would_do_and_is_said_to(doctor):
    body = problem(doctor.get("/image-files/my-images", params={"start_date": "2026/11/26"}), 422)
    assert "2026-01-05" in body["errors"][0]["msg"].split(" or ")[0]


def test_a_zone_that_is_none_stops_the_start(new_server):
    server = new_server(init=False, start=False, TIME_ZONE="Mars/Olympus")
    done = server.run("init-db", check=False)
    assert done.returncode == 1 and "TIME_ZONE" in done.stderr and "Asia/Shanghai" in done.stderr
