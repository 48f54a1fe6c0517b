"""Passwords and keys that others would think of too."""

import pytest

from support import ok, problem, unique, wrong_members


@pytest.mark.parametrize(
    "password", ["1qaz2wsx3edc", "1q2w3e4r5t", "P@ssw0rd123", "Summer2024!", "a123456789", "woaini1314", "hunter2hunter2", "zaq12wsxcde3"]
)
def test_passwords_of_the_usual_lists_are_refused(server, admin, password):
    name = unique("u")
    body = {"username": name, "email": f"{name}@example.org", "full_name": "王芳", "password": password}
    assert wrong_members(problem(admin.post("/users", json=body), 422)) == ["password"]
    assert wrong_members(problem(admin.post(f"/users/{admin.id}/password", json={"new_password": password}), 422)) == ["new_password"]
    done = server.run(
        "create-superuser", "--username", name, "--email", f"{name}@example.org", "--password-stdin", input=password + "\n", check=False
    )
    assert done.returncode == 1 and "password" in done.stderr


@pytest.mark.parametrize("password", ["violet lamp under ice", "tGpM2v-81hsw", "我们在三楼放射科"])
def test_others_are_taken(admin, password):
    name = unique("u")
    body = {"username": name, "email": f"{name}@example.org", "full_name": "王芳", "password": password}
    if len(password) < 10:
        assert wrong_members(problem(admin.post("/users", json=body), 422)) == ["password"]
    else:
        ok(admin.post("/users", json=body), 201)


@pytest.mark.parametrize(
    "key",
    ["a" * 32, "ab" * 20, "0123456789abcdef" * 2, "changeme" * 5, "abcdefghijklmnopqrstuvwxyz0123456789", "password" * 4 + "p", "0" * 64, "a" * 31 + "b"],
)
def test_a_secret_key_that_can_be_guessed_is_refused(new_server, key):
    server = new_server(init=False, start=False, SECRET_KEY=key)
    for command in ("serve", "init-db"):
        done = server.run(command, check=False)
        assert done.returncode == 1 and "SECRET_KEY" in done.stderr and key not in done.stderr + done.stdout


@pytest.mark.parametrize("key", ["3f9c0a7be1d24865b8f70e63ac915d42", "contract-test-0123456789abcdef0123456789", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzz"])
def test_others_are_taken_as_keys(new_server, key):
    assert new_server(init=False, start=False, SECRET_KEY=key).init().process is None
