"""Preconditions of GET and HEAD (RFC 9110 13.1, in the order of 13.2.2)."""

import pytest

from support import dicom, ok, png, unique

EARLY, LATE = "Sun, 06 Nov 1994 08:49:37 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"


@pytest.fixture(scope="module")
def reads(admin):
    """Addresses of all kinds, with their ETag (None: they have none) and whether they know when they changed."""
    file, scan = admin.upload(png(), "a.png"), admin.upload(dicom(), "a.dcm")
    admin.settled(file["id"])  # a thumbnail changes the record
    paths = [
        f"/image-files/{file['id']}/download",
        f"/image-files/{file['id']}",
        f"/images/{file['id']}/rendered",
        f"/images/{scan['id']}/metadata",
        f"/images/{scan['id']}/frames/1",
        f"/studies/{scan['study_id']}",
        f"/studies/{scan['study_id']}/archive",
        f"/patients/{scan['patient_id']}",
        "/studies",
        "/auth/me",
    ]
    found = {}
    for path in paths:
        answer = admin.get(path)
        assert answer.status_code == 200, answer.text
        found[path] = answer.headers.get("etag"), "last-modified" in answer.headers
    return found


def asked(api, path, status, method="GET", **headers):
    answer = api.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert answer.status_code == status, (path, headers, answer.text[:300])
    return answer


def test_if_match(admin, reads):
    for path, (etag, _) in reads.items():
        for method in ("GET", "HEAD"):
            asked(admin, path, 412, method, If_Match='"no-such"')
            asked(admin, path, 200, method, If_Match="*")
            if etag:
                asked(admin, path, 200, method, If_Match=f'"other", {etag}')
                asked(admin, path, 412, method, If_Match=f"W/{etag}")  # compared strongly
        body = asked(admin, path, 412, If_Match='"no-such"')
        assert body.headers["content-type"] == "application/problem+json" and body.json()["status"] == 412
        assert "content-disposition" not in body.headers and "content-encoding" not in body.headers


def test_if_unmodified_since(admin, reads):
    for path, (etag, dated) in reads.items():
        asked(admin, path, 412 if dated else 200, If_Unmodified_Since=EARLY)
        asked(admin, path, 200, If_Unmodified_Since=LATE)
        asked(admin, path, 200, If_Unmodified_Since="yesterday")  # no date: ignored
        if etag:
            asked(admin, path, 200, If_Match=etag, If_Unmodified_Since=EARLY)  # If-Match goes before
    assert any(dated for _, dated in reads.values())


def test_the_order(admin, reads):
    for path, (etag, dated) in reads.items():
        if etag:
            asked(admin, path, 304, If_Match=etag, If_None_Match=etag)
            asked(admin, path, 412, If_Match='"no-such"', If_None_Match=etag)
            asked(admin, path, 200, If_None_Match='"no-such"', If_Modified_Since=LATE)
        if dated:
            asked(admin, path, 412, If_Unmodified_Since=EARLY, If_None_Match=etag)
            asked(admin, path, 304, If_Modified_Since=LATE)
            asked(admin, path, 200, If_Modified_Since=EARLY)


def test_ranges_come_last(admin, reads):
    path, (etag, _) = next(iter(reads.items()))
    asked(admin, path, 206, Range="bytes=0-3", If_Match=etag)
    asked(admin, path, 412, Range="bytes=0-3", If_Match='"no-such"')
    asked(admin, path, 412, Range="bytes=0-3", If_Unmodified_Since=EARLY)
    asked(admin, path, 304, Range="bytes=0-3", If_None_Match=etag)


def test_what_is_not_there_stays_not_there(admin, doctor, reads):
    asked(admin, "/image-files/999999", 404, If_Match='"no-such"')
    for path in reads:
        if path not in ("/studies", "/auth/me") and "/patients/" not in path:
            asked(doctor, path, 404, If_Match='"no-such"')


KEPT = [
    "/image-files/my-images",
    "/image-files/stats/summary",
    "/patients",
    "/patients?fields=id,name",
    "/patients?search=no-such-patient",
    "/studies",
    "/auth/sessions",
]


@pytest.mark.parametrize("path", KEPT)
def test_lists_and_figures_are_kept_by_who_asks_again(doctor, path):
    doctor.patient(name="王小明")
    first = asked(doctor, path, 200)
    tag = first.headers["etag"]
    again = asked(doctor, path, 304, If_None_Match=f'"other", {tag}')
    assert again.content == b""
    for answer in (first, again, asked(doctor, path, 304, "HEAD", If_None_Match=f"W/{tag}")):
        assert answer.headers["etag"] == tag and answer.headers["cache-control"] == "private, no-cache"
        assert {"authorization", "cookie"} <= {v.strip().lower() for v in answer.headers["vary"].split(",")}
    assert asked(doctor, path, 200, If_None_Match='"other"').json() == first.json()


def test_what_has_changed_is_sent_again(doctor, colleague):
    def ask(api, path, status, tag):
        return asked(api, path, status, If_None_Match=tag).headers["etag"]

    paths = ["/image-files/my-images", "/image-files/stats/summary"]
    before = {path: asked(doctor, path, 200).headers["etag"] for path in paths}
    file = doctor.upload(png(), unique("a") + ".png")
    after = {path: ask(doctor, path, 200, before[path]) for path in paths}
    doctor.settled(file["id"])
    after[paths[0]] = asked(doctor, paths[0], 200).headers["etag"]  # a thumbnail changes the record
    for path in paths:
        assert after[path] != before[path] and ask(doctor, path, 304, after[path])
        ask(colleague, path, 200, after[path])  # somebody else's is another
    ok(doctor.delete(f"/image-files/{file['id']}"), 204)
    for path in paths:
        ask(doctor, path, 200, after[path])


def test_what_says_that_it_may_be_kept_may(admin):
    found = 0
    for path, methods in ok(admin.get("/openapi.json"))["paths"].items():
        if "{" not in path and "304" in methods.get("get", {}).get("responses", {}):
            answer = admin.get(path)
            found += answer.status_code == 200
            assert answer.status_code != 200 or "etag" in answer.headers, path
    assert found > 20
