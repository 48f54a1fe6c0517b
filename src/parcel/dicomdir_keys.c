/* dicomdir_keys.c - which record speaks of which SOP class, the keys of each record, and one walk that writes them. */
#include "parcel/dicomdir_keys.h"
#include "parcel/dicomdir_element.h"
#include "dicom/vr.h"
#include "base/names.h"

enum {
    INSTANCE_NUMBER = 0x00200013,
    CONCEPT_NAME = 0x0040A043,
    RELATIONSHIP = 0x0040A010,
    VERIFYING_OBSERVERS = 0x0040A073,
    VERIFICATION_TIME = 0x0040A030,
    VERIFICATION_FLAG = 0x0040A493,
    CONTENT = 0x0040A730,
};

/* ---- the tables ---- */

enum need {
    ALWAYS,   /* type 1: made up where it is missing */
    EMPTY,    /* type 2 */
    IF_THERE, /* type 1C or 3 */
};

struct key {
    uint32_t tag;
    char vr[3];
    enum need need;
    const char *made_up;
};

/* In the order of their tags. Instance Number is in all records, its value is the caller's. */
#define KEY_INSTANCE \
    { \
        INSTANCE_NUMBER, "IS", ALWAYS, NULL \
    }
#define KEY_DATE(need) \
    { \
        0x00080023, "DA", need, "19000101" \
    } /* Content Date */
#define KEY_TIME(need) \
    { \
        0x00080033, "TM", need, "000000" \
    } /* Content Time */
#define KEY_CONCEPT(need) \
    { \
        CONCEPT_NAME, "SQ", need, NULL \
    }
#define KEY_CONTENT \
    { \
        CONTENT, "SQ", IF_THERE, NULL \
    }
#define KEY_LABEL \
    { \
        0x00700080, "CS", ALWAYS, "UNKNOWN" \
    } /* Content Label */
#define KEY_DESCRIPTION \
    { \
        0x00700081, "LO", EMPTY, NULL \
    } /* Content Description */
#define KEY_CREATOR \
    { \
        0x00700084, "PN", EMPTY, NULL \
    } /* Content Creator's Name */
#define KEYS_MAX 12

struct dicomdir_record {
    const char *type;
    struct key keys[KEYS_MAX];
};

enum record {
    IMAGE,
    RT_DOSE,
    RT_STRUCTURE_SET,
    RT_PLAN,
    RT_TREAT_RECORD,
    PRESENTATION,
    WAVEFORM,
    SR_DOCUMENT,
    KEY_OBJECT_DOC,
    SPECTROSCOPY,
    RAW_DATA,
    REGISTRATION,
    FIDUCIAL,
    ENCAP_DOC,
    VALUE_MAP,
    STEREOMETRIC,
    PLAN,
    MEASUREMENT,
    SURFACE,
    SURFACE_SCAN,
    TRACT,
    ASSESSMENT,
    RADIOTHERAPY,
    ANNOTATION,
};

#define TIMED \
    { \
        KEY_DATE(ALWAYS), KEY_TIME(ALWAYS), KEY_INSTANCE \
    }
#define IDENTIFIED \
    { \
        KEY_DATE(ALWAYS), KEY_TIME(ALWAYS), KEY_INSTANCE, KEY_LABEL, KEY_DESCRIPTION, KEY_CREATOR \
    }

