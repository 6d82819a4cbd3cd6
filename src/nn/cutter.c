#include "cutter.h"

int cut_tile(cutter *self, int capacity, dt_piece *pieces, int *piece_count)
{
    int samples = 0;
    *piece_count = 0;
    while (self->segment < self->batch->segment_count && *piece_count < PIECES_MAX) {
        const dt_segment *segment = &self->batch->segments[self->segment];
        int64_t left = segment->samples - self->done;
        bool ends = left <= capacity - samples;
        int count = ends ? (int)left : capacity - samples;
        if (!ends && count == 0)
            break;
        pieces[(*piece_count)++] = (dt_piece){
            .samples = count, .fresh = self->done == 0, .merges = ends ? segment->merges : 0};
        samples += count;
        self->done = ends ? 0 : self->done + count;
        self->segment += ends;
    }
    return samples;
}
