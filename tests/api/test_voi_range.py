"""VOI LUTs that do not use the range they declare: shown by the letter, with a remark, and stretched for who asks."""

import io

import numpy
import pytest
from PIL import Image

import made
from support import wrong_members

doctor_of_all = None  # conftest.py

RAMP = numpy.arange(64, dtype=numpy.uint16).reshape(8, 8)


def content(bits, most, entries=None):
    data = made.item(LUTExplanation="TEST")
    data.add_new(0x00283002, "US", [64, 0, bits])
    data.add_new(0x00283006, "OW", made.words(*(entries or [most * i // 63 for i in range(64)])))
    return made.image(RAMP, BitsStored=12, Modality="CR", VOILUTSequence=made.items(data))


def remark(answer):
    return answer.headers.get("x-picture-remark")


def shades(answer):
    return numpy.asarray(Image.open(io.BytesIO(answer.content))).astype(int)


@pytest.mark.parametrize(
    "bits, most, used", [(16, 4095, 12), (16, 255, 8), (12, 1000, 10), (10, 4095, 12), (16, 32767, 15)]
)
def test_a_range_that_is_not_used(doctor, bits, most, used):
    file = made.send(doctor, content(bits, most))
    for _ in range(2):  # made, and from the cache
        plain = made.rendered(doctor, file)
        assert f"declares {bits} bits and uses {used}" in remark(plain) and "voi_range=used" in remark(plain)
    expected = numpy.minimum(RAMP.astype(int) * most // 63 / (2**bits - 1), 1) * 255
    assert numpy.abs(shades(plain) - expected).max() <= 1
    stretched = made.rendered(doctor, file, voi_range="used")
    assert remark(stretched) is None and stretched.headers["etag"] != plain.headers["etag"]
    assert numpy.abs(shades(stretched) - RAMP / 63 * 255).max() <= 1
    assert (shades(made.rendered(doctor, file, voi_range="declared", voi=1)) == shades(plain)).all()
    assert (shades(made.rendered(doctor, file, voi_range="used", voi="TEST")) == shades(stretched)).all()


def test_the_remark_after_a_restart(new_server):
    server = new_server()
    admin = server.admin()
    file = made.send(admin, content(16, 4095))
    first = made.rendered(admin, file)
    server.stop()
    server.start()
    again = made.rendered(server.admin(), file)
    assert remark(again) == remark(first) and again.content == first.content


def test_nothing_to_say(doctor):
    for bits, most in ((16, 65535), (12, 4095), (12, 3000)):
        file = made.send(doctor, content(bits, most))
        assert remark(made.rendered(doctor, file)) is None
    file = made.send(doctor, content(16, 4095))
    for query in ({"voi": "none"}, {"window_center": 30, "window_width": 60}):
        assert remark(made.rendered(doctor, file, **query)) is None
    made.rendered(doctor, file, voi_range="used", voi="none")
    answer = doctor.get(f"/images/{file['id']}/rendered", params={"voi_range": "all"})
    assert answer.status_code == 422 and wrong_members(answer.json()) == ["voi_range"]


def test_a_table_of_nothing(doctor):
    file = made.send(doctor, content(16, 0, [0] * 64))
    assert shades(made.rendered(doctor, file, voi_range="used")).max() == 0


def test_thumbnails_are_pictures(doctor):
    """Whatever is said of them."""
    file = made.send(doctor, content(16, 4095))
    answer = doctor.get(f"/images/{file['id']}/thumbnail")
    assert answer.status_code == 200 and Image.open(io.BytesIO(answer.content)).size == (8, 8)
