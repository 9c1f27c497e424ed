#include "commands.h"
#include "functions.h"
#include "words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Both ask this program what fits: `completion words -- WORD...`, the last of which is not whole.
 */
static const char bash_script[] =
    "# bash: eval \"$(enoki completion bash)\", or this as "
    "share/bash-completion/completions/enoki\n"
    "_enoki() {\n"
    "    local word\n"
    "    COMPREPLY=()\n"
    "    while IFS=$'\\t' read -r word _; do\n"
    "        if [[ $word == :files ]]; then\n"
    "            compopt -o default 2>/dev/null\n"
    "        else\n"
    "            COMPREPLY+=(\"$word\")\n"
    "        fi\n"
    "    done < <(\"$1\" completion words -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _enoki enoki\n";

static const char zsh_script[] =
    "#compdef enoki\n"
    "# zsh: this as _enoki in a folder of fpath, or source <(enoki completion zsh)\n"
    "_enoki() {\n"
    "    local -a found\n"
    "    local line files\n"
    "    while IFS= read -r line; do\n"
    "        case $line in\n"
    "        (:files) files=1 ;;\n"
    "        (*) found+=(\"${${line//:/\\\\:}/$'\\t'/:}\") ;;\n"
    "        esac\n"
    "    done < <(\"${words[1]}\" completion words -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)\n"
    "    (( $#found )) && _describe enoki found\n"
    "    [[ -n $files ]] && _files\n"
    "}\n"
    "if [[ $funcstack[1] == _enoki ]]; then\n"
    "    _enoki \"$@\"\n"
    "else\n"
    "    compdef _enoki enoki\n"
    "fi\n";

struct request {
    const char *shell;
    char **words;
    size_t word_count;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct request *request = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
        if (request->shell == NULL) {
            request->shell = arg;
        } else if (strcmp(request->shell, "words") == 0) {
            request->words = &state->argv[state->next - 1];
            request->word_count = (size_t)(state->argc - state->next + 1);
            state->next = state->argc;
        } else {
            argp_error(state, "too many arguments: '%s'", arg);
        }
        return 0;
    case ARGP_KEY_END:
        if (request->shell == NULL)
            argp_error(state, "bash or zsh is required");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp completion_argp = {
    NULL,
    parse,
    "bash|zsh",
    "Prints what makes a shell complete the words after `enoki`: commands, options, and the names "
    "of "
    "the node's functions. In bash: eval \"$(enoki completion bash)\"; in zsh: source <(enoki "
    "completion zsh). An installed enoki brings both along." EXIT_STATUS,
    NULL,
    NULL,
    NULL,
};

int completion_command(int argc, char **argv)
{
    struct request request = {.shell = NULL};

    if (argp_parse(&completion_argp, argc, argv, ARGP_IN_ORDER, NULL, &request) != 0)
        return 2;
    if (strcmp(request.shell, "bash") == 0) {
        (void)fputs(bash_script, stdout);
    } else if (strcmp(request.shell, "zsh") == 0) {
        (void)fputs(zsh_script, stdout);
    } else if (strcmp(request.shell, "words") == 0) {
        if (words_complete(request.words, request.word_count) != 0)
            return 1;
    } else {
        say_error("no completion for '%s': bash or zsh", request.shell);
        return 2;
    }
    return finish_output();
}
