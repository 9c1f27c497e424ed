#include "invoke/linger.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/types.h>

#define MOST_BYTES (64u << 20)
#define READS 32u

bool en_linger_read(int fd, size_t *total_bytes)
{
    char scrap[16384];

    for (unsigned i = 0; i < READS; i++) {
        ssize_t got = recv(fd, scrap, sizeof(scrap), MSG_DONTWAIT);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return true;
        if (got <= 0)
            return false;
        *total_bytes += (size_t)got;
        if (*total_bytes > MOST_BYTES)
            return false;
    }
    return true;
}
