/* manifest.c - see manifest.h. */
#include "upkeep/manifest.h"

#include "base/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_of_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

bool manifest_path_is_legal(struct str path)
{
    bool begins = true; /* a word */
    if (path.len < 1 || path.len > MANIFEST_PATH_MAX || path.at[path.len - 1] == '/')
        return false;
    for (ptrdiff_t i = 0; i < path.len; i++) {
        char c = path.at[i];
        if (c == '/' ? begins : !is_of_name(c) || (begins && c == '.'))
            return false;
        begins = c == '/';
    }
    return true;
}

static bool is_sha256(struct str digits)
{
    for (ptrdiff_t i = 0; i < digits.len; i++)
        if (!((digits.at[i] >= '0' && digits.at[i] <= '9') || (digits.at[i] >= 'a' && digits.at[i] <= 'f')))
            return false;
    return digits.len == SHA256_TEXT;
}

/* The line that begins there; 0: none that may be, else the length of its path. */
static ptrdiff_t judge(struct str text, ptrdiff_t at)
{
    ptrdiff_t left = text.len - at, most = left < MANIFEST_LINE_MAX ? left : MANIFEST_LINE_MAX;
    const char *end = memchr(text.at + at, '\n', (size_t)most);
    struct str line = { text.at + at, end ? end - (text.at + at) : 0 };
    struct str path = str_slice(line, SHA256_TEXT + 2, line.len);
    return end && is_sha256(str_slice(line, 0, SHA256_TEXT)) &&
                   str_equal(str_slice(line, SHA256_TEXT, SHA256_TEXT + 2), S("  ")) && manifest_path_is_legal(path)
               ? path.len
               : 0;
}

enum { PATH_BITS = 8 };
static_assert(MANIFEST_PATH_MAX < 1 << PATH_BITS, "a place has room for the length of a path");

static struct manifest_line line_at(struct str text, uint64_t place)
{
    const char *at = text.at + (place >> PATH_BITS);
    return (struct manifest_line){ { at, SHA256_TEXT },
                                   { at + SHA256_TEXT + 2, (ptrdiff_t)(place & ((1 << PATH_BITS) - 1)) } };
}

struct manifest_line manifest_line(const struct manifest *m, ptrdiff_t i)
{
    return line_at(m->text, m->places[i]);
}

static int by_path(const void *a, const void *b, void *text)
{
    const struct str *of = text;
    return str_compare(line_at(*of, *(const uint64_t *)a).path, line_at(*of, *(const uint64_t *)b).path);
}

static ptrdiff_t count_lines(struct str text)
{
    ptrdiff_t count = 0;
    for (const char *end; text.len && (end = memchr(text.at, '\n', (size_t)text.len)); count++)
        text = str_slice(text, end + 1 - text.at, text.len);
    return count;
}

/* A living file may have more lines now than were counted. */
static bool read_lines(struct manifest *m, struct error *error)
{
    ptrdiff_t capacity = count_lines(m->text) + 1;
    m->places = calloc((size_t)capacity, sizeof(*m->places));
    if (!m->places)
        abort();
    for (ptrdiff_t at = 0, path; at < m->text.len; at += SHA256_TEXT + 2 + path + 1) {
        path = m->count < capacity ? judge(m->text, at) : 0;
        if (!path)
            return error_set(error, E_INVALID, "line %td of SHA256SUMS is none that a backup has", m->count + 1);
        m->places[m->count++] = (uint64_t)at << PATH_BITS | (uint64_t)path;
    }
    return true;
}

static bool settle(struct manifest *m, bool repeats, struct error *error)
{
    ptrdiff_t kept = 0;
    if (m->count)
        qsort_r(m->places, (size_t)m->count, sizeof(*m->places), by_path, &m->text);
    for (ptrdiff_t i = 0; i < m->count; i++) {
        struct manifest_line line = manifest_line(m, i), last = kept ? manifest_line(m, kept - 1) : line;
        bool again = kept && str_equal(last.path, line.path);
        if (again && !(repeats && str_equal(last.sha256, line.sha256)))
            return error_set(error, E_INVALID, "SHA256SUMS names %.*s twice", STR_FMT(line.path));
        if (!again)
            m->places[kept++] = m->places[i];
    }
    m->count = kept;
    return true;
}

