/* dictionary.h - PS3.6 and PS3.7: tag, VR, multiplicity, keyword. Made at build time from Debian's DCMTK dictionary. */
#ifndef ROENTGEN_DICOM_DICTIONARY_H
#define ROENTGEN_DICOM_DICTIONARY_H

#include "base/str.h"

struct dicom_entry {
    uint32_t tag;  /* repeating groups (60xx,3000): with the lowest number */
    uint16_t vr;   /* the first when there is a choice (US or SS: US; OB or OW: OW) */
    uint16_t mask; /* bits of the group or element number that may differ: 0x00FE for 60xx; else 0 */
    const char *keyword;
};

/* The element's entry; NULL: private or unknown. Group lengths (gggg,0000) have one. */
const struct dicom_entry *dicom_dictionary_find(uint32_t tag);
/* By keyword, exactly: 0 when there is none. */
uint32_t dicom_dictionary_tag(struct str keyword);

#endif
