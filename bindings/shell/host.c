/*
 * The host of functions that are programs: a folder with an executable fn.sh, of tinyFaaS's kind
 * "binary". The body is its standard input, what it writes the reply; a status that is not 0 makes
 * it a 500.
 */
#include "program.h"

#include <enoki/function.h>

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX_BYTES (32u << 20)
/* What is left of the call's time for the answer that it was too little. */
#define LAST_MS 50

struct worker {
    char *path;
    const char *directory;
    char **words;
    size_t count;
};

static void close_worker(void *instance)
{
    struct worker *worker = instance;

    if (worker == NULL)
        return;
    for (size_t i = 0; i < worker->count; i++)
        free(worker->words[i]);
    free(worker->words);
    free(worker->path);
    free(worker);
}

/* At every call the kernel would say "Exec format error" of a script without a first line, and "No
 * such file" of one whose first line names no program, also because it ends as on Windows. */
static int check_begin(const char *path, struct enoki_error *err)
{
    char line[256] = "";
    FILE *file = fopen(path, "re");
    size_t got = file == NULL ? 0 : fread(line, 1, sizeof(line) - 1, file);
    char *word = line + 2, *last;

    if (file != NULL)
        (void)fclose(file);
    line[got] = '\0';
    if (got > 0 && memchr(line, '\0', got) != NULL)
        return 0; /* a program, or what the system runs as one */
    if (strncmp(line, "#!", 2) != 0)
        return enoki_error_set(err, ENOKI_EPLUGIN,
                               "fn.sh does not say what runs it: let its first line be "
                               "'#!/bin/sh'");
    word[strcspn(word, "\n")] = '\0';
    word += strspn(word, " \t");
    last = strchr(word, '\r');
    if (last != NULL) {
        *last = '\0';
        return enoki_error_set(err, ENOKI_EPLUGIN,
                               "the first line of fn.sh, '#!%.100s', ends as lines do on Windows: "
                               "let lines end in a newline alone",
                               word);
    }
    word[strcspn(word, " \t")] = '\0';
    if (access(word, X_OK) == 0)
        return 0;
    return enoki_error_set(err, ENOKI_EPLUGIN, "fn.sh begins with '#!%.200s', which is no program "
                                               "here",
                           word);
}

/* What people upload has lost its mode on the way: it is set, where that is allowed. */
static int check_program(const struct enoki_env *env, struct enoki_error *err)
{
    char path[4096];
    struct stat status;

    (void)snprintf(path, sizeof(path), "%s/fn.sh", enoki_env_directory(env));
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return enoki_error_set(err, ENOKI_EPLUGIN, "'%.300s' is no file", path);
    if (access(path, X_OK) == 0 || chmod(path, (status.st_mode & 0777) | S_IXUSR) == 0)
        return check_begin(path, err);
    return enoki_error_set(err, ENOKI_EPLUGIN, "'%.300s' cannot be executed: chmod +x it", path);
}

static bool is_given(const struct enoki_env *env, const char *word)
{
    const char *name;

    for (size_t i = 0; enoki_env_variable_at(env, i, &name) != NULL; i++)
        if (strncmp(word, name, strlen(name)) == 0 && word[strlen(name)] == '=')
            return true;
    return false;
}

/* The process's environment, and over it the function's variables. */
static bool collect_words(struct worker *worker, const struct enoki_env *env)
{
    const char *name, *value;
    size_t count = 0;

    for (char **word = environ; *word != NULL; word++)
        count++;
    for (size_t i = 0; enoki_env_variable_at(env, i, &name) != NULL; i++)
        count++;
    worker->words = calloc(count + 1, sizeof(*worker->words));
    if (worker->words == NULL)
        return false;
    for (char **word = environ; *word != NULL; word++) {
        if (is_given(env, *word))
            continue;
        worker->words[worker->count] = strdup(*word);
        if (worker->words[worker->count] == NULL)
            return false;
        worker->count++;
    }
    for (size_t i = 0; (value = enoki_env_variable_at(env, i, &name)) != NULL; i++) {
        if (asprintf(&worker->words[worker->count], "%s=%s", name, value) < 0) {
            worker->words[worker->count] = NULL;
            return false;
        }
        worker->count++;
    }
    return true;
}

static int open_worker(const struct enoki_env *env, void **instance, struct enoki_error *err)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    int rc = check_program(env, err);

    if (rc == 0 &&
        (worker == NULL || asprintf(&worker->path, "%s/fn.sh", enoki_env_directory(env)) < 0 ||
         !collect_words(worker, env)))
        rc = enoki_error_set(err, ENOKI_ENOMEM, "out of memory for fn.sh");
    if (rc != 0) {
        close_worker(worker);
        return rc;
    }
    worker->directory = enoki_env_directory(env);
    *instance = worker;
    return 0;
}

/* A failed program's words are worth more than its status: both are sent. */
static int answer(struct enoki_call *call, const struct program_output *out,
                  struct enoki_error *err)
{
    bool has_failed = !WIFEXITED(out->status) || WEXITSTATUS(out->status) != 0;
    int rc = 0;

    if (!has_failed)
        return enoki_call_reply(call, out->bytes != NULL ? out->bytes : "", out->len, err);
    if (WIFSIGNALED(out->status))
        rc = enoki_call_replyf(call, err, "%.*ssignal: %s\n", (int)out->len,
                               out->bytes != NULL ? out->bytes : "",
                               sigdescr_np(WTERMSIG(out->status)));
    else
        rc = enoki_call_replyf(call, err, "%.*sexit status %d\n", (int)out->len,
                               out->bytes != NULL ? out->bytes : "", WEXITSTATUS(out->status));
    return rc == 0 ? enoki_call_reply_status(call, 500, err) : rc;
}

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    const struct worker *worker = instance;
    struct program_output out;
    struct program program = {
        .path = worker->path,
        .directory = worker->directory,
        .words = (const char *const *)worker->words,
        .output_max = OUTPUT_MAX_BYTES,
        .within_ms = enoki_call_remaining_ms(call) - LAST_MS,
    };
    int rc;

    program.input = enoki_call_body(call, &program.input_len);
    rc = program_run(&program, &out, err);
    if (rc == ENOKI_ETIMEOUT && enoki_call_replyf(call, err, "%s\n", err->message) == 0)
        return enoki_call_reply_status(call, 504, err);
    if (rc != 0)
        return rc;
    rc = answer(call, &out, err);
    free(out.bytes);
    return rc;
}

ENOKI_FUNCTION(.preload = check_program, .open = open_worker, .invoke = invoke,
               .close = close_worker);
