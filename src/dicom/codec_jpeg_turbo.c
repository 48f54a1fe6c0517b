/* codec_jpeg_turbo.c - DCT JPEG of 8 bits through libjpeg-turbo. */
#include "dicom/codec_faces.h"

#include <setjmp.h>
#include <stdio.h>
#include <jpeglib.h>
/* The codes alone: macros further down in that header name calls that do not compile here (base/poison.h). */
#define JERROR_H
#define JMAKE_ENUM_LIST
#define JMESSAGE(code, string) code,
#include <jerror.h>

enum { SCANS_MAX = 256 };

/* The library's own structures come first, so that its pointers are ours. */
struct turbo_errors {
    struct jpeg_error_mgr manager;
    jmp_buf leave;
    char message[JMSG_LENGTH_MAX];
};

struct turbo {
    struct jpeg_decompress_struct decompress;
    struct turbo_errors errors;
    struct jpeg_progress_mgr progress;
    JSAMPLE *row; /* where the samples have to be widened */
};

static void turbo_failed(j_common_ptr common)
{
    struct turbo_errors *errors = (struct turbo_errors *)common->err;
    errors->manager.format_message(common, errors->message);
    longjmp(errors->leave, 1);
}

/* Level -1: the data is damaged. The library would go on with grey; a diagnosis must not rest on that. Bytes too many
 * hurt nobody. */
static void turbo_warned(j_common_ptr common, int level)
{
    int code = common->err->msg_code;
    if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_JPEG_EOF && code != JWRN_ADOBE_XFORM &&
        code != JWRN_JFIF_MAJOR)
        turbo_failed(common);
}

/* A progressive picture may have any number of scans, each of which costs all of its size in time. */
static void turbo_progress(j_common_ptr common)
{
    j_decompress_ptr decompress = (j_decompress_ptr)common;
    if (decompress->input_scan_number <= SCANS_MAX)
        return;
    struct turbo_errors *errors = (struct turbo_errors *)common->err;
    snprintf(errors->message, sizeof(errors->message), "more than %d scans", SCANS_MAX);
    longjmp(errors->leave, 1);
}

/* Everything that may leave by longjmp; locals that live across it are in *turbo. */
static bool turbo_run(struct turbo *turbo, const struct pixel_format *format, struct str encoded, char *out)
{
    j_decompress_ptr decompress = &turbo->decompress;
    if (setjmp(turbo->errors.leave))
        return false;
    jpeg_create_decompress(decompress);
    decompress->progress = &turbo->progress;
    jpeg_mem_src(decompress, (const unsigned char *)encoded.at, (unsigned long)encoded.len);
    jpeg_read_header(decompress, TRUE);
    /* No conversion of colours: what the components are is decided by our caller. */
    decompress->out_color_space = decompress->jpeg_color_space;
    decompress->dct_method = JDCT_ISLOW;
    jpeg_start_decompress(decompress);
    int width = sample_bytes(format);
    int64_t samples = format->columns * format->samples;
    if (decompress->output_width != (JDIMENSION)format->columns ||
        decompress->output_height != (JDIMENSION)format->rows || decompress->output_components != format->samples) {
        snprintf(turbo->errors.message, sizeof(turbo->errors.message), "its headers contradict each other");
        return false;
    }
    while (decompress->output_scanline < decompress->output_height) {
        char *to = out + decompress->output_scanline * samples * width;
        JSAMPROW rows[1] = { width == 1 ? (JSAMPROW)to : turbo->row };
        jpeg_read_scanlines(decompress, rows, 1);
        if (width > 1)
            samples_widen_u8(turbo->row, samples, width, to);
    }
    return true;
}

bool jpeg_turbo_decode(const struct pixel_format *format, struct str encoded, void *out, struct decoded_format *decoded,
                       struct error *error)
{
    (void)decoded;
    struct turbo *turbo = calloc(1, sizeof(*turbo));
    JSAMPLE *row = malloc((size_t)(format->columns * format->samples));
    if (!turbo || !row)
        abort();
    turbo->row = row;
    turbo->decompress.err = jpeg_std_error(&turbo->errors.manager);
    turbo->errors.manager.error_exit = turbo_failed;
    turbo->errors.manager.emit_message = turbo_warned;
    turbo->progress.progress_monitor = turbo_progress;
    bool ok = turbo_run(turbo, format, encoded, out);
    if (!ok)
        error_set(error, E_INVALID, "the JPEG frame is damaged: %s", turbo->errors.message);
    jpeg_destroy_decompress(&turbo->decompress);
    free(row);
    free(turbo);
    return ok;
}
