/* frame.h - for tests: one frame of a DICOM file, all the way from its bytes to samples. */
#ifndef ROENTGEN_TEST_FRAME_H
#define ROENTGEN_TEST_FRAME_H

#include "dicom/codec.h"

struct test_file {
    struct str bytes; /* malloc */
    struct arena arena;
    struct dicom_object *object;
    bool whole; /* read to its end */
};
bool test_file_open(struct test_file *file, const char *path); /* false: there is no such file */
void test_file_close(struct test_file *file);

struct test_frame {
    struct pixel_format format;
    struct decoded_format decoded;
    unsigned char *samples; /* malloc; NULL: it failed */
    ptrdiff_t bytes;
    bool in_place; /* the samples are in the file as they are */
    struct error error;
};
/* False: it failed, and error says why. */
bool test_frame_decode(struct test_file *file, int64_t number, struct test_frame *frame);
/* The encoded bytes of a frame in one piece, malloc. */
struct str test_frame_joined(const struct frame_source *source);

#endif
