#include "nn/optimizer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#include "base/memory.h"
#include "base/suggest.h"
#include "draw.h"
#include "names.h"
#include "optimizer_step.h"

CU_SuiteInfo dt_suite_optimizer(void);

enum { COUNT = 3, STEPS = 4, SAMPLES = 4 };

/* Of each optimizer: the defaults of torch.optim's signature, and its first step by hand, which is
 * w -= lr (linear g + sign sgn(g)): what the corrections for a short history are for. */
static const struct {
    const char *name;
    double lr, epsilon, weight_decay; /* epsilon NaN: it has none */
    double linear, sign;
} references[] = {
    {"sgd", 1e-3, (double)NAN, 0, 1, 0},
    {"momentum", 1e-3, (double)NAN, 0, 1, 0},
    {"nesterov", 1e-3, (double)NAN, 0, 1.9, 0},
    {"adagrad", 1e-2, 1e-10, 0, 0, 1},
    {"rmsprop", 1e-2, 1e-8, 0, 0, 10}, /* 1 / sqrt(1 - alpha) */
    {"adam", 1e-3, 1e-8, 0, 0, 1},
    {"adamw", 1e-3, 1e-8, 1e-2, 0, 1},
    {"amsgrad", 1e-3, 1e-8, 0, 0, 1},
    {"nadam", 2e-3, 1e-8, 0, 0, 1.0564517783553882}, /* 1 + mu_2 0.1 / (1 - mu_1 mu_2) */
    {"radam", 1e-3, 1e-8, 0, 1, 0},                  /* too few steps to adapt */
    {"lion", 1e-4, (double)NAN, 0, 0, 1},
    {"lars", 0.1, (double)NAN, 1e-4, 0, 1}, /* trust |w| / |g|, of a parameter that is 1 */
    {"lamb", 1e-3, 1e-6, 1e-2, 0, 1},       /* |w| / |1| */
};

static const float start[COUNT] = {0.5f, -1.25f, 2};
static const float sums[STEPS][COUNT] = {
    {0.75f, -2.5f, 0.125f},
    {-1.5f, 0.5f, 0.25f},
    {3, -0.0625f, -0.5f},
    {0.25f, 1, -4},
};

/* Parameters after each step, by PyTorch 1.13 in float64: from `start`, at each step
 * w.grad = sums[step] / 4, clip_grad_norm_ where it is named, then step() of torch.optim's class;
 * of what it does not have, by the formulas of the paper in float64.
 */
