/*
 * options.h - the command line that enoki-run and the runtimes share.
 *
 *   struct en_options *options;
 *   int status = en_options_parse(&options, argc, argv, "thread");
 *
 *   if (status != EN_OPTIONS_RUN)
 *       return status;
 *   run(&options->node, options->function);
 *   en_options_free(options);
 *
 * Command line beats environment (ENOKI_STATE, ENOKI_LISTEN) beats file (-c). Belongs to
 * executables: it prints help to standard output and usage errors to standard error, and reads
 * those two variables; it never exits.
 *
 * Memory   The settings are borrowed until en_options_free().
 * Threads  one thread, before others exist.    Fork  safe.
 */
#ifndef EN_OPTIONS_H
#define EN_OPTIONS_H

#include <enoki/config.h>

struct en_options {
    /* Complete: every default is filled in, but a worker number of 0 is left to the runtime.
     * node.functions is the chosen function alone, if one is chosen. */
    struct enoki_node_settings node;
    const struct enoki_function_settings *function; /* NULL: enoki-run -c FILE, all of them */
    const char *file;                               /* -c; NULL: not given */
    const struct enoki_node_settings *from_file;    /* what it says alone; NULL: no -c */
};

/* Go on; everything else that en_options_parse() returns is an exit status. */
#define EN_OPTIONS_RUN (-1)

/*
 * runtime is the name of the runtime that calls ("thread", ...), or NULL for enoki-run, which alone
 * takes any -r; the others take only their own name there, and run functions of a file whatever
 * runtime it asks for.
 *
 * EN_OPTIONS_RUN  *out is owned by the caller
 * 0               --help, --version, --check: done
 * 1               a failure, such as a file that does not exist; printed
 * 2               a usage error, or a configuration that is wrong; printed
 */
ENOKI_MUST_CHECK int en_options_parse(struct en_options **out, int argc, char **argv,
                                      const char *runtime);
/* NULL is allowed. */
void en_options_free(struct en_options *options);

#endif
