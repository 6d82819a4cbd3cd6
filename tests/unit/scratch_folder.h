/* The scratch folder that a suite gives each of its tests:
 * .pSetUpFunc = make_folder, .pTearDownFunc = remove_folder. */
#ifndef DT_TESTS_SCRATCH_FOLDER_H
#define DT_TESTS_SCRATCH_FOLDER_H

#include "scratch.h"

static char folder[SCRATCH_SIZE];

static void make_folder(void)
{
    scratch_create(folder);
}

static void remove_folder(void)
{
    scratch_remove(folder);
}

#endif