static const struct {
    const char *call, *kind;
    dt_optimizer_spec spec; /* but for the kind */
    double w[STEPS][COUNT];
} torch[] = {
    {"SGD(lr=0.1)",
     "sgd",
     {0},
     {{0.4812500000, -1.1875000000, 1.9968750000},
      {0.5187500000, -1.2000000000, 1.9906250000},
      {0.4437500000, -1.1984375000, 2.0031250000},
      {0.4375000000, -1.2234375000, 2.1031250000}}},
    {"SGD(lr=0.1, weight_decay=0.05)",
     "sgd",
     {.weight_decay = 0.05},
     {{0.4787500000, -1.1812500000, 1.9868750000},
      {0.5138562500, -1.1878437500, 1.9706906250},
      {0.4362869688, -1.1803420312, 1.9733371719},
      {0.4278555339, -1.1994403211, 2.0634704860}}},
    {"SGD(lr=0.1), clip_grad_norm_(0.5)",
     "sgd",
     {.clip_norm = 0.5},
     {{0.4856490758, -1.2021635859, 1.9976081793},
      {0.5231490758, -1.2146635859, 1.9913581793},
      {0.4738398549, -1.2136363105, 1.9995763828},
      {0.4708137202, -1.2257408494, 2.0479945385}}},
    {"SGD(lr=0.1, momentum=0.9)",
     "momentum",
     {.momentum = 0.9},
     {{0.4812500000, -1.1875000000, 1.9968750000},
      {0.5018750000, -1.1437500000, 1.9878125000},
      {0.4454375000, -1.1028125000, 1.9921562500},
      {0.3883937500, -1.0909687500, 2.0960656250}}},
    {"SGD(lr=0.1, momentum=0.9, weight_decay=0.05)",
     "momentum",
     {.momentum = 0.9, .weight_decay = 0.05},
     {{0.4787500000, -1.1812500000, 1.9868750000},
      {0.4947312500, -1.1259687500, 1.9588781250},
      {0.4316407187, -1.0690232813, 1.9363865469},
      {0.3664510370, -1.0374272430, 2.0064621938}}},
    {"SGD(lr=0.1, momentum=0.9, nesterov=True)",
     "nesterov",
     {.momentum = 0.9},
     {{0.4643750000, -1.1312500000, 1.9940625000},
      {0.5204375000, -1.1043750000, 1.9796562500},
      {0.3946437500, -1.0659687500, 1.9960656250},
      {0.3370543750, -1.0803093750, 2.1895840625}}},
    {"SGD(lr=0.1, momentum=0.9, weight_decay=0.05, nesterov=True)",
     "nesterov",
     {.momentum = 0.9, .weight_decay = 0.05},
     {{0.4596250000, -1.1193750000, 1.9750625000},
      {0.5092960625, -1.0768034375, 1.9337931562},
      {0.3749800187, -1.0190778361, 1.9165424931},
      {0.3084501013, -1.0111954209, 2.0702618119}}},
    {"Adagrad(lr=0.1)",
     "adagrad",
     {.epsilon = 1e-10},
     {{0.4000000001, -1.1500000000, 1.9000000003},
      {0.4894427191, -1.1696116135, 1.8105572813},
      {0.4021555630, -1.1671608981, 1.8978444374},
      {0.3949008005, -1.2036662299, 1.9968345534}}},
    {"Adagrad(lr=0.1, weight_decay=0.05)",
     "adagrad",
     {.epsilon = 1e-10, .weight_decay = 0.05},
     {{0.4000000000, -1.1500000000, 1.9000000001},
      {0.4858025622, -1.1597711992, 1.8231778722},
      {0.3976044631, -1.1491750026, 1.8394638232},
      {0.3882617130, -1.1758832831, 1.9369439746}}},
    {"RMSprop(lr=0.1, alpha=0.9)",
     "rmsprop",
     {.alpha = 0.9, .epsilon = 1e-8},
     {{0.1837722873, -0.9337722500, 1.6837725540},
      {0.4694865513, -0.9990050539, 1.3980583989},
      {0.1894991609, -0.9904130505, 1.6780457370},
      {0.1649788236, -1.1221487070, 1.9914747689}}},
    {"RMSprop(lr=0.1, alpha=0.9, eps=0.5, weight_decay=0.05)",
     "rmsprop",
     {.alpha = 0.9, .epsilon = 0.5, .weight_decay = 0.05},
     {{0.4625351553, -1.1541687085, 1.9757619919},
      {0.5185445066, -1.1636819701, 1.9471868138},
      {0.4182792655, -1.1531088807, 1.9521072739},
      {0.4073204102, -1.1806844491, 2.0661448990}}},
    {"Adam(lr=0.1)",
     "adam",
     {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8},
     {{0.4000000053, -1.1500000016, 1.9000000320},
      {0.4366103568, -1.0988973950, 1.8034818489},
      {0.3946447958, -1.0578397336, 1.8228612921},
      {0.3561412135, -1.0477765611, 1.8826369326}}},
    {"Adam(lr=0.1, betas=(0.8, 0.99), eps=0.5, weight_decay=0.05)",
     "adam",
     {.beta1 = 0.8, .beta2 = 0.99, .epsilon = 0.5, .weight_decay = 0.05},
     {{0.4701754386, -1.1921052632, 1.9792079208},
      {0.4829260811, -1.1648315650, 1.9563352853},
      {0.4573487939, -1.1437913529, 1.9440595070},
      {0.4361567241, -1.1368266435, 1.9704832671}}},
    {"Adam(lr=0.1, eps=0.5), clip_grad_norm_(0.5)",
     "adam",
     {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 0.5, .clip_norm = 0.5},
     {{0.4776989617, -1.2011057161, 1.9954347441},
      {0.4942034281, -1.1821772541, 1.9873546965},
      {0.4826369993, -1.1687752356, 1.9877859167},
      {0.4728681808, -1.1635455955, 2.0068377432}}},
    {"AdamW(lr=0.1)",
     "adamw",
     {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = 0.01},
     {{0.3995000053, -1.1487500016, 1.8980000320},
      {0.4357108568, -1.0964986450, 1.7995838489},
      {0.3933095849, -1.0543444849, 1.8171637082},
      {0.3544126931, -1.0432269680, 1.8751221850}}},
    {"AdamW(lr=0.1, betas=(0.8, 0.99), eps=0.5, weight_decay=0.2)",
     "adamw",
     {.beta1 = 0.8, .beta2 = 0.99, .epsilon = 0.5, .weight_decay = 0.2},
     {{0.4627272727, -1.1694444444, 1.9541176471},
      {0.4691583104, -1.1241175887, 1.9061886269},
      {0.4363643323, -1.0867037894, 1.8719313898},
      {0.4087753769, -1.0648689643, 1.8695486861}}},
    {"Adam(lr=0.1, amsgrad=True)",
     "amsgrad",
     {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8},
     {{0.4000000053, -1.1500000016, 1.9000000320},
      {0.4366103568, -1.0988973950, 1.8034818489},
      {0.3946447958, -1.0578479143, 1.8228612921},
      {0.3561412135, -1.0477847419, 1.8826369326}}},
    {"Adam(lr=0.1, betas=(0.8, 0.99), eps=0.5, weight_decay=0.05, amsgrad=True)",
     "amsgrad",
     {.beta1 = 0.8, .beta2 = 0.99, .epsilon = 0.5, .weight_decay = 0.05},
     {{0.4701754386, -1.1921052632, 1.9792079208},
      {0.4829260811, -1.1648379763, 1.9563352853},
      {0.4573487939, -1.1437977501, 1.9440595070},
      {0.4361591302, -1.1368330177, 1.9704832671}}},
    {"PyTorch 2: NAdam(lr=0.1)",
     "nadam",
     {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8},
     {{0.3943548278, -1.1443548239, 1.8943548560},
      {0.4850105740, -1.1586739335, 1.7980601404},
      {0.3882413974, -1.1508799315, 1.8919550784},
      {0.3738488323, -1.1911677528, 2.0147965183}}},
    {"PyTorch 2: NAdam(lr=0.1, betas=(0.8, 0.99), eps=0.5, weight_decay=0.05)",
     "nadam",
     {.beta1 = 0.8, .beta2 = 0.99, .epsilon = 0.5, .weight_decay = 0.05},
     {{0.4673338116, -1.1865891636, 1.9772268914},
      {0.5010526705, -1.1871446019, 1.9558992832},
      {0.4466600965, -1.1775745207, 1.9562475880},
      {0.4360525535, -1.1895996603, 2.0200215396}}},
    {"RAdam(lr=0.1)",
     "radam",
     {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8},
     {{0.4812500000, -1.1875000000, 1.9968750000},
      {0.4921052632, -1.1644736842, 1.9921052632},
      {0.4712796174, -1.1493675956, 1.9937081229},
      {0.4546923100, -1.1459236439, 2.0239231200}}},
    {"RAdam(lr=0.1, betas=(0.8, 0.99), eps=0.5, weight_decay=0.05)",
     "radam",
     {.beta1 = 0.8, .beta2 = 0.99, .epsilon = 0.5, .weight_decay = 0.05},
     {{0.4787500000, -1.1812500000, 1.9868750000},
      {0.4888090278, -1.1543576389, 1.9720503472},
      {0.4630061404, -1.1354808814, 1.9643832359},
      {0.4430426354, -1.1295442842, 1.9898615158}}},
    {"lion, by its paper",
     "lion",
     {.beta1 = 0.9, .beta2 = 0.99},
     {{0.4000000000, -1.1500000000, 1.9000000000},
      {0.5000000000, -1.2500000000, 1.8000000000},
      {0.4000000000, -1.1500000000, 1.9000000000},
      {0.3000000000, -1.2500000000, 2.0000000000}}},
    {"lion, by its paper, weight_decay=0.2",
     "lion",
     {.beta1 = 0.8, .beta2 = 0.9, .weight_decay = 0.2},
     {{0.3900000000, -1.1250000000, 1.8600000000},
      {0.4822000000, -1.0025000000, 1.7228000000},
      {0.3725560000, -0.8824500000, 1.7883440000},
      {0.2651048800, -0.9648010000, 1.8525771200}}},
    {"lars, by its paper",
     "lars",
     {.momentum = 0.9, .trust = 0.1},
     {{0.4930802243, -1.2269340811, 1.9988467041},
      {0.5093099637, -1.2136606000, 1.9940658148},
      {0.5003539741, -1.2012235762, 1.9936901403},
      {0.4908526725, -1.1957938986, 2.0164066085}}},
    {"lars, by its paper, weight_decay=0.2",
     "lars",
     {.momentum = 0.8, .trust = 0.2, .weight_decay = 0.2},
     {{0.4877909611, -1.2128420555, 1.9816864416},
      {0.4930786766, -1.1767360335, 1.9421375056},
      {0.4651202811, -1.1383316706, 1.9005063737},
      {0.4380134147, -1.1082888784, 1.8860950913}}},
    {"lamb, by its paper",
     "lamb",
     {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-6},
     {{0.3608048269, -1.1108043073, 1.8608085387},
      {0.4306340931, -1.0133329242, 1.6767163048},
      {0.2944782188, -0.8801227926, 1.7395916399},
      {0.1887619737, -0.8524931512, 1.9037129508}}},
    {"lamb, by its paper, weight_decay=0.2",
     "lamb",
     {.beta1 = 0.8, .beta2 = 0.99, .epsilon = 0.5, .weight_decay = 0.2},
     {{0.4100651302, -1.0556285672, 1.8892910785},
      {0.4358619877, -0.9072417455, 1.7285579708},
      {0.3198595630, -0.7878156127, 1.6176950129},
      {0.1657097312, -0.6910430995, 1.6341849307}}},
};

