/* jpeg_huffman.c - Huffman tables of T.81 (annex C, F.2.2.3) as tables that decode in one look. */
#include "dicom/jpeg.h"

bool jpeg_huffman_define(struct jpeg_huffman *table, const uint8_t counts[16], const uint8_t *symbols)
{
    memset(table->look, 0, sizeof(table->look));
    int32_t code = 0;
    int index = 0;
    table->longest[0] = -1;
    for (int length = 1; length <= 16; length++) {
        table->first[length] = index - code;
        for (int i = 0; i < counts[length - 1]; i++, code++, index++) {
            if (code >= 1 << length)
                return false;
            table->symbols[index] = symbols[index];
            if (length > JPEG_LOOKAHEAD)
                continue;
            int spare = JPEG_LOOKAHEAD - length;
            for (int tail = 0; tail < 1 << spare; tail++)
                table->look[code << spare | tail] = (uint16_t)(length << 8 | symbols[index]);
        }
        table->longest[length] = counts[length - 1] ? code - 1 : -1;
        code <<= 1;
    }
    table->longest[17] = INT32_MAX;
    memset(table->symbols + index, 0, (size_t)(256 - index));
    table->defined = true;
    return true;
}

void jpeg_huffman_differences(struct jpeg_huffman *table)
{
    for (int i = 0; i < 1 << JPEG_LOOKAHEAD; i++) {
        int length = table->look[i] >> 8, size = table->look[i] & 0xFF;
        table->difference[i] = 0;
        if (!length || size > 16 || (size < 16 && length + size > JPEG_LOOKAHEAD))
            continue;
        /* T.81 H.1.2.2: category 16 is 32768 and has no bits of its own. */
        int difference = -32768, taken = length;
        if (size < 16) {
            taken += size;
            int value = i >> (JPEG_LOOKAHEAD - taken) & ((1 << size) - 1);
            difference = jpeg_extend(value, size);
        }
        table->difference[i] = (int32_t)((uint32_t)difference << 16 | (uint32_t)size << 8 | (uint32_t)taken);
    }
}
