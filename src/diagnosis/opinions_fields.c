/* opinions_fields.c - the rows of opinions. */
#include "diagnosis/opinions.h"

static const struct field opinion_finding_fields[] = {
    FIELD(struct opinion_finding, diagnosis_id, .doc = "The result that it is of."),
    FIELD(struct opinion_finding, image_file_id, .doc = "The image."),
    FIELD(struct opinion_finding, frame, .doc = "Which of its frames, from 1."),
    FIELD_OBJECT(struct opinion_finding, finding, .of = &finding_schema, .doc = "What is said."),
};
static const struct schema opinion_finding_schema =
    SCHEMA("OpinionFinding", struct opinion_finding, opinion_finding_fields, .doc = "A finding in one frame.");

static const struct field opinion_fields[] = {
    FIELD(struct opinion, source, .doc = "Its number in this answer, which comparisons name."),
    FIELD(struct opinion, by, .choices = opinion_bys, .type = "OpinionBy", .doc = "A model or a reader."),
    FIELD(struct opinion, model_id, .flags = NULLABLE, .doc = "The model; null: a reader."),
    FIELD(struct opinion, model_name, .flags = NULLABLE, .doc = "What the model is called."),
    FIELD(struct opinion, model_version, .flags = NULLABLE, .doc = "Its version."),
    FIELD(struct opinion, reader_id, .flags = NULLABLE, .doc = "The reader's account; null: a model."),
    FIELD(struct opinion, reader_name, .flags = NULLABLE, .doc = "The reader's full name."),
    FIELD(struct opinion, results, .doc = "How many results it speaks of, each of one frame."),
    FIELD(struct opinion, rejected, .doc = "How many results of a model were rejected, or a reader has rejected."),
    FIELD(struct opinion, findings, .of = &opinion_finding_schema, .doc = "What it says, image by image."),
};
static const struct schema opinion_schema =
    SCHEMA("Opinion", struct opinion, opinion_fields, .doc = "What a model or a reader says of a study.");

static const struct field comparison_fields[] = {
    FIELD(struct comparison, first, .doc = "One source."),
    FIELD(struct comparison, second, .doc = "The other."),
    FIELD(struct comparison, compared, .doc = "Labels of frames of which both have spoken."),
    FIELD(struct comparison, agreed, .doc = "Those where both say that it is there, or both that it is not."),
    FIELD(struct comparison, kappa, .flags = NULLABLE,
          .doc = "Cohen's kappa; null: nothing was compared, or both always say the same one thing."),
};
static const struct schema comparison_schema =
    SCHEMA("OpinionComparison", struct comparison, comparison_fields, .doc = "How far two sources agree.");

static const struct field opinions_fields[] = {
    FIELD(struct opinions, sources, .of = &opinion_schema, .doc = "Models and readers."),
    FIELD(struct opinions, agreement, .of = &comparison_schema, .doc = "Each two of them compared."),
};
const struct schema opinions_schema =
    SCHEMA("StudyFindings", struct opinions, opinions_fields, .doc = "What models and readers say of a study.");
