/* What pdf_make makes, judged by programs that others wrote: qpdf, and poppler's. */
#include "base/crypto.h"
#include "base/file.h"
#include "reports.h"

#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define S_OF(text) \
    { \
        "" text, sizeof(text) - 1 \
    } /* S(), where a constant is asked for */

extern char **environ;

static struct call c;
static char folder[] = "/tmp/roentgen-pdf-XXXXXX";

static int setup(void **state)
{
    (void)state;
    call_init(&c, NULL, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    call_release(&c);
    return 0;
}

static const char *path_of(const char *name)
{
    return arena_cstring(&c.arena, arena_format(&c.arena, "%s/%s", folder, name));
}

static void write_file(const char *name, struct str bytes)
{
    FILE *file = fopen(path_of(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.at, 1, (size_t)bytes.len, file), (size_t)bytes.len);
    assert_int_equal(fclose(file), 0);
}

/* What the program prints; its status has to be 0. */
static struct str run(const char *program, const char *const *arguments)
{
    const char *words[16] = { program };
    for (int i = 0; i < 14 && arguments[i]; i++)
        words[i + 1] = arguments[i];
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, path_of("out"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    assert_int_equal(posix_spawnp(&pid, program, &actions, NULL, (char **)words, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    struct str out;
    assert_true(file_read_whole(path_of("out"), 16 << 20, &c.arena, &out, &c.error));
    if (status != 0)
        print_message("%s: %.*s\n", program, STR_FMT(out));
    assert_int_equal(status, 0);
    return out;
}
#define RUN(program, ...) run(program, (const char *const[]){ __VA_ARGS__, NULL })

static bool holds(struct str text, const char *part)
{
    return str_find(text, str_from(part)) >= 0;
}

static struct str made(const struct pdf_document *document)
{
    struct str pdf = STR_NULL;
    bool done = pdf_make(&c, document, &pdf);
    if (!done)
        print_message("%s\n", c.error.message);
    assert_true(done);
    write_file("made.pdf", pdf);
    RUN("qpdf", "--check", path_of("made.pdf"));
    return pdf;
}

/* First of all tests: fonts are opened in each process anew. */
static void test_same_bytes_in_two_processes(void **state)
{
    (void)state;
    unsigned char digests[2][SHA256_BYTES];
    for (int i = 0; i < 2; i++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            struct pdf_document document = test_report(&c.arena);
            struct str pdf;
            unsigned char digest[SHA256_BYTES];
            if (!pdf_make(&c, &document, &pdf))
                _exit(1);
            crypto_sha256(pdf, digest);
            _exit(write(ends[1], digest, sizeof digest) == (ssize_t)sizeof digest ? 0 : 1);
        }
        int status;
        close(ends[1]);
        assert_int_equal(read(ends[0], digests[i], SHA256_BYTES), SHA256_BYTES);
        close(ends[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
    assert_memory_equal(digests[0], digests[1], SHA256_BYTES);
}

static void test_report_as_others_read_it(void **state)
{
    (void)state;
    struct pdf_document document = test_report(&c.arena);
    made(&document);
    struct str info = RUN("pdfinfo", path_of("made.pdf"));
    assert_true(holds(info, "CT 检查报告单") && holds(info, "Tagged:          yes"));
    assert_true(holds(info, "2026") && holds(info, "A4"));
    struct str fonts = RUN("pdffonts", path_of("made.pdf"));
    assert_true(holds(fonts, "NotoSansCJKsc-Regular") && !holds(fonts, " no  no") && !holds(fonts, " no yes"));
    struct str text = RUN("pdftotext", path_of("made.pdf"), "-");
    static const char *const order[] = { "示例市第一人民医院", "检查报告单",   "影像所见", "部分实性结节",
                                         "右肺上叶结节",       "人工智能结果", "诊断意见", "三个月后复查",
                                         "关键图像",           "审核医师签名" };
    ptrdiff_t at = -1;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        ptrdiff_t next = str_find(text, str_from(order[i]));
        assert_true(next > at);
        at = next;
    }
    assert_true(holds(text, "第 1 页") && holds(text, "扫码核验"));
    struct str tree = RUN("pdfinfo", "-struct-text", path_of("made.pdf"));
    assert_true(holds(tree, "H1") && holds(tree, "Table") && holds(tree, "Figure") && holds(tree, "恶性概率"));
    assert_false(holds(tree, "草稿")); /* an artifact is none of the document's words */
    struct str files = RUN("pdfdetach", "-list", path_of("made.pdf"));
    assert_true(holds(files, "report.json") && holds(files, "bundle.fhir.json"));
}

static struct pdf_document plain(const struct pdf_block *blocks, int count)
{
    return (struct pdf_document){ .title = S("Odd"),
                                  .language = S("en"),
                                  .created_at = { 0 },
                                  .page = PDF_LETTER,
                                  .blocks = blocks,
                                  .block_count = count };
}

static struct str repeated(const char *part, ptrdiff_t bytes)
{
    ptrdiff_t len = (ptrdiff_t)strlen(part);
    char *at = arena_alloc(&c.arena, bytes);
    for (ptrdiff_t i = 0; i < bytes; i++)
        at[i] = part[i % len];
    return (struct str){ at, bytes };
}

static void test_odd_text_is_shown(void **state)
{
    (void)state;
    static const struct str odd[] = { S_OF("\x00\x01\x1B[31m\x7F"),
                                      S_OF("\xFF\xFE\xC0\x80\xED\xA0\x80"),
                                      S_OF("\xCC\x81\xCC\x82 a\xCC\x81\xCC\x82\xCC\x83"),
                                      S_OF("שלום עולם 123 مرحبا بالعالم"),
                                      S_OF("👩‍⚕️👍🏽 \xF0\x9F\xA9\xBB"),
                                      S_OF("\xE2\x80\xAE"
                                           "exe.gpj"),
                                      S_OF("\n\n\r\n\r\xE2\x80\xA8"),
                                      S_OF("क्षत्रिय ก็ 한국어"),
                                      S_OF("(a) \\ <b> & %PDF /Name ]"),
                                      S_OF(""),
                                      S_OF("\xF3\xA0\x80\x81\xEE\x80\x80\xF4\x8F\xBF\xBF") };
    enum { ODD = sizeof odd / sizeof odd[0] };
    struct pdf_block blocks[ODD * 2 + 1];
    for (int i = 0; i < ODD; i++) {
        blocks[2 * i] = (struct pdf_block){ .kind = PDF_HEADING, .level = 1 + i % 5, .text = odd[i] };
        blocks[2 * i + 1] = (struct pdf_block){ .kind = PDF_TABLE, .cells = odd, .count = ODD, .columns = 1 };
    }
    blocks[2 * ODD] = (struct pdf_block){ .kind = PDF_LIST, .items = odd, .count = ODD };
    struct pdf_document document = plain(blocks, 2 * ODD + 1);
    document.running_head = document.footer = document.watermark = odd[3];
    document.head = odd;
    document.head_count = ODD;
    made(&document);
    struct str text = RUN("pdftotext", path_of("made.pdf"), "-");
    static const char *const shown[] = { "exe.gpj", "<b> & %PDF /Name", "שלום", "عالم", "한국어", "�" };
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
        assert_true(holds(text, shown[i]));
}

static void test_long_text_goes_on(void **state)
{
    (void)state;
    struct str cells[] = { S("Long"), repeated("m\n", 8000), repeated("漢字が続く", 8190) };
    const struct pdf_block blocks[] = {
        { .kind = PDF_PARAGRAPH, .text = repeated("abcdefghij", 100000) },
        { .kind = PDF_PARAGRAPH, .text = repeated("漢字が続く", 60000) },
        { .kind = PDF_TABLE, .cells = cells, .count = 3, .columns = 1 },
        { .kind = PDF_BOX,
          .blocks = (struct pdf_block[]){ { .kind = PDF_PARAGRAPH, .text = repeated("ab ", 9000) } },
          .count = 1 },
    };
    struct pdf_document document = plain(blocks, 4);
    made(&document);
    struct str text = RUN("pdftotext", "-raw", path_of("made.pdf"), "-");
    ptrdiff_t letters = 0;
    for (ptrdiff_t i = 0; i < text.len; i++)
        letters += text.at[i] == 'j';
    assert_int_equal(letters, 10000);
}

static void assert_refused(const struct pdf_document *document, enum error_code code)
{
    struct str pdf = S("untouched");
    error_clear(&c.error);
    assert_false(pdf_make(&c, document, &pdf));
    assert_int_equal(c.error.code, code);
    assert_true(c.error.message[0] && str_equal(pdf, S("untouched")));
    error_clear(&c.error);
}

static void assert_block_refused(struct pdf_block block, enum error_code code)
{
    struct pdf_document document = plain(&block, 1);
    assert_refused(&document, code);
}

static void test_refusals(void **state)
{
    (void)state;
    struct pdf_document document = plain(NULL, 0);
    document.title = S(" ");
    assert_refused(&document, E_INVALID);
    document = plain(NULL, 0);
    document.created_at = INSTANT_NULL;
    assert_refused(&document, E_INVALID);
    struct pdf_image image = test_picture(&c.arena, 8, 8, 1);
    assert_block_refused((struct pdf_block){ .kind = PDF_FIGURE, .image = image }, E_INVALID);
    image.width = 9;
    assert_block_refused((struct pdf_block){ .kind = PDF_FIGURE, .image = image, .alt = S("a") }, E_INVALID);
    image = (struct pdf_image){ PDF_PNG, S("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\10\2"), 0, 0 };
    assert_block_refused((struct pdf_block){ .kind = PDF_FIGURE, .image = image, .alt = S("a") }, E_INVALID);
    image = (struct pdf_image){ PDF_JPEG, S("\xFF\xD8\xFF\xC0\0\x11\x08"), 0, 0 };
    assert_block_refused((struct pdf_block){ .kind = PDF_FIGURE, .image = image, .alt = S("a") }, E_INVALID);
    assert_block_refused((struct pdf_block){ .kind = PDF_HEADING, .level = 6 }, E_INVALID);
    assert_block_refused((struct pdf_block){ .kind = PDF_TABLE, .columns = 2, .count = 3 }, E_INVALID);
    assert_block_refused((struct pdf_block){ .kind = PDF_PARAGRAPH, .text = repeated("a", PDF_TEXT_BYTES_MAX + 1) },
                         E_TOO_LARGE);
    assert_block_refused((struct pdf_block){ .kind = PDF_PARAGRAPH, .text = repeated("a\n", 100000) }, E_TOO_LARGE);
    struct str cell = repeated("a", PDF_PART_BYTES_MAX + 1);
    assert_block_refused((struct pdf_block){ .kind = PDF_TABLE, .cells = &cell, .columns = 1, .count = 1 },
                         E_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_same_bytes_in_two_processes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_report_as_others_read_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_odd_text_is_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_text_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
    };
    if (!mkdtemp(folder))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    const char *const names[] = { "out", "made.pdf" };
    char path[sizeof folder + 16];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
    return failed;
}
