/* redis_program.h - redis-server itself, as programs that a test starts and ends. Its arena and folder are the
 * test's. */
#ifndef ROENTGEN_TEST_REDIS_PROGRAM_H
#define ROENTGEN_TEST_REDIS_PROGRAM_H

#include "kv/redis.h"

#include "../base/folder.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/wait.h>

extern char **environ;

static struct arena arena;
static struct error error;

enum { SERVERS = 8 };
static pid_t servers[SERVERS];

static inline int begin(void **state)
{
    arena_init(&arena);
    error = (struct error){ 0 };
    return folder_setup(state);
}

static inline void end_server(int at)
{
    if (!servers[at])
        return;
    kill(servers[at], SIGKILL);
    waitpid(servers[at], NULL, 0);
    servers[at] = 0;
}

static inline int end(void **state)
{
    for (int i = 0; i < SERVERS; i++)
        end_server(i);
    arena_release(&arena);
    return folder_teardown(state);
}

/* ---- programs ---- */

enum { WORDS_MAX = 40 };

static inline pid_t start_program(const char *words[])
{
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    pid_t pid;
    assert_int_equal(posix_spawnp(&pid, words[0], &files, NULL, (char **)(uintptr_t)words, environ), 0);
    posix_spawn_file_actions_destroy(&files);
    return pid;
}

static inline void run_program(const char *line)
{
    const char *words[WORDS_MAX];
    int count = 0;
    struct str rest = str_from(line);
    for (struct str word; str_next(&rest, ' ', &word);)
        words[count++] = arena_cstring(&arena, word);
    words[count] = NULL;
    int status;
    pid_t pid = start_program(words);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* Ports that were free a moment ago; whoever starts on one tries another when it is not. */
static inline int free_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

/* redis-server in the folder, with more settings in words; ready when it has made its pid file. */
static inline bool try_server(struct folder *folder, int at, const char *options)
{
    const char *words[WORDS_MAX] = { "redis-server" };
    int count = 1;
    struct str pid_file = arena_format(&arena, "%s/%d.pid", folder->path, at);
    unlink(pid_file.at);
    struct str all = arena_format(&arena, "%s --dir %s --pidfile %s --daemonize no --databases 4 --loglevel warning",
                                  options, folder->path, pid_file.at);
    for (struct str word; str_next(&all, ' ', &word);)
        words[count++] = arena_cstring(&arena, word);
    servers[at] = start_program(words);
    for (int i = 0; i < 4000; i++) {
        if (access(pid_file.at, F_OK) == 0)
            return true;
        if (waitpid(servers[at], NULL, WNOHANG)) {
            servers[at] = 0;
            return false;
        }
        usleep(5000);
    }
    return false;
}

static inline void start_on_socket(struct folder *folder, int at, const char *options)
{
    struct str all = arena_format(&arena, "--port 0 --save  --unixsocket %s/%d.sock%s%s", folder->path, at,
                                  options[0] ? " " : "", options);
    assert_true(try_server(folder, at, all.at));
}

static inline const char *socket_url(struct folder *folder, int at, const char *who)
{
    return arena_format(&arena, "redis+unix://%s%s/%d.sock", who, folder->path, at).at;
}

/* ---- what the tests ask ---- */

static inline struct redis *connect_to(const char *url, const char *ca_file)
{
    struct redis *redis = NULL;
    struct redis_options options = { .url = str_from(url), .ca_file = ca_file, .name = "test", .patience_ms = 10000 };
    assert_true(redis_open(&options, &redis, &error));
    return redis;
}

static inline struct redis_state look(struct redis *redis)
{
    struct redis_state state;
    redis_look(redis, &state);
    return state;
}

static inline void wait_until_here(struct redis *redis)
{
    for (int i = 0; i < 4000 && !look(redis).here; i++)
        usleep(5000);
    if (!look(redis).here)
        fail_msg("it is not there: %s", look(redis).words);
}

#endif
