/* decoder_work.c - a request done: bytes gathered, decoded, rendered or counted. */
#include "raster/decoder_work.h"

#include "base/file_view.h"
#include "raster/colour_profile.h"
#include "raster/raster_file.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>

/* What one request holds; all of it is given back at its end. */
struct work {
    struct decoder_desk *desk;
    const struct decoder_request *request;
    int fd;
    struct pixel_format format;
    struct decoder_reply *reply;
    struct error *error;
    /* The encoded bytes: mapped, or gathered. */
    struct str encoded;
    struct file_view view;
    void *gathered;
    void *samples;                        /* where they are not the result themselves */
    const struct colour_profile *profile; /* of what is rendered or counted; NULL: none */
    const char *remark;                   /* for whoever looks at it; NULL: nothing */
};

/* ---- the desk ---- */

bool decoder_desk_open(struct decoder_desk *desk, int memory, int64_t max_result_bytes, struct error *error)
{
    void *request = mmap(NULL, DECODER_REQUEST_BYTES, PROT_READ, MAP_SHARED, memory, 0);
    if (request == MAP_FAILED)
        return error_set(error, E_UNAVAILABLE, "cannot map the shared memory: %s", strerror(errno));
    desk->memory = memory;
    desk->request = request;
    desk->result = NULL;
    desk->result_bytes = 0;
    desk->profile_bytes = STR_NULL;
    desk->profile = NULL;
    desk->max_result_bytes = max_result_bytes;
    return true;
}

static void unmap_result(struct decoder_desk *desk)
{
    if (desk->result)
        munmap(desk->result, (size_t)desk->result_bytes);
    desk->result = NULL;
    desk->result_bytes = 0;
}

/* `bytes` of the shared memory to write the result to. */
static void *result_room(struct work *w, int64_t bytes)
{
    struct decoder_desk *desk = w->desk;
    if (bytes > desk->max_result_bytes) {
        error_set(w->error, E_INVALID, "the result has %" PRId64 " bytes; at most %" PRId64 " are allowed", bytes,
                  desk->max_result_bytes);
        return NULL;
    }
    if (bytes > desk->result_bytes) {
        unmap_result(desk);
        int64_t wanted = bytes > DECODER_RESULT_KEPT ? bytes : DECODER_RESULT_KEPT;
        if (wanted > desk->max_result_bytes)
            wanted = desk->max_result_bytes;
        void *at = mmap(NULL, (size_t)wanted, PROT_READ | PROT_WRITE, MAP_SHARED, desk->memory, DECODER_REQUEST_BYTES);
        if (at == MAP_FAILED) {
            error_set(w->error, E_TOO_LARGE, "the result needs more memory than a decoder may have");
            return NULL;
        }
        desk->result = at;
        desk->result_bytes = wanted;
    }
    return desk->result;
}

/* ---- input ---- */

static bool no_memory(struct work *w)
{
    return error_set(w->error, E_TOO_LARGE, "the picture needs more memory than a decoder may have");
}

static bool is_unreadable(struct work *w)
{
    return error_set(w->error, E_UNAVAILABLE, "the file cannot be read: %s", strerror(errno));
}

static bool is_cut(struct work *w)
{
    return error_set(w->error, E_INVALID, "the file ends within the frame");
}

/* One piece is used where it lies. */
static bool map_piece(struct work *w, struct decoder_piece piece)
{
    struct error ignored = { 0 };
    if (piece.length == 0)
        return is_cut(w);
    if (!file_view_open_part(&w->view, w->fd, piece.offset, piece.length, &ignored))
        return no_memory(w);
    w->encoded = w->view.bytes;
    return true;
}

static bool read_piece(struct work *w, struct decoder_piece piece, char *to)
{
    for (int64_t done = 0; done < piece.length;) {
        ssize_t got = pread(w->fd, to + done, (size_t)(piece.length - done), piece.offset + done);
        if (got < 0)
            return is_unreadable(w);
        if (got == 0) /* it was as long as that when it was opened */
            return error_set(w->error, E_UNREADABLE, "the file cannot be read: it was cut meanwhile");
        done += got;
    }
    return true;
}

