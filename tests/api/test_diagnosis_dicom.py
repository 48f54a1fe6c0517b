"""What a model said as DICOM: a report and an evidence map that other programs read, the same file for the same
result, marked where readers object, stored with the study, seen by who sees the film."""

import io
import json
import shutil
import subprocess
import tempfile
import zipfile

import numpy
import pydicom
import pytest
from highdicom.sr import MeasurementReport, srread
from PIL import Image

import made
from support import ROOT, Server, ok, problem, unique
from test_diagnosis import GOLDEN, SHIPPED, ask, bring, ended, film, upload
from test_diagnosis_measure import CARD as PELVIS

DIGITAL_XRAY = "1.2.840.10008.5.1.4.1.1.1.1"
COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88.33"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
SMALL = ROOT / "tests" / "data" / "models"
# The surest golden film, so that it has a finding and a map.
FILM = max((n for n in GOLDEN["films"] if not GOLDEN["films"][n].get("refused")),
           key=lambda n: GOLDEN["films"][n]["probability"]["pytorch"])


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("house"), MODEL_PROCESSES="1", TIME_ZONE="Asia/Shanghai")
    server.init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def chief(house):
    return house.admin()


@pytest.fixture(scope="module")
def model(chief):
    return ok(chief.post(f"/diagnosis/models/{bring(chief)['id']}/activate"))


def xray(name=FILM, **members):
    """A golden film as its machine would have sent it."""
    pixels = numpy.asarray(Image.open(io.BytesIO(film(name))).convert("L"))
    members = {"SOPClassUID": DIGITAL_XRAY, "Modality": "DX", "PatientName": "Li^Wei=李^伟", "PatientSex": "F",
               "PatientBirthDate": "19800229", "PatientAge": "046Y", "ImageLaterality": "U", "AccessionNumber": "A-77",
               "ReferringPhysicianName": "Wang^An", "StudyID": "S1", "StudyDescription": "胸部 chest", **members}
    return made.image(pixels, **members)


@pytest.fixture(scope="module")
def asked(chief, model):
    """The film's header, and what was said of it."""
    content = xray()
    file = made.send(chief, content)
    assert file["study_id"], file
    number = ask(chief, file["id"], model_id=model["id"])["id"]
    told = ended(chief, number)
    assert told["findings"] and told["has_heatmap"], told
    return pydicom.dcmread(io.BytesIO(content)), told


def fetched(api, number, kind="report", but=()):
    answer = api.get(f"/diagnosis/{number}/dicom", params={"kind": kind})
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/dicom", answer.text
    assert f"diagnosis-{number}-{kind}.dcm" in answer.headers["content-disposition"]
    checked(answer.content, but)
    if kind == "report":
        dumped(answer.content)
        witnessed(answer.content)
    return answer.content, pydicom.dcmread(io.BytesIO(answer.content))


def checked(content, but=()):
    """dciodvfy (dicom3tools) finds no error in it. `but`: those in which it is wrong."""
    if not shutil.which("dciodvfy"):
        pytest.fail("dciodvfy is missing: script/bootstrap --test")
    with tempfile.NamedTemporaryFile(suffix=".dcm") as file:
        file.write(content)
        file.flush()
        said = subprocess.run(["dciodvfy", "-new", file.name], capture_output=True)
    lines = (said.stdout + said.stderr).decode(errors="replace").splitlines()
    errors = [line for line in lines if line.startswith("Error") and not any(what in line for what in but)]
    assert not errors, errors


def dumped(content):
    """As dsrdump (dcmtk) reads it: it refuses a tree that breaks the rules of its kind of document."""
    with tempfile.NamedTemporaryFile(suffix=".dcm") as file:
        file.write(content)
        file.flush()
        said = subprocess.run(["dsrdump", "+U8", "+Pl", file.name], capture_output=True, text=True)
    # Its checker of values knows no UTF-8, and says so.
    wrong = [line for line in said.stderr.splitlines() if "does not support this Specific Character Set" not in line]
    assert said.returncode == 0 and not wrong, wrong
    return said.stdout


