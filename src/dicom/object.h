/* object.h - a DICOM object in memory: a tree of elements, whose values stay where they are.
 *
 *     struct dicom_object *object;
 *     if (!dicom_read(bytes, NULL, &arena, &object, &error)) ...      // what could be read; error: where it ended
 *     int64_t rows;
 *     if (dicom_integer(object->root, DICOM_Rows, &rows)) ...
 *     struct str name = dicom_text(object->root, DICOM_PatientName, &arena);    // UTF-8
 *     dicom_object_release(object);
 *
 *   object -> root: data set -> elements, sorted by tag -> (sequence) items: data sets -> elements ...
 *                                                       -> (encapsulated pixel data) fragments
 *
 * Owned by the arena; bytes must outlive the object. dicom_object_release gives back what the arena does not hold
 * (inflated data); it may be left out for objects whose file is not deflated, but costs nothing.
 *
 * Getters look in one data set, not in its items. They check the VR: a tag whose value has another VR than the
 * dictionary's is read by the VR in the file where the meaning is unmistakable (Rows as UL or IS), else it counts as
 * absent.
 */
#ifndef ROENTGEN_DICOM_OBJECT_H
#define ROENTGEN_DICOM_OBJECT_H

#include "base/clock.h"
#include "dicom/charset.h"
#include "dicom/reader.h"

struct dicom_dataset;

/* Encapsulated pixel data. */
struct dicom_fragments {
    struct str table; /* basic offset table, raw; empty: none */
    struct str *at;   /* the node's item_count of them */
    int64_t *offsets; /* of their item tags, in the file */
};

struct dicom_node {
    struct dicom_element element;
    struct dicom_dataset *items; /* of a sequence: the first */
    int64_t item_count;          /* of a sequence; of encapsulated pixel data: fragments without the offset table */
    struct dicom_fragments *fragments; /* of encapsulated pixel data; NULL: it is none */
};

struct dicom_dataset {
    struct dicom_node *nodes; /* sorted by tag; of equal tags the first counts */
    int64_t count;
    struct dicom_charset charset; /* its own or inherited */
    struct dicom_dataset *parent; /* NULL: the root */
    struct dicom_dataset *next;   /* next item of the same sequence */
    int64_t offset;               /* of the item's tag */
};

enum { DICOM_REMARKS_MAX = 8 };
struct dicom_object {
    struct dicom_file file;
    struct dicom_dataset *meta;            /* group 0002; may be empty, never NULL */
    struct dicom_dataset *root;            /* the data set; may be empty, never NULL */
    struct str remarks[DICOM_REMARKS_MAX]; /* what the reader stepped over or forgave; further ones are not kept */
    int remark_count;
    struct dicom_input input;
};

/* `limits` NULL: the default ones. False: it could not be read to its end; *out is there all the same. */
bool dicom_read(struct str bytes, const struct dicom_limits *limits, struct arena *arena, struct dicom_object **out,
                struct error *error);
void dicom_object_release(struct dicom_object *object); /* takes NULL */

/* ---- elements by tag ---- */
#define DICOM_SpecificCharacterSet 0x00080005u
#define DICOM_SOPClassUID 0x00080016u
#define DICOM_SOPInstanceUID 0x00080018u
#define DICOM_Modality 0x00080060u
#define DICOM_PatientName 0x00100010u
#define DICOM_Rows 0x00280010u
#define DICOM_Columns 0x00280011u
#define DICOM_PixelData 0x7FE00010u
/* Others: write the number with the keyword behind it in a comment, or define it where it is used. */

const struct dicom_node *dicom_find(const struct dicom_dataset *dataset, uint32_t tag); /* NULL: absent */
/* The index-th item of a sequence in the data set; NULL: absent. */
const struct dicom_dataset *dicom_item(const struct dicom_dataset *dataset, uint32_t sequence, int64_t index);

/* ---- functional groups (PS3.3 C.7.6.16) of frame `number`, from 1; 0: of none ---- */
#define DICOM_PerFrameFunctionalGroupsSequence 0x52009230u
#define DICOM_SharedFunctionalGroupsSequence 0x52009229u

/* The data set that has such a sequence, of any number of items: the frame's groups, the shared ones, else the file's
 * root. */
const struct dicom_dataset *dicom_group_holder(const struct dicom_object *object, uint32_t sequence, int64_t number);
/* The sequence's first item there; else the file's root. */
const struct dicom_dataset *dicom_functional_group(const struct dicom_object *object, uint32_t sequence,
                                                   int64_t number);

/* ---- values: false (or null) when the element is absent, empty, or not of such a kind ---- */

/* All values as one UTF-8 text, padding removed, several joined by '\'. Binary VRs give null. */
struct str dicom_text(const struct dicom_dataset *dataset, uint32_t tag, struct arena *arena);
/* The first value alone. */
struct str dicom_text_first(const struct dicom_dataset *dataset, uint32_t tag, struct arena *arena);
/* The bytes, padding and all. */
struct str dicom_bytes(const struct dicom_dataset *dataset, uint32_t tag);

bool dicom_integer(const struct dicom_dataset *dataset, uint32_t tag, int64_t *out);
bool dicom_real(const struct dicom_dataset *dataset, uint32_t tag, double *out); /* finite */
/* The index-th of several: IS DS US SS UL SL UV SV FL FD AT. */
bool dicom_integer_at(const struct dicom_dataset *dataset, uint32_t tag, int64_t index, int64_t *out);
bool dicom_real_at(const struct dicom_dataset *dataset, uint32_t tag, int64_t index, double *out);
/* Where there can be one value, or two, and there are as many: of others nobody knows which counts. */
bool dicom_sole_integer(const struct dicom_dataset *dataset, uint32_t tag, int64_t *out);
bool dicom_sole_real(const struct dicom_dataset *dataset, uint32_t tag, double *out);
bool dicom_two_reals(const struct dicom_dataset *dataset, uint32_t tag, double *first, double *second);
int64_t dicom_value_count(const struct dicom_dataset *dataset, uint32_t tag);
/* A time of day as it is written; second 60 is a leap second. */
struct dicom_clock {
    int hour, minute, second, microsecond;
};
/* DA (also the old 1993.08.22), TM: as written, or microseconds since midnight. Impossible ones are absent. */
bool dicom_clock(const struct dicom_dataset *dataset, uint32_t tag, struct dicom_clock *out);
bool dicom_date(const struct dicom_dataset *dataset, uint32_t tag, struct date *out);
bool dicom_time(const struct dicom_dataset *dataset, uint32_t tag, int64_t *microseconds);
/* One legal value (uid.h), padding removed. Not so: false. */
bool dicom_uid(const struct dicom_dataset *dataset, uint32_t tag, struct str *out);

/* Values of one element. */
struct str dicom_node_text(const struct dicom_dataset *dataset, const struct dicom_node *node, struct arena *arena);
bool dicom_node_integer(const struct dicom_node *node, int64_t index, int64_t *out);
bool dicom_node_real(const struct dicom_node *node, int64_t index, double *out);
int64_t dicom_node_count(const struct dicom_node *node);

#endif
