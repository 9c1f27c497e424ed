#include "net/peer.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct question {
    struct nlmsghdr head;
    struct inet_diag_req_v2 request;
};

union answer {
    struct nlmsghdr head;
    char bytes[2048];
};

static void set_end(const union address *address, __be16 *port, __be32 *host)
{
    if (address->any.sa_family == AF_INET6) {
        *port = address->v6.sin6_port;
        memcpy(host, &address->v6.sin6_addr, sizeof(address->v6.sin6_addr));
    } else {
        *port = address->v4.sin_port;
        memcpy(host, &address->v4.sin_addr, sizeof(address->v4.sin_addr));
    }
}

/* The other end's socket: what is remote here is local there. */
static int set_question(struct question *question, int fd)
{
    union address own, other;
    socklen_t own_len = sizeof(own), other_len = sizeof(other);
    struct inet_diag_sockid *id = &question->request.id;

    if (getsockname(fd, &own.any, &own_len) != 0 || getpeername(fd, &other.any, &other_len) != 0)
        return ENOKI_ENOTFOUND;
    memset(question, 0, sizeof(*question));
    question->head.nlmsg_len = sizeof(*question);
    question->head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    question->head.nlmsg_flags = NLM_F_REQUEST;
    question->request.sdiag_family = (__u8)own.any.sa_family;
    question->request.sdiag_protocol = IPPROTO_TCP;
    question->request.idiag_states = ~0u;
    set_end(&other, &id->idiag_sport, id->idiag_src);
    set_end(&own, &id->idiag_dport, id->idiag_dst);
    id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    return 0;
}

/* A listening socket on the same port is what the kernel finds when the connection is gone. A
 * socket that its process has closed has no inode any more, nor a user: 0, which is root. */
static int read_answer(const struct question *question, const union answer *answer, ssize_t len,
                       struct inet_diag_msg *out)
{
    const struct nlmsghdr *head = &answer->head;
    const struct nlmsgerr *error = NLMSG_DATA(head);

    if (len < (ssize_t)NLMSG_LENGTH(sizeof(*out)) || !NLMSG_OK(head, (size_t)len))
        return ENOKI_EIO;
    if (head->nlmsg_type == NLMSG_ERROR) /* -2: no such socket, or no such family of them */
        return error->error == -2 ? ENOKI_ENOTFOUND : ENOKI_EIO;
    memcpy(out, NLMSG_DATA(head), sizeof(*out));
    if (head->nlmsg_type != SOCK_DIAG_BY_FAMILY || out->idiag_state == TCP_LISTEN ||
        out->id.idiag_sport != question->request.id.idiag_sport ||
        out->id.idiag_dport != question->request.id.idiag_dport || out->idiag_inode == 0)
        return ENOKI_ENOTFOUND;
    return 0;
}

static int ask(int netlink, const struct question *question, struct inet_diag_msg *out)
{
    union answer answer;
    ssize_t len;

    if (send(netlink, question, sizeof(*question), 0) != (ssize_t)sizeof(*question))
        return ENOKI_EIO;
    len = recv(netlink, &answer, sizeof(answer), MSG_DONTWAIT);
    return len < 0 ? ENOKI_EIO : read_answer(question, &answer, len, out);
}

/* Asked twice: that it was still open the second time makes the first user the right one. */
static int tcp_user(int fd, uid_t *user_out)
{
    struct question question;
    struct inet_diag_msg first, second;
    int netlink, rc = set_question(&question, fd);

    if (rc != 0)
        return rc;
    netlink = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (netlink < 0)
        return ENOKI_EIO;
    rc = ask(netlink, &question, &first);
    if (rc == 0)
        rc = ask(netlink, &question, &second);
    (void)close(netlink);
    if (rc == 0 && first.idiag_uid != second.idiag_uid)
        rc = ENOKI_ENOTFOUND;
    if (rc == 0)
        *user_out = first.idiag_uid;
    return rc;
}

int en_peer_user(int fd, uid_t *user_out)
{
    union address own;
    socklen_t len = sizeof(own);
    struct ucred peer;

    memset(&own, 0, sizeof(own));
    if (getsockname(fd, &own.any, &len) != 0)
        return ENOKI_ENOTFOUND;
    if (own.any.sa_family == AF_INET || own.any.sa_family == AF_INET6)
        return tcp_user(fd, user_out);
    len = sizeof(peer);
    if (own.any.sa_family != AF_UNIX ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        return ENOKI_ENOTFOUND;
    *user_out = peer.uid;
    return 0;
}