def witnessed(content):
    """As highdicom reads it: what it takes for a report after TID 1500, by whom, and what it finds of each group."""
    report = srread(io.BytesIO(content)).content
    assert isinstance(report, MeasurementReport)
    [observer] = report.get_observer_contexts()[:1]
    device = observer.observer_identifying_attributes
    plain, planar = report.get_image_measurement_groups(), report.get_planar_roi_measurement_groups()
    written = groups(pydicom.dcmread(io.BytesIO(content)))
    assert len(plain) + len(planar) == len(written)
    uids = [values(group, "DCM", "112040")[0] for group in written]
    found = {group.tracking_uid: group for group in plain + planar}
    assert sorted(found) == sorted(uids)
    for uid, group in zip(uids, written):
        numbers = [(item.value, item.unit.value) for item in found[uid].get_measurements()]
        assert numbers == [value(item) for item in group.ContentSequence if item.ValueType == "NUM"]
    return device.name, planar


def code_of(item):
    """PS3.3 8.1: a value of more than 16 characters is a Long Code Value."""
    return item.CodingSchemeDesignator, item.get("CodeValue") or item.LongCodeValue


def concept(item):
    name = item.get("ConceptNameCodeSequence")
    return code_of(name[0]) if name else None


def value(item):
    kind = item.ValueType
    if kind == "NUM":
        measured = item.MeasuredValueSequence[0]
        return float(measured.NumericValue), measured.MeasurementUnitsCodeSequence[0].CodeValue
    if kind == "CODE":
        code = item.ConceptCodeSequence[0]
        return *code_of(code), code.CodeMeaning
    if kind == "IMAGE":
        return item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    if kind == "SCOORD":
        return item.GraphicType, [float(x) for x in item.GraphicData]
    return {"TEXT": "TextValue", "UIDREF": "UID", "PNAME": "PersonName"}.get(kind) and str(
        getattr(item, {"TEXT": "TextValue", "UIDREF": "UID", "PNAME": "PersonName"}[kind])
    )


def below(item, scheme, code):
    """All children of this concept."""
    return [child for child in item.get("ContentSequence", []) if concept(child) == (scheme, code)]


def values(item, scheme, code):
    return [value(child) for child in below(item, scheme, code)]


def groups(report):
    return [g for m in below(report, "DCM", "126010") for g in below(m, "DCM", "125007")]


def words(report):
    [container] = below(report, "UMLS", "C0034375")
    return {concept(item)[1]: value(item) for item in container.ContentSequence}


def test_a_report_says_whose_film_and_refers_to_it(chief, asked):
    header, told = asked
    _, report = fetched(chief, told["id"])
    assert report.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1" and report.SpecificCharacterSet == "ISO_IR 192"
    assert report.SOPClassUID == report.file_meta.MediaStorageSOPClassUID == COMPREHENSIVE_SR
    assert report.SOPInstanceUID == report.file_meta.MediaStorageSOPInstanceUID
    assert report.SOPInstanceUID.startswith("2.25.") and report.SeriesInstanceUID.startswith("2.25.")
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge", "StudyInstanceUID",
                    "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyID",
                    "StudyDescription"):
        assert report[keyword].value == header[keyword].value, keyword
    assert report.SeriesInstanceUID != header.SeriesInstanceUID and report.Modality == "SR"
    assert (report.CompletionFlag, report.VerificationFlag, report.InstanceNumber) == ("COMPLETE", "UNVERIFIED", 1)
    assert "VerifyingObserverSequence" not in report
    assert report.SeriesDescription == "Research AI result: chest-pneumonia 1.0.0"
    [study] = report.CurrentRequestedProcedureEvidenceSequence
    [series] = study.ReferencedSeriesSequence
    [instance] = series.ReferencedSOPSequence
    assert study.StudyInstanceUID == header.StudyInstanceUID
    assert series.SeriesInstanceUID == header.SeriesInstanceUID
    assert (instance.ReferencedSOPClassUID, instance.ReferencedSOPInstanceUID) == (DIGITAL_XRAY, header.SOPInstanceUID)
    utc = numpy.datetime64(told["finished_at"].rstrip("Z")) + numpy.timedelta64(8, "h")
    assert report.ContentDate == str(utc)[:10].replace("-", "")
    assert report.ContentTime == str(utc)[11:19].replace(":", "")


