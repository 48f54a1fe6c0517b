"""Pictures within MAX_PIXELS that are larger than MAX_FRAME when they are decoded: shown smaller, and never called
damaged."""

import io

import pytest
from PIL import Image

SIDE = 1200  # more than MAX_FRAME pixels


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    import support

    server = support.Server(tmp_path_factory.mktemp("small-frames"), MAX_FRAME="1MiB")
    server.init().start()
    yield server.admin()
    server.close()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG"])
def test_a_picture_larger_than_a_frame_is_shown_smaller(api, kind):
    out = io.BytesIO()
    Image.new("L", (SIDE, SIDE), 77).save(out, kind)
    file = api.upload(out.getvalue(), "a." + kind.lower())
    for path in ("rendered", "frames/1", "histogram"):
        refused = api.get(f"/images/{file['id']}/{path}")
        assert refused.status_code == 422, refused.text
        words = refused.json()["detail"]
        assert "MAX_FRAME" in words and f"{SIDE} x {SIDE}" in words and "damaged" not in words
    small = api.get(f"/images/{file['id']}/rendered", params={"width": 300, "format": "png"})
    assert small.status_code == 200, small.text
    shown = Image.open(io.BytesIO(small.content))
    assert shown.size == (300, 300) and abs(shown.convert("L").getpixel((150, 150)) - 77) <= 1
    assert api.get(f"/images/{file['id']}/thumbnail").status_code == 200
    assert api.settled(file["id"])["status"] == "UPLOADED"