static bool read_text(struct manifest *m, bool repeats, struct manifest **out, struct error *error)
{
    if (read_lines(m, error) && settle(m, repeats, error) && !m->view.lost) {
        *out = m;
        return true;
    }
    (void)!manifest_close(m, error); /* which knows better why, if bytes were lost */
    return false;
}

static struct manifest *manifest_new(void)
{
    struct manifest *m = calloc(1, sizeof(*m));
    if (!m)
        abort();
    return m;
}

bool manifest_read(struct str text, bool repeats, struct manifest **out, struct error *error)
{
    struct manifest *m = manifest_new();
    m->text = text;
    return read_text(m, repeats, out, error);
}

static bool open_list(const char *path, int *fd, int64_t *size, struct error *error)
{
    struct stat st;
    *fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0)
        return errno == ENOENT ? error_set(error, E_NOT_FOUND, "there is no SHA256SUMS: this is no whole backup")
                               : file_fail(error, "open", path, errno);
    bool ok = (fstat(*fd, &st) == 0 && S_ISREG(st.st_mode)) || file_fail(error, "read", path, EINVAL);
    if (ok && !st.st_size)
        ok = error_set(error, E_INVALID, "SHA256SUMS is empty");
    if (!ok)
        close(*fd);
    *size = ok ? st.st_size : 0;
    return ok;
}

static bool read_own(struct manifest *m, int fd, const char *path, int64_t size, struct error *error)
{
    ptrdiff_t got = 0;
    m->own = malloc((size_t)size);
    if (!m->own)
        return error_set(error, E_UNAVAILABLE, "no memory for the %" PRId64 " bytes of SHA256SUMS", size);
    while (m->text.len < size && (got = file_read_at(fd, m->text.len, m->own + m->text.len, size - m->text.len)) > 0)
        m->text.len += got;
    m->text.at = m->own;
    if (got < 0)
        return error_set(error, E_UNREADABLE, "cannot read %s: %s", path, strerror(errno));
    return m->text.len == size || error_set(error, E_UNREADABLE, "SHA256SUMS was cut while it was read");
}

static bool open_as(const char *path, bool own, bool repeats, struct manifest **out, struct error *error)
{
    int fd;
    int64_t size = 0;
    if (!open_list(path, &fd, &size, error))
        return false;
    struct manifest *m = manifest_new();
    bool ok = own ? read_own(m, fd, path, size, error) : file_view_open(&m->view, fd, size, error);
    close(fd);
    if (!ok) {
        manifest_free(m);
        return false;
    }
    if (!own)
        m->text = m->view.bytes;
    return read_text(m, repeats, out, error);
}

bool manifest_load(const char *path, bool repeats, struct manifest **out, struct error *error)
{
    return open_as(path, true, repeats, out, error);
}

bool manifest_open(const char *path, bool repeats, struct manifest **out, struct error *error)
{
    return open_as(path, false, repeats, out, error);
}

bool manifest_find(const struct manifest *m, struct str path, struct manifest_line *out)
{
    for (ptrdiff_t from = 0, to = m->count; from < to;) {
        ptrdiff_t middle = from + (to - from) / 2;
        struct manifest_line line = manifest_line(m, middle);
        int order = str_compare(path, line.path);
        if (!order)
            return *out = line, true;
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return false;
}

void manifest_path(const struct manifest_line *line, char path[MANIFEST_PATH_MAX + 1])
{
    memcpy(path, line->path.at, (size_t)line->path.len);
    path[line->path.len] = '\0';
}

bool manifest_close(struct manifest *manifest, struct error *error)
{
    if (!manifest)
        return true;
    bool whole = file_view_close(&manifest->view, error);
    free(manifest->places);
    free(manifest->own);
    free(manifest);
    return whole;
}

void manifest_free(struct manifest *manifest)
{
    struct error unheard = { 0 };
    (void)!manifest_close(manifest, &unheard);
}