def test_a_report_says_what_was_found_and_by_what(chief, asked, model):
    header, told = asked
    content, report = fetched(chief, told["id"])
    tree = dumped(content)
    for said in (model["digest"], told["input_sha256"], told["findings"][0]["code"]["meaning"], "Research use only"):
        assert said in tree, tree
    assert concept(report) == ("DCM", "126000")
    assert witnessed(content)[0] == "chest-pneumonia"
    template = report.ContentTemplateSequence[0]
    assert (template.MappingResource, template.TemplateIdentifier) == ("DCMR", "1500")
    assert values(report, "DCM", "121049") == [("RFC5646", "en", "English")]
    assert values(report, "DCM", "121005") == [("DCM", "121007", "Device")]
    assert values(report, "DCM", "121013") == ["chest-pneumonia"]
    assert values(report, "DCM", "121016") == [model["digest"]]
    assert values(report, "DCM", "121058") == [("SCT", "363679005", "Imaging procedure")]
    [library] = below(report, "DCM", "111028")
    [group] = below(library, "DCM", "126200")
    [shown] = group.ContentSequence
    assert value(shown) == header.SOPInstanceUID and shown.ValueType == "IMAGE"
    assert values(shown, "DCM", "121139") == [("DCM", "DX", "Digital Radiography")]
    assert values(shown, "DCM", "110910") == [(header.Rows, "{pixels}")]
    assert values(shown, "DCM", "110911") == [(header.Columns, "{pixels}")]

    [finding], [group] = told["findings"], groups(report)
    assert group.ContentTemplateSequence[0].TemplateIdentifier == "1501"
    assert values(group, "DCM", "121071") == [("SCT", "233604007", finding["code"]["meaning"])]
    [(certainty, unit)] = values(group, "DCM", "111012")
    assert abs(certainty - 100 * finding["probability"]) < 1e-9 and unit == "%"
    assert values(group, "99ROENTGEN", "THRESHOLD") == [(pytest.approx(55), "%")]
    assert values(group, "99ROENTGEN", "REACHED") == [("SCT", "373066001", "Yes")]
    assert values(group, "DCM", "111001") == ["chest-pneumonia"] and values(group, "DCM", "111003") == ["1.0.0"]
    assert set(values(group, "DCM", "111002")) == {
        f"model SHA-256: {told['model_digest']}", f"input SHA-256: {told['input_sha256']}",
        f"preparation: {told['preparation']}", f"runtime: {told['runtime']}",
    }
    assert values(group, "DCM", "121112") == [header.SOPInstanceUID]
    said = words(report)
    assert said["STANDING"] == "not reviewed" and said["RESEARCH_ONLY"].startswith("Research use only")
    assert said["INTENDED_USE"] == json.loads((SHIPPED / "card.json").read_text())["intended_use"]


def test_an_evidence_map_is_what_the_server_draws(chief, asked):
    header, told = asked
    content, image = fetched(chief, told["id"], "heatmap")
    assert image.SOPClassUID == SECONDARY_CAPTURE and image.Modality == "OT" and image.ConversionType == "WSD"
    assert list(image.ImageType) == ["DERIVED", "SECONDARY"] and image.StudyInstanceUID == header.StudyInstanceUID
    assert image.PatientName == header.PatientName and image.PatientID == header.PatientID
    [source] = image.SourceImageSequence
    assert (source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID) == (DIGITAL_XRAY, header.SOPInstanceUID)
    assert source.PurposeOfReferenceCodeSequence[0].CodeValue == "121322"
    assert "no lesions" in image.DerivationDescription and "Research use only" in image.DerivationDescription
    assert "BurnedInAnnotation" not in image  # the film does not say
    drawn = chief.get(f"/diagnosis/{told['id']}/heatmap")
    assert (image.pixel_array == numpy.asarray(Image.open(io.BytesIO(drawn.content)).convert("RGB"))).all()
    assert fetched(chief, told["id"], "heatmap")[0] == content
    assert fetched(chief, told["id"])[1].SeriesInstanceUID != image.SeriesInstanceUID


