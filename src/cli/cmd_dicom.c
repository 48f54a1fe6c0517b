/* cmd_dicom.c - dicom dump and dicom json: what is in DICOM files, without a server, a database or settings. */
#include "cli/command.h"
#include "cli/plain.h"

#include "base/file_view.h"
#include "dicom/dump.h"
#include "dicom/json.h"
#include "base/names.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OUTPUT_MAX = 1 << 30, STREAM_KEPT = 1 << 30, STREAM_VALUE_MAX = 1 << 28 };

static const char *const actions[] = { "dump", "json", NULL };
enum { ACTION_NONE, ACTION_DUMP, ACTION_JSON };
NAMES_REACH(actions, ACTION_JSON);

struct dicom_command {
    unsigned action;
    struct texts files;
    bool offsets, all_values, meta, skip_pixels;
    struct str bulk_uri;
    int64_t bulk_bytes;
};
static const struct field dicom_fields[] = {
    FIELD(struct dicom_command, action, .choices = actions, .flags = REQUIRED,
          .doc = "dump: a line for each element. json: the DICOM JSON model, one line for each file."),
    FIELD(struct dicom_command, files, .flags = REQUIRED, .min = 1, .max = 1000000,
          .doc = "DICOM files; - is standard input."),
    FIELD(struct dicom_command, offsets, .doc = "dump: the byte offset of each element in front."),
    FIELD(struct dicom_command, all_values, .doc = "dump: values whole, however long."),
    FIELD(struct dicom_command, meta, .doc = "json: the file meta information (group 0002) too."),
    FIELD(struct dicom_command, skip_pixels, .doc = "json: without pixel data."),
    FIELD(struct dicom_command, bulk_uri, .max = 1000,
          .doc = "json: long values are not written, but referred to by this prefix and the way to them."),
    FIELD(struct dicom_command, bulk_bytes, .fallback = "1024", .min = 0, .max = 1 << 30,
          .doc = "json: how many bytes are long, for --bulk-uri."),
};
const struct schema dicom_options = SCHEMA("Dicom", struct dicom_command, dicom_fields);

/* ---- input ---- */

static ptrdiff_t read_descriptor(void *context, void *into, ptrdiff_t room)
{
    return read(*(const int *)context, into, (size_t)room);
}

struct source {
    int fd;
    struct file_view view; /* of a regular file */
    struct dicom_input input;
};

static void source_leave(struct source *s)
{
    if (s->fd > STDIN_FILENO)
        close(s->fd);
}

/* Regular files are mapped; what cannot be (standard input, pipes) is read as it comes. */
static bool source_open(struct source *s, const char *path, struct error *error)
{
    struct stat stat;
    bool is_standard_input = !strcmp(path, "-");
    s->view = (struct file_view){ 0 };
    s->fd = is_standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0 || fstat(s->fd, &stat) != 0) {
        int problem = errno;
        source_leave(s);
        return error_set(error, E_NOT_FOUND, "cannot be opened: %s", strerror(problem));
    }
    if (is_standard_input || !S_ISREG(stat.st_mode)) {
        dicom_input_stream(&s->input, read_descriptor, &s->fd, STREAM_KEPT);
        return true;
    }
    if (!file_view_open(&s->view, s->fd, stat.st_size, error)) {
        source_leave(s);
        return false;
    }
    dicom_input_memory(&s->input, s->view.bytes);
    return true;
}

/* False: what was told of it is not what it holds. */
static bool source_close(struct source *s, struct error *error)
{
    dicom_input_release(&s->input);
    source_leave(s);
    return file_view_close(&s->view, error);
}

/* ---- output ---- */

static bool put_dump(const struct dicom_command *in, struct dicom_input *input, struct text *out, struct error *error)
{
    struct dicom_limits limits = dicom_default_limits;
    const struct dicom_dump_options options = { .offsets = in->offsets, .all_values = in->all_values };
    struct dicom_dump dump;
    struct dicom_file file;
    limits.value_bytes = STREAM_VALUE_MAX;
    dicom_dump_begin(&dump, &options, out);
    bool ok = dicom_parse(input, &limits, &dicom_dump_events, &dump, &file, error);
    dicom_dump_end(&dump);
    return ok;
}

static bool put_json(const struct dicom_command *in, struct dicom_input *input, struct text *out, struct error *error)
{
    struct dicom_limits limits = dicom_default_limits;
    const struct dicom_json_options options = { .bulk_threshold_bytes = in->bulk_bytes,
                                                .bulk_uri_prefix = in->bulk_uri,
                                                .skip_pixel_data = in->skip_pixels,
                                                .include_meta = in->meta };
    struct dicom_json json;
    struct dicom_file file;
    limits.value_bytes = STREAM_VALUE_MAX;
    dicom_json_begin(&json, &options, out);
    bool ok = dicom_parse(input, &limits, &dicom_json_events, &json, &file, error);
    dicom_json_end(&json);
    text_put_char(out, '\n');
    if (ok && json.left_out)
        return error_set(error, E_TOO_LARGE, "%" PRId64 " values of more than %d bytes were left out", json.left_out,
                         STREAM_VALUE_MAX);
    return ok;
}

/* What could be read of a damaged file is printed before what was wrong with it. */
static bool put_file(const struct dicom_command *in, const char *path, struct error *error)
{
    struct source source = { .fd = -1 };
    struct text out;
    text_init(&out, OUTPUT_MAX);
    bool ok = source_open(&source, path, error);
    if (ok) {
        ok = (in->action == ACTION_JSON ? put_json : put_dump)(in, &source.input, &out, error);
        if (!source_close(&source, error))
            ok = false;
        else if (out.overflowed)
            ok = error_set(error, E_TOO_LARGE, "the output exceeds %d bytes", OUTPUT_MAX);
        else if (out.len && (fwrite(out.at, 1, (size_t)out.len, stdout) != (size_t)out.len || fflush(stdout) != 0))
            ok = error_set(error, E_INTERNAL, "standard output: %s", strerror(errno));
    }
    text_release(&out);
    return ok;
}

static void put_heading(bool is_further, const char *path)
{
    fputs(is_further ? "\n" : "", stdout);
    put_plain(stdout, str_from(path));
    fputs(":\n", stdout);
}

static void put_trouble(const char *path, const char *message)
{
    fputs("roentgen: ", stderr);
    put_plain(stderr, str_from(path));
    fputs(": ", stderr);
    put_plain(stderr, str_from(message));
    fputc('\n', stderr);
}

int cmd_dicom(struct call *c)
{
    const struct dicom_command *in = c->in;
    int status = 0;
    for (ptrdiff_t i = 0; i < in->files.count; i++) {
        struct error error = { 0 };
        const char *path = arena_cstring(&c->arena, in->files.items[i]);
        if (in->action == ACTION_DUMP && in->files.count > 1)
            put_heading(i > 0, path);
        if (!put_file(in, path, &error)) {
            put_trouble(path, error.message);
            status = 1;
        }
    }
    return status;
}
