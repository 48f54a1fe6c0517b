/* json_value.h - one element's value in the DICOM JSON model; used by json.c alone. */
#ifndef ROENTGEN_DICOM_JSON_VALUE_H
#define ROENTGEN_DICOM_JSON_VALUE_H

#include "base/text.h"
#include "dicom/charset.h"
#include "dicom/vr.h"

/* What follows `"vr":"XX"` in the element's object: nothing when the value is empty. Text is decoded in the arena. */
void dicom_json_put_value(struct text *out, const struct dicom_element *e, const struct vr_row *row,
                          const struct dicom_charset *charset, struct arena *arena);

/* Base64 of bytes that come in pieces: `carry` holds up to two that wait for more. */
void base64_put(struct text *out, struct str bytes, unsigned char carry[3], int *carry_count);
void base64_end(struct text *out, const unsigned char carry[3], int carry_count);

#endif
