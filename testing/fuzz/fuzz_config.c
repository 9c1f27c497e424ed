/* Any bytes as a configuration file: accepted or refused with a place, never a fault. */
#include "config/explain.h"
#include "config/parse.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Above this nothing new happens, only slower. */
#define INPUT_MAX_BYTES 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libconfig 1.5 forgets a text that stands before a syntax error. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig.so\n";
}

static void use(const struct enoki_config *config)
{
    struct en_buffer text = EN_BUFFER_INIT(16u << 20);

    if (en_explain_settings(enoki_config_get(config), EN_EXPLAIN_NODE, &text) != 0)
        abort();
    en_buffer_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_config *config = NULL;
    char *text;
    int rc;

    if (size > INPUT_MAX_BYTES)
        return 0;
    text = malloc(size + 1);
    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    rc = en_config_parse(&config, text, size, "folder/fuzz.conf", &err);
    if (rc == 0)
        use(config);
    else if (rc != ENOKI_ECONFIG || strncmp(err.message, "folder/fuzz.conf:", 17) != 0)
        abort();
    enoki_config_free(config);
    free(text);
    return 0;
}
