/* HL7 v2 messages: the examples of chapter 2, other separators, other character sets, and what is no message. */
#include "hl7/message.h"

#undef fail
#include "../base/test.h"

static const struct hl7_options as_usual = { 0 };

static struct hl7_message read_message(struct str bytes, struct arena *arena)
{
    struct hl7_message m;
    struct hl7_refusal why;
    if (!hl7_read(bytes, &as_usual, arena, &m, &why))
        print_error("%.*s\n", STR_FMT(why.words));
    assert_int_equal(why.error, HL7_ACCEPTED);
    return m;
}

static enum hl7_error refusal_of(struct str bytes, struct arena *arena)
{
    struct hl7_message m;
    struct hl7_refusal why;
    assert_false(hl7_read(bytes, &as_usual, arena, &m, &why));
    assert_true(why.words.len > 0);
    return why.error;
}

/* HL7 v2.5.1, 3.8.1: an admission as chapter 3 writes one. */
static const char admission[] =
    "MSH|^~\\&|ADT1|GOOD HEALTH HOSPITAL|GHH LAB, INC.|GOOD HEALTH HOSPITAL|198808181126|SECURITY|ADT^A01^ADT_A01|"
    "MSG00001|P|2.5.1||\rEVN|A01|200708181123||\r"
    "PID|1||PATID1234^5^M11^ADT1^MR^GOOD HEALTH HOSPITAL~123456789^^^USSSA^SS||EVERYMAN^ADAM^A^III||19610615|M||"
    "2106-3|2222 HOME STREET^^GREENSBORO^NC^27401-1020\r"
    "NK1|1|JONES^BARBARA^K|SPO^Spouse^HL70063||||NK^NEXT OF KIN\r";

static void an_admission_is_taken_apart(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct hl7_message m = read_message(str_from(admission), &arena);
    const struct hl7_segment *pid = hl7_segment(&m, "PID");
    assert_int_equal(m.count, 4);
    assert_str_is(m.type, "ADT");
    assert_str_is(m.event, "A01");
    assert_str_is(m.control_id, "MSG00001");
    assert_str_is(m.sending_facility, "GOOD HEALTH HOSPITAL");
    assert_str_is(hl7_text(&m, pid, 3, 1, &arena), "PATID1234");
    assert_str_is(hl7_component(&m, hl7_repetition(&m, hl7_field(&m, pid, 3), 1), 5), "SS");
    assert_true(str_is_null(hl7_repetition(&m, hl7_field(&m, pid, 3), 2)));
    assert_str_is(hl7_text(&m, pid, 5, 2, &arena), "ADAM");
    assert_true(str_is_null(hl7_text(&m, pid, 99, 1, &arena)));
    assert_str_is(hl7_text(&m, &m.segments[0], 12, 1, &arena), "2.5.1");
    assert_str_is(hl7_field(&m, &m.segments[0], 2), "^~\\&");
    assert_null(hl7_segment(&m, "OBR"));
    arena_release(&arena);
}

static void ends_of_lines_of_other_systems_are_taken(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    assert_int_equal(read_message(S("MSH|^~\\&|A\nPID|1\n"), &arena).count, 2);
    assert_int_equal(read_message(S("MSH|^~\\&|A\r\nPID|1\r\n\r\n"), &arena).count, 2);
    assert_int_equal(read_message(S("MSH|^~\\&|A\rPID|1"), &arena).count, 2);
    arena_release(&arena);
}

static void the_message_names_its_separators(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct hl7_message m = read_message(S("MSH*:;?+*HIS******ORM:O01*7\rPID***1:2;3:4+5*x?F?y?S?z\r"), &arena);
    const struct hl7_segment *pid = hl7_segment(&m, "PID");
    assert_str_is(m.event, "O01");
    assert_str_is(hl7_text(&m, pid, 3, 2, &arena), "2");
    assert_str_is(hl7_component(&m, hl7_repetition(&m, hl7_field(&m, pid, 3), 1), 2), "4+5");
    assert_str_is(hl7_subcomponent(&m, S("4+5"), 2), "5");
    assert_str_is(hl7_text(&m, pid, 4, 1, &arena), "x*y:z");
    arena_release(&arena);
}

static struct str plain(const char *text, struct arena *arena)
{
    struct hl7_message m = read_message(str_from(admission), arena);
    return hl7_plain(&m, str_from(text), arena);
}