static bool gather(struct work *w, const struct decoder_piece *pieces, int64_t count, int64_t file_bytes)
{
    int64_t total = 0, done = 0;
    for (int64_t i = 0; i < count; i++) {
        if (pieces[i].length > file_bytes || pieces[i].offset > file_bytes - pieces[i].length)
            return is_cut(w);
        if (__builtin_add_overflow(total, pieces[i].length, &total))
            return no_memory(w);
    }
    if (count == 1)
        return map_piece(w, pieces[0]);
    char *all = malloc(total > 0 ? (size_t)total : 1);
    if (!all)
        return no_memory(w);
    w->gathered = all;
    for (int64_t i = 0; i < count; done += pieces[i++].length)
        if (!read_piece(w, pieces[i], all + done))
            return false;
    w->encoded = (struct str){ all, (ptrdiff_t)total };
    return true;
}

static bool open_encoded(struct work *w)
{
    int64_t file_bytes = lseek(w->fd, 0, SEEK_END);
    if (file_bytes < 0)
        return error_set(w->error, E_INTERNAL, "the file has no size: %s", strerror(errno));
    if (w->request->pieces == 0)
        return gather(w, &(struct decoder_piece){ 0, file_bytes }, 1, file_bytes);
    if (w->request->pieces < 0 || w->request->pieces > DECODER_PIECES_MAX)
        return error_set(w->error, E_INTERNAL, "a request with %" PRId64 " pieces", w->request->pieces);
    return gather(w, (const struct decoder_piece *)(const void *)w->desk->request, w->request->pieces, file_bytes);
}

/* ---- output ---- */

static bool needs_presentation(const struct decoder_request *request)
{
    return request->kind == DECODE_RENDER || request->kind == DECODE_HISTOGRAM;
}

static void take_lut(struct lut *to, const struct decoder_lut *from, const char *desk, int64_t *offset)
{
    int32_t count = from->count < 0 ? 0 : from->count > LUT_ENTRIES_MAX ? LUT_ENTRIES_MAX : from->count;
    to->count = count;
    to->first = from->first;
    to->bits = from->bits;
    memcpy(to->entries, desk + *offset, (size_t)count * sizeof(to->entries[0]));
    *offset += count * (int64_t)sizeof(to->entries[0]);
}

static void keep_profile(struct decoder_desk *desk, struct str bytes)
{
    colour_profile_close(desk->profile);
    free((char *)desk->profile_bytes.at);
    desk->profile = NULL;
    desk->profile_bytes = STR_NULL;
    char *copy = bytes.len <= COLOUR_PROFILE_MAX ? malloc((size_t)bytes.len) : NULL;
    if (copy) {
        memcpy(copy, bytes.at, (size_t)bytes.len);
        desk->profile_bytes = (struct str){ copy, bytes.len };
        bytes = desk->profile_bytes;
    }
    desk->profile = colour_profile_open(bytes, PROFILE_RGB8, &desk->profile_trouble);
}

/* `at`: where it lies, if it is not too large. */
static void take_profile(struct work *w, const char *at)
{
    struct decoder_desk *desk = w->desk;
    struct str bytes = { at, (ptrdiff_t)w->request->profile_bytes };
    if (bytes.len <= 0)
        return;
    if (bytes.len > COLOUR_PROFILE_MAX || !str_equal(desk->profile_bytes, bytes))
        keep_profile(desk, bytes);
    w->profile = desk->profile;
    w->remark = desk->profile_trouble;
}

