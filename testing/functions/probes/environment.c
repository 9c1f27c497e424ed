/* environment - answers the variable that the body names, 404 if it is not set; without a body the
 * function's name and its library's folder. */
#include <enoki/function.h>

#include <string.h>

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    const struct enoki_env *env = enoki_call_env(call);
    const char *name = enoki_call_body(call, NULL);
    const char *value = enoki_env_variable(env, name);

    (void)instance;
    if (*name == '\0')
        return enoki_call_replyf(call, err, "%s %s", enoki_env_name(env), enoki_env_directory(env));
    if (value == NULL)
        return enoki_call_reply_status(call, 404, err);
    return enoki_call_reply(call, value, strlen(value), err);
}

ENOKI_FUNCTION(.invoke = invoke);