enum { CASES = sizeof torch / sizeof *torch };

static dt_optimizer *create(const dt_optimizer_spec *spec, size_t count)
{
    return create_of(spec, DT_TENSOR_WEIGHT, count);
}

static dt_optimizer *create_torch(int row)
{
    dt_optimizer_spec spec = torch[row].spec;
    spec.kind = dt_name_find(dt_optimizer_names, torch[row].kind);
    return create(&spec, COUNT);
}

static dt_optimizer_spec plain(int kind)
{
    return (dt_optimizer_spec){.kind = kind,
                               .momentum = 0.9,
                               .trust = 1,
                               .alpha = 0.99,
                               .beta1 = 0.9,
                               .beta2 = 0.999,
                               .epsilon = dt_optimizer_facts_of(kind)->epsilon};
}

static void test_torch(void)
{
    for (int i = 0; i < CASES; i++) {
        dt_optimizer *optimizer = create_torch(i);
        float w[COUNT];
        memcpy(w, start, sizeof w);
        for (int step = 0; step < STEPS; step++) {
            double norm = take_step(optimizer, COUNT, w, sums[step], NULL, SAMPLES, 0.1);
            int good = 1;
            for (int j = 0; j < COUNT; j++)
                good &= fabs((double)w[j] / torch[i].w[step][j] - 1) <= 1e-6;
            CU_ASSERT_TRUE(good);
            if (!good)
                printf("%s, step %d: %.9g %.9g %.9g\n", torch[i].call, step + 1, (double)w[0],
                       (double)w[1], (double)w[2]);
            double squares = 0;
            for (int j = 0; j < COUNT; j++)
                squares += (double)sums[step][j] * (double)sums[step][j];
            CU_ASSERT_DOUBLE_EQUAL(norm, sqrt(squares) / SAMPLES, 1e-12);
        }
        dt_optimizer_destroy(optimizer);
    }
}