static void take_presentation(struct work *w)
{
    struct presentation *r = &w->desk->presentation;
    int64_t offset = w->request->pieces * (int64_t)sizeof(struct decoder_piece);
    memcpy(r, w->request->presentation, sizeof(w->request->presentation));
    for (int i = 0; i < DECODER_LUTS; i++) {
        struct lut *lut = i == 0 ? &r->modality : i == 1 ? &r->voi_lut : &r->palette[i - 2];
        take_lut(lut, &w->request->luts[i], w->desk->request, &offset);
    }
    int32_t count = w->request->world.count;
    r->world.count = count < 0 ? 0 : count > LUT_ENTRIES_MAX ? LUT_ENTRIES_MAX : count;
    r->world.first = w->request->world.first;
    memcpy(r->world.values, w->desk->request + offset, (size_t)r->world.count * sizeof(r->world.values[0]));
    take_profile(w, w->desk->request + offset + (size_t)r->world.count * sizeof(r->world.values[0]));
}

static bool put_result(struct work *w, const void *bytes, int64_t len)
{
    void *room = result_room(w, len);
    if (!room)
        return false;
    memcpy(room, bytes, (size_t)len);
    w->reply->bytes = len;
    return true;
}

/* Samples to what was asked for. */
static bool show(struct work *w, const struct samples *samples)
{
    if (w->request->kind == DECODE_HISTOGRAM) {
        struct histogram counted;
        return histogram(samples, &w->desk->presentation, &counted, w->error) &&
               put_result(w, &counted, sizeof(counted));
    }
    struct text picture;
    text_init(&picture, (ptrdiff_t)w->desk->max_result_bytes);
    bool ok = render(samples, &w->desk->presentation, &picture, &w->reply->width, &w->reply->height, w->error) &&
              put_result(w, picture.at, picture.len);
    text_release(&picture);
    return ok;
}

/* Where samples go: they are the result, or only on the way to it. */
static void *sample_room(struct work *w, int64_t bytes)
{
    if (w->request->kind == DECODE_SAMPLES)
        return result_room(w, bytes);
    if (bytes > w->desk->max_result_bytes || !(w->samples = malloc((size_t)bytes)))
        no_memory(w);
    return w->samples;
}

static bool finish(struct work *w, const void *at, int64_t bytes, const struct decoded_format *decoded)
{
    struct samples samples = { at, (ptrdiff_t)bytes, w->format, *decoded, w->profile };
    w->reply->format = w->format;
    w->reply->format.syntax = NULL;
    w->reply->decoded = *decoded;
    if (w->request->kind == DECODE_PROBE)
        return true;
    if (w->request->kind != DECODE_SAMPLES) {
        snprintf(w->reply->remark, sizeof(w->reply->remark), "%s", w->remark ? w->remark : "");
        return show(w, &samples);
    }
    w->reply->bytes = bytes;
    return true;
}

static bool work_on_frame(struct work *w)
{
    struct decoded_format decoded;
    if (w->request->syntax < 0 || w->request->syntax >= dicom_syntax_count)
        return error_set(w->error, E_UNSUPPORTED_TYPE, "the transfer syntax is not known");
    w->format.syntax = &dicom_syntaxes[w->request->syntax];
    if (!open_encoded(w))
        return false;
    int64_t bytes = pixel_frame_bytes(&w->format);
    const void *in_place = frame_in_place(&w->format, w->encoded, w->request->first_bit, &decoded);
    if (in_place && w->request->kind != DECODE_SAMPLES)
        return finish(w, in_place, bytes, &decoded);
    void *at = sample_room(w, bytes);
    return at &&
           frame_decode(&w->format, w->encoded, w->request->first_bit, at, (ptrdiff_t)bytes, &decoded, w->error) &&
           finish(w, at, bytes, &decoded);
}

/* Grey values of 8 bits are what a screen shows, and stay as they are unless a window is asked for; deeper ones are
 * seldom used to their full range and are stretched (VOI_NONE). */
static void show_as_stored(struct presentation *r)
{
    if (r->voi != VOI_NONE)
        return;
    r->slope = 1;
    r->intercept = 0;
    r->voi = VOI_LINEAR_EXACT; /* from 0 to 255 (PS3.3 C.11.2.1.3.2) */
    r->center = 127.5;
    r->width = 255;
}

