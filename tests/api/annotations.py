"""What tests about annotations share: real files to draw on, and asking for their measurements."""

import copy
import uuid

from support import DATA, EXPECTED, ok, problem, unique, wrong_members

DICOM = DATA / "dicom"
CT_SPACING = 0.661468


def real(name):
    return (DICOM / name).read_bytes()


def fresh(name):
    """The file as an instance of its own: another SOP Instance UID of the same length."""
    content = real(name)
    old = EXPECTED[f"dicom/{name}"]["tags"].get("SOPInstanceUID", "").encode()
    new = old[:-9] + str(100_000_000 + uuid.uuid4().int % 900_000_000).encode()
    return content.replace(old, new) if len(old) > 12 else content


def upload(api, name, **details):
    return api.upload(fresh(name), filename=name.rsplit("/", 1)[-1] + unique("-"), **details)


def path(file):
    return f"/images/{file['id']}/annotations"


def points(*pairs):
    return [{"x": x, "y": y} for x, y in pairs]


def line(*pairs, **more):
    return {"kind": "line", "points": points(*pairs), **more}


def put(api, file, annotations, expect=200, etag=None, **more):
    headers = {"If-Match": etag} if etag else {}
    answer = api.put(path(file), json={"annotations": annotations, **more}, headers=headers)
    return ok(answer) if expect == 200 else problem(answer, expect)


def measured(api, file, annotation):
    """The values of one annotation by name, after replacing the file's set with it."""
    current = api.get(path(file))
    body = put(api, file, [annotation], etag=current.headers["etag"])
    return {v["name"]: v for v in body["annotations"][0]["values"]}


def refused(api, file, annotation):
    """The problem with one annotation: (member, message)."""
    current = api.get(path(file))
    body = put(api, file, [annotation], 422, etag=current.headers["etag"])
    return wrong_members(body)[0], body["errors"][0]["msg"]


def writable(annotation):
    return {
        name: copy.deepcopy(value)
        for name, value in annotation.items()
        if name
        not in (
            "values",
            "remark",
            "created_by",
            "created_at",
            "updated_by",
            "updated_at",
        )
    }
