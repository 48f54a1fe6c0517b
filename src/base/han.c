/* han.c - the table that the build has made of libicu's rules, and how names are read. */
#include "base/han.h"

#include "han_table.h"

#include <stdbool.h>
#include <string.h>

uint32_t han_simplified(uint32_t point)
{
    if (point < HAN_FIRST || point >= HAN_END || !simplified[point - HAN_FIRST])
        return point;
    return simplified[point - HAN_FIRST];
}

/* Simplified, with readings in names that the rules do not give. */
/* clang-format off */
static const struct name_reading {
    uint32_t point;
    const char *also[2];
} name_readings[] = {
    /* surnames, and characters of such that have two */
    { U'单', { "shan", "chan" } }, { U'曾', { "zeng" } }, { U'仇', { "qiu" } }, { U'解', { "xie" } },
    { U'查', { "zha" } }, { U'区', { "ou" } }, { U'朴', { "piao" } }, { U'盖', { "ge" } }, { U'尉', { "yu" } },
    { U'万', { "mo" } }, { U'俟', { "si" } }, { U'翟', { "zhai" } }, { U'覃', { "qin" } }, { U'缪', { "miao" } },
    { U'乐', { "yue" } }, { U'员', { "yun" } }, { U'贠', { "yun" } }, { U'种', { "chong" } }, { U'秘', { "bi" } },
    { U'折', { "she" } }, { U'繁', { "po" } }, { U'洗', { "xian" } }, { U'隗', { "wei" } }, { U'黑', { "he" } },
    { U'郇', { "xun" } }, { U'召', { "shao" } }, { U'祭', { "zhai" } }, { U'谌', { "shen" } }, { U'牟', { "mu" } },
    { U'宓', { "fu" } }, { U'乜', { "nie" } }, { U'佴', { "nai" } }, { U'郗', { "chi" } }, { U'柏', { "bo" } },
    { U'薄', { "bo" } }, { U'卜', { "bu" } }, { U'藏', { "zang" } }, { U'颉', { "xie" } }, { U'适', { "kuo" } },
    { U'莘', { "xin" } }, { U'参', { "shen" } }, { U'六', { "lu" } }, { U'费', { "bi" } }, { U'盛', { "cheng" } },
    { U'句', { "gou" } }, { U'会', { "gui" } }, { U'阚', { "kan" } }, { U'郄', { "xi" } }, { U'长', { "chang" } },
    { U'澹', { "tan" } }, { U'谷', { "yu" } },
    /* given names */
    { U'茜', { "xi" } }, { U'晟', { "sheng" } }, { U'行', { "hang" } }, { U'重', { "chong" } },
    { U'朝', { "zhao" } }, { U'调', { "tiao" } }, { U'娜', { "nuo" } }, { U'蔚', { "yu" } }, { U'都', { "du" } },
    { U'筠', { "jun" } }, { U'还', { "huan" } }, { U'粘', { "nian" } }, { U'著', { "zhu" } }, { U'隽', { "jun" } },
    { U'莎', { "suo" } }, { U'炅', { "gui" } }, { U'桧', { "hui" } }, { U'嬛', { "xuan" } }, { U'禅', { "shan" } },
    { U'仔', { "zai" } }, { U'溱', { "zhen" } }, { U'浚', { "xun" } }, { U'校', { "jiao" } }, { U'降', { "xiang" } },
    { U'识', { "zhi" } }, { U'莞', { "wan" } }, { U'奘', { "zhuang" } }, { U'柜', { "ju" } }, { U'着', { "zhuo" } },
    { U'地', { "di" } }, { U'呢', { "ni" } }, { U'了', { "liao" } },
};
/* clang-format on */
enum { NAME_READINGS = sizeof(name_readings) / sizeof(name_readings[0]) };

/* ü: lv, as it is typed; lu; lyu. */
static void put(struct han_readings *out, const char *syllable)
{
    static const char *const forms[] = { "v", "u", "yu" };
    const char *v = strchr(syllable, 'v');
    for (int i = 0; i < (v ? 3 : 1) && out->count < HAN_READINGS_MAX; i++)
        snprintf(out->at[out->count++], HAN_SYLLABLE_MAX, "%.*s%s%s", (int)(v ? v - syllable : HAN_SYLLABLE_MAX - 1),
                 syllable, v ? forms[i] : "", v ? v + 1 : "");
}

void han_readings(uint32_t point, struct han_readings *out)
{
    out->count = 0;
    if (point < HAN_FIRST || point >= HAN_END)
        return;
    if (readings[point - HAN_FIRST])
        put(out, syllables[readings[point - HAN_FIRST]]);
    for (int i = 0; i < NAME_READINGS; i++)
        if (name_readings[i].point == point)
            for (int k = 0; k < 2 && name_readings[i].also[k]; k++)
                put(out, name_readings[i].also[k]);
}
