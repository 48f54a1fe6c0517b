"""Databases for the bench: 50 users, 10,000 patients and as many image files as asked for, in the schema `init-db`
makes. The DICOM files among them are instances: 50 in a series, ten series in a study.

Rows go in directly, with the schema's triggers keeping the counters; the indexes of image_files are dropped before and
made again after, which changes nothing but the time it takes. The search tables are filled with the words that
src/db/search.c makes. The files' bytes do not exist: nothing here downloads them."""

import hashlib
import json
import os
import random
import secrets
import shutil
import sqlite3
import subprocess
import uuid
from pathlib import Path

USERS = 50
PATIENTS = 10_000
SERIES_FILES, STUDY_FILES = 50, 500
ROOT_UID = "1.2.826.0.1.3680043.8.498.7"
START_US = 1_735_700_000_000_000  # 2025-01-01, about
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华建文"
KINDS = [("DICOM", "application/dicom", "dcm", 60), ("JPEG", "image/jpeg", "jpg", 25), ("PNG", "image/png", "png", 10),
         ("TIFF", "image/tiff", "tif", 5)]
MODALITIES = {
    "DICOM": ["CT", "CT", "CT", "MR", "MR", "XR", "US"],
    "JPEG": ["XR", None],
    "PNG": ["XR", None],
    "TIFF": ["XR", None],
}
BODY_PARTS = ["CHEST", "HEAD", "ABDOMEN", "KNEE", "SPINE", None]


