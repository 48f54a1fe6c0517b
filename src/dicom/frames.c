/* frames.c - where the bytes of each frame are (PS3.5 8.2, A.4). */
#include "dicom/codec_faces.h"

#define TAG_EXTENDED_OFFSETS 0x7FE00001u
enum { ITEM_HEADER = 8 };

/* ---- native ---- */

static bool native_frame(const struct dicom_object *object, const struct dicom_node *node,
                         const struct pixel_format *format, int64_t number, struct arena *arena,
                         struct frame_source *out, struct error *error)
{
    const struct dicom_element *element = &node->element;
    int64_t bits = native_frame_bits(format);
    if (bits > (INT64_MAX >> 1) / number)
        return error_set(error, E_INVALID, "frame %lld lies beyond any file", (long long)number);
    int64_t first = (number - 1) * bits, begin = first / 8, end = (first + bits + 7) / 8;
    if (format->as_words) {
        begin &= ~INT64_C(1);
        end = (end + 1) & ~INT64_C(1);
    }
    int64_t there = element->value.len;
    if (there < end)
        return error_set(error, E_INVALID,
                         "Pixel Data (%04X,%04X) at byte %lld has %lld bytes: frame %lld of %lld needs %lld more",
                         element->tag >> 16, element->tag & 0xFFFF, (long long)element->offset, (long long)there,
                         (long long)number, (long long)format->frames, (long long)(end - there));
    struct str *piece = arena_new(arena, struct str);
    int64_t *offset = arena_new(arena, int64_t);
    *piece = str_slice(element->value, begin, end);
    *offset = object->file.syntax->deflated ? -1 : element->value_offset + begin;
    *out =
        (struct frame_source){ .pieces = piece, .offsets = offset, .count = 1, .first_bit = (int)(first - begin * 8) };
    return true;
}

/* ---- encapsulated ---- */

