/* card_fields.c - the rows of a card: what each member is called, what it may be, what it says. */
#include "diagnosis/card_parts.h"

#include "base/names.h"

const char *const card_tasks[] = { "classification", "multi-label", "detection", "keypoints", "segmentation", NULL };
NAMES_REACH(card_tasks, TASK_SEGMENTATION);
const char *const card_roles[] = { "probability", "logits", "boxes",    "scores", "classes",
                                   "keypoints",   "mask",   "evidence", "gate",   NULL };
NAMES_REACH(card_roles, ROLE_GATE);
static const char *const fits[] = { "squash", "letterbox", "crop", NULL };
static const char *const resamples[] = { "area", "bilinear", NULL };
static const char *const layouts[] = { "NCHW", "NHWC", NULL };
static const char *const colours[] = { "gray", "rgb", NULL };
static const char *const windows[] = { "default", "full", "given", NULL };
static const char *const bones[] = { "bright", "dark", NULL };
static const char *const types[] = { "float32", "float16", "uint8", NULL };
static const char *const activations[] = { "none", "sigmoid", "softmax", NULL };
static const char *const boxes[] = { "xyxy", "xywh", "cxcywh", NULL };
static const char *const units[] = { "pixels", "shares", NULL };
static const char *const projections[] = { "lateral", "frontal", NULL };

/* ---- what goes in ---- */

static const struct field normalisation_fields[] = {
    FIELD(struct card_normalisation, mean, .flags = REQUIRED, .max = 200, .example = "[0.449]",
          .doc = "What is taken away, after `range`: one number, or one a channel."),
    FIELD(struct card_normalisation, std, .flags = REQUIRED, .max = 200, .example = "[0.226]",
          .doc = "What the rest is divided by: one number, or one a channel."),
};
static const struct schema normalisation_schema =
    SCHEMA("CardNormalisation", struct card_normalisation, normalisation_fields);

static const struct field input_fields[] = {
    FIELD(struct card_input, name, .flags = REQUIRED, .max = TENSOR_NAME_MAX, .doc = "The model's input."),
    FIELD(struct card_input, layout, .choices = layouts, .type = "CardLayout", .fallback = "NCHW",
          .doc = "The order of its axes: batch, channel, row, column."),
    FIELD(struct card_input, type, .choices = types, .type = "CardNumber", .fallback = "float32",
          .doc = "What its numbers are."),
    FIELD(struct card_input, size, .flags = REQUIRED, .min = 2, .max = 2, .example = "[224, 224]",
          .doc = "Height and width of the picture that goes in."),
    FIELD(struct card_input, colour, .choices = colours, .type = "CardColour", .flags = REQUIRED,
          .doc = "One channel of grey, or red, green and blue."),
    FIELD(struct card_input, fit, .choices = fits, .type = "CardFit", .flags = REQUIRED,
          .doc = "How the whole frame gets that size: squashed, with borders, or cut off."),
    FIELD(struct card_input, resample, .choices = resamples, .type = "CardResample", .flags = REQUIRED,
          .doc = "Mean over the area of a pixel, or bilinear between centres without antialiasing."),
    FIELD(struct card_input, window, .choices = windows, .type = "CardWindow", .fallback = "default",
          .doc = "Which values become black and white: as the file shows itself, all that there are, or those given."),
    FIELD(struct card_input, window_center, .flags = NULLABLE,
          .doc = "Of a window that is given, in the image's own unit."),
    FIELD(struct card_input, window_width, .flags = NULLABLE, .doc = "Of a window that is given; more than 0."),
    FIELD(struct card_input, bone, .choices = bones, .type = "CardBone", .fallback = "bright",
          .doc = "What dense parts are."),
    FIELD(struct card_input, padding, .flags = NULLABLE, .min = 0, .max = 1,
          .doc = "Of a letterbox: the grey of its borders, 0 to 1, before `range`. Black where it is not said."),
    FIELD(struct card_input, range, .flags = REQUIRED, .max = 100, .example = "[0, 1]",
          .doc = "What black and white become."),
    FIELD_OBJECT(struct card_input, normalisation, .of = &normalisation_schema, .flags = NULLABLE,
                 .doc = "What is done after `range`."),
    FIELD(struct card_input, preprocessing, .flags = NULLABLE, .max = 64,
          .doc = "A name for all of this, which goes into every result."),
};
static const struct schema input_schema = SCHEMA("CardInput", struct card_input, input_fields);

/* ---- what comes out ---- */

