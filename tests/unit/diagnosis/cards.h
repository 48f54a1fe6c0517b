/* cards.h - for tests: small cards of each task. Include after diagnosis.h. */
#ifndef ROENTGEN_TEST_CARDS_H
#define ROENTGEN_TEST_CARDS_H

/* clang-format off */
#define CARD_HEAD(task) \
    "{\"format\": 1, \"name\": \"made\", \"version\": \"1\", \"title\": \"Made for tests\", \"task\": \"" task "\"," \
    " \"intended_use\": \"None.\", \"licence\": \"None.\"," \
    " \"input\": {\"name\": \"image\", \"size\": [32, 64], \"colour\": \"gray\", \"fit\": \"squash\"," \
    " \"resample\": \"area\", \"range\": [0, 1]},"
#define CARD_LABEL(name, threshold) \
    "{\"code\": {\"scheme\": \"99TEST\", \"value\": \"" name "\", \"meaning\": \"" name "\"}," \
    " \"label\": \"" name "\"," \
    " \"threshold\": " threshold "}"
#define CARD_TWO_LABELS "\"labels\": [" CARD_LABEL("one", "0.5") ", " CARD_LABEL("two", "0.25") "],"

#define CARD_CLASSIFICATION \
    CARD_HEAD("classification") CARD_TWO_LABELS "\"outputs\": [{\"name\": \"logits\", \"role\": \"logits\"}]}"
#define CARD_MULTI_LABEL \
    CARD_HEAD("multi-label") CARD_TWO_LABELS "\"outputs\": [{\"name\": \"logits\", \"role\": \"logits\"}]}"
#define CARD_DETECTION \
    CARD_HEAD("detection") CARD_TWO_LABELS \
    "\"outputs\": [{\"name\": \"boxes\", \"role\": \"boxes\", \"box\": \"cxcywh\", \"scored\": true," \
    " \"by_column\": true, \"iou\": 0.5, \"unit\": \"pixels\"}]}"
#define CARD_DETECTION_APART \
    CARD_HEAD("detection") CARD_TWO_LABELS \
    "\"outputs\": [{\"name\": \"boxes\", \"role\": \"boxes\", \"box\": \"xyxy\", \"unit\": \"shares\"}," \
    " {\"name\": \"scores\", \"role\": \"scores\"}, {\"name\": \"classes\", \"role\": \"classes\"}]}"
#define CARD_KEYPOINTS \
    CARD_HEAD("keypoints") "\"labels\": [" CARD_LABEL("hips", "0.5") "]," \
    "\"outputs\": [{\"name\": \"points\", \"role\": \"keypoints\", \"least\": 0.3, \"projection\": \"frontal\"," \
    " \"landmarks\": [\"femoral_head_left\", \"femoral_head_right\"]}]}"
#define CARD_SEGMENTATION \
    CARD_HEAD("segmentation") CARD_TWO_LABELS \
    "\"outputs\": [{\"name\": \"masks\", \"role\": \"mask\", \"activation\": \"softmax\", \"threshold\": 0.5}]}"
/* clang-format on */

#endif
