/* keypoint_pose.c - the best detection of a YOLO-pose output, on the film. */
#include "measure/keypoints.h"

#include <inttypes.h>
#include <math.h>

enum { BOX = 4, BEFORE_POINTS = BOX + 1, PER_POINT = 3, DETECTIONS_MAX = 1000000 };

static double value_at(const struct pose_tensor *pose, int64_t detection, int64_t place)
{
    return (double)(pose->by_column ? pose->values[place * pose->detections + detection]
                                    : pose->values[detection * pose->width + place]);
}

static bool is_share(double value)
{
    return value >= 0 && value <= 1;
}

/* -1: none has a score that is one. */
static int64_t best_of(const struct pose_tensor *pose)
{
    int64_t best = -1;
    for (int64_t i = 0; i < pose->detections; i++) {
        double score = value_at(pose, i, BOX);
        if (is_share(score) && (best < 0 || score > value_at(pose, best, BOX)))
            best = i;
    }
    return best;
}

static bool check(const struct pose_tensor *pose, const struct keypoint_layout *layout,
                  const struct keypoint_scaling *scaling, struct error *error)
{
    int64_t width = BEFORE_POINTS + PER_POINT * (int64_t)layout->count;
    if (pose->width != width)
        return error_set(error, E_INVALID,
                         "the model gives %" PRId64 " values for each detection, %d key points take %" PRId64,
                         pose->width, layout->count, width);
    if (pose->detections < 0 || pose->detections > DETECTIONS_MAX)
        return error_set(error, E_INVALID, "the model gives %" PRId64 " detections, at most %d are looked at",
                         pose->detections, DETECTIONS_MAX);
    if (!isfinite(scaling->scale_x) || !isfinite(scaling->scale_y) || scaling->scale_x <= 0 || scaling->scale_y <= 0 ||
        !isfinite(scaling->left) || !isfinite(scaling->top))
        return error_set(error, E_INVALID, "the film was not fitted into the model's input by any finite scale");
    return true;
}

bool keypoints_of_pose(const struct pose_tensor *pose, const struct keypoint_layout *layout,
                       const struct keypoint_scaling *scaling, double threshold, struct keypoint out[KEYPOINTS_MAX],
                       double *score, struct error *error)
{
    if (!check(pose, layout, scaling, error))
        return false;
    int64_t best = best_of(pose);
    if (best < 0 && pose->detections)
        return error_set(error, E_INVALID, "none of the %" PRId64 " detections has a score from 0 to 1",
                         pose->detections);
    if (best < 0)
        return error_set(error, E_INVALID, "the model detected nothing");
    if (!(value_at(pose, best, BOX) >= threshold))
        return error_set(error, E_INVALID, "the best detection's score of %.2f is below %.2f",
                         value_at(pose, best, BOX), threshold);
    *score = value_at(pose, best, BOX);
    for (int i = 0; i < layout->count; i++) {
        int64_t place = BEFORE_POINTS + PER_POINT * (int64_t)i;
        out[i] = (struct keypoint){ (value_at(pose, best, place) - scaling->left) / scaling->scale_x,
                                    (value_at(pose, best, place + 1) - scaling->top) / scaling->scale_y,
                                    value_at(pose, best, place + 2) };
    }
    return true;
}
