/* Damages a small checkpoint in every way of a few kinds; each must be refused.
 *
 * usage: damage DIR
 *
 * Every bit is turned round, every length cut off, every block set to zero or to that of another
 * place, bytes are added behind. Some of it in a file of DIR, too. Prints a line for each kind of
 * damage, and at the end "N run, M lost". Exit code: 0 none was lost. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sample.h"

enum { FILE_EVERY = 101, ADDED_MOST = 64 };

typedef struct victim {
    const char *directory;
    const char *good;
    char *bytes; /* [size + ADDED_MOST]: what is damaged */
    size_t size;
    long run, lost;
} victim;

static bool is_refused(dt_status status, const dt_error *error, const char *what, size_t at)
{
    if (status == DT_ERR_DATA && error->message[0] && !strchr(error->message, '\n'))
        return true;
    fprintf(stderr, "damage: %s at %zu: expected DT_ERR_DATA, found %d (%s)\n", what, at,
            (int)status, error->message);
    return false;
}

static bool is_refused_as_file(const victim *self, size_t size, const char *what, size_t at)
{
    char path[DT_PATH_SIZE];
    snprintf(path, sizeof path, "%s/damaged.h5", self->directory);
    FILE *file = fopen(path, "wb");
    bool written = file && fwrite(self->bytes, 1, size, file) == size;
    if (!file || fclose(file) || !written) {
        perror(path);
        exit(2);
    }
    dt_checkpoint found;
    dt_error error = {0};
    dt_status status = dt_checkpoint_read(path, &found, &error);
    dt_checkpoint_destroy(&found);
    remove(path);
    return is_refused(status, &error, what, at);
}

/* The first `size` bytes must be refused. */
static void try_it(victim *self, size_t size, const char *what, size_t at)
{
    dt_checkpoint found;
    dt_error error = {0};
    dt_status status = dt_checkpoint_decode(self->bytes, size, &found, &error);
    dt_checkpoint_destroy(&found);
    bool fine = is_refused(status, &error, what, at);
    if (self->run % FILE_EVERY == 0)
        fine &= is_refused_as_file(self, size, what, at);
    self->run++;
    self->lost += !fine;
}

static void heal(victim *self)
{
    memcpy(self->bytes, self->good, self->size);
}

static void flip_bits(victim *self)
{
    for (size_t bit = 0; bit < 8 * self->size; bit++) {
        self->bytes[bit / 8] ^= (char)(1 << bit % 8);
        try_it(self, self->size, "a bit turned round", bit / 8);
        self->bytes[bit / 8] = self->good[bit / 8];
    }
}

static void cut(victim *self)
{
    for (size_t size = 0; size < self->size; size++)
        try_it(self, size, "cut off", size);
}

static void add(victim *self)
{
    for (size_t more = 1; more <= ADDED_MOST; more++) {
        self->bytes[self->size + more - 1] = more % 2 ? 0 : (char)more;
        try_it(self, self->size + more, "bytes added", more);
    }
}

static void zero_blocks(victim *self)
{
    for (size_t block = 16; block <= 4096; block *= 4)
        for (size_t at = 0; at < self->size; at += block) {
            size_t length = self->size - at < block ? self->size - at : block;
            memset(self->bytes + at, 0, length);
            if (memcmp(self->bytes, self->good, self->size) != 0)
                try_it(self, self->size, "a block of zeros", at);
            heal(self);
        }
}

/* As a disk does that writes a block to the wrong place. */
static void misplace_blocks(victim *self)
{
    enum { BLOCK = 512 };
    for (size_t to = 0; to + BLOCK <= self->size; to += BLOCK)
        for (size_t from = 0; from + BLOCK <= self->size; from += BLOCK) {
            memcpy(self->bytes + to, self->good + from, BLOCK);
            if (memcmp(self->bytes, self->good, self->size) != 0)
                try_it(self, self->size, "a block misplaced", to);
            heal(self);
        }
}

static const struct damage {
    const char *name;
    void (*inflict)(victim *self);
} damages[] = {{"bits turned round", flip_bits},
               {"lengths cut off", cut},
               {"lengths added", add},
               {"blocks of zeros", zero_blocks},
               {"blocks misplaced", misplace_blocks}};

int main(int argc, char **argv)
{
    dt_error error = {0};
    void *good;
    victim self = {0};
    if (argc != 2) {
        fprintf(stderr, "usage: damage DIR\n");
        return 64;
    }
    dt_checkpoint found;
    if (dt_checkpoint_encode(sample_checkpoint(30, 0), &good, &self.size, &error) ||
        dt_checkpoint_decode(good, self.size, &found, &error) || !sample_is(&found, 30, 0) ||
        !(self.bytes = dt_calloc(self.size + ADDED_MOST, 1, &error))) {
        fprintf(stderr, "damage: the checkpoint itself is not good: %s\n", error.message);
        return 1;
    }
    dt_checkpoint_destroy(&found);
    self.directory = argv[1];
    self.good = good;
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        long before = self.run, lost = self.lost;
        heal(&self);
        damages[i].inflict(&self);
        printf("  %-19s %7ld, %ld refused\n", damages[i].name, self.run - before,
               self.run - before - (self.lost - lost));
    }
    printf("%ld run, %ld lost\n", self.run, self.lost);
    dt_free(self.bytes);
    dt_free(good);
    return self.lost > 0;
}
