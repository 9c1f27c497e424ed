#include <enoki/tls.h>

#include <stdio.h>

int main(void)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_tls *tls = NULL;

    if (enoki_tls_init("certs", NULL, &err) == 0 &&
        enoki_tls_issue("certs", "alice", NULL, &err) == 0 &&
        enoki_tls_load(&tls, "certs", "alice", &err) == 0)
        printf("%s\n", enoki_tls_user(tls));
    enoki_tls_free(tls);
    return err.status == 0 ? 0 : 1;
}