def test_what_is_true_of_the_films_pixels_is_true_of_the_maps(chief, model):
    content = xray(BurnedInAnnotation="YES", LossyImageCompression="01", PatientOrientation=["L", "F"],
                   ImageLaterality="R")
    told = ended(chief, ask(chief, made.send(chief, content)["id"], model_id=model["id"])["id"])
    _, image = fetched(chief, told["id"], "heatmap")
    assert (image.BurnedInAnnotation, image.LossyImageCompression) == ("YES", "01")
    assert list(image.PatientOrientation) == ["L", "F"] and image.Laterality == "R"


def test_it_is_stored_with_the_study_once_and_seen_by_who_sees_the_film(house, chief, model):
    doctor, other = (house.account("doctor", admin=chief) for _ in range(2))
    reader = house.account("radiologist", admin=chief)
    file = made.send(doctor, xray())
    number = ask(doctor, file["id"], model_id=model["id"])["id"]
    ended(doctor, number)
    path = f"/diagnosis/{number}/dicom"
    problem(other.get(path), 404)
    problem(other.post(path), 404 if "ai.review" in ok(other.get("/auth/me"))["permissions"] else 403)
    problem(house.account("technician", admin=chief).get(path), 403)
    for kind in ("report", "heatmap"):
        content, wanted = fetched(doctor, number, kind)
        answer = reader.post(path, params={"kind": kind})
        stored = ok(answer, 201)
        assert answer.headers["location"] == f"/api/v1/image-files/{stored['id']}"
        assert (stored["study_id"], stored["status"]) == (file["study_id"], "UPLOADED"), stored
        assert stored["sop_instance_uid"] == wanted.SOPInstanceUID
        assert stored["uploaded_by"] == doctor.id  # whose film it is
        assert reader.get(f"/image-files/{stored['id']}/download").content == content
        again = ok(reader.post(path, params={"kind": kind}), 200)
        assert again["id"] == stored["id"] and again["already_stored"]
        ok(doctor.get(f"/image-files/{stored['id']}"))
        problem(other.get(f"/image-files/{stored['id']}"), 404)
    study = ok(doctor.get(f"/studies/{file['study_id']}"))
    assert (study["number_of_series"], study["number_of_instances"]) == (3, 3) and not study["conflict"]
    parcel = zipfile.ZipFile(io.BytesIO(doctor.get(f"/studies/{file['study_id']}/archive").content))
    directory = pydicom.dcmread(io.BytesIO(parcel.read("DICOMDIR")))
    kinds = [record.DirectoryRecordType for record in directory.DirectoryRecordSequence]
    assert sorted(kinds) == ["IMAGE", "IMAGE", "PATIENT", "SERIES", "SERIES", "SERIES", "SR DOCUMENT", "STUDY"]


