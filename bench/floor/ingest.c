/* ingest.c - the least a server can do that keeps what it is sent: reads a body from a socket, computes MD5 and
 * SHA-256 of it, writes it, makes it durable together with what the others wait for, and answers. No HTTP beyond
 * Content-Length, no database, no names, no rights.
 *
 *     ingest PORT FOLDER files    each body a new file; a group: fsync of each of its files and of the folder
 *     ingest PORT FOLDER log      all bodies behind each other in one preallocated file; a group: one fdatasync
 *
 * The first is what "a file is stored" means everywhere; the second is the fastest way to durable bytes known here. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BODY_MAX = 4 << 20, WAITING_MAX = 64, LOG_BYTES = 256 << 20 };

static const char *folder;
static bool to_log;
static int log_fd, folder_fd;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static long added, durable, groups, fsyncs, next_name;
static off_t log_at;
static bool flushing;
static int waiting[WAITING_MAX], waiting_count;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void write_whole(int fd, const char *at, size_t len, off_t offset)
{
    while (len > 0) {
        ssize_t n = pwrite(fd, at, len, offset);
        if (n <= 0)
            die("write");
        at += n, len -= (size_t)n, offset += n;
    }
}

/* Under the lock; the first one flushes for all. */
static void make_durable(long mine)
{
    while (durable < mine) {
        if (flushing) {
            pthread_cond_wait(&moved, &lock);
            continue;
        }
        int files[WAITING_MAX], count = waiting_count;
        long covered = added;
        memcpy(files, waiting, sizeof(files));
        waiting_count = 0;
        flushing = true;
        pthread_mutex_unlock(&lock);
        if (to_log) {
            if (fdatasync(log_fd))
                die("fdatasync");
        } else {
            for (int i = 0; i < count; i++)
                sync_file_range(files[i], 0, 0, SYNC_FILE_RANGE_WRITE);
            for (int i = 0; i < count; i++) {
                if (fsync(files[i]))
                    die("fsync");
                close(files[i]);
            }
            if (fsync(folder_fd))
                die("fsync");
        }
        pthread_mutex_lock(&lock);
        fsyncs += to_log ? 1 : count + 1;
        groups++;
        durable = covered;
        flushing = false;
        pthread_cond_broadcast(&moved);
    }
}

static void keep(const char *body, size_t len)
{
    pthread_mutex_lock(&lock);
    if (to_log) {
        if (log_at + (off_t)len > LOG_BYTES)
            log_at = 0;
        write_whole(log_fd, body, len, log_at); /* under the lock: a flush covers whole bodies */
        log_at += (off_t)len;
        make_durable(++added);
        pthread_mutex_unlock(&lock);
        return;
    }
    long name = next_name++;
    pthread_mutex_unlock(&lock);
    char path[64];
    snprintf(path, sizeof(path), "%ld", name);
    int fd = openat(folder_fd, path, O_WRONLY | O_CREAT | O_EXCL, 0640);
    if (fd < 0)
        die(path);
    write_whole(fd, body, len, 0);
    pthread_mutex_lock(&lock);
    waiting[waiting_count++] = fd;
    make_durable(++added);
    pthread_mutex_unlock(&lock);
}

static void hash(const char *body, size_t len)
{
    unsigned char out[EVP_MAX_MD_SIZE];
    EVP_Digest(body, len, out, NULL, EVP_md5(), NULL);
    EVP_Digest(body, len, out, NULL, EVP_sha256(), NULL);
}

static void *serve(void *context)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    int fd = (int)(long)context;
    char *buffer = malloc(BODY_MAX);
    size_t have = 0;
    for (;;) {
        char *end;
        while (!(end = memmem(buffer, have, "\r\n\r\n", 4))) {
            ssize_t n = read(fd, buffer + have, BODY_MAX - have);
            if (n <= 0)
                goto out;
            have += (size_t)n;
        }
        end[2] = '\0';
        char *said = strcasestr(buffer, "\r\nContent-Length:");
        size_t head = (size_t)(end - buffer) + 4, len = said ? strtoul(said + 17, NULL, 10) : 0;
        if (head + len > BODY_MAX)
            goto out;
        while (have < head + len) {
            ssize_t n = read(fd, buffer + have, head + len - have);
            if (n <= 0)
                goto out;
            have += (size_t)n;
        }
        if (len) {
            hash(buffer + head, len);
            keep(buffer + head, len);
        }
        have = 0; /* no client here sends the next request before the answer */
        if (write(fd, answer, sizeof(answer) - 1) < 0)
            goto out;
    }
out:
    close(fd);
    free(buffer);
    return NULL;
}

static void tell(int signal)
{
    (void)signal;
    printf("{\"bodies\": %ld, \"groups\": %ld, \"fsyncs\": %ld}\n", durable, groups, fsyncs);
    fflush(stdout);
    _exit(0);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    folder = argv[2];
    to_log = strcmp(argv[3], "log") == 0;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, tell);
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY);
    if (folder_fd < 0)
        die(folder);
    if (to_log) {
        log_fd = openat(folder_fd, "log", O_RDWR | O_CREAT, 0640);
        if (log_fd < 0 || posix_fallocate(log_fd, 0, LOG_BYTES) || fsync(log_fd))
            die("log");
    }
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((unsigned short)atoi(argv[1])),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 64))
        die("listen");
    for (int fd; (fd = accept(listener, NULL, NULL)) >= 0;) {
        pthread_t thread;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (pthread_create(&thread, NULL, serve, (void *)(long)fd))
            die("thread");
        pthread_detach(thread);
    }
    return 1;
}
