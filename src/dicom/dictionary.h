/* dictionary.h - PS3.6 and PS3.7: tag, VR, keyword. Made at build time from Debian's DCMTK dictionary
 * (script/make-dictionary.py).
 *
 *     const struct dicom_entry *entry = dicom_dictionary_find(0x00100010);
 *     if (entry) printf("%s", entry->keyword);                       // PatientName
 *     uint32_t tag = dicom_dictionary_tag(S("PatientName"));         // 0x00100010
 *
 * Entries are constants. A look-up of a known tag is a perfect hash and one comparison; of its VR alone, which the
 * reader asks for with every element of implicit VR, less.
 */
#ifndef ROENTGEN_DICOM_DICTIONARY_H
#define ROENTGEN_DICOM_DICTIONARY_H

#include "base/str.h"

struct dicom_entry {
    uint32_t tag; /* repeating groups (60xx,3000) and elements (0020,31xx): with the lowest number */
    uint16_t vr;  /* the first when there is a choice (US or SS: US), but OW where one of the choice is OW */
    /* Bits that may differ: 0x00FE of the group number (60xx); any other of the element number (0020,31xx: 0x00FF). 0:
     * none. */
    uint16_t mask;
    const char *keyword;
};

/* The element's entry; NULL: private or unknown. Group lengths (gggg,0000) have one; so have private creators (PS3.5
 * 7.8.1), whose VR is LO in every group: their entries say the VR and a name, but `tag` is not that of the element.
 * Item tags (FFFE) have none. */
const struct dicom_entry *dicom_dictionary_find(uint32_t tag);
/* The VR of an element that does not say its own; UN: the dictionary does not know. PS3.6 lets some be US or SS: SS
 * where Pixel Representation says that pixels are signed (PS3.5 A.1, implicit VR). */
uint16_t dicom_dictionary_vr(uint32_t tag, bool signed_pixels);
/* By keyword, exactly: 0 when there is none. */
uint32_t dicom_dictionary_tag(struct str keyword);

#endif