static const struct dicomdir_record records[] = {
    [IMAGE] = { "IMAGE", { KEY_INSTANCE } },
    [RT_DOSE] = { "RT DOSE",
                  { KEY_INSTANCE,
                    { 0x30040006, "LO", IF_THERE, NULL },        /* Dose Comment */
                    { 0x3004000A, "CS", ALWAYS, "UNKNOWN" } } }, /* Dose Summation Type */
    [RT_STRUCTURE_SET] = { "RT STRUCTURE SET",
                           { KEY_INSTANCE,
                             { 0x30060002, "SH", ALWAYS, "UNKNOWN" }, /* Structure Set Label */
                             { 0x30060008, "DA", EMPTY, NULL },
                             { 0x30060009, "TM", EMPTY, NULL } } },
    [RT_PLAN] = { "RT PLAN",
                  { KEY_INSTANCE,
                    { 0x300A0002, "SH", ALWAYS, "UNKNOWN" }, /* RT Plan Label */
                    { 0x300A0006, "DA", EMPTY, NULL },
                    { 0x300A0007, "TM", EMPTY, NULL } } },
    [RT_TREAT_RECORD] = { "RT TREAT RECORD",
                          { KEY_INSTANCE,
                            { 0x30080250, "DA", EMPTY, NULL }, /* Treatment Date */
                            { 0x30080251, "TM", EMPTY, NULL } } },
    [PRESENTATION] = { "PRESENTATION",
                       { { 0x00081115, "SQ", IF_THERE, NULL }, /* Referenced Series Sequence */
                         KEY_INSTANCE,
                         KEY_LABEL,
                         KEY_DESCRIPTION,
                         { 0x00700082, "DA", ALWAYS, "19000101" }, /* Presentation Creation Date */
                         { 0x00700083, "TM", ALWAYS, "000000" },
                         KEY_CREATOR,
                         { 0x00700402, "SQ", IF_THERE, NULL } } }, /* Blending Sequence */
    [WAVEFORM] = { "WAVEFORM", TIMED },
    [SR_DOCUMENT] = { "SR DOCUMENT",
                      { KEY_DATE(ALWAYS),
                        KEY_TIME(ALWAYS),
                        KEY_INSTANCE,
                        { VERIFICATION_TIME, "DT", IF_THERE, "19000101000000" },
                        KEY_CONCEPT(ALWAYS),
                        { 0x0040A491, "CS", ALWAYS, "PARTIAL" }, /* Completion Flag */
                        { VERIFICATION_FLAG, "CS", ALWAYS, "UNVERIFIED" },
                        KEY_CONTENT } },
    [KEY_OBJECT_DOC] = { "KEY OBJECT DOC",
                         { KEY_DATE(ALWAYS), KEY_TIME(ALWAYS), KEY_INSTANCE, KEY_CONCEPT(ALWAYS), KEY_CONTENT } },
    [SPECTROSCOPY] = { "SPECTROSCOPY",
                       { { 0x00080008, "CS", ALWAYS, "DERIVED\\SECONDARY\\UNKNOWN" }, /* Image Type */
                         KEY_DATE(ALWAYS),
                         KEY_TIME(ALWAYS),
                         { 0x00089092, "SQ", IF_THERE, NULL }, /* Referenced Image Evidence Sequence */
                         KEY_INSTANCE,
                         { 0x00280008, "IS", ALWAYS, "0" }, /* Number of Frames */
                         { 0x00280010, "US", ALWAYS, "0" }, /* Rows */
                         { 0x00280011, "US", ALWAYS, "0" }, /* Columns */
                         { 0x00289001, "UL", ALWAYS, "0" }, /* Data Point Rows */
                         { 0x00289002, "UL", ALWAYS, "0" } } },
    [RAW_DATA] = { "RAW DATA", TIMED },
    [REGISTRATION] = { "REGISTRATION", IDENTIFIED },
    [FIDUCIAL] = { "FIDUCIAL", IDENTIFIED },
    [ENCAP_DOC] = { "ENCAP DOC",
                    { KEY_DATE(EMPTY),
                      KEY_TIME(EMPTY),
                      KEY_INSTANCE,
                      KEY_CONCEPT(EMPTY),
                      { 0x0040E001, "ST", IF_THERE, NULL },                         /* HL7 Instance Identifier */
                      { 0x00420010, "ST", EMPTY, NULL },                            /* Document Title */
                      { 0x00420012, "LO", ALWAYS, "application/octet-stream" } } }, /* its MIME type */
    [VALUE_MAP] = { "VALUE MAP", IDENTIFIED },
    [STEREOMETRIC] = { "STEREOMETRIC", { KEY_INSTANCE, KEY_LABEL, KEY_DESCRIPTION, KEY_CREATOR } },
    [PLAN] = { "PLAN", { KEY_INSTANCE } },
    [MEASUREMENT] = { "MEASUREMENT", IDENTIFIED },
    [SURFACE] = { "SURFACE", IDENTIFIED },
    [SURFACE_SCAN] = { "SURFACE SCAN", TIMED },
    [TRACT] = { "TRACT", IDENTIFIED },
    [ASSESSMENT] = { "ASSESSMENT",
                     { { 0x00080012, "DA", ALWAYS, "19000101" }, /* Instance Creation Date */
                       { 0x00080013, "TM", EMPTY, NULL },
                       KEY_INSTANCE } },
    [RADIOTHERAPY] = { "RADIOTHERAPY",
                       { KEY_INSTANCE,
                         KEY_DESCRIPTION,
                         KEY_CREATOR,
                         { 0x30100033, "SH", IF_THERE, NULL },     /* User Content Label */
                         { 0x30100034, "LO", IF_THERE, NULL } } }, /* User Content Long Label */
    [ANNOTATION] = { "ANNOTATION", IDENTIFIED },
};
NAMES_REACH(records, ANNOTATION);