static void test_defaults(void)
{
    for (int i = 0; dt_optimizer_names[i]; i++) {
        const dt_optimizer_facts *defaults = dt_optimizer_facts_of(i);
        const typeof(*references) *expected = ROW_OF(dt_optimizer_names[i], references);
        int cases = 0;
        CU_ASSERT_EQUAL(defaults->lr, expected->lr);
        CU_ASSERT_EQUAL(defaults->weight_decay, expected->weight_decay);
        if (!isnan(expected->epsilon))
            CU_ASSERT_EQUAL(defaults->epsilon, expected->epsilon);
        for (int j = 0; j < CASES; j++)
            cases += strcmp(torch[j].kind, expected->name) == 0;
        if (cases < 2)
            printf("\n    %s: expected numbers of others, plain and with decay, found %d\n",
                   expected->name, cases);
        CU_ASSERT(cases >= 2);
    }
}

static void test_first_step(void)
{
    static const float gradients[] = {0.01f, -0.5f, 4, -300};
    for (int i = 0; i < 4; i++)
        for (int kind = 0; dt_optimizer_names[kind]; kind++) {
            dt_optimizer_spec spec = plain(kind);
            const typeof(*references) *by_hand = ROW_OF(dt_optimizer_names[kind], references);
            double g = (double)gradients[i], lr = 0.01;
            double move = lr * (by_hand->linear * g + copysign(by_hand->sign, g));
            float w = 1;
            dt_optimizer *optimizer = create(&spec, 1);
            take_step(optimizer, 1, &w, gradients + i, NULL, 1, lr);
            CU_ASSERT_DOUBLE_EQUAL(1 - (double)w, move, 1e-7 + 2e-5 * fabs(move));
            dt_optimizer_destroy(optimizer);
        }
}