/* The fragment whose item begins there; -1: none does. */
static int64_t fragment_at(const struct dicom_node *node, uint64_t offset)
{
    if (offset > INT64_MAX / 2)
        return -1;
    int64_t wanted = node->fragments->offsets[0] + (int64_t)offset, low = 0, high = node->item_count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (node->fragments->offsets[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low < node->item_count && node->fragments->offsets[low] == wanted ? low : -1;
}

struct span {
    int64_t first, end; /* fragments */
};

/* By a table of offsets from the first fragment's item, `width` bytes each. A table that does not point at fragments,
 * or not upwards, is of no use: writers have counted them from elsewhere, or left room and never filled it. */
static bool span_by_table(const struct dicom_node *node, const struct pixel_format *format, int64_t number,
                          struct str table, int width, struct span *out)
{
    if (table.len / width < format->frames)
        return false;
    /* Where the frame before, this one and the next begin. */
    int64_t begins[3] = { -1, -1, -1 };
    for (int i = 0; i < 3; i++) {
        int64_t index = number - 2 + i;
        const char *at = table.at + index * width;
        if (index == format->frames)
            begins[i] = node->item_count;
        else if (index >= 0)
            begins[i] = fragment_at(node, width == 8 ? dicom_u64(at, false) : dicom_u32(at, false));
    }
    *out = (struct span){ begins[1], begins[2] };
    bool after = number == 1 ? begins[1] == 0 : begins[0] >= 0 && begins[1] > begins[0];
    return after && begins[2] > begins[1];
}

enum { BEGIN_BYTES = 64 };

/* The bytes from fragment `first` on, over as many as it takes: nothing forbids fragments of two bytes. */
static struct str begin_of(const struct dicom_node *node, int64_t first, char room[BEGIN_BYTES])
{
    struct str begin = node->fragments->at[first];
    ptrdiff_t len = 0;
    if (begin.len >= BEGIN_BYTES)
        return begin;
    for (int64_t i = first; i < node->item_count && len < BEGIN_BYTES; i++) {
        struct str more = str_slice(node->fragments->at[i], 0, BEGIN_BYTES - len);
        if (more.len)
            memcpy(room + len, more.at, (size_t)more.len);
        len += more.len;
    }
    return (struct str){ room, len };
}

/* What a frame begins with: PS3.5 A.4.1 to A.4.4, annex G. An empty fragment begins none. */
static bool begins_frame(enum dicom_coding coding, const struct dicom_node *node, int64_t fragment)
{
    char room[BEGIN_BYTES];
    struct str begin = begin_of(node, fragment, room);
    if (!node->fragments->at[fragment].len)
        return false;
    switch (coding) {
    case CODING_JPEG:
    case CODING_JPEG_LS:
        return str_starts(begin, S("\377\330\377"));
    case CODING_JPEG2000:
        return str_starts(begin, S("\377\117\377\121")) || str_starts(begin, S("\0\0\0\014jP  "));
    case CODING_RLE:
        return begin.len >= BEGIN_BYTES && dicom_u32(begin.at, false) >= 1 && dicom_u32(begin.at, false) <= 15 &&
               dicom_u32(begin.at + 4, false) == BEGIN_BYTES;
    default:
        return false;
    }
}

static bool span_by_markers(const struct dicom_node *node, const struct pixel_format *format, int64_t number,
                            int64_t fragments, struct span *out)
{
    if (!begins_frame(format->syntax->coding, node, 0))
        return false;
    int64_t begun = 0;
    for (int64_t i = 0; i < fragments; i++) {
        if (!begins_frame(format->syntax->coding, node, i))
            continue;
        begun++;
        if (begun == number)
            *out = (struct span){ i, fragments };
        if (begun == number + 1) {
            out->end = i;
            return true;
        }
    }
    return begun == number;
}

static bool span_find(const struct dicom_object *object, const struct dicom_node *node,
                      const struct pixel_format *format, int64_t number, struct span *out)
{
    int64_t fragments = node->item_count;
    while (fragments > 1 && fragments > format->frames && node->fragments->at[fragments - 1].len == 0)
        fragments--; /* empty ones at the end belong to no frame */
    if (format->frames == 1) {
        *out = (struct span){ 0, fragments };
        return true;
    }
    /* As many as frames: one each. Fewer: the file ends early, and what is there begins in order. */
    if (fragments <= format->frames) {
        *out = (struct span){ number - 1, number };
        return true;
    }
    struct str extended = dicom_bytes(object->root, TAG_EXTENDED_OFFSETS);
    return span_by_table(node, format, number, extended, 8, out) ||
           span_by_table(node, format, number, node->fragments->table, 4, out) ||
           span_by_markers(node, format, number, fragments, out);
}

/* ---- the last frame of a file that does not say where its fragments end ---- */

static bool ends_with_marker(const struct frame_source *frame)
{
    const unsigned char *last = NULL;
    unsigned char kept[2] = { 0 };
    int count = 0;
    for (int64_t i = frame->count - 1; i >= 0 && count < 2; i--) {
        last = (const unsigned char *)frame->pieces[i].at;
        for (ptrdiff_t at = frame->pieces[i].len - 1; at >= 0 && count < 2; at--)
            if (count || last[at]) /* zeros behind it are padding */
                kept[count++] = last[at];
    }
    return count == 2 && kept[1] == 0xFF && kept[0] == 0xD9;
}

static bool is_as_long(const struct frame_source *frame, int64_t bytes)
{
    for (int64_t i = 0; i < frame->count; i++)
        bytes -= frame->pieces[i].len;
    return bytes <= 0;
}

/* As far as can be told without decoding: JPEG's EOI, JPEG 2000's EOC; RLE and deflated frames, which are one fragment
 * each (PS3.5 A.4.2, A.4.13), by what they unpack to. Of films nothing is known. */
static bool is_whole(const struct pixel_format *format, const struct frame_source *frame)
{
    switch (format->syntax->coding) {
    case CODING_NATIVE:
        return is_as_long(frame, (native_frame_bits(format) + 7) / 8);
    case CODING_JPEG:
    case CODING_JPEG_LS:
    case CODING_JPEG2000:
        return ends_with_marker(frame);
    case CODING_RLE:
        return frame->count == 1 && rle_is_whole(format, frame->pieces[0]);
    case CODING_DEFLATED_FRAME:
        return frame->count == 1 && deflated_is_whole(format, frame->pieces[0]);
    case CODING_UNSUPPORTED:
        break;
    }
    return true;
}

static bool encapsulated_frame(const struct dicom_object *object, const struct dicom_node *node,
                               const struct pixel_format *format, int64_t number, struct arena *arena,
                               struct frame_source *out, struct error *error)
{
    const struct dicom_element *element = &node->element;
    struct span span = { 0 };
    if (node->item_count < 1 || (format->frames > 1 && number > node->item_count))
        return error_set(
            error, E_INVALID, "Pixel Data (7FE0,0010) at byte %lld has %lld fragments: none for frame %lld of %lld",
            (long long)element->offset, (long long)node->item_count, (long long)number, (long long)format->frames);
    if (!span_find(object, node, format, number, &span))
        return error_set(
            error, E_INVALID,
            "Pixel Data (7FE0,0010) at byte %lld has %lld fragments for %lld frames, and nothing says which "
            "make frame %lld",
            (long long)element->offset, (long long)node->item_count, (long long)format->frames, (long long)number);
    int64_t count = span.end - span.first, *offsets = arena_array(arena, int64_t, count);
    for (int64_t i = 0; i < count; i++)
        offsets[i] = object->file.syntax->deflated ? -1 : node->fragments->offsets[span.first + i] + ITEM_HEADER;
    struct frame_source frame = { .pieces = node->fragments->at + span.first, .offsets = offsets, .count = count };
    if (object->file.is_unended && number == format->frames && !is_whole(format, &frame))
        return error_set(
            error, E_INVALID,
            "Pixel Data (7FE0,0010) at byte %lld: the file ends before the end of its fragments, and frame "
            "%lld of %lld is not whole",
            (long long)element->offset, (long long)number, (long long)format->frames);
    *out = frame;
    return true;
}

static bool is_blank(const char *at, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (at[i])
            return false;
    return true;
}

static int64_t native_left_over(const struct dicom_node *node, const struct pixel_format *format)
{
    int64_t frame = native_frame_bits(format), row = (frame / format->rows + 7) / 8;
    if (frame > (INT64_MAX >> 1) / format->frames)
        return 0;
    int64_t needed = (frame * format->frames + 7) / 8, more = node->element.value.len - needed;
    bool is_padding =
        more < 2 || more < row || (more < (frame + 7) / 8 && is_blank(node->element.value.at + needed, more));
    return is_padding ? 0 : more;
}

static bool has_more_frames(const struct dicom_object *object, const struct dicom_node *node,
                            const struct pixel_format *format)
{
    int64_t begun = 0;
    if (node->item_count <= format->frames)
        return false;
    if (dicom_bytes(object->root, TAG_EXTENDED_OFFSETS).len / 8 > format->frames ||
        node->fragments->table.len / 4 > format->frames)
        return true;
    for (int64_t i = 0; i < node->item_count && begun <= format->frames; i++)
        begun += begins_frame(format->syntax->coding, node, i);
    return begun > format->frames;
}

int64_t pixels_left_over(const struct dicom_object *object, const struct pixel_format *format)
{
    enum sample_kind kind;
    const struct dicom_node *node = pixel_node(object, &kind);
    if (!node || format->syntax->coding == CODING_UNSUPPORTED ||
        format->syntax->encapsulated != (node->fragments != NULL))
        return 0;
    return node->fragments ? has_more_frames(object, node, format) : native_left_over(node, format);
}

bool pixels_are_there(const struct dicom_object *object, const struct pixel_format *format, struct arena *arena,
                      struct error *error)
{
    enum sample_kind kind;
    const struct dicom_node *node = pixel_node(object, &kind);
    struct frame_source frame;
    bool is_film = format->syntax->coding == CODING_UNSUPPORTED && node && node->fragments;
    /* The frames of a film share fragments, any number of them (PS3.5 8.2.5 and on). */
    return (is_film && node->item_count > 0) || pixel_frame(object, format, format->frames, arena, &frame, error);
}

bool pixel_frame(const struct dicom_object *object, const struct pixel_format *format, int64_t number,
                 struct arena *arena, struct frame_source *out, struct error *error)
{
    enum sample_kind kind;
    const struct dicom_node *node = pixel_node(object, &kind);
    if (!node)
        return error_set(error, E_UNSUPPORTED_TYPE, "there is no image: no Pixel Data (7FE0,0010)");
    if (number < 1 || number > format->frames)
        return error_set(error, E_INVALID, "there is no frame %lld: the image has %lld", (long long)number,
                         (long long)format->frames);
    if (format->syntax->encapsulated != (node->fragments != NULL))
        return error_set(error, E_INVALID, "Pixel Data (7FE0,0010) at byte %lld is %s, but the transfer syntax is %s",
                         (long long)node->element.offset, node->fragments ? "in fragments" : "not in fragments",
                         format->syntax->name);
    return (format->syntax->encapsulated ? encapsulated_frame : native_frame)(object, node, format, number, arena, out,
                                                                              error);
}
