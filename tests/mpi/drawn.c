/* Images that a report shows as drawn anew are those that the network gets, whoever plays them. */
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "harness.h"
#include "train/feed.h"
#include "train/insight.h"

enum { EPOCHS = 8, SIZE = 784 };

/* The pictures of rank 0 on all ranks. */
static dt_drawn share(dt_comm *comm, const dt_drawn *first)
{
    dt_drawn all = {.count = first->count};
    dt_comm_broadcast(comm, &all.count, sizeof all.count);
    size_t count = (size_t)all.count;
    all.pixels = harness_alloc(count, SIZE);
    all.samples = harness_alloc(count, sizeof *all.samples);
    all.epochs = harness_alloc(count, sizeof *all.epochs);
    if (dt_comm_rank(comm) == 0) {
        memcpy(all.pixels, first->pixels, count * SIZE);
        memcpy(all.samples, first->samples, count * sizeof *all.samples);
        memcpy(all.epochs, first->epochs, count * sizeof *all.epochs);
    }
    dt_comm_broadcast(comm, all.pixels, count * SIZE);
    dt_comm_broadcast(comm, all.samples, count * sizeof *all.samples);
    dt_comm_broadcast(comm, all.epochs, count * sizeof *all.epochs);
    return all;
}

/* Compares what the network would get in a step with the pictures; returns how many it has. */
static int64_t compare(dt_session *run, dt_play *play, const dt_drawn *shown)
{
    int64_t epoch = (int64_t)run->plan.epoch + 1, found = 0;
    dt_augmented_step(run->augmented, &play->noise, &play->batch);
    for (int64_t i = 0; i < play->batch.count; i++) {
        int64_t sample = run->dataset->subsets[DT_SUBSET_TRAIN].members[play->positions[i]];
        for (int64_t at = 0; at < shown->count; at++) {
            bool plain = shown->epochs[at] == 0 && epoch == 1;
            if (shown->samples[at] != sample || (!plain && shown->epochs[at] != epoch))
                continue;
            const uint8_t *image = plain ? play->batch.images[i]
                                         : *play->batch.draw(play->batch.drawing, i, 1);
            check(memcmp(shown->pixels + at * SIZE, image, SIZE) == 0,
                  "picture %lld, of sample %lld in epoch %lld, is another", (long long)at,
                  (long long)sample, (long long)shown->epochs[at]);
            found++;
        }
    }
    return found;
}

/* Plays epochs without a network. */
static void check_pictures(dt_comm *comm, dt_session *run, const dt_drawn *shown)
{
    int64_t found = 0, all = 0, counts[64];
    dt_feed *feed = NULL;
    dt_error error = {0};
    dt_status status = dt_feed_create(&run->plan, run->exchange, run->own_virtual_ranks,
                                      dt_comm_size(comm), &feed, &error);
    for (uint32_t epoch = 0; epoch < EPOCHS && !status; epoch++) {
        dt_play play;
        dt_plan_start_epoch(&run->plan, epoch);
        if (epoch == 0)
            check(shown->samples[0] ==
                      run->dataset->subsets[DT_SUBSET_TRAIN].members[run->plan.order[0]],
                  "expected the sample that is played first, found %lld",
                  (long long)shown->samples[0]);
        status = dt_feed_start_epoch(feed, 0, &error);
        for (int64_t step = 0; step < dt_plan_steps(&run->plan) && !status; step++) {
            status = dt_feed_step(feed, &play, &error);
            if (!status)
                found += compare(run, &play, shown);
        }
    }
    check_status("dt_feed_step", DT_OK, status, &error);
    dt_feed_destroy(feed);
    dt_comm_all_gather(comm, &found, sizeof found, counts);
    for (int r = 0; r < dt_comm_size(comm); r++)
        all += counts[r];
    check(all == shown->count && all > EPOCHS, "expected %lld pictures of epochs, found %lld",
          (long long)shown->count, (long long)all);
}

static void test_pictures(dt_comm *comm, dt_config config)
{
    dt_session *run = harness_open(comm, config);
    if (!run)
        return;
    bool voice = dt_comm_rank(comm) == 0;
    dt_epilogue epilogue = {.ending = "complete", .version = "0"};
    dt_insight insight;
    dt_error error = {0};
    dt_status status = dt_insight_collect(run, voice ? &epilogue : NULL, &insight, &error);
    if (check_status("dt_insight_collect", DT_OK, status, &error)) {
        dt_drawn shown = share(comm, &insight.augmented);
        check_pictures(comm, run, &shown);
        dt_free(shown.pixels);
        dt_free(shown.samples);
        dt_free(shown.epochs);
    }
    dt_insight_destroy(&insight);
    dt_session_close(run);
}

static void test(dt_comm *comm)
{
    dt_log_set_level(DT_LOG_SILENT); /* surplus ranks are told of */
    dt_config config = harness_settings("synthetic", "10");
    (void)dt_config_set(&config, dt_setting_find("augment"), "shift 3, rotate 20, flip, erase 0.3",
                        NULL);
    config.val_fraction = 0.2;
    config.batch_size = 8;
    for (int shuffle = DT_SHUFFLE_GLOBAL; shuffle <= DT_SHUFFLE_NONE; shuffle++) {
        config.shuffle = shuffle;
        config.virtual_ranks = 7;
        config.train_limit = 100;
        test_pictures(comm, config);
        config.train_limit = 5; /* more ranks than samples */
        test_pictures(comm, config);
    }
}

int main(int argc, char **argv)
{
    return harness_run(argc, argv, test);
}
