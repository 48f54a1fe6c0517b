/* json.h - the DICOM JSON model (PS3.18 annex F), written from the parser's events.
 *
 *     struct dicom_json json;
 *     struct dicom_json_options options = { .bulk_threshold_bytes = 1024, .bulk_uri_prefix = S("bulkdata/") };
 *     dicom_json_begin(&json, &options, &text);
 *     bool ok = dicom_parse(&input, &dicom_default_limits, &dicom_json_events, &json, &file, &error);
 *     dicom_json_end(&json);                            // the text is whole JSON now, also after an error
 *
 *   {"00100010":{"vr":"PN","Value":[{"Alphabetic":"Yamada^Tarou","Ideographic":"山田^太郎"}]},
 *    "00280010":{"vr":"US","Value":[512]}, "7FE00010":{"vr":"OW","BulkDataURI":"bulkdata/7FE00010"}}
 *
 * Members come in the order of the file; of equal tags in one data set the first is told. Group lengths are left out
 * (F.2). Where the model leaves a choice, or the file breaks its rules:
 *   - DS and IS are numbers with the digits of the file ("1.50" stays 1.50); text that is no number is a string, as
 *   F.2.3.1 allows.
 *   - SV and UV are numbers up to 2^53, strings beyond, where JSON readers would round.
 *   - FL and FD that are not finite are the strings "NaN", "Infinity" and "-Infinity".
 *   - A binary value whose length is no multiple of its VR's width is told as UN.
 *   - InlineBinary is little endian whatever the file is. Encapsulated pixel data is its items with their tags and
 *   lengths, without the delimiter.
 *   - Empty values among others are null; a value without any is left out, with "vr" alone.
 *
 * Owns an arena between begin and end; writes into the caller's text, and stops the parser when that overflows.
 */
#ifndef ROENTGEN_DICOM_JSON_H
#define ROENTGEN_DICOM_JSON_H

#include "base/text.h"
#include "dicom/charset.h"
#include "dicom/reader.h"

struct dicom_json_options {
    /* Longer values, where F.2.6 allows it, and all encapsulated pixel data are given as BulkDataURI: the prefix and
     * the way there, tags and numbers of items from 1: PREFIX00081140/1/00091001. A null prefix: never, all is
     * inline. */
    int64_t bulk_threshold_bytes;
    struct str bulk_uri_prefix;
    bool skip_pixel_data; /* leaves out (7FE0,0008), (7FE0,0009) and (7FE0,0010) */
    struct str charset;   /* what the text is in, whatever the file declares (dicom/encoding.h); null: as declared */
    bool include_meta;    /* tells group 0002 too, which is no part of the model */
};

struct dicom_json_level; /* json.c */

struct dicom_json {
    struct dicom_json_options options;
    struct text *out;
    int64_t left_out; /* values that a stream had passed over, and that no BulkDataURI stands for */
    /* The rest is json.c's own. */
    struct arena arena;                  /* of one element at a time */
    struct dicom_charset declared, used; /* the file's, and options.charset */
    struct dicom_json_level *levels;     /* [0]: the data set; each item open in it */
    int level;
    int skipping;   /* sequences entered inside one that is not told */
    uint64_t *seen; /* hash set: serial of the data set << 32 | tag */
    int64_t seen_count, seen_capacity;
    uint32_t serials;
    bool in_fragments;
    unsigned char carry[3]; /* bytes of fragments that do not make up a base64 group yet */
    int carry_count;
};

void dicom_json_begin(struct dicom_json *json, const struct dicom_json_options *options, struct text *out);
extern const struct dicom_events dicom_json_events; /* context: the struct dicom_json */
void dicom_json_end(struct dicom_json *json);

#endif
