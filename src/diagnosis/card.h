/* card.h - a model's card: what it is for, what it takes, what its answers mean. All that the server knows of a model.
 *
 *     struct card card;
 *     if (!card_read(c, json, &card) ||            // every problem at once, by its place ("labels.0.threshold")
 *         !card_suits(c, &card, &face)) ...        // its inputs and outputs are those of the model
 *
 * A card is JSON, kept as it was given; models/chest-pneumonia/card.json is one. Members that are not listed here are
 * refused, so that nobody believes in a setting that nothing reads.
 *
 *   input       one picture: how it gets its size (`fit`, `resample`), its colours, its range
 *   outputs     by name, each with a role: what its numbers are
 *   labels      what the model can say: a code, words, a threshold, and which number says it
 *   modality, body_part, view, age_years     which images it may be asked of: anything else is refused in words
 *   gate        what the picture itself has to look like; else there is no score, and the reason is said (gate.h)
 *
 * `remote` says which other server runs the model, and what it is called there; then there is no file.
 *
 * Codes are those of DICOM: a coding scheme ("SCT", "DCM", "RADLEX", "99LOCAL"), a value, a meaning.
 *
 * What is left out can be taken from the file: metadata_props named as the card's members, the `names`, `imgsz` and
 * `kpt_shape` of YOLO exports (card_of_file), or a MONAI bundle's metadata.json (card_of_bundle); card_merge puts them
 * behind what was given. They are a beginning: what a model is for, and how sure it has to be, is for people to say.
 *
 * A card lives in the call's arena and may point into the text that it was read from.
 */
#ifndef ROENTGEN_CARD_H
#define ROENTGEN_CARD_H

#include "inference/model_pool.h"
#include "inference/onnx_file.h"
#include "measure/keypoints.h"
#include "schema/field.h"

enum { CARD_FORMAT = 1, CARD_BYTES_MAX = 64 << 10 };
enum { CARD_LABELS_MAX = 1000, CARD_OUTPUTS_MAX = MODEL_PUTS_MAX, CARD_RULES_MAX = 32, CARD_SIDE_MAX = 4096 };
enum { CARD_CHANNELS_MAX = 3 };

enum card_task { TASK_CLASSIFICATION = 1, TASK_MULTI_LABEL, TASK_DETECTION, TASK_KEYPOINTS, TASK_SEGMENTATION };
extern const char *const card_tasks[]; /* "classification", "multi-label", "detection", "keypoints", "segmentation" */

/* How the whole frame becomes width x height. */
enum card_fit {
    FIT_SQUASH = 1, /* "squash": whatever its shape */
    FIT_LETTERBOX,  /* "letterbox": as large as it goes in, centred, the rest filled with `padding` */
    FIT_CROP,       /* "crop": as small as covers it, centred, the rest cut off */
};
enum card_resample { RESAMPLE_AREA = 1, RESAMPLE_BILINEAR }; /* "area", "bilinear" */
enum card_layout { LAYOUT_NCHW = 1, LAYOUT_NHWC };           /* "NCHW", "NHWC" */
enum card_colour { COLOUR_GRAY = 1, COLOUR_RGB };            /* "gray", "rgb" */
/* Which values become black and white: as the file shows itself, all that there are, those given. */
enum card_window { WINDOW_DEFAULT = 1, WINDOW_FULL, WINDOW_GIVEN }; /* "default", "full", "given" */
enum card_bone { BONE_BRIGHT = 1, BONE_DARK };                      /* "bright", "dark" */
enum card_type { CARD_FLOAT32 = 1, CARD_FLOAT16, CARD_UINT8 };      /* "float32", "float16", "uint8" */

struct card_normalisation {
    struct json mean, std; /* lists of one number, or of one a channel */
};
struct card_input {
    struct str name;
    unsigned layout, type;
    struct integers size; /* [height, width] */
    unsigned colour, fit, resample, window, bone;
    double window_center, window_width; /* of WINDOW_GIVEN, in the image's own unit (HU of CT); else NaN */
    double padding;                     /* of FIT_LETTERBOX: grey, 0 (black) to 1, before `range` */
    struct json range;                  /* [black, white] */
    struct card_normalisation normalisation;
    struct str preprocessing; /* a name for all of this, which goes into every result: "squash-area-1" */

    /* From the above, by card_read. */
    int64_t height, width;
    int channels;
    double low, high;                                             /* of `range` */
    double mean[CARD_CHANNELS_MAX], deviation[CARD_CHANNELS_MAX]; /* of each channel: (value - mean) / deviation */
};

enum card_role {
    ROLE_PROBABILITY = 1, /* [N, numbers], or [N] of one: 0 to 1 */
    ROLE_LOGITS,          /* likewise, any number: `activation` makes probabilities of them */
    ROLE_BOXES,           /* [N, boxes, 4 or more]: `box` says how four numbers are one; `scored`, `by_column` below */
    ROLE_SCORES,          /* [N, boxes]: 0 to 1, of the boxes; or [N, boxes, labels] */
    ROLE_CLASSES,         /* [N, boxes]: the label's index, of the boxes */
    ROLE_KEYPOINTS,       /* [N, detections, 5 + 3 points]; measure/keypoints.h */
    ROLE_MASK,            /* [N, 1 or labels, height, width]: 0 to 1 */
    ROLE_EVIDENCE,        /* [N, 1, height, width]: 0 to 1, where the model found evidence; no finder of lesions */
    ROLE_GATE,            /* [N, 1] or [N]: a number that a rule of the gate asks for */
};
extern const char *const card_roles[]; /* "probability" and so on */
enum card_activation { ACTIVATION_NONE = 1, ACTIVATION_SIGMOID, ACTIVATION_SOFTMAX };
enum card_box { BOX_XYXY = 1, BOX_XYWH, BOX_CXCYWH }; /* two corners; corner and size; centre and size */
enum card_unit { UNIT_PIXELS = 1, UNIT_SHARES };      /* of the input's pixels; of its width and height, 0 to 1 */

