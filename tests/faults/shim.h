/* What a program that runs under the shim (shim.c) may ask of it. */
#ifndef DT_TESTS_FAULTS_SHIM_H
#define DT_TESTS_FAULTS_SHIM_H

#include <stdbool.h>

/* Forgets what was, and lets operation `call` below `directory` meet a fault of this kind. */
void dt_fault_arm(const char *directory, const char *kind, long call);

/* Whether it has. */
bool dt_fault_struck(void);

/* The power fails now, at the end of everything: of an armed "power" or "journal". */
void dt_fault_cut_power(void);

#endif
