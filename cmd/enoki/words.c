#include "words.h"

#include "commands.h"
#include "functions.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A shell waits for this. */
#define LOOK_LIMIT_MS 700L
#define WORDS_MAX 256u

struct line {
    char *words[WORDS_MAX]; /* joined again */
    size_t count;
    const struct command *command;  /* NULL: it comes yet */
    const struct argp_option *open; /* that the last word is the argument of */
    size_t before;                  /* words of the command before the last, without options */
    struct client_options node;
};

static const struct argp_child *const no_children = (const struct argp_child[]){{0}};

/* --- options ------------------------------------------------------------------------------------
 */

typedef bool (*option_fn)(const struct argp_option *option, const struct argp *argp, void *context);

/* Until fn returns true. */
static bool each_option(const struct argp *argp, option_fn fn, void *context)
{
    const struct argp_child *child = argp->children == NULL ? no_children : argp->children;

    for (const struct argp_option *at = argp->options;
         at != NULL && (at->name != NULL || at->key != 0 || at->doc != NULL); at++) {
        if (at->name != NULL && fn(at, argp, context))
            return true;
    }
    for (; child->argp != NULL; child++) {
        if (each_option(child->argp, fn, context))
            return true;
    }
    return false;
}

struct search {
    const char *name; /* NULL: by key */
    size_t len;
    int key;
    const struct argp_option *found;
    const struct argp *of;
};

static bool is_it(const struct argp_option *option, const struct argp *argp, void *context)
{
    struct search *search = context;
    bool same = search->name == NULL ? option->key == search->key
                                     : strlen(option->name) == search->len &&
                                           strncmp(option->name, search->name, search->len) == 0;

    if (same) {
        search->found = option;
        search->of = argp;
    }
    return same;
}

static const struct argp *argp_of(const struct line *line)
{
    return line->command == NULL ? &client_argp : line->command->argp;
}

/* An option that is whole, or open until the next word; what tells where the node is counts. */
static void take_option(struct line *line, const char *word)
{
    const char *value = word[1] == '-' ? strchr(word, '=') : NULL;
    struct search search = {.name = NULL};
    struct argp_state state = {.input = &line->node};

    if (word[1] == '-') {
        search.name = word + 2;
        search.len = value == NULL ? strlen(word + 2) : (size_t)(value - word - 2);
    } else {
        search.key = (unsigned char)word[1];
    }
    if (!each_option(argp_of(line), is_it, &search) || search.found->arg == NULL)
        return;
    if (value != NULL)
        value++;
    else if (word[1] != '-' && word[2] != '\0')
        value = word + 2;
    if (value == NULL)
        line->open = search.found;
    else if (search.of == &client_argp)
        (void)client_argp.parser(search.found->key, (char *)(uintptr_t)value, &state);
}

static void close_option(struct line *line, char *value)
{
    struct search search = {.key = line->open->key};
    struct argp_state state = {.input = &line->node};

    if (each_option(&client_argp, is_it, &search) && search.found == line->open)
        (void)client_argp.parser(line->open->key, value, &state);
    line->open = NULL;
}

/* --- the line -----------------------------------------------------------------------------------
 */

/* "--url" "=" "http" ":" "//x" is "--url" "http://x". */
static int join(struct line *line, char **words, size_t count)
{
    static char empty[] = "";
    bool joins = false;

    for (size_t i = 0; i < count && line->count < WORDS_MAX; i++) {
        char *made = NULL;

        if (strcmp(words[i], "=") == 0 && i > 0 && words[i - 1][0] == '-') {
            if (i + 1 < count)
                continue;
            words[i] = empty;
        }
        if (line->count > 0 && (joins || strcmp(words[i], ":") == 0)) {
            if (asprintf(&made, "%s%s", line->words[line->count - 1], words[i]) < 0)
                return -1;
            free(line->words[--line->count]);
        } else {
            made = strdup(words[i]);
        }
        joins = strcmp(words[i], ":") == 0;
        if (made == NULL)
            return -1;
        line->words[line->count++] = made;
    }
    return 0;
}

