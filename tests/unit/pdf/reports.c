#include "reports.h"

#define T(text) \
    { \
        "" text, sizeof(text) - 1 \
    } /* S(), where a constant is asked for */

struct pdf_image test_picture(struct arena *arena, int width, int height, int seed)
{
    unsigned char *rgb = arena_alloc(arena, (ptrdiff_t)width * height * 3);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int dx = x - width / 2, dy = y - height / 2, in = dx * dx + dy * dy < (height / 3) * (height / 3);
            unsigned char grey = (unsigned char)(in ? 90 + (x * seed + y * 3) % 120 : (x + y) % 40);
            memset(rgb + 3 * ((ptrdiff_t)y * width + x), grey, 3);
        }
    return (struct pdf_image){ PDF_RGB, { (char *)rgb, (ptrdiff_t)width * height * 3 }, width, height };
}

static const struct str head[] = { T("示例市第一人民医院"), T("医学影像科 Department of Radiology") };

static const struct pdf_fact facts[] = {
    { T("姓名"), T("张三") },
    { T("性别"), T("男") },
    { T("年龄"), T("58 岁") },
    { T("检查号"), T("CT20260105-0017") },
    { T("检查部位"), T("胸部平扫") },
    { T("检查时间"), T("2026-01-05 14:30") },
    { T("临床诊断"), T("咳嗽两周，伴低热") },
};

static const struct str cells[] = { T("部位"),         T("本次 (mm)"), T("既往 (mm)"), T("变化"),
                                    T("右肺上叶结节"), T("8.2 × 6.9"), T("6.0 × 5.1"), T("+37 %"),
                                    T("左肺下叶结节"), T("4.1 × 3.8"), T("4.0 × 3.8"), T("不变") };

static const struct str items[] = { T("三个月后复查低剂量胸部 CT。"), T("必要时行 PET-CT 检查，或请胸外科会诊。") };

static const struct pdf_run runs[] = {
    { .text = T("右肺上叶见一") },
    { .text = T("部分实性结节"), .strong = true },
    { .text = T("，大小约 8.2 mm × 6.9 mm，边缘见毛刺及胸膜牵拉。") },
    { .text = T(" [测量 #1042]"), .faint = true },
};

static const char findings[] =
    "双肺纹理清晰，右肺上叶尖段可见磨玻璃密度结节，边界较清，内见小空泡征，邻近胸膜轻度牵拉。左肺下叶背段见实性小结节，"
    "边缘光整。余肺野未见明显实变影。气管及主要支气管通畅。纵隔内未见明显肿大淋巴结。心影大小、形态正常，主动脉壁可见钙化。"
    "双侧胸腔未见积液。所示骨质未见明确破坏。\nThe remaining lungs are clear; no pleural effusion (SUVmax 2.1, ≤ 2.5).";

struct pdf_document test_report(struct arena *arena)
{
    struct pdf_block *inside = arena_array(arena, struct pdf_block, 2),
                     *blocks = arena_array(arena, struct pdf_block, 13);
    inside[0] = (struct pdf_block){ .kind = PDF_PARAGRAPH, .text = S("右肺上叶结节，恶性概率 0.71（阈值 0.50）。") };
    inside[1] =
        (struct pdf_block){ .kind = PDF_PARAGRAPH, .text = S("模型 lung-nodule 2.3.1；仅供研究，须由医师确认。") };
    struct pdf_block made[13] = {
        { .kind = PDF_HEADING, .level = 1, .text = S("影像所见") },
        { .kind = PDF_PARAGRAPH, .text = str_from(findings) },
        { .kind = PDF_PARAGRAPH, .runs = runs, .count = 4 },
        { .kind = PDF_TABLE, .text = S("测量"), .cells = cells, .count = 12, .columns = 4 },
        { .kind = PDF_BOX, .text = S("人工智能结果"), .blocks = inside, .count = 2 },
        { .kind = PDF_HEADING, .level = 1, .text = S("诊断意见") },
        { .kind = PDF_LIST, .items = items, .count = 2, .numbered = true },
        { .kind = PDF_HEADING, .level = 3, .text = S("关键图像") },
        { .kind = PDF_FIGURE,
          .image = test_picture(arena, 512, 512, 7),
          .width_mm = 90,
          .alt = S("右肺上叶结节轴位图像"),
          .text = S("图 1  右肺上叶结节，肺窗") },
        { .kind = PDF_FIGURE,
          .image = test_picture(arena, 512, 512, 11),
          .width_mm = 90,
          .alt = S("左肺下叶结节轴位图像"),
          .text = S("图 2  左肺下叶结节，肺窗") },
        { .kind = PDF_RULE },
        { .kind = PDF_SIGNATURE, .text = S("审核医师签名"), .facts = facts, .count = 4 },
        { .kind = PDF_PARAGRAPH, .text = S("本报告仅供临床医师参考。") },
    };
    memcpy(blocks, made, sizeof made);
    struct pdf_attachment *attachments = arena_array(arena, struct pdf_attachment, 2);
    attachments[0] = (struct pdf_attachment){ S("report.json"), S("application/json"), S("报告的规范 JSON"), PDF_SOURCE,
                                              S("{\"a\":1}") };
    attachments[1] = (struct pdf_attachment){ S("bundle.fhir.json"), S("application/fhir+json"), S("FHIR R4"), PDF_DATA,
                                              S("{\"resourceType\":\"Bundle\"}") };
    return (struct pdf_document){
        .title = S("CT 检查报告单"),
        .author = S("李四"),
        .language = S("zh-CN"),
        .created_at = { INT64_C(1767623422000000) },
        .head = head,
        .head_count = 2,
        .facts = facts,
        .fact_count = 7,
        .running_head = S("张三  CT20260105-0017  胸部平扫"),
        .footer = S("版本 3  sha256:5f1d…"),
        .page_words = S("第 {page} 页，共 {pages} 页"),
        .watermark = S("草稿 DRAFT"),
        .blocks = blocks,
        .block_count = 13,
        .qr = S("https://hospital.example/verify/8c1f0c3e-7a57-4d0e-9a3b-1f2f6b2a7c55"),
        .qr_alt = S("核验本报告的网址"),
        .qr_caption = S("扫码核验本报告的签名。"),
        .attachments = attachments,
        .attachment_count = 2,
    };
}
