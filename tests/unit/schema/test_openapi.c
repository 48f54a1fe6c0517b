/* test_openapi.c - schemas as OpenAPI 3.1: limits for input, plain for answers, nothing said at each member that
 * holds for all. */
#include "check.h"
#include "demo.h"

#include "schema/openapi.h"

#include <jansson.h>

static struct text out;

static int setup(void **state)
{
    (void)state;
    text_init(&out, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    text_release(&out);
    return 0;
}

/* The schema of one member of the demo, compactly and with its members sorted as written. */
static char *property(json_t *schema, const char *name)
{
    json_t *member = json_object_get(json_object_get(schema, "properties"), name);
    return member ? json_dumps(member, JSON_COMPACT) : NULL;
}

static json_t *whole(enum openapi_use use)
{
    text_clear(&out);
    openapi_put_schema(&out, &demo_schema, use);
    json_error_t error;
    json_t *json = json_loadb(out.at, (size_t)out.len, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        fail_msg("%s at %d: %.*s", error.text, error.position, STR_FMT(text_str(&out)));
    return json;
}

static void check_property(json_t *schema, const char *name, const char *wanted)
{
    char *got = property(schema, name);
    if (!got || !wanted ? got != NULL || wanted != NULL : strcmp(got, wanted) != 0)
        fail_msg("%s is %s instead of %s", name, got ? got : "absent", wanted ? wanted : "absent");
    free(got);
}

static char *required(json_t *schema)
{
    return json_dumps(json_object_get(schema, "required"), JSON_COMPACT | JSON_ENCODE_ANY);
}

static void answer(void **state)
{
    (void)state;
    json_t *s = whole(OPENAPI_ANSWER);
    assert_string_equal(json_string_value(json_object_get(s, "type")), "object");
    assert_string_equal(json_string_value(json_object_get(s, "description")), "Everything.");
    assert_null(json_object_get(s, "additionalProperties"));
    check_property(s, "password", NULL);
    check_property(s, "nickname", NULL);
    check_property(s, "id", "{\"type\":\"integer\",\"format\":\"int64\",\"description\":\"Identifies it.\"}");
    check_property(s, "name", "{\"type\":\"string\",\"description\":\"Its \\\"name\\\".\",\"examples\":[\"张伟\"]}");
    check_property(s, "age", "{\"type\":[\"integer\",\"null\"],\"format\":\"int64\",\"description\":\"Years.\"}");
    check_property(s, "visible", "{\"type\":\"boolean\",\"description\":\"Is it visible?\"}");
    check_property(s, "modality",
                   "{\"anyOf\":[{\"type\":\"string\",\"enum\":[\"CT\",\"MR\",\"XR\"]},{\"type\":\"null\"}],"
                   "\"description\":\"What made it.\"}");
    check_property(s, "born_on", "{\"type\":\"string\",\"format\":\"date\",\"description\":\"Day.\"}");
    check_property(s, "part", "{\"$ref\":\"#/components/schemas/Part\",\"description\":\"One part.\"}");
    check_property(s, "parts",
                   "{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Part\"},"
                   "\"description\":\"More parts.\"}");
    check_property(s, "by_type",
                   "{\"type\":[\"object\",\"null\"],\"additionalProperties\":{\"type\":\"integer\","
                   "\"format\":\"int64\"},\"description\":\"Counts.\"}");
    check_property(s, "extra", "{\"description\":\"Any JSON.\"}");
    check_property(s, "roles",
                   "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"enum\":[\"doctor\",\"nurse\"]},"
                   "\"description\":\"Rights.\",\"examples\":[[\"doctor\",\"nurse\"]]}");
    /* All that is encoded is required. */
    assert_int_equal(json_array_size(json_object_get(s, "required")),
                     json_object_size(json_object_get(s, "properties")));
    json_decref(s);
}

static void body(void **state)
{
    (void)state;
    json_t *s = whole(OPENAPI_BODY);
    assert_true(json_is_false(json_object_get(s, "additionalProperties")));
    char *names = required(s);
    assert_string_equal(names,
                        "[\"name\",\"password\",\"number\",\"active\",\"ratio\",\"born_on\",\"part\",\"roles\"]");
    free(names);
    check_property(s, "id", NULL);
    check_property(s, "created_at", NULL);
    check_property(s, "lang", NULL);
    check_property(s, "number",
                   "{\"type\":\"integer\",\"format\":\"int64\",\"description\":\"Any integer.\",\"examples\":[-5]}");
    check_property(s, "age",
                   "{\"type\":[\"integer\",\"null\"],\"format\":\"int64\",\"minimum\":0,\"maximum\":150,"
                   "\"description\":\"Years.\"}");
    check_property(s, "page",
                   "{\"type\":[\"integer\",\"null\"],\"format\":\"int64\",\"minimum\":1,\"maximum\":100,"
                   "\"description\":\"Page.\",\"default\":1}");
    check_property(s, "active", "{\"type\":\"boolean\",\"description\":\"Is it?\"}");
    check_property(s, "visible",
                   "{\"type\":[\"boolean\",\"null\"],\"description\":\"Is it visible?\",\"default\":true}");
    check_property(s, "modality",
                   "{\"anyOf\":[{\"type\":\"string\",\"enum\":[\"CT\",\"MR\",\"XR\"]},{\"type\":\"null\"}],"
                   "\"description\":\"What made it.\"}");
    check_property(s, "status",
                   "{\"type\":\"string\",\"enum\":[\"ACTIVE\",\"AT \\\"REST\\\"\"],"
                   "\"description\":\"State.\",\"default\":\"ACTIVE\"}");
    check_property(s, "born_on", "{\"type\":\"string\",\"format\":\"date\",\"description\":\"Day.\"}");
    check_property(s, "seen_at", "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\",\"description\":\"When.\"}");
    check_property(s, "parts",
                   "{\"type\":[\"array\",\"null\"],\"maxItems\":3,\"items\":{\"$ref\":"
                   "\"#/components/schemas/PartInput\"},\"description\":\"More parts.\"}");
    check_property(s, "roles",
                   "{\"type\":\"array\",\"minItems\":1,\"maxItems\":2,\"items\":{\"type\":\"string\","
                   "\"enum\":[\"doctor\",\"nurse\"]},\"description\":\"Rights.\","
                   "\"examples\":[[\"doctor\",\"nurse\"]]}");
    check_property(s, "part", "{\"$ref\":\"#/components/schemas/PartInput\",\"description\":\"One part.\"}");
    json_decref(s);
}

/* Their rules stand in the introduction; here are the limits, and which rules they are. */
static void texts(void **state)
{
    (void)state;
    json_t *s = whole(OPENAPI_BODY);
    check_property(s, "name",
                   "{\"type\":\"string\",\"minLength\":2,\"maxLength\":8,\"format\":\"text\","
                   "\"description\":\"Its \\\"name\\\".\",\"examples\":[\"张伟\"]}");
    check_property(s, "note",
                   "{\"type\":[\"string\",\"null\"],\"maxLength\":10000,\"format\":\"text\","
                   "\"description\":\"Anything.\"}");
    check_property(s, "code",
                   "{\"type\":[\"string\",\"null\"],\"minLength\":3,\"maxLength\":6,\"format\":\"text\","
                   "\"description\":\"Optional, but not short.\"}");
    check_property(s, "password",
                   "{\"type\":\"string\",\"minLength\":4,\"maxLength\":10,\"format\":\"password\","
                   "\"description\":\"Spaces count.\",\"writeOnly\":true}");
    check_property(s, "origin",
                   "{\"type\":[\"string\",\"null\"],\"minLength\":2,\"maxLength\":4,\"format\":\"text\","
                   "\"description\":\"Optional, with spaces.\"}");
    check_property(s, "tags",
                   "{\"type\":[\"array\",\"null\"],\"maxItems\":4,\"items\":{\"type\":\"string\",\"minLength\":1,"
                   "\"maxLength\":200,\"format\":\"text\"},\"description\":\"Words.\"}");
    json_decref(s);
}

static void partial(void **state)
{
    (void)state;
    json_t *s = whole(OPENAPI_PATCH);
    assert_null(json_object_get(s, "required"));
    assert_non_null(json_object_get(json_object_get(s, "properties"), "number"));
    json_decref(s);
}

static bool has(const char *part)
{
    return str_find(text_str(&out), str_from(part)) >= 0;
}

static void put_member(const struct field *field, enum openapi_use use)
{
    struct schema one = { .name = "One", .fields = field, .count = 1, .size = demo_schema.size };
    text_clear(&out);
    openapi_put_schema(&out, &one, use);
}

/* Choices with a type are referred to, so that all that choose among them are of one type. */
static void types(void **state)
{
    (void)state;
    struct field field = *demo_field("modality");
    field.type = "device_kind";
    put_member(&field, OPENAPI_ANSWER);
    assert_true(has("\"modality\":{\"anyOf\":[{\"$ref\":\"#/components/schemas/DeviceKind\"},"
                    "{\"type\":\"null\"}]"));
    text_clear(&out);
    openapi_put_parameter(&out, &field);
    assert_str(text_str(&out), "{\"$ref\":\"#/components/schemas/DeviceKind\"}");
    text_clear(&out);
    openapi_put_choices(&out, &field);
    assert_str(text_str(&out), "{\"type\":\"string\",\"enum\":[\"CT\",\"MR\",\"XR\"]}");
}

/* The record always has it, answers may not; and members that an answer may have beside others are not required. */
static void withheld(void **state)
{
    (void)state;
    struct field field = *demo_field("number");
    field.flags |= WITHHELD;
    put_member(&field, OPENAPI_ANSWER);
    assert_true(has("\"number\":{\"type\":[\"integer\",\"null\"]"));
    assert_true(has("\"required\":[\"number\"]"));
    put_member(&field, OPENAPI_BODY);
    assert_true(has("\"number\":{\"type\":\"integer\""));
    put_member(&field, OPENAPI_FURTHER);
    assert_false(has("required"));
    assert_false(has("additionalProperties"));
}

static void check_parameter(const char *name, bool path, const char *wanted)
{
    text_clear(&out);
    if (path)
        openapi_put_path_parameter(&out, demo_field(name));
    else
        openapi_put_parameter(&out, demo_field(name));
    assert_str(text_str(&out), wanted);
}

static void parameters(void **state)
{
    (void)state;
    check_parameter("page", false,
                    "{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":1,\"maximum\":100,\"default\":1}");
    check_parameter("page", true, "{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":1,\"maximum\":100}");
    check_parameter("number", false, "{\"type\":\"integer\",\"format\":\"int64\",\"examples\":[-5]}");
    check_parameter("active", false, "{\"type\":\"boolean\"}");
    check_parameter("visible", false, "{\"type\":\"boolean\",\"default\":true}");
    check_parameter("modality", false, "{\"type\":\"string\",\"enum\":[\"CT\",\"MR\",\"XR\"]}");
    check_parameter("id", true, "{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":1}");
    check_parameter("ids", false,
                    "{\"type\":\"array\",\"maxItems\":1000,\"items\":{\"type\":\"integer\",\"format\":\"int64\"},"
                    "\"examples\":[[1,2]]}");
    check_parameter("tags", false,
                    "{\"type\":\"array\",\"maxItems\":4,\"items\":{\"type\":\"string\",\"minLength\":1,"
                    "\"maxLength\":200,\"format\":\"text\"}}");
    check_parameter("extra", false, "{}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answer), TEST(body), TEST(texts), TEST(partial), TEST(types), TEST(withheld), TEST(parameters),
    };
    return cmocka_run_group_tests_name("openapi", tests, NULL, NULL);
}
