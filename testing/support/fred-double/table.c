#include "table.h"

#include "clock.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 1024u

struct link {
    struct link *next;
    void *value;
    char *key;
};

struct table {
    struct link *slots[SLOTS];
};

static unsigned hash(const char *key)
{
    unsigned sum = 2166136261u;

    while (*key != '\0')
        sum = (sum ^ (unsigned char)*key++) * 16777619u;
    return sum % SLOTS;
}

struct table *table_new(void)
{
    return need(calloc(1, sizeof(struct table)));
}

void table_free(struct table *table, void (*free_value)(void *value))
{
    for (unsigned i = 0; table != NULL && i < SLOTS; i++) {
        while (table->slots[i] != NULL) {
            struct link *link = table->slots[i];

            table->slots[i] = link->next;
            if (free_value != NULL)
                free_value(link->value);
            free(link->key);
            free(link);
        }
    }
    free(table);
}

static struct link *find(const struct table *table, const char *key)
{
    struct link *link = table->slots[hash(key)];

    while (link != NULL && strcmp(link->key, key) != 0)
        link = link->next;
    return link;
}

void *table_get(const struct table *table, const char *key)
{
    const struct link *link = find(table, key);

    return link == NULL ? NULL : link->value;
}

void table_set(struct table *table, const char *key, void *value)
{
    struct link *link = find(table, key);

    if (link == NULL) {
        unsigned slot = hash(key);

        link = need(calloc(1, sizeof(*link)));
        link->key = duplicate(key, strlen(key));
        link->next = table->slots[slot];
        table->slots[slot] = link;
    }
    link->value = value;
}

void *table_take(struct table *table, const char *key)
{
    struct link **at = &table->slots[hash(key)];
    struct link *link;
    void *value;

    while (*at != NULL && strcmp((*at)->key, key) != 0)
        at = &(*at)->next;
    if (*at == NULL)
        return NULL;
    link = *at;
    *at = link->next;
    value = link->value;
    free(link->key);
    free(link);
    return value;
}