def test_it_is_verified_only_where_readers_agree(house, chief, model):
    content = xray(InstitutionName="上海医院")
    number = ask(chief, made.send(chief, content)["id"], model_id=model["id"])["id"]
    said = ended(chief, number)["findings"]
    first, second = (house.account("radiologist", admin=chief, full_name=name) for name in ("Zhao^Min=x", "孙 丽"))
    path = f"/diagnosis/{number}/review"
    before = fetched(chief, number)[1]
    told = ok(first.post(path, json={"decision": "CONFIRMED", "comment": "as I see it"}))
    report = fetched(chief, number)[1]
    assert report.VerificationFlag == "VERIFIED" and report.InstanceNumber == 2
    assert report.SOPInstanceUID != before.SOPInstanceUID and report.SeriesInstanceUID == before.SeriesInstanceUID
    [observer] = report.VerifyingObserverSequence
    assert str(observer.VerifyingObserverName) == "Zhao Min x"
    assert observer.VerifyingOrganization in ("上海医院", *filter(None, [ok(first.get("/auth/me")).get("department")]))
    moment = numpy.datetime64(told["reviews"][0]["reviewed_at"].rstrip("Z")) + numpy.timedelta64(8, "h")
    assert str(observer.VerificationDateTime) == str(moment)[:19].translate(str.maketrans("", "", "-:T")) + "+0800"
    assert words(report)["STANDING"] == "confirmed by a reader"
    assert words(report)["121106"].startswith("CONFIRMED by Zhao Min x, ")
    assert words(report)["121106"].endswith("+0800: as I see it")

    corrected = [{"code": said[0]["code"], "label": "no pneumonia", "positive": False}]
    ok(second.post(path, json={"decision": "MODIFIED", "findings": corrected}))
    report = fetched(chief, number)[1]
    assert report.VerificationFlag == "UNVERIFIED" and "VerifyingObserverSequence" not in report
    assert words(report)["STANDING"] == "corrected by a reader"
    model_says, reader_says = groups(report)
    assert values(reader_says, "DCM", "121005") == [("DCM", "121006", "Person")]
    assert values(reader_says, "DCM", "121008") == ["孙 丽"] and not values(reader_says, "DCM", "111001")
    assert values(reader_says, "99ROENTGEN", "PRESENT") == [("SCT", "373067005", "No")]
    assert not values(reader_says, "DCM", "111012")  # a reader gives no probability
    assert values(model_says, "99ROENTGEN", "REACHED") == [("SCT", "373066001", "Yes")]

    ok(second.post(path, json={"decision": "CONFIRMED"}))  # a reader's last word counts
    report = fetched(chief, number)[1]
    assert report.VerificationFlag == "VERIFIED" and len(report.VerifyingObserverSequence) == 2
    assert len(groups(report)) == 1


def test_what_was_rejected_or_withdrawn_says_so_and_is_never_verified(house, chief, model):
    number = ask(chief, made.send(chief, xray())["id"], model_id=model["id"])["id"]
    ended(chief, number)
    first, second = (house.account("radiologist", admin=chief) for _ in range(2))
    path = f"/diagnosis/{number}/review"
    ok(first.post(path, json={"decision": "CONFIRMED"}))
    ok(second.post(path, json={"decision": "REJECTED", "comment": "this is the heart"}))
    report = fetched(chief, number)[1]
    assert report.VerificationFlag == "UNVERIFIED" and report.CompletionFlag == "COMPLETE"
    assert report.SeriesDescription.startswith("REJECTED ")
    assert words(report)["STANDING"].startswith("REJECTED") and "this is the heart" in words(report)["121106"]
    assert fetched(chief, number, "heatmap")[1].DerivationDescription.startswith("REJECTED")
    stored = ok(chief.post(f"/diagnosis/{number}/dicom"), 201)
    ok(chief.post(f"/diagnosis/{number}/withdraw", json={"reason": "the film of another person"}))
    report = fetched(chief, number)[1]
    assert report.VerificationFlag == "UNVERIFIED" and report.SeriesDescription.startswith("WITHDRAWN ")
    assert words(report)["STANDING"].startswith("WITHDRAWN") and "another person" in words(report)["STANDING"]
    later = ok(chief.post(f"/diagnosis/{number}/dicom"), 201)
    assert later["id"] != stored["id"] and later["series_id"] == stored["series_id"]
    assert later["instance_number"] > stored["instance_number"]


def test_what_cannot_be_written_is_refused_in_words(chief, model):
    raster = ask(chief, upload(chief, film(FILM), description="no DICOM"), model_id=model["id"])["id"]
    ended(chief, raster)
    for kind in ("report", "heatmap"):
        assert "no DICOM file" in problem(chief.get(f"/diagnosis/{raster}/dicom", params={"kind": kind}), 409)["detail"]
        problem(chief.post(f"/diagnosis/{raster}/dicom", params={"kind": kind}), 409)
    problem(chief.get(f"/diagnosis/{raster}/dicom", params={"kind": "seg"}), 422)
    problem(chief.get(f"/diagnosis/{10**9}/dicom"), 404)
    noise = numpy.random.default_rng(7).integers(0, 256, (300, 300), dtype=numpy.uint8)
    content = made.image(noise, SOPClassUID=DIGITAL_XRAY, Modality="DX")
    told = ended(chief, ask(chief, made.send(chief, content)["id"], model_id=model["id"])["id"])
    assert told["findings"] == [] and told["gate"]
    _, report = fetched(chief, told["id"])
    assert words(report)["NO_FINDING"] == told["gate"]["text"] and not groups(report)
    problem(chief.get(f"/diagnosis/{told['id']}/dicom", params={"kind": "heatmap"}), 409)


