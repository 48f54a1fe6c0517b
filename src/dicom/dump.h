/* dump.h - a DICOM file for people to read, a line for each element, written from the parser's events.
 *
 *     struct dicom_dump dump;
 *     dicom_dump_begin(&dump, &(struct dicom_dump_options){ .offsets = true }, &text);
 *     bool ok = dicom_parse(&input, &dicom_default_limits, &dicom_dump_events, &dump, &file, &error);
 *     dicom_dump_end(&dump);
 *
 *   (0010,0010) PN     18  PatientName = Yamada^Tarou=山田^太郎
 *   (0040,A730) SQ      -  ContentSequence
 *     item 1
 *       (0008,0100) SH      6  CodeValue = 121060
 *   (7FE0,0010) OB      -  PixelData, in fragments
 *     offset table, 0 bytes
 *     fragment 1, 6528 bytes = FF D8 FF E0 00 10 4A 46 49 46 ...
 *
 *   ! (0040,A170) at byte 732: what this sequence holds is no items; it is stepped over
 *
 * After the tag come the VR, the length in the file ("-": undefined), the keyword ("?" when unknown) and the value as
 * UTF-8, cut where it is long. Control characters are shown as '.', so that a file cannot steer a terminal. Everything
 * in the file is told, group lengths and meta information too. Owns an arena between begin and end.
 */
#ifndef ROENTGEN_DICOM_DUMP_H
#define ROENTGEN_DICOM_DUMP_H

#include "base/text.h"
#include "dicom/charset.h"
#include "dicom/reader.h"

struct dicom_dump_options {
    bool offsets;    /* a column with the byte offset of each tag */
    bool all_values; /* whole, however long */
};

struct dicom_dump_level; /* dump.c */

struct dicom_dump {
    struct dicom_dump_options options;
    struct text *out;
    /* The rest is dump.c's own. */
    struct arena arena; /* of one element at a time */
    struct dicom_dump_level *levels;
    int level;
    int64_t fragments; /* of the pixel data so far, with the offset table */
};

void dicom_dump_begin(struct dicom_dump *dump, const struct dicom_dump_options *options, struct text *out);
extern const struct dicom_events dicom_dump_events; /* context: the struct dicom_dump */
void dicom_dump_end(struct dicom_dump *dump);

#endif