static void escapes_are_undone_and_made(void **state)
{
    (void)state;
    struct arena arena;
    struct text out;
    arena_init(&arena);
    assert_str_is(plain("a\\F\\b\\S\\c\\R\\d\\T\\e\\E\\f", &arena), "a|b^c~d&e\\f");
    assert_str_is(plain("one\\.br\\two\\.sp2\\three", &arena), "one\ntwo\nthree");
    assert_str_is(plain("\\H\\bold\\N\\ \\.in+4\\in \\X0D41\\", &arena), "bold in \nA");
    assert_str_is(plain("\\Z12\\own", &arena), "own");
    assert_str_is(plain("C:\\temp", &arena), "C:\\temp"); /* nothing ends it: it stands for itself */
    assert_str_is(plain("\\Xzz\\x", &arena), "x");
    assert_true(str_is_null(plain("\"\"", &arena)));
    assert_true(str_is_null(plain("  ", &arena)));
    text_init(&out, 1000);
    hl7_put_escaped(&out, S("a|b^c~d&e\\f\r\ng\x01h"));
    assert_str_is(text_str(&out), "a\\F\\b\\S\\c\\R\\d\\T\\e\\E\\f\\.br\\g h");
    text_release(&out);
    arena_release(&arena);
}

/* In GB 18030 the second byte of a character may be that of a separator: U+7FC3 is C4 5C '\', U+4E1B.. 丨 is 81 7C. */
static void chinese_is_read_in_both_character_sets(void **state)
{
    (void)state;
    struct arena arena;
    struct str encoded, again;
    arena_init(&arena);
    const struct hl7_charset *gb = hl7_charset(S("GB 18030-2000"));
    static const char text[] = "MSH|^~\\&|\xE4\xB8\x81\xE4\xB8\x82\xE4\xB8\x84|||||||5|P|2.5.1||||||GB 18030-2000\r"
                               "PID|1||7||\xE7\x8E\x8B^\xE4\xB8\x82\xE4\xB9\x80\xE4\xB9\xB7|\r";
    assert_true(hl7_charset_encode(gb, str_from(text), &arena, &encoded));
    assert_true(memchr(encoded.at, 0x81, (size_t)encoded.len) != NULL);
    struct hl7_message m = read_message(encoded, &arena);
    assert_str_is(hl7_text(&m, hl7_segment(&m, "PID"), 5, 1, &arena), "\xE7\x8E\x8B");
    assert_str_is(hl7_text(&m, hl7_segment(&m, "PID"), 5, 2, &arena), "\xE4\xB8\x82\xE4\xB9\x80\xE4\xB9\xB7");
    assert_str_is(m.control_id, "5");
    assert_true(hl7_charset_decode(gb, encoded, &arena, &again));
    assert_str_is(again, text);
    m = read_message(S("MSH|^~\\&|\xE7\x8E\x8B|||||||5|P|2.5.1||||||UNICODE UTF-8~GB 18030-2000\r"), &arena);
    assert_str_is(m.sending_application, "\xE7\x8E\x8B");
    m = read_message(S("MSH|^~\\&|caf\xE9|||||||5|P|2.5.1||||||8859/1\r"), &arena);
    assert_str_is(m.sending_application, "caf\xC3\xA9");
    arena_release(&arena);
}

static void what_is_no_text_is_refused_by_name(void **state)
{
    (void)state;
    struct arena arena;
    struct hl7_message m;
    struct hl7_refusal why;
    arena_init(&arena);
    assert_false(
        hl7_read(S("MSH|^~\\&|A|||||||77|P|2.5.1||||||UNICODE UTF-8\rPID|1||\xFF\r"), &as_usual, &arena, &m, &why));
    assert_str_is(m.control_id, "77"); /* so that the answer can name it */
    assert_int_equal(why.error, HL7_DATA_TYPE);
    assert_str_is(why.words, "it has bytes that are no text in UNICODE UTF-8");
    assert_false(hl7_read(S("MSH|^~\\&|A|||||||78|P|2.5.1||||||KLINGON\rPID|1\r"), &as_usual, &arena, &m, &why));
    assert_str_is(m.control_id, "78");
    assert_int_equal(why.error, HL7_NO_SUCH_VALUE);
    assert_int_equal(refusal_of(S("MSH|^~\\&|\xC3\xA4|\r"), &arena), HL7_DATA_TYPE); /* none named: ASCII */
    struct hl7_options utf8 = { .charset = hl7_charset(S("utf-8")) };
    assert_true(hl7_read(S("MSH|^~\\&|\xC3\xA4|\r"), &utf8, &arena, &m, &why));
    assert_int_equal(refusal_of(S("MSH|^~\\&|A|||||||78\rPID|\x0B|\x1C\r"), &arena), HL7_DATA_TYPE);
    arena_release(&arena);
}

