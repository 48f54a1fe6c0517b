/* encode_jpeg.c - baseline JPEG (JFIF) by libjpeg-turbo, whose integer DCT and Huffman coder are vectorised. Grey stays
 * one component. */
#include "raster/picture.h"

#include <setjmp.h>

#include <jpeglib.h>

enum { PIECE_BYTES = 32768, FULL_COLOUR_QUALITY = 90 };

struct jpeg_out {
    struct jpeg_destination_mgr manager; /* first: libjpeg hands it back */
    struct text *text;
    ptrdiff_t piece; /* bytes it was lent */
};

struct jpeg_trouble {
    struct jpeg_error_mgr manager; /* first, likewise */
    jmp_buf back;
    char message[JMSG_LENGTH_MAX];
};

static void on_error(j_common_ptr info)
{
    struct jpeg_trouble *trouble = (struct jpeg_trouble *)(void *)info->err;
    info->err->format_message(info, trouble->message);
    longjmp(trouble->back, 1);
}

static void on_message(j_common_ptr info)
{
    (void)info; /* warnings go nowhere */
}

static void next_piece(j_compress_ptr jpeg)
{
    struct jpeg_out *out = (struct jpeg_out *)(void *)jpeg->dest;
    ptrdiff_t left = out->text->max - out->text->len;
    out->piece = left > 0 && left < PIECE_BYTES ? left : PIECE_BYTES;
    out->manager.next_output_byte = (JOCTET *)text_room(out->text, out->piece);
    out->manager.free_in_buffer = (size_t)out->piece;
    if (!out->manager.next_output_byte)
        jpeg->err->error_exit((j_common_ptr)jpeg);
}

static boolean on_full(j_compress_ptr jpeg)
{
    struct jpeg_out *out = (struct jpeg_out *)(void *)jpeg->dest;
    text_grown(out->text, out->piece);
    next_piece(jpeg);
    return TRUE;
}

static void on_end(j_compress_ptr jpeg)
{
    struct jpeg_out *out = (struct jpeg_out *)(void *)jpeg->dest;
    text_grown(out->text, out->piece - (ptrdiff_t)out->manager.free_in_buffer);
}

static void write_rows(j_compress_ptr jpeg, const struct picture *picture)
{
    while (jpeg->next_scanline < jpeg->image_height) {
        JSAMPROW row = picture->at + (ptrdiff_t)jpeg->next_scanline * picture->stride;
        jpeg_write_scanlines(jpeg, &row, 1);
    }
}

/* Grey rows of whole blocks need none of what libjpeg does to rows before it cuts them into blocks, a quarter of its
 * time: they go in eight at a time, the last one again where fewer are left, as libjpeg would repeat it. */
static bool is_whole_blocks(const struct picture *picture)
{
    return picture->channels == 1 && picture->width % DCTSIZE == 0;
}

static void write_blocks(j_compress_ptr jpeg, const struct picture *picture)
{
    JSAMPROW rows[DCTSIZE];
    JSAMPARRAY components[] = { rows };
    while (jpeg->next_scanline < jpeg->image_height) {
        for (int i = 0; i < DCTSIZE; i++) {
            int64_t y = (int64_t)jpeg->next_scanline + i;
            rows[i] = picture->at + (y < picture->height ? y : picture->height - 1) * picture->stride;
        }
        jpeg_write_raw_data(jpeg, components, DCTSIZE);
    }
}

static void compress(j_compress_ptr jpeg, const struct picture *picture, int quality)
{
    jpeg->image_width = (JDIMENSION)picture->width;
    jpeg->image_height = (JDIMENSION)picture->height;
    jpeg->input_components = picture->channels;
    jpeg->in_color_space = picture->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, quality, TRUE);
    jpeg->dct_method = JDCT_ISLOW; /* as fast as JDCT_IFAST, which on a CT loses 3 dB at quality 97, 13 dB at 100 */
    if (quality >= FULL_COLOUR_QUALITY)
        jpeg->comp_info[0].h_samp_factor = jpeg->comp_info[0].v_samp_factor = 1;
    jpeg->raw_data_in = is_whole_blocks(picture);
    jpeg_start_compress(jpeg, TRUE);
    (jpeg->raw_data_in ? write_blocks : write_rows)(jpeg, picture);
    jpeg_finish_compress(jpeg);
}

bool encode_jpeg(const struct picture *picture, int quality, struct text *out, struct error *error)
{
    if (picture->width > JPEG_MAX_DIMENSION || picture->height > JPEG_MAX_DIMENSION)
        return error_set(error, E_INVALID, "a JPEG is at most %ld pixels wide and high", JPEG_MAX_DIMENSION);
    struct jpeg_compress_struct jpeg = { .err = NULL };
    struct jpeg_trouble trouble = { .message = "" };
    struct jpeg_out destination = {
        .manager = { .init_destination = next_piece, .empty_output_buffer = on_full, .term_destination = on_end },
        .text = out,
    };
    jpeg.err = jpeg_std_error(&trouble.manager);
    trouble.manager.error_exit = on_error;
    trouble.manager.output_message = on_message;
    if (setjmp(trouble.back)) {
        jpeg_destroy_compress(&jpeg);
        return out->overflowed ? error_set(error, E_TOO_LARGE, "the JPEG has more than %td bytes", out->max)
                               : error_set(error, E_TOO_LARGE, "the JPEG could not be made: %s", trouble.message);
    }
    jpeg_create_compress(&jpeg);
    jpeg.dest = &destination.manager;
    compress(&jpeg, picture, quality);
    jpeg_destroy_compress(&jpeg);
    return true;
}