def card_of(name, version, task, labels, outputs):
    return {
        "format": 1, "name": name, "version": version, "title": name, "task": task,
        "input": {"name": "image", "size": [8, 8], "colour": "gray", "fit": "squash", "resample": "area",
                  "range": [0, 1]},
        "outputs": outputs, "labels": labels, "modality": ["DX"], "intended_use": "tests", "research_only": True,
        "licence": "none",
    }


def small_model(chief, file, card):
    return ok(chief.post(f"/diagnosis/models/{bring(chief, (SMALL / file).read_bytes(), card)['id']}/activate"))


def test_text_of_strangers_stays_text(house, chief):
    name = unique("strange-")
    labels = [
        {"code": {"scheme": "99X\\Y", "value": "亮=^1\u0085", "meaning": "明亮\\bright\u009b" + "很" * 40},
         "label": "bright\n\u0085\\" + "长" * 80, "label_zh": "明", "threshold": 0.0},
        {"code": {"scheme": "99X", "value": "dark", "meaning": "Dark"}, "label": "dark", "threshold": 1.0},
    ]
    card = card_of(name, "1.2", "multi-label", labels,
                   [{"name": "probability", "role": "probability"}, {"name": "evidence", "role": "evidence"}])
    card["intended_use"] = "测试\n" + "x" * 1900
    model = small_model(chief, "brightness.onnx", card)
    pixels = numpy.full((8, 8), 200, dtype=numpy.uint8)
    content = made.image(pixels, SOPClassUID=DIGITAL_XRAY, Modality="DX", PatientName="王^小东",
                         StudyDescription="a" * 64, WindowCenter=128, WindowWidth=256)
    number = ask(chief, made.send(chief, content)["id"], model_id=model["id"])["id"]
    assert ended(chief, number)["status"] == "COMPLETED"
    # It counts bytes; PS3.5 6.2 says that lengths are of characters.
    _, report = fetched(chief, number, but=["Length invalid for this VR"])
    first, second = groups(report)
    assert values(first, "DCM", "121071") == [("99X/Y", "亮=^1", ("明亮/bright " + "很" * 40)[:64])]
    assert values(first, "99ROENTGEN", "LABEL") == ["bright\n \\" + "长" * 80]
    assert values(second, "99ROENTGEN", "REACHED") == [("SCT", "373067005", "No")]
    assert values(report, "DCM", "121013") == [name] and values(first, "DCM", "111003") == ["1.2"]
    assert str(report.PatientName) == "王^小东" and report.SeriesDescription.endswith("1.2")
    assert words(report)["INTENDED_USE"] == card["intended_use"]
    long = "注" * 2000
    ok(house.account("radiologist", admin=chief).post(f"/diagnosis/{number}/review",
                                                      json={"decision": "REJECTED", "comment": long}))
    _, report = fetched(chief, number, but=["Length invalid for this VR"])
    assert words(report)["121106"].endswith(long)