def words(*texts):
    """The index words of texts, as search_put writes them (no code point here lies beyond the second range)."""
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"

    def code(point):
        if point < 1152:
            return digits[point // 36] + digits[point % 36]
        point -= 1152
        return "wxy"[point // 46656] + digits[point // 1296 % 36] + digits[point // 36 % 36] + digits[point % 36]

    out = []
    for text in filter(None, texts):
        points = [ord(c) for c in text.lower()] + [0]
        out += [code(a) + code(b) for a, b in zip(points, points[1:])]
    return " ".join(out)


def series_modality(series):
    return MODALITIES["DICOM"][series // (STUDY_FILES // SERIES_FILES) % len(MODALITIES["DICOM"])]


def study_patient(study):
    return study * 7919 % PATIENTS + 1


def add_studies(db, count, users):
    insert(
        db,
        "studies",
        (
            {
                "id": n + 1,
                "study_uid": f"{ROOT_UID}.1.{n}",
                "patient_id": study_patient(n),
                "accession_number": f"A{n:07d}",
                "study_date": "2025-%02d-%02d" % (n % 12 + 1, n % 28 + 1),
                "modality": series_modality(n * STUDY_FILES // SERIES_FILES),
                "description": "seeded",
                "created_by": users[n % len(users)],
                "created_at": START_US + n,
                "updated_at": START_US + n,
            }
            for n in range(-(-count // STUDY_FILES))
        ),
    )
    insert(
        db,
        "series",
        (
            {
                "id": n + 1,
                "series_uid": f"{ROOT_UID}.2.{n}",
                "study_id": n * SERIES_FILES // STUDY_FILES + 1,
                "series_number": n % (STUDY_FILES // SERIES_FILES) + 1,
                "modality": series_modality(n),
                "created_at": START_US + n,
                "updated_at": START_US + n,
            }
            for n in range(-(-count // SERIES_FILES))
        ),
    )
    rows = db.execute("select id, study_uid, accession_number, description from studies").fetchall()
    db.executemany("insert into study_search(rowid, grams) values (?, ?)", ((r[0], words(*r[1:])) for r in rows))


def instance(i):
    """Columns of a DICOM file beyond those of every file."""
    return {
        "patient_id": study_patient(i // STUDY_FILES),
        "study_id": i // STUDY_FILES + 1,
        "series_id": i // SERIES_FILES + 1,
        "is_instance": 1,
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2",
        "sop_instance_uid": f"{ROOT_UID}.3.{i}",
        "transfer_syntax_uid": "1.2.840.10008.1.2",
        "instance_number": i % SERIES_FILES + 1,
        "pixel_rows": 512,
        "pixel_columns": 512,
        "modality": series_modality(i // SERIES_FILES),
    }


NO_INSTANCE = {**dict.fromkeys(instance(0)), "is_instance": 0}


def image_files(count, users, rng):
    kinds = rng.choices(KINDS, [k[3] for k in KINDS], k=count)
    for i in range(count):
        kind, mime, ending, _ = kinds[i]
        digest = hashlib.sha256(b"bench %d" % i).hexdigest()
        at = START_US + i * 20_000_000
        name = f"{rng.choice(('chest', 'head', 'knee', 'series', 'scan'))}_{i:07d}.{ending}"
        belongs = (
            instance(i)
            if kind == "DICOM"
            else {**NO_INSTANCE, "patient_id": rng.randrange(PATIENTS) + 1, "modality": rng.choice(MODALITIES[kind])}
        )
        yield {
            **belongs,
            "id": i + 1,
            "file_uuid": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
            "original_filename": name,
            "file_type": kind,
            "mime_type": mime,
            "storage_path": f"{digest[:2]}/{digest[2:4]}/{digest}",
            "file_size": rng.randrange(20_000, 20_000_000),
            "file_hash": digest[:32],
            "sha256": digest,
            "uploaded_by": users[i % len(users)],
            "body_part": rng.choice(BODY_PARTS),
            "study_date": "2025-%02d-%02d" % (rng.randrange(12) + 1, rng.randrange(28) + 1),
            "description": "follow-up" if i % 3 == 0 else None,
            "status": "UPLOADED",
            "thumbnail_path": f"thumbnails/{digest[:2]}/{digest}.jpg" if kind != "DICOM" else None,
            "upload_progress": 100,
            "created_at": at,
            "updated_at": at,
            "uploaded_at": at,
        }


def insert(db, table, rows):
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        return
    sql = f"insert into {table}({', '.join(first)}) values ({', '.join(':' + name for name in first)})"
    db.execute(sql, first)
    db.executemany(sql, rows)


def add_users(db):
    """Doctors with the administrator's password hash: the bench knows that one password."""
    hash_, now = db.execute("select password_hash, created_at from users where username = 'bench-admin'").fetchone()
    doctor = db.execute("select id from roles where name = 'doctor'").fetchone()[0]
    ids = []
    for i in range(USERS):
        ids.append(db.execute(
            "insert into users(username, email, full_name, password_hash, status, created_at, updated_at) "
            "values (?, ?, ?, ?, 'ACTIVE', ?, ?)",
            (f"bench-{i}", f"bench-{i}@example.org", f"{SURNAMES[i % 20]}医生", hash_, now, now)).lastrowid)
        db.execute("insert into user_roles(user_id, role_id) values (?, ?)", (ids[-1], doctor))
    return ids


def add_patients(db, users, rng):
    insert(db, "patients", ({
        "id": i + 1, "patient_id": f"P{i:06d}", "name": rng.choice(SURNAMES) + "".join(rng.choices(GIVEN, k=2)),
        "gender": rng.choice(("MALE", "FEMALE")), "birth_date": "%d-06-15" % rng.randrange(1930, 2020),
        "created_by": rng.choice(users), "created_at": START_US + i, "updated_at": START_US + i,
    } for i in range(PATIENTS)))
    rows = db.execute("select id, name, name_en, patient_id from patients").fetchall()
    db.executemany("insert into patient_search(rowid, grams) values (?, ?)", ((r[0], words(*r[1:])) for r in rows))


def add_image_files(db, count, users, rng):
    indexes = db.execute("select name, sql from sqlite_master where type = 'index' and tbl_name = 'image_files' "
                         "and sql is not null").fetchall()
    for name, _ in indexes:
        db.execute(f"drop index {name}")
    insert(db, "image_files", image_files(count, users, rng))
    for _, sql in indexes:
        db.execute(sql)
    rows = db.execute("select id, original_filename, description from image_files")
    db.executemany("insert into image_file_search(rowid, grams) values (?, ?)",
                   ((r[0], words(*r[1:])) for r in rows.fetchall()))


def run_roentgen(binary, environment, *arguments, text=""):
    subprocess.run([binary, *arguments], env={**os.environ, **environment}, input=text, text=True, check=True,
                   stdout=subprocess.DEVNULL, cwd=environment["BENCH_FOLDER"])


def schema_mark(binary, cache):
    """Changes with this file and with the schema that the binary makes: then databases are made anew."""
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / "empty.db"
    path.unlink(missing_ok=True)
    shutil.rmtree(cache / "files", ignore_errors=True)  # a store remembers whose it is
    run_roentgen(
        binary,
        {
            "DATABASE_URL": f"sqlite:///{path}",
            "STORAGE_URL": f"file://{cache}/files",
            "SECRET_KEY": secrets.token_hex(32),
            "BENCH_FOLDER": str(cache),
        },
        "init-db",
    )
    db = sqlite3.connect(path)
    schema = db.execute("select sql from sqlite_master order by type, name").fetchall()
    db.close()
    return hashlib.sha256(Path(__file__).read_bytes() + repr(schema).encode()).hexdigest()


def seeded(binary, cache, count, say):
    """Path of a database with `count` image files, and what is known of it: password, secret, user ids. Made once."""
    folder = cache / f"seed-{count}"
    known, mark = folder / "known.json", schema_mark(binary, cache)
    if known.exists() and json.loads(known.read_text())["mark"] == mark:
        return folder / "roentgen.db", json.loads(known.read_text())
    say(f"seeding {count:,} image files ...")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    info = {"mark": mark, "count": count, "password": secrets.token_urlsafe(18), "secret": secrets.token_hex(32)}
    path = folder / "roentgen.db"
    environment = {"DATABASE_URL": f"sqlite:///{path}", "STORAGE_URL": f"file://{folder}/files",
                   "SECRET_KEY": info["secret"], "BENCH_FOLDER": str(folder)}
    run_roentgen(binary, environment, "init-db")
    run_roentgen(binary, environment, "create-superuser", "--username", "bench-admin", "--email", "bench@example.org",
                 "--password-stdin", text=info["password"] + "\n")
    rng = random.Random(count)
    db = sqlite3.connect(path)
    db.execute("pragma synchronous = off")
    db.execute("pragma cache_size = -400000")
    db.execute("pragma wal_autocheckpoint = 100000")
    db.execute("pragma temp_store = memory")
    with db:
        info["users"] = add_users(db)
        add_patients(db, info["users"], rng)
        add_studies(db, count, info["users"])
        add_image_files(db, count, info["users"], rng)
    db.execute("pragma wal_checkpoint(truncate)")
    db.close()
    os.sync()
    known.write_text(json.dumps(info))
    return path, info