/* The sum of n samples is divided by n: the same bits as their mean as one sample, for n a power
 * of two. */
static void test_samples(void)
{
    for (int kind = 0; dt_optimizer_names[kind]; kind++) {
        dt_optimizer_spec spec = plain(kind);
        spec.weight_decay = 0.01;
        spec.clip_norm = 0.3;
        dt_optimizer *of_sum = create(&spec, COUNT), *of_mean = create(&spec, COUNT);
        float w[COUNT], v[COUNT], mean[COUNT];
        memcpy(w, start, sizeof w);
        memcpy(v, start, sizeof v);
        for (int step = 0; step < STEPS; step++) {
            for (int j = 0; j < COUNT; j++)
                mean[j] = sums[step][j] / 64;
            double norm = take_step(of_sum, COUNT, w, sums[step], NULL, 64, 0.1);
            CU_ASSERT_EQUAL(norm, take_step(of_mean, COUNT, v, mean, NULL, 1, 0.1));
            CU_ASSERT_EQUAL(memcmp(w, v, sizeof w), 0);
        }
        dt_optimizer_destroy(of_sum);
        dt_optimizer_destroy(of_mean);
    }
}

/* Clipping: a gradient above the limit is scaled to it, one below is left alone bit for bit; the
 * norm is of all parameters, at any number of them, and has the precision of double. */
static void test_clip(void)
{
    dt_random_sequence random = draw_begin(60);
    dt_optimizer_spec clipped = plain(dt_name_find(dt_optimizer_names, "sgd")),
                      free = plain(dt_name_find(dt_optimizer_names, "sgd"));
    for (int count = 1; count <= 100; count++) {
        float gradient[100], w[100] = {0}, v[100] = {0};
        double squares = 0, moved = 0;
        for (int j = 0; j < count; j++) {
            gradient[j] = (float)draw_real(&random, -1, 1);
            squares += (double)gradient[j] * (double)gradient[j];
        }
        double norm = sqrt(squares) / SAMPLES;
        for (int above = 0; above <= 1; above++) {
            clipped.clip_norm = above ? 0.25 * norm : 1.01 * norm;
            dt_optimizer *with = create(&clipped, (size_t)count);
            dt_optimizer *without = create(&free, (size_t)count);
            memset(w, 0, sizeof w);
            memset(v, 0, sizeof v);
            CU_ASSERT_DOUBLE_EQUAL(
                take_step(with, (size_t)count, w, gradient, NULL, SAMPLES, 1) / norm, 1, 1e-14);
            take_step(without, (size_t)count, v, gradient, NULL, SAMPLES, 1);
            CU_ASSERT_EQUAL(memcmp(w, v, sizeof w) == 0, !above);
            dt_optimizer_destroy(with);
            dt_optimizer_destroy(without);
        }
        clipped.clip_norm = 0.25 * norm;
        dt_optimizer *with = create(&clipped, (size_t)count);
        memset(w, 0, sizeof w);
        take_step(with, (size_t)count, w, gradient, NULL, SAMPLES, 1);
        for (int j = 0; j < count; j++)
            moved += (double)w[j] * (double)w[j];
        CU_ASSERT_DOUBLE_EQUAL(sqrt(moved) / (0.25 * norm), 1, 1e-4);
        dt_optimizer_destroy(with);
    }
}

/* Clipping by value: each element of the mean gradient by itself, before the decay; one below the
 * limit is left alone bit for bit. */
static void test_clip_value(void)
{
    enum { MANY = 3 * DT_SQUARES_BLOCK + 5 };
    static float w[MANY], v[MANY], sum[MANY], clipped[MANY];
    dt_random_sequence random = draw_begin(64);
    for (int kind = 0; dt_optimizer_names[kind]; kind++) {
        dt_optimizer_spec spec = plain(kind), free = plain(kind);
        spec.weight_decay = free.weight_decay = 0.01;
        spec.clip_value = 0.25;
        dt_optimizer *with = create(&spec, MANY), *without = create(&free, MANY);
        for (int j = 0; j < MANY; j++)
            w[j] = v[j] = (float)draw_real(&random, -1, 1);
        for (int step = 0; step < STEPS; step++) {
            for (int j = 0; j < MANY; j++) {
                sum[j] = (float)draw_real(&random, -2, 2);
                clipped[j] = fminf(fmaxf(sum[j] / SAMPLES, -0.25f), 0.25f);
            }
            take_step(with, MANY, w, sum, NULL, SAMPLES, 0.1);
            take_step(without, MANY, v, clipped, NULL, 1, 0.1);
            CU_ASSERT_EQUAL(memcmp(w, v, sizeof w), 0);
        }
        dt_optimizer_destroy(with);
        dt_optimizer_destroy(without);
    }
}