/* Below 1.2.840.10008.5.1.4; "1.1.88." means all that begin so. The first that fits counts. */
static const struct {
    const char *class;
    enum record record;
} classes[] = {
    { "1.1.88.59", KEY_OBJECT_DOC },
    { "1.1.88.", SR_DOCUMENT },
    { "1.1.78.6", SR_DOCUMENT }, /* Spectacle Prescription Report */
    { "1.1.79.1", SR_DOCUMENT }, /* Macular Grid Thickness and Volume Report */
    { "1.1.11.", PRESENTATION },
    { "1.1.131", PRESENTATION }, /* Basic Structured Display */
    { "1.1.481.2", RT_DOSE },
    { "1.1.481.3", RT_STRUCTURE_SET },
    { "1.1.481.5", RT_PLAN },
    { "1.1.481.8", RT_PLAN },
    { "1.1.481.4", RT_TREAT_RECORD },
    { "1.1.481.6", RT_TREAT_RECORD },
    { "1.1.481.7", RT_TREAT_RECORD },
    { "1.1.481.9", RT_TREAT_RECORD },
    { "1.1.481.1", IMAGE },  /* RT Image */
    { "1.1.481.23", IMAGE }, /* Enhanced RT Image */
    { "1.1.481.24", IMAGE },
    { "1.1.481.", RADIOTHERAPY },
    { "1.1.104.", ENCAP_DOC },
    { "1.1.9.", WAVEFORM },
    { "1.1.66", RAW_DATA },
    { "1.1.66.1", REGISTRATION },
    { "1.1.66.3", REGISTRATION },
    { "1.1.66.2", FIDUCIAL },
    { "1.1.66.5", SURFACE },
    { "1.1.66.6", TRACT },
    { "1.1.67", VALUE_MAP },
    { "1.1.68.1", SURFACE_SCAN },
    { "1.1.68.2", SURFACE_SCAN },
    { "1.1.4.2", SPECTROSCOPY },
    { "1.1.77.1.5.3", STEREOMETRIC },
    { "1.1.78.", MEASUREMENT },
    { "1.1.80.1", MEASUREMENT }, /* Visual Field Static Perimetry */
    { "1.1.90.1", ASSESSMENT },
    { "1.1.91.1", ANNOTATION },
    { "34.1", PLAN }, /* RT Beams Delivery Instruction, trial */
    { "34.7", PLAN },
    { "34.10", PLAN },
};

const struct dicomdir_record *dicomdir_record_of(struct str sop_class_uid)
{
    struct str root = S("1.2.840.10008.5.1.4.");
    struct str below = str_slice(sop_class_uid, root.len, sop_class_uid.len);
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]) && str_starts(sop_class_uid, root); i++) {
        struct str class = str_from(classes[i].class);
        if (class.at[class.len - 1] == '.' ? str_starts(below, class) : str_equal(below, class))
            return &records[classes[i].record];
    }
    return &records[IMAGE];
}

const char *dicomdir_record_type(const struct dicomdir_record *record)
{
    return record->type;
}

uint32_t dicomdir_keys_end(const struct dicomdir_record *record)
{
    uint32_t last = 0;
    for (int i = 0; i < KEYS_MAX && record->keys[i].tag; i++)
        if (record->keys[i].tag != INSTANCE_NUMBER && record->keys[i].tag > last)
            last = record->keys[i].tag;
    return last ? last + 1 : 0;
}

