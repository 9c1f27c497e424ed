/*
 * suite.h - the contract of state.h as tests that every backend must pass unchanged.
 *
 *   int main(void)
 *   {
 *       return conformance_run(&my_fixture);
 *   }
 */
#ifndef CONFORMANCE_SUITE_H
#define CONFORMANCE_SUITE_H

#include "fixture.h"

/* Runs every test; an exit status. */
int conformance_run(const struct fixture *with);

#endif
