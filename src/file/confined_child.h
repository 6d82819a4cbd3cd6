/* What parent and child (file/confined.h) agree on. */
#ifndef DT_FILE_CONFINED_CHILD_H
#define DT_FILE_CONFINED_CHILD_H

/* The child's end, its first file behind the standard ones, which are /dev/null. */
#define CONFINED_SOCKET 3

/* The first argument of a child; then its job, bytes of memory, seconds. */
#define CONFINED_OPTION "--confined"

#endif