/* What was not known of the file when the window was asked for: whether there are whole values to count. */
static bool fit_window(const struct work *w, struct presentation *r)
{
    if (r->voi == VOI_NONE || r->voi == VOI_AS_IS)
        return true;
    if (w->format.samples != 1)
        return error_set(w->error, E_INVALID, "windows are for grey pictures; this one is in colour");
    if (r->voi == VOI_LINEAR && w->format.kind != SAMPLE_INTEGER)
        r->voi = VOI_LINEAR_EXACT;
    return true;
}

/* libvips takes what a disk does not give for the end of the file. */
static bool can_be_read(int fd)
{
    enum { STEP = 256 << 10 };
    char *bytes = malloc(STEP);
    ssize_t got = bytes ? 1 : 0;
    for (int64_t at = 0; got > 0; at += got)
        got = pread(fd, bytes, STEP, at);
    free(bytes);
    return got == 0;
}

/* A large picture is shown all the same, in a smaller size: it is shrunk while it is decoded. */
static bool fits_a_frame(struct work *w, int64_t bytes)
{
    int64_t most = w->desk->max_result_bytes;
    return bytes <= most || error_set(w->error, E_INVALID,
                                      "the picture of %" PRId64 " x %" PRId64 " takes %" PRId64
                                      " bytes when it is decoded, and MAX_FRAME "
                                      "allows %" PRId64 ": ask for a picture of it with a smaller width or height",
                                      w->format.columns, w->format.rows, bytes, most);
}

/* So much a decoder of any memory has. */
static int64_t drawn_whole(const struct work *w)
{
    enum { MOST = 64 << 20 };
    return w->desk->max_result_bytes < MOST ? w->desk->max_result_bytes : MOST;
}

static bool work_on_raster(struct work *w)
{
    struct raster_file *file = NULL;
    struct raster_request wanted = { .type = w->request->file_type,
                                     .page = w->request->page,
                                     .max_pixels = w->request->max_pixels,
                                     .max_bytes = drawn_whole(w) };
    bool renders = w->request->kind == DECODE_RENDER;
    if (renders) {
        wanted.box_width = w->desk->presentation.box_width;
        wanted.box_height = w->desk->presentation.box_height;
    }
    if (!raster_file_open(w->fd, &wanted, &file, &w->format, w->error))
        return false;
    struct decoded_format decoded = { w->format.photometric, w->format.bits_stored, w->format.is_signed };
    int64_t bytes = w->format.rows * w->format.columns * w->format.samples * (w->format.bits_allocated / 8);
    bool probe = w->request->kind == DECODE_PROBE, fits = probe || fits_a_frame(w, bytes);
    void *at = probe || !fits ? NULL : sample_room(w, bytes);
    bool ok = !renders || fit_window(w, &w->desk->presentation);
    if (renders && w->format.bits_allocated == 8 && !w->format.is_signed)
        show_as_stored(&w->desk->presentation);
    ok = ok && (at || probe) && raster_file_read(file, at, w->error);
    if (ok && needs_presentation(w->request))
        w->profile = raster_file_profile(file, &w->remark);
    ok = ok && finish(w, at, bytes, &decoded);
    raster_file_close(file);
    return ok;
}

void decoder_work(struct decoder_desk *desk, const struct decoder_request *request, int fd, struct decoder_reply *reply)
{
    struct error error = { 0 };
    struct work w = { .desk = desk, .request = request, .fd = fd, .format = request->format, .error = &error };
    *reply = (struct decoder_reply){ .magic = DECODER_MAGIC, .number = request->number };
    w.reply = reply;
    if (needs_presentation(request))
        take_presentation(&w);
    bool is_frame = request->file_type == FILE_DICOM, ok = (is_frame ? work_on_frame : work_on_raster)(&w);
    if (!file_view_close(&w.view, &error) || !ok) {
        if (!is_frame && error.code == E_INVALID && !can_be_read(fd)) {
            error_clear(&error);
            is_unreadable(&w);
        }
        reply->code = error.code;
        snprintf(reply->message, sizeof(reply->message), "%s", error.message);
    }
    free(w.gathered);
    free(w.samples);
    if (desk->result_bytes > DECODER_RESULT_KEPT)
        unmap_result(desk);
}
