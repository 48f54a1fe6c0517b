"""What tests of reports share: who writes and reads them, and the way to a signature."""

import hashlib

from support import PASSWORD, ok, unique


def readers(server):
    """Accounts by what they do: two radiologists, a doctor, a viewer, and the administrator."""
    admin = server.admin()
    return {
        "author": server.account("radiologist", admin=admin, full_name="张医生"),
        "second": server.account("radiologist", admin=admin, full_name="李四 O'Neil"),
        "doctor": server.account("doctor", admin=admin),
        "viewer": server.account("viewer", admin=admin),
        "admin": admin,
    }


def act(who, report, action, **body):
    return who.post(f"/reports/{report['id']}/{action}", json=body)


def finish(people, report, signer="second"):
    """Submitted by its author, approved by the second, signed."""
    ok(act(people["author"], report, "submit"))
    ok(act(people["second"], report, "approve"))
    return ok(act(people[signer], report, "sign", password=PASSWORD))


def judged(server, film, verdict, version="2.1", frame=1):
    """A diagnosis of the film by the model "spine", as its reader left it."""
    name = unique("model-")
    digest, place = hashlib.sha256(name.encode()).hexdigest(), server.files / "models" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(name)  # the store is whole: others use this server, too
    server.database.rows(
        "insert into models(model_uuid, name, version, state, task, digest, storage_path, size_bytes, card, "
        f"research_only, created_at, updated_at) values ('{name[:36]}', '{name}', '{version}', 'RETIRED', 'x', "
        f"'{digest}', 'models/{name}', {len(name)}, '{{}}', 0, 1, 1)"
    )
    [(model,)] = server.database.rows(f"select id from models where name = '{name}'")
    status, said = ("REVIEWED", f"'{verdict}'") if verdict else ("COMPLETED", "null")
    server.database.rows(
        "insert into diagnoses(diagnosis_uuid, image_file_id, frame, model_id, model_name, model_version, "
        "model_digest, research_only, is_shadow, status, verdict, priority, findings, queued_at) values "
        f"('{name[:36]}', {film['id']}, {frame}, {model}, 'spine', '{version}', '{digest}', 0, 0, '{status}', "
        f"{said}, 'NORMAL', '[]', 1)"
    )