static void read_line(struct line *line)
{
    for (size_t i = 0; i + 1 < line->count; i++) {
        char *word = line->words[i];

        if (line->open != NULL)
            close_option(line, word);
        else if (word[0] == '-' && word[1] != '\0')
            take_option(line, word);
        else if (line->command == NULL)
            line->command = command_find(word);
        else
            line->before++;
    }
}

/* --- what fits ----------------------------------------------------------------------------------
 */

static void offer(const char *word, size_t len, const char *meaning, const char *begun)
{
    if (strncmp(word, begun, strlen(begun)) == 0 && strlen(begun) <= len)
        (void)printf("%.*s%s%s\n", (int)len, word, meaning[0] == '\0' ? "" : "\t", meaning);
}

static void offer_list(const char *list, const char *separators, const char *begun)
{
    while (*list != '\0') {
        size_t len = strcspn(list, separators);

        offer(list, len, "", begun);
        list += len + (list[len] == '\0' ? 0 : 1);
    }
}

static bool offer_option(const struct argp_option *option, const struct argp *argp, void *context)
{
    char text[64];

    (void)argp;
    (void)snprintf(text, sizeof(text), "--%s", option->name);
    offer(text, strlen(text), option->doc == NULL ? "" : option->doc, context);
    return false;
}

static void offer_options(const struct line *line, char *begun)
{
    (void)each_option(argp_of(line), offer_option, begun);
    offer("--help", 6, "Give this help list", begun);
    offer("--version", 9, "Print program version", begun);
}

static void offer_functions(const struct line *line, const char *begun)
{
    struct client_options node = line->node;
    struct client *client = NULL;
    json_object *answer = NULL, *list;

    node.limit_ms = LOOK_LIMIT_MS;
    if (client_new(&client, &node, NULL) != 0)
        return;
    if (functions_get(client, "/functions", &answer, NULL) == 0) {
        list = functions_list(answer);
        for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
            struct function_info function;
            char path[300];

            function_read(json_object_array_get_idx(list, i), &function);
            if (function_path(path, sizeof(path), function.name, NULL) != 0)
                continue; /* no node of ours has such a name */
            offer(function.name, strlen(function.name), function.state, begun);
        }
        json_object_put(answer);
    }
    client_free(client);
}

/* "a|b|c" in small letters are the values themselves; FILE and FOLDER are files. */
static void offer_values(const char *argument, const char *begun)
{
    bool is_list = strchr(argument, '|') != NULL;

    for (const char *at = argument; *at != '\0'; at++)
        is_list = is_list && !isupper((unsigned char)*at);
    if (is_list)
        offer_list(argument, "|", begun);
    else if (strstr(argument, "FILE") != NULL || strstr(argument, "FOLDER") != NULL)
        (void)puts(":files");
}

static void offer_words(const struct line *line, const char *begun)
{
    if (line->command == NULL) {
        const struct command *command;

        for (size_t i = 0; (command = command_at(i)) != NULL; i++)
            offer(command->name, strlen(command->name), command->help, begun);
    } else if (line->command->words == WORDS_FILES) {
        (void)puts(":files");
    } else if (line->command->words == WORDS_FUNCTION && line->before == 0) {
        offer_functions(line, begun);
    } else if (line->command->words == WORDS_LIST && line->before == 0) {
        offer_list(line->command->list, " ", begun);
    }
}

int words_complete(char **words, size_t count)
{
    struct line line = {.count = 0};
    int rc = join(&line, words, count);
    char *begun, empty[] = "";

    if (rc == 0) {
        read_line(&line);
        begun = line.count == 0 ? empty : line.words[line.count - 1];
        if (line.open != NULL)
            offer_values(line.open->arg, begun);
        else if (begun[0] == '-')
            offer_options(&line, begun);
        else
            offer_words(&line, begun);
    }
    for (size_t i = 0; i < line.count; i++)
        free(line.words[i]);
    return rc;
}
