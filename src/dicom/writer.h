/* writer.h - writes a DICOM file: preamble, meta information, and a data set in explicit VR little endian (PS3.5 7.1.2,
 * PS3.10 7.1), text in UTF-8 (ISO_IR 192).
 *
 *     struct dicom_writer w;
 *     dicom_writer_begin(&w, 16 << 20, &c->hold, S(UID_OF_THE_CLASS), instance_uid);    // also (0008,0005)
 *     dicom_put(&w, DICOM_Modality, S("SR"));                                           // VR: the dictionary's
 *     dicom_put_sequence(&w, 0x0040A375);
 *     dicom_put_item(&w);
 *     dicom_put(&w, 0x0020000D, study_uid);
 *     dicom_put_item_end(&w);
 *     dicom_put_sequence_end(&w);
 *     if (dicom_writer_end(&w, &error)) ... dicom_writer_bytes(&w) ...
 *     dicom_writer_release(&w);
 *
 * What is written is legal, whatever text comes in, for it may come from strangers:
 *
 *   LO SH PN UC       control characters become spaces, '\', which would make two values, becomes '/'; cut to as many
 *                     characters as the VR takes (PS3.5 table 6.2-1), of PN each group
 *   LT ST UT          likewise, but line ends, tabs and '\' stay
 *   CS UI DA TM DT    as they are, several CS or UI separated by '\'; empty where one of them is no legal value: a date
 *   AS                that is none is nobody's date
 *   DS                as many digits as 16 characters hold; empty where the number is not finite
 *
 * Bytes that are not UTF-8 become U+FFFD. Values get an even length. Elements come in the order of their tags; one that
 * does not, one that the dictionary does not know or has another kind, a number that its VR cannot hold, and a sequence
 * left open are mistakes of the program, and dicom_writer_end says the first of them.
 *
 * Owns its bytes; nothing fails before the end.
 */
#ifndef ROENTGEN_DICOM_WRITER_H
#define ROENTGEN_DICOM_WRITER_H

#include "base/error.h"
#include "base/text.h"

/* Who writes: Implementation Class UID and Version Name of all our files. */
#define DICOM_IMPLEMENTATION_UID "2.25.186533929283364170537430861236371870941"
#define DICOM_IMPLEMENTATION_NAME "ROENTGEN"

enum { DICOM_WRITER_DEPTH_MAX = 32 };

struct dicom_writer {
    struct text out;
    int depth;                             /* of sequences that are open */
    bool in_sequence;                      /* between its items */
    uint32_t last[DICOM_WRITER_DEPTH_MAX]; /* the tag before, at each depth */
    const char *mistake;
    uint32_t mistaken_tag;
};

/* Class and instance are those of the meta information; the data set says them too. `hold`: what the bytes are counted
 * in; NULL: nothing. */
void dicom_writer_begin(struct dicom_writer *w, ptrdiff_t max_bytes, struct hold *hold, struct str class_uid,
                        struct str instance_uid);
/* E_TOO_LARGE: more than max_bytes. E_UNAVAILABLE: no memory. E_INTERNAL: a mistake, above. */
bool dicom_writer_end(struct dicom_writer *w, struct error *error);
struct str dicom_writer_bytes(const struct dicom_writer *w); /* a view, until it is released */
void dicom_writer_release(struct dicom_writer *w);

/* Any VR of text; null and empty: an element without a value. */
void dicom_put(struct dicom_writer *w, uint32_t tag, struct str value);
/* US UL SS SL IS. */
void dicom_put_integer(struct dicom_writer *w, uint32_t tag, int64_t n);
/* DS FL FD. */
void dicom_put_real(struct dicom_writer *w, uint32_t tag, double n);
/* FL FD DS, several. */
void dicom_put_reals(struct dicom_writer *w, uint32_t tag, const double *at, int count);
/* AT: another element's tag. */
void dicom_put_tag(struct dicom_writer *w, uint32_t tag, uint32_t value);
/* OB OW, in their order of bytes. */
void dicom_put_bytes(struct dicom_writer *w, uint32_t tag, struct str bytes);
void dicom_put_sequence(struct dicom_writer *w, uint32_t tag);
void dicom_put_item(struct dicom_writer *w);
void dicom_put_item_end(struct dicom_writer *w);
void dicom_put_sequence_end(struct dicom_writer *w);

#endif