/* ---- items, as they are in the file ---- */

enum { SHORT_VALUE_MAX = 65534 };

/* In little endian, whatever the file's byte order. */
static void copy_bytes(struct text *out, const struct dicom_element *e)
{
    int width = vr_row(e->vr)->kind == VR_TAGS ? 2 : vr_row(e->vr)->width;
    if (!e->big_endian || width == 1 || e->value.len % width) {
        text_put(out, e->value);
        return;
    }
    for (ptrdiff_t i = 0; i < e->value.len; i += width)
        for (int byte = width; byte-- > 0;)
            text_put_char(out, e->value.at[i + byte]);
}

static void copy_value(struct text *out, const struct dicom_dataset *dataset, const struct dicom_element *e,
                       struct arena *arena)
{
    char vr[3] = { (char)(e->vr >> 8), (char)e->vr, 0 };
    struct str text =
        dicom_charset_concerns(e->vr) ? dicom_charset_utf8(&dataset->charset, e->vr, e->value, arena) : STR_NULL;
    ptrdiff_t len = dicom_charset_concerns(e->vr) ? text.len : e->value.len;
    const struct vr_row *row = vr_row(e->vr);
    if (len > SHORT_VALUE_MAX && !row->is_wide)
        return;
    if (row->is_wide) {
        element_long_header(out, e->tag, vr, (uint32_t)(len + len % 2));
    } else {
        element_tag(out, e->tag);
        text_put(out, str_from(vr));
        element_number(out, 2, (uint32_t)(len + len % 2));
    }
    if (dicom_charset_concerns(e->vr))
        text_put(out, text);
    else
        copy_bytes(out, e);
    if (len % 2)
        text_put_char(out, row->kind == VR_BYTES || e->vr == VR('U', 'I') ? '\0' : ' ');
}

static void copy_sequence(struct text *out, const struct dicom_node *node, struct arena *arena);

static void copy_item(struct text *out, const struct dicom_dataset *item, struct arena *arena)
{
    element_tag(out, 0xFFFEE000);
    element_number(out, 4, 0);
    ptrdiff_t begin = out->len;
    for (int64_t i = 0; i < item->count; i++) {
        const struct dicom_node *node = &item->nodes[i];
        bool again = i && node->element.tag == node[-1].element.tag;
        if (again || node->fragments || !(node->element.tag & 0xFFFF) ||
            node->element.tag == DICOM_SpecificCharacterSet)
            continue; /* group lengths would be wrong; the text is in the directory's character set */
        if (node->element.vr == VR('S', 'Q'))
            copy_sequence(out, node, arena);
        else
            copy_value(out, item, &node->element, arena);
    }
    element_patch(out, begin - 4, out->len - begin);
}

static ptrdiff_t begin_sequence(struct text *out, uint32_t tag)
{
    element_long_header(out, tag, "SQ", 0);
    return out->len;
}

/* As deep as the reader lets sequences be. */
static void copy_sequence(struct text *out, const struct dicom_node *node, struct arena *arena)
{
    ptrdiff_t begin = begin_sequence(out, node->element.tag);
    for (const struct dicom_dataset *item = node->items; item; item = item->next)
        copy_item(out, item, arena);
    element_patch(out, begin - 4, out->len - begin);
}

/* ---- keys ---- */

/* "Unknown" of our own scheme: no code of the standard's means that the document's kind is not stated. */
static void put_unknown_concept(struct text *out)
{
    ptrdiff_t begin = begin_sequence(out, CONCEPT_NAME);
    element_tag(out, 0xFFFEE000);
    element_number(out, 4, 0);
    ptrdiff_t item = out->len;
    element_value(out, 0x00080100, "SH", S("UNKNOWN"));
    element_value(out, 0x00080102, "SH", S("99ROENTGEN"));
    element_value(out, 0x00080104, "LO", S("Unknown"));
    element_patch(out, item - 4, out->len - item);
    element_patch(out, begin - 4, out->len - begin);
}

/* Of the root only what modifies its concept name (F.5.25, F.5.26). */
static bool is_wanted(const struct key *key, const struct dicom_dataset *item, struct arena *arena)
{
    return key->tag != CONTENT || str_equal(dicom_text_first(item, RELATIONSHIP, arena), S("HAS CONCEPT MOD"));
}

