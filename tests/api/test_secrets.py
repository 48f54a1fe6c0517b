"""Passwords and keys that others would think of too."""

import pytest

from support import ok, problem, unique, wrong_members


@pytest.mark.parametrize(
    "password",
    [
        "1qaz2wsx3edc",
        "1q2w3e4r5t",
        "P@ssw0rd123",
        "Summer2024!",
        "a123456789",
        "woaini1314",
        "hunter2hunter2",
        "zaq12wsxcde3",
    ],
)
def test_passwords_of_the_usual_lists_are_refused(server, admin, password):
    name = unique("u")
    body = {"username": name, "email": f"{name}@example.org", "full_name": "王芳", "password": password}
    assert wrong_members(problem(admin.post("/users", json=body), 422)) == ["password"]
    assert wrong_members(problem(admin.post(f"/users/{admin.id}/password", json={"new_password": password}), 422)) == [
        "new_password"
    ]
    done = server.run(
        "create-superuser",
        "--username",
        name,
        "--email",
        f"{name}@example.org",
        "--password-stdin",
        input=password + "\n",
        check=False,
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
    [
        "a" * 32,
        "ab" * 20,
        "0123456789abcdef" * 2,
        "changeme" * 5,
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "password" * 4 + "p",
        "0" * 64,
        "a" * 31 + "b",
        "your-secret-key-change-in-production-please",
        "django-insecure-8f$k2m!x9q@w7v#z3n^b5",
        "REPLACE_ME_3f9c0a7be1d24865b8f70e63",
        "P-l-a-c-e-h-o-l-d-e-r 3f9c0a7be1d24865",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "my_secret_key_1f0e5c93b7d2486a",
        "a-secret-key-of-at-least-32-characters!",
        "<put-your-secret-here-9d1b6f27ac>",
    ],
)
def test_a_secret_key_that_can_be_guessed_is_refused(new_server, key):
    server = new_server(init=False, start=False, SECRET_KEY=key)
    for command in ("serve", "init-db"):
        done = server.run(command, check=False)
        assert done.returncode == 1 and "SECRET_KEY" in done.stderr and key not in done.stderr + done.stdout


@pytest.mark.parametrize(
    "key",
    [
        "test-secret-3f9c0a7be1d24865b8f70e63ac915d42",
        "3f9c0a7be1d24865b8f70e63ac915d42",
        "contract-test-0123456789abcdef0123456789",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzz",
    ],
)
def test_others_are_taken_as_keys(new_server, key):
    assert new_server(init=False, start=False, SECRET_KEY=key).init().process is None
