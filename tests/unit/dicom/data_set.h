/* data_set.h - data sets written by tests, piece by piece: explicit VR, little endian. */
#ifndef ROENTGEN_TESTS_DATA_SET_H
#define ROENTGEN_TESTS_DATA_SET_H

#include "dicom/reader.h"

void ds_clear(void);
struct str ds_bytes(void); /* a view, until the next piece */
void ds_cut(ptrdiff_t len);

void ds_put(const void *from, ptrdiff_t len);
void ds_put_u16(unsigned n);
void ds_put_u32(uint32_t n);
void ds_put_tag(uint32_t tag);
/* Preamble and meta information with this transfer syntax. */
void ds_meta(struct str syntax_uid);
void ds_element(uint32_t tag, const char *vr, struct str value);
/* Only the header, with a 32-bit length: sequences, fragments, lies. */
void ds_long(uint32_t tag, const char *vr, uint32_t length);
void ds_item(uint32_t length);
void ds_item_end(void);
void ds_sequence_end(void);

#endif