static void put_items(struct text *out, const struct key *key, const struct dicom_node *node, struct arena *arena)
{
    int64_t wanted = 0;
    ptrdiff_t begin = 0;
    for (const struct dicom_dataset *item = node ? node->items : NULL; item; item = item->next) {
        if (!is_wanted(key, item, arena))
            continue;
        if (!wanted++)
            begin = begin_sequence(out, key->tag);
        copy_item(out, item, arena);
    }
    if (wanted)
        element_patch(out, begin - 4, out->len - begin);
    else if (key->need == ALWAYS)
        put_unknown_concept(out);
    else if (key->need == EMPTY)
        begin_sequence(out, key->tag);
}

/* In the document itself it is each observer's: the latest counts. Needed when the document is VERIFIED. */
static struct str verification_time(const struct dicom_dataset *dataset, const struct key *key, struct arena *arena)
{
    struct str latest = STR_NULL;
    const struct dicom_dataset *observer;
    if (!str_equal(dicom_text_first(dataset, VERIFICATION_FLAG, arena), S("VERIFIED")))
        return STR_NULL;
    for (int64_t i = 0; (observer = dicom_item(dataset, VERIFYING_OBSERVERS, i)); i++) {
        struct str time = dicom_text_first(observer, VERIFICATION_TIME, arena);
        if (str_compare(time, latest) > 0)
            latest = time;
    }
    return latest.len ? latest : str_from(key->made_up);
}

static struct str value_of(const struct dicom_dataset *dataset, const struct key *key, struct arena *arena)
{
    struct date date;
    int64_t number;
    int year, month, day;
    uint16_t vr = VR(key->vr[0], key->vr[1]);
    if (key->tag == VERIFICATION_TIME)
        return verification_time(dataset, key, arena);
    if (vr == VR('D', 'A')) {
        if (!dicom_date(dataset, key->tag, &date))
            return STR_NULL;
        date_to_ymd(date, &year, &month, &day);
        return arena_format(arena, "%04d%02d%02d", year, month, day);
    }
    if (vr == VR('T', 'M') && !dicom_time(dataset, key->tag, &number))
        return STR_NULL;
    if (vr == VR('U', 'S') || vr == VR('U', 'L') || vr == VR('I', 'S'))
        return dicom_integer(dataset, key->tag, &number) ? arena_format(arena, "%lld", (long long)number) : STR_NULL;
    return dicom_text(dataset, key->tag, arena);
}

/* As many characters as the VR takes (PS3.5 6.2); of Image Type's values, each. */
static int longest(uint16_t vr)
{
    return vr == VR('S', 'H') ? 16 : vr == VR('S', 'T') ? 1024 : vr == VR('L', 'O') ? 64 : 324;
}

static void put_key(struct text *out, const struct key *key, struct str value)
{
    uint16_t vr = VR(key->vr[0], key->vr[1]);
    int64_t number = 0;
    if (!value.len && key->need == ALWAYS)
        value = str_from(key->made_up);
    if (!value.len && key->need == IF_THERE)
        return;
    if (vr == VR('U', 'S') || vr == VR('U', 'L')) {
        str_to_integer(value, &number);
        (vr == VR('U', 'S') ? element_short : element_long)(out, key->tag, (uint32_t)number);
    } else if (vr == VR('T', 'M')) {
        element_time(out, key->tag, value);
    } else {
        element_text(out, key->tag, key->vr, longest(vr), value);
    }
}

void dicomdir_keys_put(struct text *out, const struct dicomdir_record *record, const struct dicom_dataset *dataset,
                       int64_t instance_number, struct arena *arena)
{
    for (int i = 0; i < KEYS_MAX && record->keys[i].tag; i++) {
        const struct key *key = &record->keys[i];
        if (key->tag == INSTANCE_NUMBER)
            element_integer(out, INSTANCE_NUMBER, instance_number);
        else if (key->vr[0] == 'S' && key->vr[1] == 'Q')
            put_items(out, key, dataset ? dicom_find(dataset, key->tag) : NULL, arena);
        else
            put_key(out, key, dataset ? value_of(dataset, key, arena) : STR_NULL);
    }
}