def test_what_an_old_film_says_is_said_in_todays_words(chief, model):
    """Character set, dates and times as machines write them; a film that names nobody."""
    content = xray(SpecificCharacterSet="GB18030", PatientName="王^小东", StudyDescription="胸部正位", PatientID=None,
                   StudyTime="101112", PatientBirthDate="19800229", PatientSex="X")
    for old, new in ((b"TM\6\x00" + b"101112", b"TM\10\x00" + b"10:11:12"),
                     (b"DA\10\x00" + b"19800229", b"DA\12\x00" + b"1980.02.29")):
        assert content.count(old) == 1
        content = content.replace(old, new)
    assert pydicom.dcmread(io.BytesIO(content)).PatientName == "王^小东"
    file = made.send(chief, content)
    told = ended(chief, ask(chief, file["id"], model_id=model["id"])["id"])
    _, report = fetched(chief, told["id"])
    assert report.SpecificCharacterSet == "ISO_IR 192" and str(report.PatientName) == "王^小东"
    assert (report.StudyDescription, report.PatientID, report.PatientSex) == ("胸部正位", "", "")
    assert (report.StudyTime, report.PatientBirthDate) == ("101112", "19800229")
    stored = ok(chief.post(f"/diagnosis/{told['id']}/dicom"), 201)
    assert (stored["status"], stored["study_id"], stored["patient_id"]) == (
        "UPLOADED", file["study_id"], file["patient_id"])
    assert not stored["conflict"]


def test_boxes_and_points_lie_on_the_film(chief):
    label = {"code": {"scheme": "SCT", "value": "427359005", "meaning": "Solitary nodule of lung"}, "label": "nodule",
             "threshold": 0.5}
    boxes = card_of("boxes", "1", "detection", [label],
                    [{"name": "boxes", "role": "boxes", "box": "xyxy", "unit": "pixels"},
                     {"name": "scores", "role": "scores"}])
    landmarks = ["s1_upper_posterior", "s1_upper_anterior", "femoral_head_left"]
    points = card_of("points", "1", "keypoints", [label],
                     [{"name": "pose", "role": "keypoints", "landmarks": landmarks, "projection": "lateral"}])
    # 80 columns, 40 rows, squashed to 8 x 8: a pixel of the input is ten wide and five high on the film.
    content = made.image(numpy.full((40, 80), 99, dtype=numpy.uint8), SOPClassUID=DIGITAL_XRAY, Modality="DX")
    header, file = pydicom.dcmread(io.BytesIO(content)), made.send(chief, content)["id"]

    told = ended(chief, ask(chief, file, model_id=small_model(chief, "places.onnx", boxes)["id"])["id"])
    content, report = fetched(chief, told["id"])
    [group] = groups(report)
    [region] = witnessed(content)[1]
    assert region.roi.value.tolist() == [[10, 10], [30, 10], [30, 20], [10, 20], [10, 10]]
    assert region.finding_type.value == "427359005"
    assert group.ContentTemplateSequence[0].TemplateIdentifier == "1410"
    assert values(group, "DCM", "111012") == [(pytest.approx(90, abs=1e-4), "%")]
    [region] = below(group, "DCM", "111030")
    assert value(region) == ("POLYLINE", [10, 10, 30, 10, 30, 20, 10, 20, 10, 10])
    [selected] = region.ContentSequence
    assert selected.RelationshipType == "SELECTED FROM" and value(selected) == header.SOPInstanceUID

    told = ended(chief, ask(chief, file, model_id=small_model(chief, "places.onnx", points)["id"])["id"])
    [group] = groups(fetched(chief, told["id"])[1])
    assert group.ContentTemplateSequence[0].TemplateIdentifier == "1501"
    assert values(group, "99ROENTGEN", "LANDMARK") == landmarks
    places = [item.ContentSequence for item in below(group, "99ROENTGEN", "LANDMARK")]
    assert [value(sure) for sure, _ in places] == [(75, "%"), (50, "%"), (12.5, "%")]
    assert [value(place) for _, place in places] == [("POINT", [10, 10]), ("POINT", [25, 10]), ("POINT", [40, 30])]
    assert all(value(place.ContentSequence[0]) == header.SOPInstanceUID for _, place in places)
    problem(chief.get(f"/diagnosis/{told['id']}/dicom", params={"kind": "heatmap"}), 409)


