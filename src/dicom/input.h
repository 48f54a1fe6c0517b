/* input.h - private to dicom/: what reader.c does with its input beyond reader.h. */
#ifndef ROENTGEN_DICOM_INPUT_H
#define ROENTGEN_DICOM_INPUT_H

#include "dicom/reader.h"

#include <inttypes.h>

/* From here on *input is the inflated form of what is left of it; at most max_bytes. */
bool dicom_input_inflate(struct dicom_input *input, int64_t max_bytes, struct error *error);

#endif