static void what_is_no_message_is_refused(void **state)
{
    (void)state;
    struct arena arena;
    struct text large;
    arena_init(&arena);
    static const char *const broken[] = {
        "", "\r\n", "PID|1\r", "MSH", "MSH|", "MSH|^\r", "MSHA^~\\&|\r", "MSH|^^\\&|\r", "MSH|^~\\&#%|\r", "MSH|AB\\&|"
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        refusal_of(str_from(broken[i]), &arena);
    assert_int_equal(refusal_of(S("MSH|^~\\&|A\rpid|1\r"), &arena), HL7_SEQUENCE);
    assert_int_equal(refusal_of(S("MSH|^~\\&|A\rP\r"), &arena), HL7_SEQUENCE);
    assert_int_equal(refusal_of(S("MSH|^~\\&|A\rPIDX1\r"), &arena), HL7_SEQUENCE);
    assert_int_equal(refusal_of(S("MSH|^~\\&|A\rMSH|^~\\&|B\r"), &arena), HL7_SEQUENCE);
    text_init(&large, 4 << 20);
    text_put(&large, S("MSH|^~\\&|A\r"));
    for (int i = 0; i < 10000; i++)
        text_put(&large, S("NTE|1\r"));
    assert_int_equal(refusal_of(text_str(&large), &arena), HL7_SEQUENCE);
    text_clear(&large);
    text_put(&large, S("MSH|^~\\&|A\rPID"));
    for (int i = 0; i < 1000; i++)
        text_put_char(&large, '|');
    assert_int_equal(refusal_of(text_str(&large), &arena), HL7_DATA_TYPE);
    while (large.len <= HL7_MESSAGE_MAX)
        text_put_char(&large, 'x');
    assert_int_equal(refusal_of(text_str(&large), &arena), HL7_SEQUENCE);
    text_release(&large);
    arena_release(&arena);
}

static void moments_are_read_as_far_as_they_are_said(void **state)
{
    (void)state;
    struct hl7_time t;
    assert_true(hl7_time(S("19800517"), &t) && t.year == 1980 && t.month == 5 && t.day == 17 && t.hour == -1);
    assert_true(hl7_time(S("1980"), &t) && t.month == -1 && t.day == -1);
    assert_true(hl7_time(S("20260105143022.1234+0800"), &t) && t.second == 22 && t.has_zone && t.zone_minutes == 480);
    assert_true(hl7_time(S("202601051430-0330"), &t) && t.minute == 30 && t.zone_minutes == -210);
    static const char *const none[] = { "",
                                        "x",
                                        "198",
                                        "19801",
                                        "19800230",
                                        "19800017",
                                        "198013",
                                        "2026010525",
                                        "20260105143022+99",
                                        "20260105x",
                                        "20260105143022+0800 "
                                        "x",
                                        "00000101" };
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_false(hl7_time(str_from(none[i]), &t));
}

static void an_answer_says_what_was_wrong(void **state)
{
    (void)state;
    struct arena arena;
    struct text out;
    struct str code, control_id, words;
    arena_init(&arena);
    text_init(&out, 4000);
    struct hl7_message m = read_message(str_from(admission), &arena);
    struct hl7_head head = { .application = S("ROENTGEN"), .control_id = S("9"), .charset = hl7_charset(S("UTF-8")) };
    struct hl7_refusal why = { HL7_UNKNOWN_KEY, S("no patient has this number | ^"), S("MRG^1^1") };
    hl7_put_ack(&out, &head, &m, HL7_AE, &why);
    assert_str_is(text_str(&out),
                  "MSH|^~\\&|ROENTGEN||ADT1|GOOD HEALTH HOSPITAL|19700101000000+0000||ACK^A01^ACK|9|P|2.5.1||||||"
                  "UNICODE UTF-8\r"
                  "MSA|AE|MSG00001|no patient has this number \\F\\ \\S\\\r"
                  "ERR||MRG^1^1|204^Unknown key identifier^HL70357|E||||no patient has this number \\F\\ \\S\\\r");
    struct hl7_message answer = read_message(text_str(&out), &arena);
    assert_true(hl7_read_ack(&answer, &code, &control_id, &words, &arena));
    assert_str_is(code, "AE");
    assert_str_is(control_id, "MSG00001");
    assert_str_is(words, "no patient has this number | ^");
    assert_false(hl7_read_ack(&m, &code, &control_id, &words, &arena));
    text_release(&out);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_admission_is_taken_apart),
        cmocka_unit_test(ends_of_lines_of_other_systems_are_taken),
        cmocka_unit_test(the_message_names_its_separators),
        cmocka_unit_test(escapes_are_undone_and_made),
        cmocka_unit_test(chinese_is_read_in_both_character_sets),
        cmocka_unit_test(what_is_no_text_is_refused_by_name),
        cmocka_unit_test(what_is_no_message_is_refused),
        cmocka_unit_test(moments_are_read_as_far_as_they_are_said),
        cmocka_unit_test(an_answer_says_what_was_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
