/*
 * cpu.h - what a process and those that it has started have computed.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_CPU_H
#define EN_CPU_H

#include <stdint.h>
#include <sys/types.h>

/* CPU time in ns, of all threads; of its descendants too, as many as are looked at, those that have
 * ended and were waited for included. 0: there is no such process. */
uint64_t en_cpu_time(pid_t pid);

#endif
