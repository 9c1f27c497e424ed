/*
 * check.h - rules for single values, the same in files and on the command line.
 *
 * Each returns NULL if the text is good, else what is allowed, as the end of a message.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_CHECK_H
#define EN_CHECK_H

const char *en_check_function_name(const char *text);
const char *en_check_keygroup(const char *text);
const char *en_check_node(const char *text);
const char *en_check_variable_name(const char *text);
/* A user's or group's name or number; whether it exists turns out when it is used. */
const char *en_check_account(const char *text);
/* "ADDRESS:PORT"; whether the address exists turns out when listening. */
const char *en_check_address(const char *text);
/* The folder of an embedded store, which becomes part of a URI. */
const char *en_check_state_path(const char *text);

#endif
