/*
 * route.h - what a request's path means to a runtime of one function.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_ROUTE_H
#define EN_ROUTE_H

#include "invoke/request.h"

enum en_route {
    EN_ROUTE_CALL,   /* run the function, send its reply */
    EN_ROUTE_ASYNC,  /* X-tinyFaaS-Async is there and not empty: answer 202, run it later */
    EN_ROUTE_HEALTH, /* GET or HEAD /health: answer 200 "OK" */
    EN_ROUTE_NONE,   /* no such function: answer 404 */
};

/* name is the function's. *subpath_out is what follows /NAME, "" or starting with '/'; a view into
 * the request's path. */
enum en_route en_route_find(const struct en_request *request, const char *name,
                            struct en_text *subpath_out);

/* The answer for all but EN_ROUTE_CALL (for EN_ROUTE_ASYNC the 202). */
void en_route_answer(enum en_route route, struct en_reply *reply);

#endif