/* Optimizers of parts of the parameters do what one of all of them does, clipping included: the
 * norm is that of all parts. */
static void test_parts(void)
{
    enum { MANY = 5 * DT_SQUARES_BLOCK + 77, PARTS = 3 };
    static const size_t bounds[] = {0, DT_SQUARES_BLOCK, 4 * DT_SQUARES_BLOCK, MANY};
    static const dt_tensor tensors[] = {
        {"", "kernel", DT_TENSOR_WEIGHT, 1, {DT_SQUARES_BLOCK + 50}, 0},
        {"", "bias", DT_TENSOR_BIAS, 1, {50}, DT_SQUARES_BLOCK + 50},
        {"", "kernel", DT_TENSOR_WEIGHT, 2, {7, 9}, DT_SQUARES_BLOCK + 100},
        {"", "gamma", DT_TENSOR_GAIN, 1, {8}, DT_SQUARES_BLOCK + 163},
        {"", "beta", DT_TENSOR_SHIFT, 1, {8}, DT_SQUARES_BLOCK + 171},
        {"",
         "kernel",
         DT_TENSOR_WEIGHT,
         1,
         {MANY - DT_SQUARES_BLOCK - 179},
         DT_SQUARES_BLOCK + 179},
    };
    enum { TENSORS = sizeof tensors / sizeof *tensors };
    static float w[MANY], v[MANY], gradient[MANY];
    dt_random_sequence random = draw_begin(62);
    for (int kind = 0; dt_optimizer_names[kind]; kind++) {
        dt_optimizer_spec spec = plain(kind);
        spec.clip_norm = 0.3;
        spec.weight_decay = 0.02;
        spec.clip_value = kind % 2 ? 0.7 : 0;
        dt_optimizer *all = create_part(&spec, &(dt_optimizer_part){tensors, TENSORS, 0, MANY});
        dt_optimizer *part[PARTS];
        for (int p = 0; p < PARTS; p++)
            part[p] = create_part(&spec, &(dt_optimizer_part){tensors, TENSORS, bounds[p],
                                                              bounds[p + 1] - bounds[p]});
        for (int j = 0; j < MANY; j++)
            w[j] = v[j] = (float)draw_real(&random, -2, 2);
        for (int step = 0; step < STEPS; step++) {
            double blocks[MANY / DT_SQUARES_BLOCK + 1];
            for (int j = 0; j < MANY; j++)
                gradient[j] = (float)draw_real(&random, -3, 3);
            double norm = take_step(all, MANY, w, gradient, NULL, 3, 0.05);
            for (int p = 0; p < PARTS; p++) {
                size_t first = bounds[p], count = bounds[p + 1] - first;
                const dt_support whole = {1, &(dt_interval){0, count}};
                dt_support_squares(&whole, count, gradient + first,
                                   blocks + first / DT_SQUARES_BLOCK);
            }
            CU_ASSERT_EQUAL(norm, sqrt(dt_squares_sum(MANY, blocks)) / 3);
            double notes[80];
            for (int p = 0; p < PARTS; p++) {
                dt_optimizer_begin(part[p], dt_optimizer_scale(part[p], 3, norm),
                                   &(dt_rates){0.05, (double)NAN});
                if (dt_optimizer_notes(part[p]) > 0)
                    dt_optimizer_note(part[p], v + bounds[p], gradient + bounds[p], notes);
            }
            for (int p = 0; p < PARTS; p++) { /* in two intervals */
                size_t count = bounds[p + 1] - bounds[p], half = count / 2;
                if (dt_optimizer_notes(part[p]) > 0)
                    dt_optimizer_find_ratios(part[p], notes);
                dt_optimizer_update(part[p], &(dt_interval){half, count}, v + bounds[p],
                                    gradient + bounds[p]);
                dt_optimizer_update(part[p], &(dt_interval){0, half}, v + bounds[p],
                                    gradient + bounds[p]);
            }
            CU_ASSERT_EQUAL(memcmp(w, v, sizeof w), 0);
        }
        dt_optimizer_destroy(all);
        for (int p = 0; p < PARTS; p++)
            dt_optimizer_destroy(part[p]);
    }
}

