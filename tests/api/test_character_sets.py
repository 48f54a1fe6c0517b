"""Text of files that name no character set, or one that their bytes contradict: DICOM_CHARSET, DICOM_CHARSETS, and what
filing again mends."""

import pytest

from support import DATA, Server, dicom, element, ok, unique

NAME = "测试^人名"
SOURCES = {  # accounts, what they send, and a name in it
    "japan": ("Shift_JIS", "山田^太郎"),
    "taiwan": ("Big5", "王^小明"),
    "korea": ("EUC-KR", "홍^길동"),
    "germany": ("ISO_IR 100", "Müller^Jürgen"),
    "serbia": ("windows-1251", "Иванов^Иван"),
    "modern": ("ISO_IR 192", NAME),
}


def text_file(encoding, name=NAME, declares=None, description="胸部检查", **more):
    return dicom(
        SpecificCharacterSet=declares,
        PatientName=name.encode(encoding),
        StudyDescription=description.encode(encoding),
        PatientID=unique("D"),
        **more,
    )


def said(api, file):
    """What the record and the header say: name, description, the name in the metadata."""
    patient, study = ok(api.get(f"/patients/{file['patient_id']}")), ok(api.get(f"/studies/{file['study_id']}"))
    model = ok(api.get(f"/images/{file['id']}/metadata"))
    return patient["name"], study["description"], model["00100010"]["Value"][0].get("Alphabetic")


@pytest.fixture(scope="module")
def chinese(tmp_path_factory):
    """A server whose files are GB18030 where they do not say otherwise; its administrator."""
    sources = [f"{account}={charset}" for account, (charset, _) in SOURCES.items()] + ["CT1 = Big5"]
    server = Server(tmp_path_factory.mktemp("chinese"), DICOM_CHARSET="GB18030", DICOM_CHARSETS=", ".join(sources))
    server.init().start()
    yield server, server.admin()
    server.close()


def test_the_usual_complaint(chinese):
    _, admin = chinese
    content = (DATA / "dicom" / "gbk-undeclared.dcm").read_bytes()
    file = admin.upload(content, "a.dcm")
    assert file["status"] == "UPLOADED" and file["character_set"] == "GB18030"
    assert "GB18030" in file["remarks"][0]
    assert ok(admin.get(f"/patients/{file['patient_id']}"))["name"] == "测试人名"
    assert ok(admin.get("/patients", params={"search": "测试人名"}))["total"] == 1
    assert admin.get(f"/image-files/{file['id']}/download").content == content


@pytest.mark.parametrize(
    "encoding, declares, name, charset",
    [
        ("gb18030", None, NAME, "GB18030"),
        ("gb18030", "", NAME, "GB18030"),
        ("gb18030", "ISO_IR 6", NAME, "GB18030"),
        ("gb18030", "ISO_IR 100", NAME, "GB18030"),
        ("gb18030", "ISO_IR 100", "张三", "GB18030"),
        ("gb18030", "ISO_IR 192", NAME, "GB18030"),
        ("gb18030", "NO_SUCH_SET", NAME, "GB18030"),
        ("gb18030", "GB18030", NAME, None),
        ("utf-8", None, NAME, "ISO_IR 192"),
        ("utf-8", "ISO_IR 100", NAME, "ISO_IR 192"),
        ("utf-8", "ISO_IR 192", NAME, None),
        ("latin-1", "ISO_IR 100", "Müller^Jürgen", None),
        ("latin-1", "ISO_IR 100", "Größe^Ægir", None),
        ("euc-kr", "\\ISO 2022 IR 149", "홍^길동", "ISO 2022 IR 149"),
        ("iso8859-7", "ISO_IR 126", "Παπαδοπουλος^Γιωργος", None),
        ("iso8859-5", "ISO_IR 144", "Люкceмбypг", None),
    ],
)
def test_what_the_bytes_say(chinese, encoding, declares, name, charset):
    _, admin = chinese
    file = admin.upload(text_file(encoding, name, declares, description=name.replace("^", "")), "a.dcm")
    plain = name.replace("^", "" if ord(name[0]) > 0x2E80 else " ")
    assert file["character_set"] == charset and file["status"] == "UPLOADED"
    assert said(admin, file) == (plain, name.replace("^", ""), name)
    assert (file["remarks"] is None) == (charset is None)


