"""What tests of reports share: who writes and reads them, and the way to a signature."""

from support import PASSWORD, ok


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