struct card_output {
    struct str name;
    unsigned role;
    unsigned activation; /* of numbers and masks; logits without one: softmax of classification, else sigmoid */
    struct str label;    /* evidence, mask: which label it is for */
    struct str of;       /* mask: what it shows, where that is no label: "lung" */
    double threshold;    /* mask: from which value on a pixel belongs to it; NaN: its label's */
    unsigned box, unit;  /* boxes */
    bool scored;         /* boxes: the four are followed by one score for each label (YOLO) */
    bool by_column;      /* boxes, keypoints: [N, numbers of one, how many] */
    double iou;          /* boxes: of two of one label that overlap by more than this the weaker goes; NaN: they stay */
    double least;        /* keypoints: confidence below which a point is missing; 0.5 */
    struct str points;   /* keypoints: a layout that is known (keypoint_layouts) */
    struct texts landmarks; /* keypoints: else its landmarks in order ... */
    unsigned projection;    /* ... and how the film was taken: "lateral", "frontal" (enum card_projection) */

    struct keypoint_layout layout; /* of keypoints, by card_read */
};
enum card_projection { PROJECTION_LATERAL = 1, PROJECTION_FRONTAL };

struct card_code {
    struct str scheme, value, meaning;
};
extern const struct schema card_code_schema;
struct card_label {
    struct card_code code;
    struct list also;          /* struct card_code: the same in other schemes */
    struct card_code category; /* of masks: what kind of thing it is (PS3.16 CID 7150); null: something abnormal */
    struct str label, label_zh;
    double threshold; /* at or above: positive */
    int64_t index;    /* its place among the numbers of the output; given, or its place in the list */
    bool critical;    /* a positive one lifts its study in the work list */
};

struct card_ages {
    int64_t min, max; /* whole years of age, both inclusive; null: no limit */
};

struct card_rule {
    struct str measure; /* of a closed set: gate.h */
    double min, max;    /* inclusive; NaN: no limit */
    struct str reason;  /* for programs: "no_contrast" */
    struct str text;    /* for people: a sentence */
};
struct card_gate {
    struct list rules; /* struct card_rule, asked in this order */
};

/* A model that another server runs, by the Open Inference Protocol. */
struct card_remote {
    struct str url;           /* of the server; null: the model's file is here */
    struct str name, version; /* what it calls the model; version null: its own choice */
    bool binary;              /* it takes tensors as bytes, though it does not say so */
};

struct card {
    int64_t format;
    struct str name, version, title, title_zh;
    unsigned task;
    struct str file, sha256; /* of the model's file, where the card says them; its server compares */
    int64_t bytes, opset;
    struct card_input input;
    struct list outputs, labels;              /* struct card_output, struct card_label */
    struct texts modality, body_part, view;   /* DICOM's defined terms; empty: any */
    struct str age;                           /* in words */
    struct card_ages age_years;               /* as limits */
    struct str intended_use, intended_use_zh; /* shown wherever a result is */
    bool research_only;
    struct card_gate gate;
    struct json training_data, calibration, figures; /* shown as they are */
    struct str licence;
    struct card_remote remote;
};
extern const struct schema card_schema;

/* E_BAD_REQUEST: no JSON. E_INVALID: problems of "body", each named by its member. */
bool card_read(struct call *c, struct str json, struct card *out);
/* The same of one that somebody brings in now: text that shows in another order than it is kept in is refused, too,
 * wherever it stands. Cards that are there already are read as they are. */
bool card_read_new(struct call *c, struct str json, struct card *out);
/* E_INVALID, each difference by its place: a name that the model has not, a shape that is not the input's size, an
 * output whose rank or length is not its role's, a label past the last number, an input that the card does not fill. */
bool card_suits(struct call *c, const struct card *card, const struct model_face *face);

/* Parts of it. NULL: there is none. */
const struct card_output *card_output_of(const struct card *card, enum card_role role); /* the first */
const struct card_output *card_output_named(const struct card *card, struct str name);
const struct card_label *card_label_at(const struct card *card, int64_t index);      /* by card_label.index */
bool card_label_means(const struct card_label *label, const struct card_code *code); /* its own, or one of `also` */
const struct card_label *card_label_named(const struct card *card, struct str label);

/* ---- card_fill.c: what a file says of itself, as the JSON of a card that is not complete; "{}": nothing ---- */

struct str card_of_file(struct call *c, const struct onnx_file *file);
/* False: `metadata` is not JSON (E_BAD_REQUEST). */
bool card_of_bundle(struct call *c, struct str metadata, struct str *json);
/* `given`, with what it lacks (of `input` also its members) from `found`. `given` null: all of `found`. False: one of
 * them is not a JSON object (E_BAD_REQUEST). */
bool card_merge(struct call *c, struct str given, struct str found, struct str *json);

#endif
