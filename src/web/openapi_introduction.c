/* openapi_introduction.c - what holds for every operation, said once for those who read the document.
 * tests/contract/in_full.py says the same as JSON Schema: who changes a rule here changes it there. */
#include "web/openapi_document.h"

#include "base/error.h"

static const char english[] =
    "Everything under `/api/v1` takes and gives JSON (UTF-8). Members and parameters that are not listed are "
    "refused.\n\n"
    "## Signing in\n\n"
    "`POST /api/v1/auth/login` gives an access token: send it as `Authorization: Bearer ...`. When it has expired, "
    "`POST /api/v1/auth/refresh` gives the next pair. Pages in browsers sign in with `?session=cookie` instead: then a "
    "cookie shows the session, and each change sends `X-CSRF-Token`.\n\n"
    "## Values\n\n"
    "- **Texts** (`format: text`) hold no control characters but tab and line ends. Spaces around them are taken "
    "off. `minLength` counts what is left, `maxLength` what was sent, both in characters (code points). Passwords "
    "(`format: password`) keep their spaces.\n"
    "- **Nothing** is `null`. Where `null` or leaving out is allowed, an empty text means the same; so does an empty "
    "value in a query.\n"
    "- **Times** (`date-time`) are answered in UTC: `2026-01-05T14:30:22.123456Z`. Where one is asked for, other "
    "offsets will do, and a day alone (`2026-01-05`) is its first moment, as the end of a span its last. There is no "
    "year 0.\n"
    "- **Numbers**: `int64` is what 64 bits hold but for the least of them, `double` is finite.\n"
    "- **Queries**: lists are separated by commas. `1` and `0` will do for `true` and `false`. `modality=XR` means all "
    "X-rays (CR, DX, DR, RG, XR, RF). `search` finds Chinese names by pinyin and initials, too.\n\n"
    "## Lists and members\n\n"
    "Lists come in pages: `page` and `page_size`, or, from any place at the same cost, `after` with the `next` of "
    "the page before. With `fields=id,name` an answer (of a list: each row) has only these members; without it all "
    "that are `required` are there.\n\n"
    "## Changes\n\n"
    "Answers about one thing have an `ETag`, and so have lists and figures, which a browser may keep (`private, "
    "no-cache`): asked for again by `If-None-Match`, 304 says that nothing has changed. Sent back as `If-Match` a "
    "change is made only if nobody was faster "
    "(else 412), also where something is done to that thing (a path below its own), and never where there is no `ETag` "
    "to compare (`*` compares nothing and is taken anywhere); sent back as `If-None-Match` an "
    "answer is only repeated if it is another one (else 304). A POST with an "
    "`Idempotency-Key` happens once, however often it is sent within 24 hours.\n\n"
    "## What may go wrong\n\n"
    "Every operation may answer one of these, as `application/problem+json` (RFC 9457). With 422, `errors` lists all "
    "that does not fit. Where `Retry-After` is given it is worth trying again after so many seconds.\n\n"
    "| status | | |\n|---|---|---|\n";

static const char chinese[] =
    "\n## 中文说明\n\n"
    "`/api/v1` 下的接口收发 JSON（UTF-8），未列出的成员和参数一律拒绝。登录后以 `Authorization: Bearer ...` 携带访问令牌；"
    "浏览器页面可用 `?session=cookie` 登录，由 cookie 表示会话，修改时另带 `X-CSRF-Token`。\n\n"
    "- **文本**（`format: text`）：除制表符和换行外不得含控制字符；首尾空格会去掉；`minLength` 按去掉之后、`maxLength` 按发送时的字符数（码点）计。"
    "密码（`format: password`）保留空格。\n"
    "- **空值**为 `null`；凡可为 `null` 或可省略之处，空文本与之相同，查询参数的空值亦然。\n"
    "- **时间**以 UTC 返回；传入时可带其他时区偏移，只写日期则指当天开始，作为区间终点则指当天结束。\n"
    "- **查询参数**：多个值以逗号分隔；`1`、`0` 等同 `true`、`false`。`modality=XR` 指全部 X 线；`search` 也可用拼音和首字母查找中文姓名。\n"
    "- **列表**分页：`page` 与 `page_size`，或以上一页的 `next` 作 `after`；`fields=id,name` 只返回这些成员，否则 `required` 的成员都在。\n"
    "- **修改**：以 `ETag` 作 `If-Match`，他人已先修改则返回 412，对该对象执行的操作（其下的路径）亦同；没有 `ETag` 可比较时也返回 412（`*` 不作比较，处处可用）；"
    "`Idempotency-Key` 使同一 POST 在 24 小时内只执行一次。\n"
    "- **错误**见上表；422 的 `errors` 列出所有不符合要求之处。\n";

void openapi_put_introduction(struct text *out)
{
    struct text words;
    text_init(&words, 1 << 16);
    text_put(&words, str_from(english));
    for (int code = E_NONE + 1; code < E_CODES; code++) {
        const struct error_row *row = error_row((enum error_code)code);
        text_format(&words, "| %d | %s | %s |\n", row->status, row->title, row->title_zh);
    }
    text_put(&words, str_from(chinese));
    text_put_json_string(out, text_str(&words));
    text_release(&words);
}
