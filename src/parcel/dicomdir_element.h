/* dicomdir_element.h - single elements of a DICOMDIR: explicit VR little endian (PS3.5 7.1.2). Private to parcel/, for
 * dicomdir.c and dicomdir_keys.c.
 *
 *     element_text(out, 0x00200010, "SH", 16, study_number);
 *
 *     element_long_header(out, 0x00041220, "SQ", 0);              // its length is known only later
 *     ptrdiff_t begin = out->len;
 *     ... items ...
 *     element_patch(out, begin - 4, out->len - begin);
 *
 * Everything is appended to `out`, which keeps its maximum and says so itself (text.overflowed): nothing fails here.
 */
#ifndef ROENTGEN_DICOMDIR_ELEMENT_H
#define ROENTGEN_DICOMDIR_ELEMENT_H

#include "base/clock.h"
#include "base/text.h"

void element_number(struct text *out, int bytes, uint32_t n);
void element_tag(struct text *out, uint32_t tag);
/* Of a VR with a length of two bytes; padded to an even length. */
void element_value(struct text *out, uint32_t tag, const char *vr, struct str value);
/* The first `max` characters. */
void element_text(struct text *out, uint32_t tag, const char *vr, int max, struct str value);
void element_short(struct text *out, uint32_t tag, uint32_t n);
void element_long(struct text *out, uint32_t tag, uint32_t n);
void element_long_header(struct text *out, uint32_t tag, const char *vr, uint32_t length);
void element_integer(struct text *out, uint32_t tag, int64_t n);
void element_date(struct text *out, uint32_t tag, struct date date);
void element_time(struct text *out, uint32_t tag, struct str time);
/* Four bytes that were written before: a length or an offset. */
void element_patch(struct text *out, ptrdiff_t at, ptrdiff_t value);

#endif