/* lr = 0 moves nothing, and a zero gradient moves nothing before there is a history. */
static void test_rest(void)
{
    static const float zero[COUNT] = {0};
    for (int kind = 0; dt_optimizer_names[kind]; kind++) {
        dt_optimizer_spec spec = plain(kind);
        dt_optimizer *optimizer = create(&spec, COUNT);
        float w[COUNT];
        memcpy(w, start, sizeof w);
        for (int step = 0; step < 3; step++)
            take_step(optimizer, COUNT, w, zero, NULL, SAMPLES, 0.1);
        CU_ASSERT_EQUAL(memcmp(w, start, sizeof w), 0);
        for (int step = 0; step < STEPS; step++)
            take_step(optimizer, COUNT, w, sums[step], NULL, SAMPLES, 0);
        CU_ASSERT_EQUAL(memcmp(w, start, sizeof w), 0);
        dt_optimizer_destroy(optimizer);
    }
}

/* Each tensor of a vector is updated as if it were alone; weights decay, and others by decay_all.
 */
static void test_tensors(void)
{
    enum { TENSORS = 5, MOST = 700 };
    static float w[TENSORS * MOST], v[TENSORS * MOST], gradient[TENSORS * MOST];
    dt_random_sequence random = draw_begin(63);
    for (int kind = 0; dt_optimizer_names[kind]; kind++)
        for (int way = 0; way < 4; way++) {
            dt_optimizer_spec spec = plain(kind);
            dt_tensor tensors[TENSORS];
            dt_optimizer *each[TENSORS];
            size_t count = 0;
            spec.weight_decay = way & 1 ? 0.3 : 0;
            spec.decay_all = way & 2;
            for (int t = 0; t < TENSORS; t++) {
                dt_tensor_role role = (dt_tensor_role)draw_int(&random, 0, DT_TENSOR_SHIFT);
                int size = draw_int(&random, 1, draw_int(&random, 0, 1) ? 9 : MOST);
                tensors[t] = (dt_tensor){.role = role, .rank = 1, .shape = {size}, .offset = count};
                dt_optimizer_spec own = spec;
                own.weight_decay = role == DT_TENSOR_WEIGHT || spec.decay_all ? 0.3 : 0;
                own.weight_decay = spec.weight_decay > 0 ? own.weight_decay : 0;
                each[t] =
                    create_of(&own, role == DT_TENSOR_WEIGHT ? role : DT_TENSOR_BIAS, (size_t)size);
                count += (size_t)size;
            }
            dt_optimizer *all =
                create_part(&spec, &(dt_optimizer_part){tensors, TENSORS, 0, count});
            for (size_t j = 0; j < count; j++)
                w[j] = v[j] = (float)draw_real(&random, -2, 2);
            for (int step = 0; step < STEPS; step++) {
                for (size_t j = 0; j < count; j++)
                    gradient[j] = (float)draw_real(&random, -3, 3);
                take_step(all, count, w, gradient, NULL, 3, 0.05);
                for (int t = 0; t < TENSORS; t++)
                    take_step(each[t], dt_tensor_count(&tensors[t]), v + tensors[t].offset,
                              gradient + tensors[t].offset, NULL, 3, 0.05);
                bool exact = dt_optimizer_notes(all) == 0; /* else blocks begin elsewhere */
                CU_ASSERT(!exact || memcmp(w, v, count * sizeof *w) == 0);
                for (size_t j = 0; !exact && j < count; j++)
                    CU_ASSERT_DOUBLE_EQUAL((double)w[j], (double)v[j], 3e-6);
            }
            dt_optimizer_destroy(all);
            for (int t = 0; t < TENSORS; t++)
                dt_optimizer_destroy(each[t]);
        }
}

/* A parameter's new value depends on its own gradients alone: the same as with another number of
 * parameters around it, but for rounding. Nothing behind the last one is touched. */
