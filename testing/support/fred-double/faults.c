#include "faults.h"

#include "clock.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULES_MAX 64u
#define LINE_BYTES 400u
#define STATUS_MAX 16u
#define OVERSIZED_BYTES (70u << 20)
#define OVERSIZED_MAX_BYTES (1u << 30)
#define PERCENT_ALL 100u

struct rule {
    char node[64];
    char call[64];
    struct fault fault;
    size_t percent;
    size_t left; /* 0: for ever */
};

struct faults {
    pthread_mutex_t lock;
    size_t count;
    struct rule rules[RULES_MAX];
    uint64_t random;
};

static const char *const kinds[] = {
    [FAULT_ERROR] = "error",         [FAULT_DELAY] = "delay",         [FAULT_HANG] = "hang",
    [FAULT_LOST] = "lost",           [FAULT_RESET] = "reset",         [FAULT_DROP] = "drop",
    [FAULT_OVERSIZED] = "oversized", [FAULT_MALFORMED] = "malformed",
};

struct faults *faults_new(void)
{
    struct faults *faults = need(calloc(1, sizeof(*faults)));

    faults->random = 1;
    (void)pthread_mutex_init(&faults->lock, NULL);
    return faults;
}

void faults_free(struct faults *faults)
{
    if (faults == NULL)
        return;
    (void)pthread_mutex_destroy(&faults->lock);
    free(faults);
}

/* --- lines -------------------------------------------------------------------------------------
 */

static bool read_number(const char *text, size_t least, size_t most, size_t *out)
{
    char *end;
    unsigned long long number = strtoull(text, &end, 10);

    *out = (size_t)number;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && number >= least && number <= most;
}

/* Cuts " KEY NUMBER" off the line's end, if it is there. False for a number that makes no sense. */
static bool take_option(char *line, const char *key, size_t most, size_t *out)
{
    char *last = strrchr(line, ' ');
    size_t len = strlen(key);

    if (last == NULL || (size_t)(last - line) <= len)
        return true;
    if (last[-(ptrdiff_t)len - 1] != ' ' || strncmp(last - len, key, len) != 0)
        return true;
    last[-(ptrdiff_t)len - 1] = '\0';
    return read_number(last + 1, 1, most, out);
}

static bool read_error(struct fault *fault, char *argument)
{
    char *text = strchr(argument, ':');

    if (text != NULL)
        *text++ = '\0';
    (void)snprintf(fault->text, sizeof(fault->text), "%.110s",
                   text == NULL ? "an injected error" : text);
    return read_number(argument, 1, STATUS_MAX, &fault->number);
}

static bool read_bytes(struct fault *fault, const char *hex)
{
    unsigned byte;

    if (hex[0] == '\0')
        hex = "ffffff";
    while (sscanf(hex, "%2x", &byte) == 1 && hex[1] != '\0' &&
           fault->number < sizeof(fault->text)) {
        fault->text[fault->number++] = (char)byte;
        hex += 2;
    }
    return *hex == '\0';
}

static bool read_argument(struct fault *fault, char *argument)
{
    switch (fault->kind) {
    case FAULT_ERROR:
        return read_error(fault, argument);
    case FAULT_DELAY:
        return read_number(argument, 0, UINT32_MAX, &fault->number);
    case FAULT_MALFORMED:
        return read_bytes(fault, argument);
    case FAULT_OVERSIZED:
        fault->number = OVERSIZED_BYTES;
        return argument[0] == '\0' || read_number(argument, 1, OVERSIZED_MAX_BYTES, &fault->number);
    default:
        return argument[0] == '\0';
    }
}

static const char *parse(struct rule *rule, const char *line)
{
    char head[LINE_BYTES], kind[20], argument[300] = "";

    if (strlen(line) >= sizeof(head))
        return "the line is too long";
    (void)snprintf(head, sizeof(head), "%s", line);
    rule->percent = PERCENT_ALL;
    if (!take_option(head, "x", SIZE_MAX, &rule->left))
        return "x COUNT: at least 1";
    if (!take_option(head, "p", PERCENT_ALL, &rule->percent))
        return "p PERCENT: 1 to 100";
    if (sscanf(head, "%63s %63s %19s %299[^\n]", rule->node, rule->call, kind, argument) >= 3)
        for (size_t i = 1; i < sizeof(kinds) / sizeof(kinds[0]); i++)
            if (strcmp(kinds[i], kind) == 0)
                rule->fault.kind = (enum fault_kind)i;
    if (rule->fault.kind == FAULT_NONE)
        return "write NODE CALL error|delay|hang|lost|reset|drop|oversized|malformed [ARGUMENT] "
               "[p PERCENT] [x COUNT], seed N or clear";
    return read_argument(&rule->fault, argument)
               ? NULL
               : "error CODE[:TEXT] (1 to 16), delay MS, oversized [BYTES], malformed [HEX]; the "
                 "others take no argument";
}

const char *faults_add(struct faults *faults, const char *line)
{
    struct rule rule = {0};
    size_t seed = 0;
    bool is_seed = strncmp(line, "seed ", 5) == 0 && read_number(line + 5, 0, SIZE_MAX, &seed);
    const char *complaint = is_seed ? NULL : parse(&rule, line);

    if (complaint != NULL)
        return complaint;
    (void)pthread_mutex_lock(&faults->lock);
    if (is_seed)
        faults->random = seed * 2 + 1;
    else if (faults->count == RULES_MAX)
        complaint = "too many faults: clear them";
    else
        faults->rules[faults->count++] = rule;
    (void)pthread_mutex_unlock(&faults->lock);
    return complaint;
}

void faults_clear(struct faults *faults)
{
    (void)pthread_mutex_lock(&faults->lock);
    faults->count = 0;
    (void)pthread_mutex_unlock(&faults->lock);
}

/* --- calls -------------------------------------------------------------------------------------
 */

static bool fits(const char *pattern, const char *word)
{
    return strcmp(pattern, "*") == 0 || strcmp(pattern, word) == 0;
}

/* A linear congruential generator: its upper bits are good enough to throw dice. */
static bool happens(struct faults *faults, size_t percent)
{
    faults->random = faults->random * 6364136223846793005u + 1442695040888963407u;
    return percent == PERCENT_ALL || (faults->random >> 33) % PERCENT_ALL < percent;
}

static void remove_rule(struct faults *faults, size_t index)
{
    faults->count--;
    memmove(&faults->rules[index], &faults->rules[index + 1],
            (faults->count - index) * sizeof(faults->rules[0]));
}

struct fault faults_take(struct faults *faults, const char *node, const char *call)
{
    struct fault fault = {0};

    (void)pthread_mutex_lock(&faults->lock);
    for (size_t i = 0; i < faults->count; i++) {
        struct rule *rule = &faults->rules[i];

        if (!fits(rule->node, node) || !fits(rule->call, call) || !happens(faults, rule->percent))
            continue;
        fault = rule->fault;
        if (rule->left > 0 && --rule->left == 0)
            remove_rule(faults, i);
        break;
    }
    (void)pthread_mutex_unlock(&faults->lock);
    return fault;
}
