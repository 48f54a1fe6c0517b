"""What holds a program of the house that is wicked or broken: what it may not read, how many processes and how much
memory it may have, where and how much it may write, and what stays behind of it."""

import ctypes

import pytest
from support import Server, ok
from test_programs import Study, ask, ended, failed, register

SPIES = """
import json, os
found = []
for number in filter(str.isdigit, os.listdir("/proc")):
    try:
        found += [number] if "SECRET_KEY" in open(f"/proc/{number}/environ").read() else []
    except OSError:
        pass
open(os.environ["MERCURE_OUT_DIR"] + "/result.json", "w").write(json.dumps({"read": len(found)}))
"""

# Each goes on for ever: only who watches it ends it.
WICKED = {
    "forks": "import os, time\nfor i in range(300):\n if not os.fork(): break\ntime.sleep(100000)",
    "shares-out": "import os, time\nfor i in range(6):\n if not os.fork():\n"
    "  b = bytearray(b'x') * (60 << 20)\n  break\ntime.sleep(100000)",
    "digs": "import os, time\np = os.environ['HOME']\nfor i in range(6): p += '/d'; os.mkdir(p)\n"
    "for i in range(40): open(p + f'/{i}', 'wb').write(b'x' * (1 << 20))\ntime.sleep(100000)",
    "nests": "import os, time\nfor i in range(60): os.mkdir('n' * 200); os.chdir('n' * 200)\n"
    "for i in range(60): os.mkdir('m' * 200); os.chmod('.', 0o500); os.chdir('m' * 200)\ntime.sleep(100000)",
    "fills": "import os, time\ntry:\n for i in range(40):\n"
    "  open(os.environ['MERCURE_IN_DIR'] + f'/{i}', 'wb').write(b'x' * (1 << 20))\n"
    "except PermissionError: raise SystemExit('wrote more than it may')\ntime.sleep(100000)",
    "strays": "import os, errno, multiprocessing, tempfile\n"
    "i, o = os.environ['MERCURE_IN_DIR'], os.environ['MERCURE_OUT_DIR']\n"
    "found = []\nfor p in (i + '/new', i + '/task.json', i + '/../new', i + '/../../new'):\n"
    " try: open(p, 'a'); found.append(None)\n except OSError as e: found.append(e.errno)\n"
    "multiprocessing.Lock(); tempfile.TemporaryFile(); open('/dev/null', 'w'); open('x', 'w')\n"
    "os.mkdir('d'); os.rename('x', 'd/x'); os.rename('d/x', o + '/x')\n"
    "open(o + '/result.json', 'w').write(str({'found': found}).replace(\"'\", '\"').replace('None', 'null'))",
    "hides": "import os\no = os.environ['MERCURE_OUT_DIR']\nos.makedirs(o + '/zz/aa')\n"
    "open(o + '/result.json', 'w').write('{\"a\": 1}')\n"
    "for d in ('/zz', '/zz/aa'): open(o + d + '/result.json', 'w').write('{\"b\": 2}')",
    "chinese": "import sys; sys.exit('切片太少')",
    "long-winded": "import sys; print('片' * 3000); sys.exit(1)",
    "latin": "import sys; sys.stdout.buffer.write(b'f\\xfcr \\x1b\\xe5\\x88'); sys.exit(1)",
}
MORE = {"fills": {"output_mb": 8}, "shares-out": {"memory_mb": 200}, "digs": {"output_mb": 8}}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder, work = tmp_path_factory.mktemp("programs"), tmp_path_factory.mktemp("work")
    for name, source in WICKED.items():
        register(folder, name, source, **MORE.get(name, {}))
    settings = {"PROGRAMS_ROOT": folder, "PROGRAMS_TMP": work, "PROGRAMS_UNCONFINED": "true", "WORKER_CONCURRENCY": "4"}
    server = Server(tmp_path_factory.mktemp("house"), **settings)
    server.work = work
    server.init().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def chief(house):
    return house.admin()


@pytest.fixture(scope="module")
def study(chief):
    return Study(chief, 1)


@pytest.mark.parametrize(
    "name, words",
    [
        ("forks", "more than 256 processes"),
        ("shares-out", "processes together had more memory"),
        ("digs", "wrote more than it may"),
        ("fills", "wrote more than it may"),
        ("chinese", "ended with status 1: 切片太少"),
        ("long-winded", "ended with status 1: " + "片" * 83 + "|"),
        ("latin", "ended with status 1: f\ufffdr \ufffd\ufffd\ufffd"),
        ("nests", "wrote more than it may"),
    ],
)
def test_one_that_fails_or_takes_too_much_is_told_of(house, chief, study, name, words):
    assert words in failed(house, chief, name, study)


def test_its_result_is_the_one_at_the_top(house, chief, study):
    job = ended(chief, ask(chief, "hides", study))
    assert (job["result"]["result"], job["result"]["others"]) == ({"a": 1}, 2), job


def landlock():
    return ctypes.CDLL(None).syscall(444, None, 0, 1) >= 1  # landlock_create_ruleset: which version


@pytest.mark.skipif(not landlock(), reason="this kernel has no Landlock")
def test_it_writes_where_it_may_and_nowhere_else(house, chief, study):
    job = ended(chief, ask(chief, "strays", study))
    assert job["state"] == "SUCCEEDED", job
    assert job["result"]["result"] == {"found": [13] * 4}  # EACCES


def refuse_namespaces():
    """As the usual profile of containers does."""

    class Compare(ctypes.Structure):
        _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]

    lib = ctypes.CDLL("libseccomp.so.2")
    lib.seccomp_init.restype = ctypes.c_void_p
    lib.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, Compare * 1]
    lib.seccomp_load.argtypes = [ctypes.c_void_p]
    new_user, masked_equal = 0x10000000, 7
    rules = lib.seccomp_init(0x7FFF0000)  # allow
    compare = (Compare * 1)(Compare(0, masked_equal, new_user, new_user))
    clone = lib.seccomp_syscall_resolve_name(b"clone")
    assert lib.seccomp_rule_add_array(rules, 0x00050001, clone, 1, compare) == 0  # EPERM
    assert lib.seccomp_load(rules) == 0


@pytest.mark.parametrize("trusted", [False, True])
def test_where_there_are_no_namespaces_only_trusted_programs_run(tmp_path, trusted):
    folder, work = tmp_path / "programs", tmp_path / "work"
    folder.mkdir()
    work.mkdir()
    register(folder, "spies", SPIES)
    more = {"PROGRAMS_UNCONFINED": "true"} if trusted else {}
    server = Server(tmp_path / "server", PROGRAMS_ROOT=folder, PROGRAMS_TMP=work, **more)
    try:
        server.init().start(preexec=refuse_namespaces)
        api = server.admin()
        job = ended(api, ask(api, "spies", Study(api, 1)))
        refusal = ok(api.get("/diagnosis/programs"))["refusal"]
        told = [line["message"] for line in server.log_lines("programs.refused")]
        if trusted:
            assert (refusal, told, job["state"]) == (None, [], "SUCCEEDED"), job
            return
        assert (job["state"], job["attempt"], job["error"]) == ("FAILED", 1, refusal)
        assert "PROGRAMS_UNCONFINED" in refusal and told == [refusal]
        server.stop()
        server.start()  # with what this system allows
        api = server.admin()
        again = ended(api, ask(api, "spies", Study(api, 1)))
        if ok(api.get("/diagnosis/programs"))["refusal"]:
            assert again["error"] == refusal
        else:
            assert again["result"]["result"] == {"read": 0}, again
    finally:
        server.close()
