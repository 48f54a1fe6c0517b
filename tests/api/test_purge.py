"""`roentgen purge`: what is removed for good needs an age with its unit, and is said before it goes."""

from support import ok, png


def delete_files(admin, count):
    ids = [admin.upload(png())["id"] for _ in range(count)]
    for number in ids:
        ok(admin.delete(f"/image-files/{number}"), 204)
    return ids


def deleted_count(server):
    return server.database.rows("select count(*) from image_files where deleted_at is not null")[0][0]


def test_an_age_needs_its_unit(new_server):
    server = new_server()
    delete_files(server.admin(), 1)
    for age in ("3", "3 weeks", "d", "-1d", "1.5h"):
        done = server.run("purge", f"--older-than={age}", check=False)
        assert done.returncode == 2 and "12h or 30d" in done.stderr, age
    assert deleted_count(server) == 1
    server.run("purge", "--older-than", "0")
    assert deleted_count(server) == 0


def test_settings_need_the_unit_too(new_server):
    server = new_server(init=False, start=False, SESSION_LIFETIME="7")
    done = server.run("config", check=False)
    assert done.returncode != 0 and "SESSION_LIFETIME" in done.stderr and "30d" in done.stderr


def test_dry_run_says_what_would_go(new_server):
    server = new_server()
    delete_files(server.admin(), 2)
    said = server.run("purge", "--older-than", "0s", "--dry-run").stdout
    assert said.startswith("2 files deleted from 2") and "bytes would be removed" in said
    assert deleted_count(server) == 2
    assert server.run("purge", "--older-than", "1h", "--dry-run").stdout == "0 files would be removed\n"


def test_what_went_on_more_than_one_day_is_not_removed_unasked(new_server):
    server = new_server()
    first, _ = delete_files(server.admin(), 2)
    server.database.rows(f"update image_files set deleted_at = deleted_at - 90000000000 where id = {first}")
    refused = server.run("purge", "--older-than", "0s", check=False)
    assert refused.returncode == 1 and "--yes" in refused.stderr and deleted_count(server) == 2
    server.run("purge", "--older-than", "0s", "--yes")
    assert deleted_count(server) == 0
