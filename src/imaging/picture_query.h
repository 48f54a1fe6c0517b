/* picture_query.h - what is asked of a picture: which frame, which window, how large, encoded how. Rows for the request
 * that asks it; rules that hold whatever the file is.
 *
 *     struct picture_query query;
 *     picture_query_default(&query);                   // or as decoded from a request
 *     query.width = query.height = 256;
 *     if (!picture_query_check(c, &query)) ...         // presentation_of does
 *
 * A query is a value: its text (`voi`) is borrowed from whoever filled it. What cannot be is told as problems of the
 * query, all of them at once.
 */
#ifndef ROENTGEN_PICTURE_QUERY_H
#define ROENTGEN_PICTURE_QUERY_H

#include "base/call.h"
#include "raster/render.h"
#include "schema/field.h"

enum { PICTURE_SIDE_MAX = 8192 };

/* What is white of a VOI LUT: the largest value of as many bits as its descriptor says, or its largest entry. */
enum voi_range { VOI_RANGE_DECLARED, VOI_RANGE_USED };

/* What is asked of a picture; a member that is null leaves it to the file. */
struct picture_query {
    int64_t file_id;
    int64_t frame;
    double window_center, window_width; /* NaN: not asked for */
    unsigned preset;                    /* 0: none */
    struct str voi;                     /* "none", a number from 1, a name; null: the file's first */
    unsigned voi_range;                 /* enum voi_range + 1; 0: declared */
    bool invert;
    int64_t width, height; /* INTEGER_NULL: any */
    unsigned format;       /* enum picture_format + 1 */
    int64_t quality, bits;
};
extern const struct schema picture_query_schema;
extern const char *const picture_formats[];     /* picture_formats[PICTURE_JPEG] is "jpeg" */
extern const char *const picture_media_types[]; /* likewise */

/* The query of a picture as the file would have it, e.g. for a thumbnail: nothing asked for but the box. */
void picture_query_default(struct picture_query *query);

/* Is it possible at all? E_INVALID, with problems. */
bool picture_query_check(struct call *c, const struct picture_query *query);
/* What is wrong with one member of it, as a problem. Returns false. */
bool picture_query_refuse(struct call *c, struct str member, const char *message);
/* The member that asks for a window or lookup table; null: the file's own first one is wanted. */
struct str picture_query_wish(const struct picture_query *query);
/* Does it name a window in numbers, or half of one? */
bool picture_query_has_window(const struct picture_query *query);
/* The window of its preset, which it has. */
void picture_query_preset(const struct picture_query *query, double *center, double *width);

#endif
