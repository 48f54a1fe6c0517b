/* house.h - an authority, two doctors and a folder, for tests; and the openssl program as a witness. */
#ifndef TEST_SIGNING_HOUSE_H
#define TEST_SIGNING_HOUSE_H

#include "../base/folder.h"
#include "check.h"

#include "signing/cms.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

/* 2026-03-04T05:06:07Z; tests own the clock, but for the openssl program. */
#define NOON ((struct instant){ INT64_C(1772600767000000) })
#define DAY_US INT64_C(86400000000)

struct house {
    struct call c;
    struct folder *folder;
    struct signer authority, doctor;
    struct trust trust; /* of the authority, at NOON */
};

static struct house house;
extern char **environ;

static inline int house_open(void **state)
{
    if (folder_setup(state))
        return -1;
    call_init(&house.c, NULL, NULL);
    house.folder = *state;
    if (!authority_make(&house.c, S("第一医院 General Hospital"), NOON, &house.authority) ||
        !signer_make(&house.c, &house.authority, S("李 医生 Li"), NOON, &house.doctor))
        return -1;
    house.trust = (struct trust){
        .anchors = &house.authority.chain.der[0], .anchor_count = 1, .known_time = INSTANT_NULL, .now = NOON
    };
    return 0;
}

static inline int house_close(void **state)
{
    call_release(&house.c);
    return folder_teardown(state);
}

static inline void house_fine(bool done)
{
    if (!done)
        fail_msg("%s (%s:%d)", house.c.error.message, house.c.error.file, house.c.error.line);
}

/* Clears the error after it has been looked at. */
static inline void house_refused(bool done, enum error_code code, const char *word)
{
    assert_false(done);
    if (house.c.error.code != code || !strstr(house.c.error.message, word))
        fail_msg("%d %s, not %s", (int)house.c.error.code, house.c.error.message, word);
    error_clear(&house.c.error);
}

/* Runs a program in the folder; its words go to `said`. Returns its status. */
static inline int house_run(const char *const *arguments)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status = 0;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, house.folder->path);
    posix_spawn_file_actions_addopen(&actions, 1, "said", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    assert_int_equal(posix_spawnp(&pid, arguments[0], &actions, NULL, (char *const *)(uintptr_t)arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    while (waitpid(pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline struct str house_file(const char *name)
{
    enum { MAX = 1 << 18 };
    FILE *file = fopen(folder_file(house.folder, name), "re");
    if (!file)
        fail_msg("%s is not there", name);
    char *at = arena_alloc(&house.c.arena, MAX);
    ptrdiff_t len = (ptrdiff_t)fread(at, 1, MAX, file);
    fclose(file);
    return (struct str){ at, len };
}

#define RUN(...) house_run((const char *const[]){ __VA_ARGS__, NULL })
#define RUNS(...) \
    do { \
        if (RUN(__VA_ARGS__)) \
            fail_msg("%.*s", STR_FMT(house_file("said"))); \
    } while (0)

static inline bool house_has(struct str text, const char *part)
{
    return str_find(text, str_from(part)) >= 0;
}

#endif
