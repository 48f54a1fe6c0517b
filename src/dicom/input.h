/* input.h - private to dicom/: what reader.c does with its input beyond reader.h. */
#ifndef ROENTGEN_DICOM_INPUT_H
#define ROENTGEN_DICOM_INPUT_H

#include "dicom/reader.h"

#include <inttypes.h>

/* What a data set that is said to be deflated begins with. RFC 1951 alone is right (PS3.5 A.5), but some writers put
 * RFC 1950 or 1952 around it. */
enum wrapping {
    WRAPPED_NOT,       /* a deflate block may begin here */
    WRAPPED_ZLIB,      /* RFC 1950 */
    WRAPPED_GZIP,      /* RFC 1952 */
    WRAPPED_NO_DEFLATE /* neither header nor block */
};
enum wrapping dicom_input_wrapping(struct dicom_input *input, struct error *error);

/* From here on *input is the inflated form of what is left of it; at most max_bytes, which count in `hold` until it is
 * released. */
bool dicom_input_inflate(struct dicom_input *input, enum wrapping wrapping, int64_t max_bytes, struct hold *hold,
                         struct error *error);

#endif