def test_several_values_and_items(chinese):
    _, admin = chinese
    item = element(0x00081010, "SH", "放射科".encode("gbk"))
    sequence = element(0x00081140, "SQ", b"\xfe\xff\x00\xe0" + len(item).to_bytes(4, "little") + item)
    content = text_file("gbk", name="马^云=馬^雲", description="甲\\乙")
    content = content.replace(b"\x10\0\x10\0PN", sequence + b"\x10\0\x10\0PN")
    file = admin.upload(content, "a.dcm")
    model = ok(admin.get(f"/images/{file['id']}/metadata"))
    assert model["00081030"]["Value"] == ["甲", "乙"]
    assert model["00100010"]["Value"] == [{"Alphabetic": "马^云", "Ideographic": "馬^雲"}]
    assert model["00081140"]["Value"][0]["00081010"]["Value"] == ["放射科"]


def test_a_source_by_its_title(chinese):
    _, admin = chinese
    content = text_file("big5", "王^小明", description="胸部")
    title = element(0x00020016, "AE", "CT1")
    content = content.replace(b"\x08\0\x16\0UI", title + b"\x08\0\x16\0UI", 1)
    file = admin.upload(content, "a.dcm")
    assert file["character_set"] == "Big5" and said(admin, file) == ("王小明", "胸部", "王^小明")


@pytest.mark.parametrize("charset, name", SOURCES.values(), ids=SOURCES)
def test_sets_of_all_kinds(chinese, charset, name):
    server, admin = chinese
    source = next(key for key, value in SOURCES.items() if value[0] == charset)
    account = server.account("doctor", admin=admin, username=source)
    encoding = {"ISO_IR 100": "latin-1", "ISO_IR 192": "utf-8"}.get(charset, charset)
    file = account.upload(text_file(encoding, name, description=name.replace("^", "")), "a.dcm")
    assert file["character_set"] == charset
    assert said(account, file)[1:] == (name.replace("^", ""), name)


def test_nothing_is_assumed_without_the_setting(doctor):
    file = doctor.upload(text_file("gbk"), "a.dcm")
    assert file["status"] == "UPLOADED" and file["character_set"] is None and "cannot be read" in file["remarks"][0]
    assert doctor.upload(text_file("utf-8"), "a.dcm")["character_set"] == "ISO_IR 192"
    assert doctor.upload(text_file("utf-8", declares="ISO_IR 100"), "a.dcm")["character_set"] == "ISO_IR 192"
    assert doctor.upload(text_file("latin-1", "Müller^J", "ISO_IR 100", "Lunge"), "a.dcm")["remarks"] is None


def test_filing_again_mends_the_records(new_server):
    server = new_server()
    admin = server.admin()
    contents = [text_file("gbk", SeriesInstanceUID=f"2.25.{n}") for n in range(3)]
    files = [admin.upload(content, "a.dcm") for content in contents]
    assert "�" in said(admin, files[0])[0]
    patched = files[1]["patient_id"]
    ok(admin.patch(f"/patients/{patched}", json={"name": "李四"}))
    server.stop()
    server.settings["DICOM_CHARSET"] = "GB18030"
    server.start()
    admin = server.admin()
    for file, content in zip(files, contents, strict=True):
        again = ok(admin.post(f"/image-files/{file['id']}/file"))
        assert (again["id"], again["status"], again["character_set"]) == (file["id"], "UPLOADED", "GB18030")
        assert (again["study_id"], again["series_id"]) == (file["study_id"], file["series_id"])
        assert again["description"] == "胸部检查"
        assert admin.get(f"/image-files/{file['id']}/download").content == content
    assert said(admin, files[0]) == ("测试人名", "胸部检查", NAME)
    assert said(admin, files[1]) == ("李四", "胸部检查", NAME)  # what a person has written stays
    assert "name" in ok(admin.get(f"/patients/{patched}"))["conflict"]
    for path in ("/patients", "/studies"):
        assert ok(admin.get(path, params={"search": "测试人名"}))["total"] == 2, path
    assert ok(admin.post(f"/image-files/{files[0]['id']}/file"))["conflict"] is None


def test_settings_that_name_nothing(new_server):
    server = new_server(init=False, start=False)
    for name, value in (("DICOM_CHARSET", "KLINGON"), ("DICOM_CHARSETS", "pacs=KLINGON"), ("DICOM_CHARSETS", "pacs")):
        server.settings.update({"DICOM_CHARSET": "", "DICOM_CHARSETS": "", name: value})
        done = server.run("fsck", check=False)
        assert done.returncode != 0 and name in done.stderr
