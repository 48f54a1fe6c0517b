/* dead.c - who a worker is, and whether it is there still, as far as another one on the same machine can tell. */
#include "jobs/queue.h"

#include "base/crypto.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { PLACE_BYTES = 51 };

/* Numbers of processes are given within a namespace (pid_namespaces(7)): two containers on one machine may be called
 * the same and have the same numbers. */
static void name_place(char *out, size_t size)
{
    char host[48] = "", space[40] = "";
    gethostname(host, sizeof(host) - 1);
    ssize_t length = readlink("/proc/self/ns/pid", space, sizeof(space) - 1); /* pid:[4026531836] */
    snprintf(out, size, "%.35s/%.14s", host, length > 5 ? space + 5 : "");
    out[strcspn(out, "]")] = '\0';
}

/* When the process of this number began, in ticks since the machine did (proc(5): the 22nd word, of which the second is
 * a name in brackets); 0: nobody may know. */
static unsigned long long begun_at(long pid)
{
    char path[40], line[1024];
    unsigned long long at = 0;
    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "re");
    size_t length = file ? fread(line, 1, sizeof(line) - 1, file) : 0;
    if (file)
        fclose(file);
    line[length] = '\0';
    char *word = strrchr(line, ')');
    for (int i = 2; word && i < 22; i++)
        word = strchr(word + 1, ' ');
    if (word)
        at = strtoull(word, NULL, 10);
    return at;
}

void queue_name_worker(char name[WORKER_NAME_BYTES])
{
    char place[PLACE_BYTES], uuid[UUID_TEXT + 1];
    name_place(place, sizeof(place));
    crypto_uuid(uuid);
    snprintf(name, WORKER_NAME_BYTES, "%.50s/%ld.%llu/%.6s", place, (long)getpid(), begun_at(getpid()), uuid);
}

/* Its number is nobody's, or was given to another since. */
static bool has_ended(long pid, unsigned long long at)
{
    unsigned long long now = begun_at(pid);
    return pid > 0 && ((kill((pid_t)pid, 0) < 0 && errno == ESRCH) || (at && now && at != now));
}

static bool is_dead(struct str worker)
{
    char place[PLACE_BYTES], number[48];
    name_place(place, sizeof(place));
    struct str here = str_from(place);
    if (worker.len <= here.len + 1 || !str_equal(str_slice(worker, 0, here.len), here) || worker.at[here.len] != '/')
        return false;
    snprintf(number, sizeof(number), "%.*s", STR_FMT(str_slice(worker, here.len + 1, worker.len)));
    char *rest;
    long pid = strtol(number, &rest, 10);
    return *rest == '.' && has_ended(pid, strtoull(rest + 1, NULL, 10));
}

static bool find_dead(struct call *c, struct job_end *ends, struct str *workers, int most, int *count)
{
    struct cursor rows;
    *count = 0;
    for (db_rows(c, &rows,
                 "select id, worker from jobs where state = 'RUNNING' and "
                 "priority in ('STAT', 'URGENT', 'HIGH', 'NORMAL', 'LOW')");
         cursor_next(&rows);)
        if (*count < most && is_dead(cursor_text(&rows, 1))) {
            ends[*count] = (struct job_end){ .id = cursor_integer(&rows, 0),
                                             .state = JOB_FAILED,
                                             .pause = true,
                                             .now = true,
                                             .error = S("its worker was killed") };
            workers[(*count)++] = arena_copy(&c->arena, cursor_text(&rows, 1));
        }
    return cursor_close(&rows);
}

bool queue_end_dead(struct call *c)
{
    enum { MOST = 64 }; /* of one process; what is left has its lease */
    struct job_end ends[MOST];
    struct str workers[MOST];
    int count;
    if (!find_dead(c, ends, workers, MOST, &count))
        return false;
    for (int i = 0; i < count; i++)
        if (!queue_end(c, workers[i], &ends[i]) && c->error.code != E_CONFLICT)
            return false;
    error_clear(&c->error);
    return true;
}
