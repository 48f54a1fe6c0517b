/* jpeg2000_parts.c - the tile-parts of a codestream, from marker SOT to marker SOT (ISO 15444-1 A.4.2). */
#include "dicom/jpeg2000_parts.h"

enum { SOT = 0xFF90, SOT_BYTES = 12, MARKER_MIN = 0xFF00, PADDING_MAX = 8 };

/* Where the first tile-part begins: behind the segments of the main header. */
static ptrdiff_t first_part(struct str stream)
{
    for (ptrdiff_t at = 2; at + 4 <= stream.len;) {
        int marker = dicom_u16(stream.at + at, true);
        if (marker == SOT)
            return at;
        if (marker <= MARKER_MIN || marker > SOT)
            return -1;
        at += 2 + dicom_u16(stream.at + at + 2, true);
    }
    return -1;
}

/* What stands for a missing end: nothing, or the half of its marker, and what pads to a round length (PS3.5 A.4). */
static bool is_missing_end(struct str rest)
{
    ptrdiff_t zeros = rest.len > 0 && rest.at[0] == '\xff' ? 1 : 0;
    for (ptrdiff_t i = zeros; i < rest.len; i++)
        if (rest.at[i] != '\0')
            return false;
    return rest.len <= PADDING_MAX;
}

ptrdiff_t jpeg2000_end_of_parts(struct str stream, int tiles)
{
    unsigned char seen[JPEG2000_TILES_MAX] = { 0 }, told[JPEG2000_TILES_MAX] = { 0 };
    ptrdiff_t at = first_part(stream);
    if (at < 0 || tiles < 1 || tiles > JPEG2000_TILES_MAX)
        return -1;
    while (stream.len - at >= SOT_BYTES && dicom_u16(stream.at + at, true) == SOT) {
        int tile = dicom_u16(stream.at + at + 4, true);
        int64_t length = dicom_u32(stream.at + at + 6, true);
        unsigned char parts = (unsigned char)stream.at[at + 11];
        if (tile >= tiles || length < SOT_BYTES || length > stream.len - at || seen[tile] == UINT8_MAX)
            return -1;
        seen[tile]++;
        if (parts)
            told[tile] = parts;
        at += (ptrdiff_t)length;
    }
    for (int i = 0; i < tiles; i++)
        if (!told[i] || seen[i] != told[i])
            return -1;
    return is_missing_end(str_slice(stream, at, stream.len)) ? at : -1;
}
