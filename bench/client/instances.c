/* instances.c - clients that send DICOM instances, each a thread with one connection, as fast as they are answered.
 *
 *     instances PORT CLIENTS COUNT FIRST TEMPLATE KIND [TOKEN]
 *
 * TEMPLATE is a DICOM file whose UIDs hold the digits 7700000000 (SOP instance), 8800000000 (series) and 9900000000
 * (study). Instance number i (from FIRST) gets i in the first, i / 50 in the second, i / 500 in the third: no two are
 * alike. KIND: `form` is multipart to /api/v1/upload/single, `body` is the bytes alone to /instances. Anything but
 * 200 and 201 is an error. Prints one line of JSON. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { MARKS_MAX = 16, DIGITS = 10 };

static struct {
    size_t at;
    long divisor;
} marks[MARKS_MAX];
static int mark_count, port;
static char *template;
static size_t template_len;
static const char *token;
static bool as_form;
static long count, first;
static _Atomic long next, failed;
static double *latencies;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void find_marks(const char *digits, long divisor)
{
    char *at = template;
    while ((at = memmem(at, template_len - (size_t)(at - template), digits, DIGITS)) && mark_count < MARKS_MAX) {
        marks[mark_count].at = (size_t)(at - template);
        marks[mark_count++].divisor = divisor;
        at += DIGITS;
    }
}

static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((unsigned short)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (connect(fd, (struct sockaddr *)&to, sizeof(to))) {
        perror("connect");
        exit(1);
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

static bool send_parts(int fd, struct iovec *parts, int n)
{
    while (n > 0) {
        ssize_t sent = writev(fd, parts, n);
        if (sent <= 0)
            return false;
        while (n > 0 && (size_t)sent >= parts->iov_len) {
            sent -= (ssize_t)parts->iov_len;
            parts++, n--;
        }
        if (n > 0) {
            parts->iov_base = (char *)parts->iov_base + sent;
            parts->iov_len -= (size_t)sent;
        }
    }
    return true;
}

/* The status, once the answer is there whole; 0: the connection ended. */
static int receive(int fd)
{
    static _Thread_local char buffer[65536];
    size_t have = 0, whole = 0;
    int status = 0;
    for (;;) {
        ssize_t n = read(fd, buffer + have, sizeof(buffer) - 1 - have);
        if (n <= 0)
            return 0;
        have += (size_t)n;
        buffer[have] = '\0';
        char *end = whole ? NULL : strstr(buffer, "\r\n\r\n");
        if (end) {
            char *length = strcasestr(buffer, "\r\nContent-Length:");
            status = atoi(buffer + 9);
            whole = (size_t)(end - buffer) + 4 + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
        }
        if (whole && have >= whole) {
            if (status != 200 && status != 201 && failed < 3)
                fprintf(stderr, "%s\n", buffer);
            return status;
        }
    }
}

enum { PARTS = 4 };

static int ask(int fd, const struct iovec *parts)
{
    struct iovec left[PARTS];
    memcpy(left, parts, sizeof(left));
    return send_parts(fd, left, PARTS) ? receive(fd) : 0;
}

static void *run(void *context)
{
    (void)context;
    char *body = malloc(template_len), head[2048], part[512], digits[24];
    static const char tail[] = "\r\n--instances-of-the-bench--\r\n";
    memcpy(body, template, template_len);
    int fd = dial();
    for (long n; (n = next++) < count;) {
        long i = first + n;
        for (int m = 0; m < mark_count; m++) {
            snprintf(digits, sizeof(digits), "%010lu",
                     (unsigned long)(1000000000 + i / marks[m].divisor) % 10000000000UL);
            memcpy(body + marks[m].at, digits, DIGITS);
        }
        int part_len = as_form ? snprintf(part, sizeof(part),
                                          "--instances-of-the-bench\r\nContent-Disposition: form-data; name=\"file\"; "
                                          "filename=\"I%ld.dcm\"\r\n"
                                          "Content-Type: application/dicom\r\n\r\n",
                                          i)
                               : 0;
        size_t length = template_len + (size_t)part_len + (as_form ? sizeof(tail) - 1 : 0);
        int head_len =
            as_form
                ? snprintf(
                      head, sizeof(head),
                      "POST /api/v1/upload/single HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n"
                      "Content-Type: multipart/form-data; boundary=instances-of-the-bench\r\nContent-Length: %zu\r\n"
                      "\r\n",
                      token, length)
                : snprintf(head, sizeof(head),
                           "POST /instances HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/dicom\r\n"
                           "Content-Length: %zu\r\n\r\n",
                           length);
        const struct iovec parts[] = { { head, (size_t)head_len },
                                       { part, (size_t)part_len },
                                       { body, template_len },
                                       { (void *)tail, as_form ? sizeof(tail) - 1 : 0 } };
        double started = now();
        int status = ask(fd, parts);
        if (!status) { /* a server may close a connection that was idle for a moment: clients ask again on another */
            close(fd);
            fd = dial();
            status = ask(fd, parts);
        }
        latencies[n] = now() - started;
        failed += status != 200 && status != 201;
    }
    close(fd);
    free(body);
    return NULL;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    if (argc < 7)
        return 2;
    int clients = atoi(argv[2]);
    port = atoi(argv[1]);
    count = atol(argv[3]);
    first = atol(argv[4]);
    FILE *file = fopen(argv[5], "rb");
    if (!file || clients < 1 || clients > 64 || count < 1)
        return 2;
    fseek(file, 0, SEEK_END);
    template_len = (size_t)ftell(file);
    rewind(file);
    template = malloc(template_len);
    if (fread(template, 1, template_len, file) != template_len)
        return 2;
    as_form = strcmp(argv[6], "form") == 0;
    token = argc > 7 ? argv[7] : "";
    find_marks("7700000000", 1);
    find_marks("8800000000", 50);
    find_marks("9900000000", 500);
    latencies = calloc((size_t)count, sizeof(*latencies));
    pthread_t threads[64];
    double started = now();
    for (int i = 0; i < clients; i++)
        pthread_create(&threads[i], NULL, run, NULL);
    for (int i = 0; i < clients; i++)
        pthread_join(threads[i], NULL);
    double took = now() - started;
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    qsort(latencies, (size_t)count, sizeof(*latencies), ascending);
    printf("{\"files\": %ld, \"seconds\": %.6f, \"failed\": %ld, \"p50_us\": %.0f, \"p99_us\": %.0f, \"max_us\": %.0f, "
           "\"marks\": %d, \"cpu_s\": %.3f}\n",
           count, took, (long)failed, latencies[count / 2] * 1e6, latencies[count * 99 / 100] * 1e6,
           latencies[count - 1] * 1e6, mark_count,
           (double)used.ru_utime.tv_sec + (double)used.ru_utime.tv_usec / 1e6 + (double)used.ru_stime.tv_sec +
               (double)used.ru_stime.tv_usec / 1e6);
    return failed ? 1 : 0;
}