static const struct field output_fields[] = {
    FIELD(struct card_output, name, .flags = REQUIRED, .max = TENSOR_NAME_MAX, .doc = "The model's output."),
    FIELD(struct card_output, role, .choices = card_roles, .type = "CardRole", .flags = REQUIRED,
          .doc = "What its numbers are."),
    FIELD(struct card_output, activation, .choices = activations, .type = "CardActivation", .flags = NULLABLE,
          .doc = "What makes probabilities of them."),
    FIELD(struct card_output, label, .flags = NULLABLE, .max = 100, .doc = "Which label a map is for."),
    FIELD(struct card_output, of, .flags = NULLABLE, .max = 64, .doc = "What a mask shows that is no label: lung."),
    FIELD(struct card_output, threshold, .flags = NULLABLE, .min = 0, .max = 1,
          .doc = "From which value on a pixel belongs to a mask; its label's threshold where none is said."),
    FIELD(struct card_output, box, .choices = boxes, .type = "CardBox", .flags = NULLABLE,
          .doc = "How four numbers are a box: two corners, corner and size, centre and size."),
    FIELD(struct card_output, unit, .choices = units, .type = "CardUnit", .flags = NULLABLE,
          .doc = "Pixels of the input, or shares of its width and height."),
    FIELD(struct card_output, scored, .fallback = "false",
          .doc = "Each box's four numbers are followed by one score for each label."),
    FIELD(struct card_output, by_column, .fallback = "false",
          .doc = "The numbers of one lie below each other, not beside each other."),
    FIELD(struct card_output, iou, .flags = NULLABLE, .min = 0, .max = 1,
          .doc = "Of two boxes of one label that overlap by more than this the less sure one goes."),
    FIELD(struct card_output, least, .flags = NULLABLE, .min = 0, .max = 1,
          .doc = "Confidence below which a key point is missing; 0.5."),
    FIELD(struct card_output, points, .flags = NULLABLE, .max = 64,
          .doc = "A layout of key points that is known here."),
    FIELD(struct card_output, landmarks, .flags = NULLABLE, .min = 1, .max = KEYPOINTS_MAX,
          .doc = "Else the landmarks in their order."),
    FIELD(struct card_output, projection, .choices = projections, .type = "CardProjection", .flags = NULLABLE,
          .doc = "How the film of those landmarks is taken."),
};
static const struct schema output_schema = SCHEMA("CardOutput", struct card_output, output_fields);

static const struct field code_fields[] = {
    FIELD(struct card_code, scheme, .flags = REQUIRED, .max = 16, .example = "SCT",
          .doc = "Coding Scheme Designator (0008,0102)."),
    FIELD(struct card_code, value, .flags = REQUIRED, .max = 16, .example = "233604007",
          .doc = "Code Value (0008,0100)."),
    FIELD(struct card_code, meaning, .flags = REQUIRED, .max = 64, .example = "Pneumonia",
          .doc = "Code Meaning (0008,0104)."),
};
const struct schema card_code_schema = SCHEMA("Code", struct card_code, code_fields);

static const struct field label_fields[] = {
    FIELD_OBJECT(struct card_label, code, .of = &card_code_schema, .flags = REQUIRED, .doc = "What it means."),
    FIELD(struct card_label, also, .of = &card_code_schema, .flags = NULLABLE, .max = 8,
          .doc = "The same in other coding schemes."),
    FIELD_OBJECT(struct card_label, category, .of = &card_code_schema, .flags = NULLABLE,
                 .doc = "Of masks: what kind of thing it is, as Segmented Property Category; a morphologically "
                        "abnormal structure where none is said."),
    FIELD(struct card_label, label, .flags = REQUIRED, .max = 100, .doc = "What it is called here."),
    FIELD(struct card_label, label_zh, .flags = NULLABLE, .max = 100, .doc = "The same in Chinese."),
    FIELD(struct card_label, threshold, .flags = REQUIRED, .min = 0, .max = 1,
          .doc = "The probability from which on it is positive."),
    FIELD(struct card_label, index, .flags = NULLABLE, .min = 0, .max = CARD_LABELS_MAX - 1,
          .doc = "Its place among the numbers of the output, from 0; its place in this list where it is not said."),
    FIELD(struct card_label, critical, .fallback = "false",
          .doc = "A finding that cannot wait: one that is positive lifts its study to URGENT in the work list, while "
                 "the model is ACTIVE."),
};
static const struct schema label_schema = SCHEMA("CardLabel", struct card_label, label_fields);

/* ---- whom it is for ---- */

static const struct field age_fields[] = {
    FIELD(struct card_ages, min, .flags = NULLABLE, .min = 0, .max = 150, .doc = "The least age in whole years."),
    FIELD(struct card_ages, max, .flags = NULLABLE, .min = 0, .max = 150, .doc = "The greatest."),
};
static const struct schema ages_schema = SCHEMA("CardAges", struct card_ages, age_fields);

static const struct field rule_fields[] = {
    FIELD(struct card_rule, measure, .flags = REQUIRED, .max = TENSOR_NAME_MAX + 16, .example = "pixel_deviation",
          .doc = "What is measured: one of a closed set."),
    FIELD(struct card_rule, min, .flags = NULLABLE, .doc = "The least that is let in."),
    FIELD(struct card_rule, max, .flags = NULLABLE, .doc = "The most that is let in."),
    FIELD(struct card_rule, reason, .flags = REQUIRED, .max = 64, .example = "no_contrast", .doc = "For programs."),
    FIELD(struct card_rule, text, .flags = REQUIRED, .max = 300, .doc = "For people: why there is no score."),
};
static const struct schema rule_schema = SCHEMA("CardRule", struct card_rule, rule_fields);

