/* manifest.c - see manifest.h. */
#include "upkeep/manifest.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
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

/* Takes the next line off *text. */
static bool take_line(struct str *text, struct manifest_line *out)
{
    const char *end = memchr(text->at, '\n', (size_t)(text->len < MANIFEST_LINE_MAX ? text->len : MANIFEST_LINE_MAX));
    if (!end)
        return false;
    struct str line = { text->at, end - text->at };
    out->sha256 = str_slice(line, 0, SHA256_TEXT);
    out->path = str_slice(line, SHA256_TEXT + 2, line.len);
    *text = str_slice(*text, line.len + 1, text->len);
    return is_sha256(out->sha256) && str_equal(str_slice(line, SHA256_TEXT, SHA256_TEXT + 2), S("  ")) &&
           manifest_path_is_legal(out->path);
}

static int by_path(const void *a, const void *b)
{
    return str_compare(((const struct manifest_line *)a)->path, ((const struct manifest_line *)b)->path);
}

static bool read_lines(struct manifest *m, struct error *error)
{
    ptrdiff_t capacity = 0;
    for (struct str rest = m->text; rest.len; m->count++) {
        if (m->count == capacity) {
            capacity = capacity ? 2 * capacity : 1024;
            m->lines = reallocarray(m->lines, (size_t)capacity, sizeof(*m->lines));
            if (!m->lines)
                abort();
        }
        if (!take_line(&rest, &m->lines[m->count]))
            return error_set(error, E_INVALID, "line %td of SHA256SUMS is none that a backup has", m->count + 1);
    }
    return true;
}

static bool settle(struct manifest *m, bool repeats, struct error *error)
{
    ptrdiff_t kept = 0;
    if (m->count)
        qsort(m->lines, (size_t)m->count, sizeof(*m->lines), by_path);
    for (ptrdiff_t i = 0; i < m->count; i++) {
        bool again = kept && str_equal(m->lines[kept - 1].path, m->lines[i].path);
        if (again && !(repeats && str_equal(m->lines[kept - 1].sha256, m->lines[i].sha256)))
            return error_set(error, E_INVALID, "SHA256SUMS names %.*s twice", STR_FMT(m->lines[i].path));
        if (!again)
            m->lines[kept++] = m->lines[i];
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

static bool open_view(int fd, const char *path, struct manifest *m, struct error *error)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return file_fail(error, "read", path, EINVAL);
    if (!st.st_size)
        return error_set(error, E_INVALID, "SHA256SUMS is empty");
    return file_view_open(&m->view, fd, st.st_size, error);
}

bool manifest_open(const char *path, bool repeats, struct manifest **out, struct error *error)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? error_set(error, E_NOT_FOUND, "there is no SHA256SUMS: this is no whole backup")
                               : file_fail(error, "open", path, errno);
    struct manifest *m = manifest_new();
    bool ok = open_view(fd, path, m, error);
    close(fd);
    if (!ok) {
        manifest_free(m);
        return false;
    }
    m->text = m->view.bytes;
    return read_text(m, repeats, out, error);
}

const struct manifest_line *manifest_find(const struct manifest *manifest, struct str path)
{
    struct manifest_line key = { .path = path };
    return manifest->count ? bsearch(&key, manifest->lines, (size_t)manifest->count, sizeof(*manifest->lines), by_path)
                           : NULL;
}

bool manifest_path(const struct manifest_line *line, char path[MANIFEST_PATH_MAX + 1], struct error *error)
{
    memcpy(path, line->path.at, (size_t)line->path.len);
    path[line->path.len] = '\0';
    return manifest_path_is_legal((struct str){ path, line->path.len }) ||
           error_set(error, E_UNREADABLE, "SHA256SUMS has changed, or cannot be read any more");
}

bool manifest_close(struct manifest *manifest, struct error *error)
{
    if (!manifest)
        return true;
    bool whole = file_view_close(&manifest->view, error);
    free(manifest->lines);
    free(manifest);
    return whole;
}

void manifest_free(struct manifest *manifest)
{
    struct error unheard = { 0 };
    (void)!manifest_close(manifest, &unheard);
}
