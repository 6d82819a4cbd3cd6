/* The decoder of pictures of a suite: .pInitFunc = begin_decoder, .pCleanupFunc = end_decoder. */
#ifndef DT_TESTS_DECODER_H
#define DT_TESTS_DECODER_H

#include "file/image.h"

static dt_image_decoder *decoder;

static int begin_decoder(void)
{
    return dt_image_decoder_begin(&decoder, NULL) ? 1 : 0;
}

static int end_decoder(void)
{
    dt_image_decoder_end(decoder);
    return 0;
}

#endif
