/* jpegls.h - our own decoder of JPEG-LS (ISO 14495-1, ITU-T T.87), lossless and near-lossless, 2 to 16 bits, all
 * interleave modes.
 *
 *   SOI  [LSE APPn COM DRI ...]  SOF55  [LSE ...]  SOS data  [RSTm data ...]  [SOS data ...]  EOI
 *
 * Each sample is predicted from its neighbours a (left), b (above), c (above left), d (above right); what they differ
 * by chooses one of 365 contexts, whose statistics correct the prediction and say how the rest is coded (Golomb). Where
 * they are all alike, runs are coded instead.
 */
#ifndef ROENTGEN_DICOM_JPEGLS_H
#define ROENTGEN_DICOM_JPEGLS_H

#include "dicom/codec_faces.h"

enum { JLS_COMPONENTS_MAX = 4, JLS_CONTEXTS = 365 };
enum jls_interleave { JLS_BY_COMPONENT, JLS_BY_LINE, JLS_BY_SAMPLE };

/* C.2.4.1.1; zeros: the defaults. */
struct jls_preset {
    int32_t max_value, t1, t2, t3, reset;
};

struct jls_frame {
    int64_t columns, rows;
    int precision, count; /* of components */
    int ids[JLS_COMPONENTS_MAX];
    int64_t restart_lines; /* 0: none */
    struct jls_preset preset;
};

struct jls_scan {
    int count, component[JLS_COMPONENTS_MAX];
    int32_t near;
    enum jls_interleave interleave;
};

struct jls_context {
    int32_t a, b;
    int32_t c, n;
};

struct jls_run_context {
    int32_t a, n, negative;
};

/* In JPEG-LS a byte after 0xFF has seven bits: the first is stuffed (T.87 C.2.1). Past the end there are zeros. */
struct jls_bits {
    const uint8_t *at, *end;
    uint64_t window; /* the next bit is the highest */
    int count;       /* valid bits of the window */
    int64_t made_up; /* bits that were past the end */
    bool after_ff;
};

struct jls_decoder {
    struct jls_bits bits;
    bool damaged;
    struct jls_scan scan;
    struct jls_preset preset; /* complete */
    int32_t range;
    int depth, limit; /* qbpp and LIMIT of T.87 A.2.1 */
    struct jls_context contexts[JLS_CONTEXTS];
    struct jls_run_context runs[2];
    int run_index[JLS_COMPONENTS_MAX];
    int8_t *gradients; /* quantized, by difference: from -(2^precision) to 2^precision */
};

/* Defaults of what the file leaves out, and the derived numbers. False: they contradict each other. */
bool jls_prepare(struct jls_decoder *decoder, const struct jls_frame *frame);
/* Statistics as at the begin of a scan or after a restart marker. */
void jls_reset(struct jls_decoder *decoder);
/* One line of one component; `line` and `above` have a sample before the first and one after the last. */
void jls_line(struct jls_decoder *decoder, int component, uint16_t *line, const uint16_t *above, int64_t columns);
/* One line of all components, sample by sample. */
void jls_line_of_samples(struct jls_decoder *decoder, uint16_t *const *lines, uint16_t *const *above, int64_t columns);
bool jls_overrun(const struct jls_decoder *decoder);

#endif
