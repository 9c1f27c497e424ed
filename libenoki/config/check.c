#include "config/check.h"

#include "base/checked.h"

#include <enoki/base.h>

#include <string.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define PORT_MAX 65535u

/* So that the keygroup "tinyFaaS" and the name is legal too. */
#define FUNCTION_NAME_MAX (ENOKI_NAME_MAX - 8u)

const char *en_check_function_name(const char *text)
{
    size_t len = strlen(text);

    if (!en_is_name(text, len) || len > FUNCTION_NAME_MAX)
        return "a name is 1 to 247 letters and digits";
    if (strcmp(text, "health") == 0 || strcmp(text, "ready") == 0 || strcmp(text, "metrics") == 0)
        return "health, ready and metrics are reserved";
    return NULL;
}

const char *en_check_keygroup(const char *text)
{
    return en_is_name(text, strlen(text)) ? NULL : "a keygroup is 1 to 255 letters and digits";
}

const char *en_check_node(const char *text)
{
    size_t len = strlen(text);

    if (len == 0 || len > ENOKI_NAME_MAX || strspn(text, LETTERS DIGITS "._-") != len)
        return "a node is 1 to 255 letters, digits, '.', '_' and '-'";
    return NULL;
}

const char *en_check_variable_name(const char *text)
{
    size_t len = strlen(text);

    if (len == 0 || strspn(text, LETTERS DIGITS "_") != len || strchr(DIGITS, text[0]) != NULL)
        return "a variable is letters, digits and '_', no digit first";
    if (strncmp(text, "ENOKI_", 6) == 0 || strncmp(text, "__KV_", 5) == 0)
        return "names that start with ENOKI_ or __KV_ are set by enoki itself";
    return NULL;
}

const char *en_check_account(const char *text)
{
    size_t len = strlen(text);

    if (len == 0 || len > 32 || text[0] == '-' || strspn(text, LETTERS DIGITS "._-") != len)
        return "a name of 1 to 32 letters, digits, '.', '_' and '-', or a number";
    return NULL;
}

const char *en_check_address(const char *text)
{
    const char *port = strrchr(text, ':');
    uint64_t number;

    if (port == NULL || !en_parse_u64(port + 1, strlen(port + 1), PORT_MAX, &number))
        return "an address is \"ADDRESS:PORT\" with a port of 0 to 65535, such as "
               "\"127.0.0.1:8000\"";
    if (text[0] != '[' && memchr(text, ':', (size_t)(port - text)) != NULL)
        return "an IPv6 address stands in brackets, such as \"[::1]:8000\"";
    return NULL;
}

const char *en_check_state_path(const char *text)
{
    return text[0] == '\0' || strchr(text, '?') != NULL ? "a path is not empty and has no '?'"
                                                        : NULL;
}
