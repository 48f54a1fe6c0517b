/* head.h - private to dicom/: the parser's state, shared by reader.c (the data set) and head.c (what comes before
 * it). */
#ifndef ROENTGEN_DICOM_HEAD_H
#define ROENTGEN_DICOM_HEAD_H

#include "dicom/input.h"
#include "dicom/syntax.h"

enum { PARSER_DEPTH_MAX = 512 }; /* sequences and items */

struct open_part {
    bool is_item;        /* else a sequence */
    int64_t end;         /* offset; -1: ends with a delimiter */
    int64_t outer_bound; /* what `bound` was outside */
    uint32_t tag;
    bool implicit, big_endian; /* as outside */
};

struct parser {
    struct dicom_input *input;
    const struct dicom_limits *limits;
    const struct dicom_events *events;
    void *context;
    struct error *error;
    bool implicit, big_endian;
    bool stopped;
    bool unended;       /* encapsulated pixel data had no delimiter at their end */
    bool forgivable;    /* the error is about a part that may be stepped over, when its length is known */
    bool signed_pixels; /* as the last Pixel Representation said */
    int items;          /* open ones: the depth that elements are told with */
    int64_t told;       /* elements, items, fragments */
    int64_t bound;      /* nothing may reach past this offset; -1: no bound */
    int depth;          /* of the stack */
    struct open_part stack[PARSER_DEPTH_MAX];
};

static inline bool parser_need(struct parser *p, ptrdiff_t count)
{
    return p->input->end - p->input->at >= count || p->input->more(p->input, count, p->error);
}
static inline void parser_remark(const struct parser *p, const char *text)
{
    if (p->events->remark)
        p->events->remark(p->context, text);
}
bool parser_fail(struct parser *p, uint32_t tag, int64_t offset, const char *what);
/* The header of the element at the input's position; 8 bytes are there. */
bool parser_header(struct parser *p, struct dicom_element *e);
/* Everything to the end of the input; true also when an event or stop_at ended it (p->stopped). */
bool parser_data_set(struct parser *p);
/* Where the next element is to be written: in the receiver's memory, or in `own`. */
static inline struct dicom_element *parser_room(const struct parser *p, struct dicom_element *own)
{
    return p->events->room ? p->events->room(p->context) : own;
}

#endif