static void test_each_alone(void)
{
    enum { MANY = 77 };
    dt_random_sequence random = draw_begin(61);
    for (int kind = 0; dt_optimizer_names[kind]; kind++) {
        dt_optimizer_spec spec = plain(kind);
        spec.weight_decay = 0.02;
        float w[MANY + 1], single[MANY], gradient[MANY];
        spec.decay_all = true;
        dt_optimizer *all = create_of(&spec, DT_TENSOR_BIAS, MANY), *each[MANY];
        for (int j = 0; j < MANY; j++) {
            each[j] = create_of(&spec, DT_TENSOR_BIAS, 1);
            w[j] = single[j] = (float)draw_real(&random, -2, 2);
        }
        w[MANY] = 77;
        for (int step = 0; step < STEPS; step++) {
            for (int j = 0; j < MANY; j++)
                gradient[j] = (float)draw_real(&random, -3, 3);
            take_step(all, MANY, w, gradient, NULL, 3, 0.05);
            for (int j = 0; j < MANY; j++) {
                take_step(each[j], 1, single + j, gradient + j, NULL, 3, 0.05);
                CU_ASSERT_DOUBLE_EQUAL((double)w[j], (double)single[j], 2e-6);
            }
        }
        CU_ASSERT_EQUAL(w[MANY], 77);
        dt_optimizer_destroy(all);
        for (int j = 0; j < MANY; j++)
            dt_optimizer_destroy(each[j]);
    }
}

static void test_no_memory(void)
{
    for (int kind = 0; dt_optimizer_names[kind]; kind++) {
        dt_optimizer_spec spec = plain(kind);
        dt_optimizer *optimizer = NULL;
        dt_tensor tensor = {.rank = 1, .shape = {9}};
        dt_optimizer_part part = {&tensor, 1, 0, 9};
        dt_status status = DT_ERR_INTERNAL;
        int failures = -1;
        while (status == DT_ERR_INTERNAL && failures < 10) {
            dt_error error = {.status = DT_OK};
            dt_memory_fail_at(++failures + 1);
            status = dt_optimizer_create(&spec, &part, &optimizer, &error);
            dt_memory_fail_at(0);
            CU_ASSERT_EQUAL(error.status, status);
        }
        CU_ASSERT_EQUAL(status, DT_OK);
        CU_ASSERT_EQUAL(failures, 2 + dt_optimizer_arrays(kind));
        dt_optimizer_destroy(optimizer);
    }
    dt_optimizer_destroy(NULL);
}

/* State and parameters moved to a new optimizer after k steps: it goes on as the old one does. */
static void test_state(void)
{
    for (int i = 0; i < CASES; i++)
        for (int k = 0; k <= STEPS; k++) {
            dt_optimizer *old = create_torch(i), *new = create_torch(i);
            float whole[COUNT], resumed[COUNT];
            memcpy(whole, start, sizeof start);
            for (int step = 0; step < k; step++)
                take_step(old, COUNT, whole, sums[step], NULL, SAMPLES, 0.1);
            dt_optimizer_state from = dt_optimizer_get_state(old);
            dt_optimizer_state to = dt_optimizer_get_state(new);
            memcpy(resumed, whole, sizeof whole);
            *to.steps = *from.steps;
            CU_ASSERT_EQUAL(*from.steps, k);
            for (int a = 0; a < DT_STATE_ARRAYS; a++) {
                CU_ASSERT_EQUAL(!to.arrays[a], !from.arrays[a]);
                if (from.arrays[a])
                    memcpy(to.arrays[a], from.arrays[a], sizeof whole);
            }
            for (int step = k; step < STEPS; step++) {
                take_step(old, COUNT, whole, sums[step], NULL, SAMPLES, 0.1);
                take_step(new, COUNT, resumed, sums[step], NULL, SAMPLES, 0.1);
            }
            CU_ASSERT_EQUAL(memcmp(whole, resumed, sizeof whole), 0);
            dt_optimizer_destroy(old);
            dt_optimizer_destroy(new);
        }
}

CU_SuiteInfo dt_suite_optimizer(void)
{
    static CU_TestInfo tests[] = {
        {"numbers of PyTorch or the paper, four steps of each", test_torch},
        {"PyTorch's defaults, numbers of each", test_defaults},
        {"the first step by hand", test_first_step},
        {"the sum is divided by the samples", test_samples},
        {"clipping", test_clip},
        {"clipping by value", test_clip_value},
        {"optimizers of parts", test_parts},
        {"each tensor as if it were alone", test_tensors},
        {"no gradient or no rate, no move", test_rest},
        {"each parameter alone", test_each_alone},
        {"the state is all that a new one needs to go on", test_state},
        {"every allocation may fail", test_no_memory},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "optimizer", .pTests = tests};
}
