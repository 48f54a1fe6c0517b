/* window.c - the three VOI LUT functions (PS3.3 C.11.2.1.2.1, C.11.2.1.3.1, C.11.2.1.3.2). */
#include "raster/tone.h"

#include <math.h>

static double clamp(double y)
{
    return y <= 0 ? 0 : y >= 1 ? 1 : y;
}

/* LINEAR is defined for whole numbers: a window of width w shows w values, so the first and the last are w - 1 apart,
 * and the middle of them is half a value below the centre. A width of 1 is a threshold. */
static double linear(double center, double width, double value)
{
    double middle = center - 0.5, span = width - 1;
    if (value <= middle - span / 2)
        return 0;
    if (value > middle + span / 2)
        return 1;
    return clamp((value - middle) / span + 0.5);
}

static double linear_exact(double center, double width, double value)
{
    if (value <= center - width / 2)
        return 0;
    if (value > center + width / 2)
        return 1;
    return clamp((value - center) / width + 0.5);
}

double window_apply(enum voi_function function, double center, double width, double value)
{
    switch (function) {
    case VOI_LINEAR:
        return linear(center, width, value);
    case VOI_SIGMOID:
        return clamp(1 / (1 + exp(-4 * (value - center) / width)));
    default:
        return linear_exact(center, width, value);
    }
}

bool window_check(enum voi_function function, double center, double width, struct error *error)
{
    if (!isfinite(center) || !isfinite(width))
        return error_set(error, E_INVALID, "the window's centre and width must be numbers");
    if (function == VOI_LINEAR && width < 1)
        return error_set(error, E_INVALID, "the window's width must be 1 or more"); /* C.11.2.1.2.1 */
    if (!(width > 0))
        return error_set(error, E_INVALID, "the window's width must be more than 0"); /* C.11.2.1.3 */
    return true;
}
