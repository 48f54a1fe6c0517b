/* vr.c - the table of value representations. */
#include "dicom/vr.h"

static const struct vr_row rows[] = {
    { VR('U', 'N'), VR_BYTES, 1, true },    { VR('A', 'E'), VR_TEXTS, 1, false },
    { VR('A', 'S'), VR_TEXTS, 1, false },   { VR('A', 'T'), VR_TAGS, 4, false },
    { VR('C', 'S'), VR_TEXTS, 1, false },   { VR('D', 'A'), VR_TEXTS, 1, false },
    { VR('D', 'S'), VR_NUMERALS, 1, true }, { VR('D', 'T'), VR_TEXTS, 1, false },
    { VR('F', 'D'), VR_REALS, 8, true },    { VR('F', 'L'), VR_REALS, 4, true },
    { VR('I', 'S'), VR_NUMERALS, 1, true }, { VR('L', 'O'), VR_TEXTS, 1, false },
    { VR('L', 'T'), VR_TEXT, 1, true },     { VR('O', 'B'), VR_BYTES, 1, true },
    { VR('O', 'D'), VR_BYTES, 8, true },    { VR('O', 'F'), VR_BYTES, 4, true },
    { VR('O', 'L'), VR_BYTES, 4, true },    { VR('O', 'V'), VR_BYTES, 8, true },
    { VR('O', 'W'), VR_BYTES, 2, true },    { VR('P', 'N'), VR_NAMES, 1, false },
    { VR('S', 'H'), VR_TEXTS, 1, false },   { VR('S', 'L'), VR_INTEGERS, 4, true },
    { VR('S', 'Q'), VR_ITEMS, 1, false },   { VR('S', 'S'), VR_INTEGERS, 2, true },
    { VR('S', 'T'), VR_TEXT, 1, true },     { VR('S', 'V'), VR_INTEGERS, 8, true },
    { VR('T', 'M'), VR_TEXTS, 1, false },   { VR('U', 'C'), VR_TEXTS, 1, true },
    { VR('U', 'I'), VR_TEXTS, 1, false },   { VR('U', 'L'), VR_INTEGERS, 4, true },
    { VR('U', 'R'), VR_TEXT, 1, false },    { VR('U', 'S'), VR_INTEGERS, 2, true },
    { VR('U', 'T'), VR_TEXT, 1, true },     { VR('U', 'V'), VR_INTEGERS, 8, true },
};

const struct vr_row *vr_row(uint16_t vr)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].vr == vr)
            return &rows[i];
    return &rows[0];
}