static const struct field gate_fields[] = {
    FIELD(struct card_gate, rules, .of = &rule_schema, .flags = REQUIRED, .max = CARD_RULES_MAX,
          .doc = "Asked in this order; the first that is not kept refuses the picture."),
};
static const struct schema gate_schema = SCHEMA("CardGate", struct card_gate, gate_fields);

static const struct field remote_fields[] = {
    FIELD(struct card_remote, url, .flags = REQUIRED, .min = 8, .max = 1000, .example = "http://gpu1:8000",
          .doc = "The server, which INFERENCE_HOSTS lists; or celery:NAME, a task of TASK_NAMES."),
    FIELD(struct card_remote, name, .flags = REQUIRED, .min = 1, .max = TENSOR_NAME_MAX,
          .doc = "What it calls the model."),
    FIELD(struct card_remote, version, .flags = NULLABLE, .min = 1, .max = TENSOR_NAME_MAX,
          .doc = "Which version of it; its own choice where it is not said."),
    FIELD(struct card_remote, binary, .fallback = "false",
          .doc = "It takes tensors as bytes (Triton's extension), though it does not say so, as KServe's own."),
};
static const struct schema remote_schema = SCHEMA("CardRemote", struct card_remote, remote_fields);

#define DEFINED_TERMS(member, what) FIELD(struct card, member, .flags = NULLABLE, .max = 64, .doc = what)

static const struct field card_fields[] = {
    FIELD(struct card, format, .flags = REQUIRED, .min = CARD_FORMAT, .max = CARD_FORMAT, .doc = "Of the card: 1."),
    FIELD(struct card, name, .flags = REQUIRED, .max = 64, .rule = &card_name_rule, .example = "chest-pneumonia",
          .doc = "Names the model, with `version`."),
    FIELD(struct card, version, .flags = REQUIRED, .max = 32, .rule = &card_name_rule, .example = "1.0.0",
          .doc = "Of the model."),
    FIELD(struct card, title, .flags = REQUIRED, .max = 200, .doc = "For people."),
    FIELD(struct card, title_zh, .flags = NULLABLE, .max = 200, .doc = "The same in Chinese."),
    FIELD(struct card, task, .choices = card_tasks, .type = "ModelTask", .flags = REQUIRED, .doc = "What it does."),
    FIELD(struct card, file, .flags = NULLABLE, .max = 200, .doc = "The model's file, beside the card."),
    FIELD(struct card, sha256, .flags = NULLABLE, .max = 64, .rule = &card_digest_rule, .doc = "SHA-256 of that file."),
    FIELD(struct card, bytes, .flags = NULLABLE, .min = 1, .max = INT64_MAX, .doc = "Its size."),
    FIELD(struct card, opset, .flags = NULLABLE, .min = 1, .max = 100, .doc = "Its set of ONNX operators."),
    FIELD_OBJECT(struct card, input, .of = &input_schema, .flags = REQUIRED, .doc = "What goes in."),
    FIELD(struct card, outputs, .of = &output_schema, .flags = REQUIRED, .min = 1, .max = CARD_OUTPUTS_MAX,
          .doc = "What comes out, as far as it is used."),
    FIELD(struct card, labels, .of = &label_schema, .flags = REQUIRED, .min = 1, .max = CARD_LABELS_MAX,
          .doc = "What the model can say."),
    DEFINED_TERMS(modality, "Modalities (0008,0060) that it may be asked of; none: any."),
    DEFINED_TERMS(body_part, "Body parts (0018,0015) that it may be asked of; none: any."),
    DEFINED_TERMS(view, "View positions (0018,5101) that it may be asked of; none: any."),
    FIELD(struct card, age, .flags = NULLABLE, .max = 500,
          .doc = "Of which age those were that it learned from, in words."),
    FIELD_OBJECT(struct card, age_years, .of = &ages_schema, .flags = NULLABLE, .doc = "Ages that it may be asked of."),
    FIELD(struct card, intended_use, .flags = REQUIRED, .max = 2000, .doc = "What it is for and what not."),
    FIELD(struct card, intended_use_zh, .flags = NULLABLE, .max = 2000, .doc = "The same in Chinese."),
    FIELD(struct card, research_only, .fallback = "true", .doc = "Its results are no base of anybody's treatment."),
    FIELD_OBJECT(struct card, gate, .of = &gate_schema, .flags = NULLABLE, .doc = "What a picture has to look like."),
    FIELD(struct card, training_data, .flags = NULLABLE, .max = 65536, .doc = "What it learned from."),
    FIELD(struct card, calibration, .flags = NULLABLE, .max = 65536, .doc = "How its probabilities were made so."),
    FIELD(struct card, figures, .flags = NULLABLE, .max = 65536, .doc = "How good it was found to be."),
    FIELD(struct card, licence, .flags = REQUIRED, .max = 500, .doc = "Under which terms it may be used."),
    FIELD_OBJECT(struct card, remote, .of = &remote_schema, .flags = NULLABLE,
                 .doc = "The server that runs the model, by the Open Inference Protocol, where that is not this one."),
};
const struct schema card_schema = SCHEMA("ModelCard", struct card, card_fields,
                                         .doc = "What a model is for, what it "
                                                "takes, and what its answers mean.");
