#include "faults.h"

#include "clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULES_MAX 64u

struct rule {
    char node[64];
    char call[64];
    struct fault fault;
    long left; /* -1: for ever */
};

struct faults {
    pthread_mutex_t lock;
    size_t count;
    struct rule rules[RULES_MAX];
};

static const char *const kinds[] = {
    [FAULT_ERROR] = "error",         [FAULT_DELAY] = "delay", [FAULT_HANG] = "hang",
    [FAULT_LOST] = "lost",           [FAULT_RESET] = "reset", [FAULT_OVERSIZED] = "oversized",
    [FAULT_MALFORMED] = "malformed",
};

struct faults *faults_new(void)
{
    struct faults *faults = need(calloc(1, sizeof(*faults)));

    (void)pthread_mutex_init(&faults->lock, NULL);
    return faults;
}

void faults_free(struct faults *faults)
{
    (void)pthread_mutex_destroy(&faults->lock);
    free(faults);
}

static enum fault_kind kind_of(const char *word)
{
    for (size_t i = 1; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i], word) == 0)
            return (enum fault_kind)i;
    return FAULT_NONE;
}

static const char *parse(struct rule *rule, const char *line)
{
    char kind[20], argument[150] = "";
    const char *count = strstr(line, " x ");
    char head[400];
    char *text;
    int words;

    (void)snprintf(head, sizeof(head), "%.*s",
                   (int)(count == NULL ? strlen(line) : (size_t)(count - line)), line);
    words = sscanf(head, "%63s %63s %19s %149[^\n]", rule->node, rule->call, kind, argument);
    rule->left = count == NULL ? -1 : strtol(count + 3, NULL, 10);
    rule->fault.kind = words < 3 ? FAULT_NONE : kind_of(kind);
    if (rule->fault.kind == FAULT_NONE || rule->left == 0)
        return "write NODE CALL error|delay|hang|lost|reset|oversized|malformed [ARGUMENT] [x N]";
    if (rule->fault.kind == FAULT_DELAY)
        rule->fault.delay_ms = strtoull(argument, NULL, 10);
    if (rule->fault.kind == FAULT_ERROR) {
        rule->fault.code = atoi(argument);
        text = strchr(argument, ':');
        (void)snprintf(rule->fault.text, sizeof(rule->fault.text), "%.110s",
                       text == NULL ? "an injected error" : text + 1);
        if (rule->fault.code < 1 || rule->fault.code > 16)
            return "a gRPC status is 1 to 16";
    }
    return NULL;
}

const char *faults_add(struct faults *faults, const char *line)
{
    struct rule rule = {0};
    const char *complaint = parse(&rule, line);

    if (complaint != NULL)
        return complaint;
    (void)pthread_mutex_lock(&faults->lock);
    if (faults->count == RULES_MAX)
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

static bool fits(const char *pattern, const char *word)
{
    return strcmp(pattern, "*") == 0 || strcmp(pattern, word) == 0;
}

struct fault faults_take(struct faults *faults, const char *node, const char *call)
{
    struct fault fault = {0};

    (void)pthread_mutex_lock(&faults->lock);
    for (size_t i = 0; i < faults->count; i++) {
        struct rule *rule = &faults->rules[i];

        if (!fits(rule->node, node) || !fits(rule->call, call))
            continue;
        fault = rule->fault;
        if (rule->left > 0 && --rule->left == 0)
            faults->rules[i] = faults->rules[--faults->count];
        break;
    }
    (void)pthread_mutex_unlock(&faults->lock);
    return fault;
}
