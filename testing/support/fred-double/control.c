#include "control.h"

#include "clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

struct control {
    int listener;
    control_fn run;
    void *context;
};

static void answer(const struct control *control, int fd)
{
    FILE *file = fdopen(fd, "r+");
    char line[LINE_MAX_BYTES];

    if (file == NULL) {
        (void)close(fd);
        return;
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        const char *complaint;

        line[strcspn(line, "\n")] = '\0';
        complaint = control->run(control->context, line);
        if (fprintf(file, "%s%s\n",
                    complaint == NULL ? "ok" : "error: ", complaint == NULL ? "" : complaint) < 0 ||
            fflush(file) != 0)
            break;
    }
    (void)fclose(file);
}

static void *serve(void *context)
{
    struct control *control = context;

    for (;;) {
        int fd = accept(control->listener, NULL, NULL);

        if (fd >= 0)
            answer(control, fd);
        else if (errno != EINTR)
            return NULL;
    }
}

static int address_of(struct sockaddr_un *address, const char *path)
{
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof(address->sun_path))
        return ENAMETOOLONG;
    memcpy(address->sun_path, path, strlen(path));
    return 0;
}

int control_serve(const char *path, control_fn run, void *context)
{
    static struct control control;
    struct sockaddr_un address;
    pthread_t thread;
    int rc = address_of(&address, path);

    if (rc != 0)
        return rc;
    control = (struct control){socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), run, context};
    (void)unlink(path);
    if (control.listener < 0 ||
        bind(control.listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(control.listener, 8) != 0)
        return errno;
    rc = pthread_create(&thread, NULL, serve, &control);
    return rc != 0 ? rc : pthread_detach(thread);
}

int control_send(const char *path, char **words, size_t count)
{
    struct sockaddr_un address;
    char line[LINE_MAX_BYTES] = "";
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FILE *file;

    if (fd < 0 || address_of(&address, path) != 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        (void)fprintf(stderr, "fred-double: '%s': %s\n", path, strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        return 1;
    }
    file = fdopen(fd, "r+");
    if (file == NULL) {
        (void)close(fd);
        return 1;
    }
    for (size_t i = 0; i < count; i++)
        (void)fprintf(file, "%s%s", i == 0 ? "" : " ", words[i]);
    (void)fprintf(file, "\n");
    if (fflush(file) != 0 || fgets(line, sizeof(line), file) == NULL)
        (void)snprintf(line, sizeof(line), "error: no answer\n");
    (void)fputs(line, strcmp(line, "ok\n") == 0 ? stdout : stderr);
    (void)fclose(file);
    return strcmp(line, "ok\n") == 0 ? 0 : 1;
}