def test_what_key_points_have_become_is_told_as_measurements(chief):
    content = made.image(numpy.full((128, 128), 99, dtype=numpy.uint8), SOPClassUID=DIGITAL_XRAY, Modality="DX",
                         PixelSpacing=[0.5, 0.5])
    header, file = pydicom.dcmread(io.BytesIO(content)), made.send(chief, content)["id"]
    number = ask(chief, file, model_id=small_model(chief, "pelvis.onnx", PELVIS)["id"])["id"]
    ended(chief, number)
    before = fetched(chief, number)[1]
    assert len(groups(before)) == 1
    told = ok(chief.post(f"/diagnosis/{number}/annotations", json={"facing": "right", "standing": True}))["set"]
    _, report = fetched(chief, number)
    assert report.SOPInstanceUID != before.SOPInstanceUID
    measured = groups(report)[1:]
    assert len(measured) == len(told["annotations"]) > 2
    for group, annotation in zip(measured, told["annotations"], strict=True):
        assert value(below(group, "DCM", "121071")[0])[:2] == ("99ROENTGEN", annotation["kind"])
        numbers = [item for item in group.ContentSequence if item.ValueType == "NUM"]
        assert [(concept(n)[1], value(n)) for n in numbers] == [
            (v["name"], (pytest.approx(v["value"]), {"deg": "deg", "mm": "mm", "1": "1"}[v["unit"]]))
            for v in annotation["values"]
        ]
        for item in numbers:
            [points] = item.ContentSequence
            assert points.RelationshipType == "INFERRED FROM"
            assert value(points) == ("MULTIPOINT", [n for p in annotation["points"] for n in (p["x"], p["y"])])
            assert value(points.ContentSequence[0]) == header.SOPInstanceUID
        assert values(group, "DCM", "111001") == ["pelvis"] and not values(group, "99ROENTGEN", "CORRECTED")

    answer = chief.get(f"/images/{file}/annotations")
    ours = ("values", "remark", "created_by", "created_at", "updated_by", "updated_at")
    moved = [{k: v for k, v in a.items() if k not in ours} for a in ok(answer)["annotations"]]
    moved[0]["points"][0]["x"] += 3
    ok(chief.put(f"/images/{file}/annotations", json={"annotations": moved},
                 headers={"If-Match": answer.headers["etag"]}))
    corrected, *others = groups(fetched(chief, number)[1])[1:]
    assert values(corrected, "99ROENTGEN", "CORRECTED") == [("SCT", "373066001", "Yes")]
    assert not any(values(group, "99ROENTGEN", "CORRECTED") for group in others)


def test_a_frame_of_several_is_named(chief):
    labels = [{"code": {"scheme": "99X", "value": "bright", "meaning": "Bright"}, "label": "bright", "threshold": 0.5}]
    card = card_of("frames", "1", "multi-label", labels,
                   [{"name": "probability", "role": "probability"}, {"name": "evidence", "role": "evidence"}])
    pixels = numpy.full((3 * 8, 8), 200, dtype=numpy.uint8)
    content = made.image(pixels, SOPClassUID="1.2.840.10008.5.1.4.1.1.12.2", Modality="DX", Rows=8, NumberOfFrames=3)
    file = made.send(chief, content)
    asked = ask(chief, file["id"], frame=2, model_id=small_model(chief, "brightness.onnx", card)["id"])
    ended(chief, asked["id"])
    _, report = fetched(chief, asked["id"])
    [image] = below(groups(report)[0], "DCM", "121112")
    assert image.ReferencedSOPSequence[0].ReferencedFrameNumber == 2
    _, map_of_it = fetched(chief, asked["id"], "heatmap")
    assert map_of_it.SourceImageSequence[0].ReferencedFrameNumber == 2


def test_what_a_shadow_says_is_not_stored(chief, model):
    card = json.loads((SHIPPED / "card.json").read_text())
    card["version"] = "1.0.9"
    shadow = bring(chief, card=card)
    ok(chief.post(f"/diagnosis/models/{shadow['id']}/shadow"))
    number = ask(chief, made.send(chief, xray())["id"], model_id=shadow["id"])["id"]
    ended(chief, number)
    fetched(chief, number)
    assert "shadow" in problem(chief.post(f"/diagnosis/{number}/dicom"), 409)["detail"]
