/* error.c - the one table of error codes, and how an error is filled. */
#include "base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>

static const struct error_row rows[E_CODES] = {
    [E_NONE] = { 200, "OK", "成功", false },
    [E_BAD_REQUEST] = { 400, "Bad Request", "请求有误", true },
    [E_UNAUTHENTICATED] = { 401, "Unauthorized", "尚未登录或登录已失效", true },
    [E_FORBIDDEN] = { 403, "Forbidden", "没有权限", true },
    [E_NOT_FOUND] = { 404, "Not Found", "找不到", true },
    [E_METHOD_NOT_ALLOWED] = { 405, "Method Not Allowed", "不支持该请求方法", true },
    [E_NOT_ACCEPTABLE] = { 406, "Not Acceptable", "无法按所要求的格式返回", true },
    [E_REQUEST_TIMEOUT] = { 408, "Request Timeout", "请求超时", true },
    [E_CONFLICT] = { 409, "Conflict", "与现有数据冲突", true },
    [E_GONE] = { 410, "Gone", "已不存在", true },
    [E_LENGTH_REQUIRED] = { 411, "Length Required", "缺少内容长度", true },
    [E_PRECONDITION_FAILED] = { 412, "Precondition Failed", "前提条件不成立", true },
    [E_TOO_LARGE] = { 413, "Content Too Large", "内容过大", true },
    [E_URI_TOO_LONG] = { 414, "URI Too Long", "地址过长", true },
    [E_UNSUPPORTED_TYPE] = { 415, "Unsupported Media Type", "不支持的内容类型", true },
    [E_RANGE] = { 416, "Range Not Satisfiable", "请求的范围无效", true },
    [E_INVALID] = { 422, "Unprocessable Content", "输入内容不符合要求", true },
    [E_LOCKED] = { 423, "Locked", "已被锁定", true },
    [E_TOO_MANY] = { 429, "Too Many Requests", "请求过于频繁", true },
    [E_HEADERS_TOO_LARGE] = { 431, "Request Header Fields Too Large", "请求头过大", true },
    [E_INTERNAL] = { 500, "Internal Server Error", "服务器内部错误", false },
    [E_UNREADABLE] = { 502, "Bad Gateway", "存储的内容无法读取", true },
    [E_UNAVAILABLE] = { 503, "Service Unavailable", "服务暂时不可用", true, 5 },
    [E_STORAGE_FULL] = { 507, "Insufficient Storage", "存储空间不足", true },
};

const struct error_row *error_row(enum error_code code)
{
    assert((unsigned)code < E_CODES && rows[code].status);
    return &rows[code];
}

/* vsnprintf cuts by bytes; a code point cut in half would reach the client as U+FFFD. */
static void trim_cut_code_point(char *message)
{
    size_t end = strlen(message), start = end;
    while (start > 0 && ((unsigned char)message[start - 1] & 0xC0) == 0x80)
        start--;
    if (start > 0 && !str_is_utf8((struct str){ message + start - 1, (ptrdiff_t)(end - start + 1) }))
        message[start - 1] = '\0';
}

bool error_set_at(struct error *error, const char *file, int line, enum error_code code, const char *format, ...)
{
    assert(code != E_NONE);
    if (error->code != E_NONE)
        return false;
    error->code = code;
    error->file = file;
    error->line = line;
    va_list args;
    va_start(args, format);
    int length = vsnprintf(error->message, sizeof(error->message), format, args);
    va_end(args);
    if (length >= (int)sizeof(error->message))
        trim_cut_code_point(error->message);
    return false;
}

struct str error_told(const struct error *error)
{
    const struct error_row *row = error_row(error->code);
    if (error->problems)
        return error->problems->message;
    return str_from(row->message_is_public && error->message[0] ? error->message : row->title);
}

void error_clear(struct error *error)
{
    error->code = E_NONE;
    error->message[0] = '\0';
    error->file = NULL;
    error->line = 0;
    error->retry_after_s = 0;
    error->is_ours = false;
    error->type = NULL;
    error->in_doubt = false;
    error->problems = NULL;
    error->problem_count = 0;
}

bool error_is_shortage(int number)
{
    return number == EMFILE || number == ENFILE || number == ENOMEM || number == EAGAIN || number == ENOBUFS;
}

bool error_add_problem(struct error *error, struct arena *arena, const char *place, struct str member, const char *type,
                       const char *format, ...)
{
    error_set(error, E_INVALID, "the input is not valid");
    if (error->problem_count++ >= PROBLEMS_MAX)
        return false;
    va_list args;
    va_start(args, format);
    struct problem *problem = arena_new(arena, struct problem);
    *problem = (struct problem){ .place = place, .member = arena_copy(arena, member), .type = type };
    problem->message = arena_vformat(arena, format, args);
    va_end(args);
    struct problem **end = &error->problems;
    while (*end)
        end = &(*end)->next;
    *end = problem;
    return false;
}
