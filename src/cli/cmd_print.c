/* cmd_print.c - openapi, config and version: commands that only print. */
#include "cli/command.h"

#include "server/app.h"
#include "server/endpoints.h"
#include "web/openapi_document.h"
#include "base/text.h"

static int print_and_release(struct text *text)
{
    bool ok = fwrite(text->at, 1, (size_t)text->len, stdout) == (size_t)text->len && fflush(stdout) == 0;
    text_release(text);
    return ok ? 0 : 1;
}

int cmd_openapi(struct call *c)
{
    (void)c;
    struct text text;
    text_init(&text, 16 << 20);
    openapi_put_document(&text, &endpoints_served);
    text_put_char(&text, '\n');
    return print_and_release(&text);
}

struct config_command {
    bool example;
};
static const struct field config_command_fields[] = {
    FIELD(struct config_command, example, .doc = "Print a commented .env instead, with every setting and its default."),
};
const struct schema config_options = SCHEMA("Config", struct config_command, config_command_fields);

int cmd_config(struct call *c)
{
    const struct config_command *in = c->in;
    struct app app;
    struct text text;
    text_init(&text, 1 << 20);
    if (in->example) {
        settings_print_example(config_rows, config_count, &text);
        return print_and_release(&text);
    }
    bool ok = app_open_settings(&app);
    if (ok)
        settings_print(config_rows, config_count, &app.config, &text);
    app_close(&app);
    if (ok)
        return print_and_release(&text);
    text_release(&text);
    return 1;
}

int cmd_version(struct call *c)
{
    (void)c;
    printf("roentgen %s\n", ROENTGEN_VERSION);
    return 0;
}
