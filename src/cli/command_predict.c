#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/class_names.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/visible.h"
#include "cli/images.h"
#include "commands.h"
#include "draw.h"
#include "file/json.h"
#include "nn/metrics.h"
#include "train/model.h"
#include "train/need.h"

/* Images that go through the network at a time: a picture's characters are among them together. */
enum { CHUNK = DT_IMAGE_CHARACTERS_MOST, NAME_MAX_SHOWN = 4096 };

typedef struct predictor {
    dt_model model;
    dt_network *network;
    float *parameters;
    float *outputs;        /* [CHUNK][classes] */
    double *probabilities; /* [classes] */
    bool json, show;
    image_drawing drawing;
    dt_images_form form; /* its decoder is owned */
} predictor;

static void release(predictor *self)
{
    dt_image_decoder_end(self->form.decoder);
    dt_network_destroy(self->network);
    dt_free(self->parameters);
    dt_free(self->outputs);
    dt_free(self->probabilities);
    dt_model_destroy(&self->model);
}

/* *self is always set; end it with release. */
static dt_shape shape_of(const predictor *self)
{
    return self->model.spec.architecture.input;
}

static int classes_of(const predictor *self)
{
    return dt_architecture_outputs(&self->model.spec.architecture);
}

static const char *names_of(const predictor *self)
{
    return self->model.file.facts.class_names;
}

/* Characters are cut out of pictures that are fitted by their ink. */
static dt_status check_many(const dt_images_form *form, dt_error *error)
{
    if (form->way == DT_WAY_NONE)
        return dt_fail(error, DT_ERR_USAGE, "predict: expected --many or --fit none, found both");
    if (form->shape.channels != 1)
        return dt_fail(error, DT_ERR_DATA,
                       "predict: expected a network of images with one channel, for --many, found "
                       "one with %d",
                       form->shape.channels);
    if (form->way == DT_WAY_AUTO && form->form.background < 0)
        return dt_fail(
            error, DT_ERR_USAGE,
            "predict: expected --fit mnist with --many, since the network was trained on "
            "whole pictures, found --fit auto");
    return DT_OK;
}

static dt_status prepare(const dt_invocation *invocation, predictor *self, dt_error *error)
{
    *self = (predictor){.json = invocation->json, .show = invocation->show};
    dt_status status =
        dt_model_read(invocation->weights_path, &invocation->config, &self->model, error);
    if (!status)
        status = dt_need_check_network(&self->model.spec, error);
    if (!status)
        status = dt_network_create(&self->model.spec, &self->network, error);
    dt_image_decoder *decoder = NULL;
    if (!status)
        status = dt_image_decoder_begin(&decoder, error);
    if (status)
        return status;
    self->form = (dt_images_form){.shape = shape_of(self),
                                  .transpose = self->model.config.transpose,
                                  .form = dt_weights_form(&self->model.file.facts),
                                  .many = invocation->many,
                                  .decoder = decoder};
    while (strcmp(invocation->fit, dt_image_way_names[self->form.way]) != 0)
        self->form.way++;
    if (self->form.many && check_many(&self->form, error))
        return error->status;
    size_t classes = (size_t)classes_of(self);
    self->parameters = dt_network_new_parameters(self->network, error);
    self->outputs = self->parameters ? dt_calloc(CHUNK * classes, sizeof(float), error) : NULL;
    self->probabilities = self->outputs ? dt_calloc(classes, sizeof(double), error) : NULL;
    if (!self->probabilities)
        return error->status;
    const dt_weights_file *file = &self->model.file;
    memcpy(self->parameters, file->parameters, file->parameter_count * sizeof(float));
    dt_network_set_parameters(self->network, self->parameters);
    self->drawing = drawing_of(stdout);
    return DT_OK;
}

/* The answer in words; "none" when an output is not a number. */
static void print_class(const predictor *self, int answer)
{
    char class[DT_CLASS_NAME];
    dt_print(stdout, "%s",
             answer == classes_of(self) ? "none" : dt_class_name(names_of(self), answer, class));
}

static void print_line(const predictor *self, const char *name, int answer)
{
    int classes = classes_of(self);
    printf("%s\t", name);
    print_class(self, answer);
    for (int j = 0; j < classes; j++)
        printf("%c%.4f", j == 0 ? '\t' : ' ', self->probabilities[j]);
    putchar('\n');
}

static void add_label(const predictor *self, int answer, dt_text *out)
{
    dt_text_add(out, ", \"label\": ");
    dt_json_add_class(out, names_of(self), answer);
}

static void add_json(const predictor *self, const char *file, const dt_images *images,
                     int64_t index, int answer, dt_text *out)
{
    int classes = classes_of(self);
    dt_text_add(out, "{\"file\": ");
    dt_json_add_text(out, file);
    if (images->several)
        dt_text_add(out, ", \"index\": %" PRId64, index);
    if (images->characters)
        dt_text_add(out, ", \"line\": %d", images->characters[index].line);
    if (answer == classes)
        dt_text_add(out, ", \"label\": null");
    else
        add_label(self, answer, out);
    dt_text_add(out, ", \"probabilities\": [");
    for (int j = 0; j < classes; j++) {
        dt_text_add(out, "%s", j == 0 ? "" : ", ");
        dt_json_add_real(out, self->probabilities[j]);
    }
    dt_text_add(out, "]}\n");
}

static dt_status print_json(const predictor *self, const char *file, const dt_images *images,
                            int64_t index, int answer, dt_error *error)
{
    dt_text text = {0};
    add_json(self, file, images, index, answer, &text);
    text = (dt_text){.size = text.length + 1};
    text.text = dt_calloc(text.size, 1, error);
    if (!text.text)
        return error->status;
    add_json(self, file, images, index, answer, &text);
    fputs(text.text, stdout);
    dt_free(text.text);
    return DT_OK;
}

/* What the network sees; of colours, how light they are. */
static dt_status show_image(const predictor *self, const uint8_t *pixels, dt_error *error)
{
    dt_shape shape = shape_of(self);
    size_t count = (size_t)shape.height * (size_t)shape.width, channels = (size_t)shape.channels;
    uint8_t *grey = dt_calloc(count, 1, error);
    if (!grey)
        return DT_ERR_INTERNAL;
    for (size_t i = 0; i < count; i++) {
        unsigned sum = 0;
        for (size_t j = 0; j < channels; j++)
            sum += pixels[i * channels + j];
        grey[i] = (uint8_t)(sum / channels);
    }
    draw_image(stdout, &self->drawing, shape.height, shape.width, grey);
    dt_free(grey);
    return DT_OK;
}

/* The answers for a line of characters, of which the one of `index` is the first. */
static void print_characters(const predictor *self, const char *name, const dt_images *images,
                             int64_t index, const float *outputs)
{
    int line = images->characters[index].line, classes = classes_of(self);
    printf("%s\t", name);
    for (int64_t i = index; i < images->count && images->characters[i].line == line; i++) {
        printf("%s", i > index ? " " : "");
        print_class(self,
                    dt_metrics_answer(classes, outputs + (size_t)(i - index) * (size_t)classes));
    }
    putchar('\n');
}

static bool begins_line(const dt_images *images, int64_t index)
{
    const dt_image_character *list = images->characters;
    return list && (index == 0 || list[index].line != list[index - 1].line);
}

/* outputs: of the image, and of those behind it. */
static dt_status print_answer(const predictor *self, const char *file, const dt_images *images,
                              int64_t index, const float *outputs, dt_error *error)
{
    int classes = classes_of(self);
    int answer = dt_metrics_answer(classes, outputs);
    dt_network_probabilities(self->network, outputs, self->probabilities);
    if (images->characters && images->characters[index].wide)
        dt_warn("%s[%" PRId64
                "] is much wider than high: characters that touch, or are small in their "
                "picture, are taken for one",
                file, index);
    if (self->json)
        return print_json(self, file, images, index, answer, error);
    char name[NAME_MAX_SHOWN];
    dt_text text = {.text = name, .size = sizeof name};
    text.length = dt_visible(file, name, sizeof name);
    if (begins_line(images, index))
        print_characters(self, name, images, index, outputs);
    if (images->several)
        dt_text_add(&text, "[%" PRId64 "]", index);
    print_line(self, name, answer);
    size_t size = (size_t)dt_shape_size(shape_of(self));
    return self->show ? show_image(self, images->pixels + (size_t)index * size, error) : DT_OK;
}

static dt_status predict_file(const predictor *self, const char *path, dt_error *error)
{
    const uint8_t *pointers[CHUNK];
    dt_images images;
    size_t size = (size_t)dt_shape_size(shape_of(self)), classes = (size_t)classes_of(self);
    dt_status status = dt_images_read(path, &self->form, &images, error);
    for (int64_t first = 0; first < images.count && !status; first += CHUNK) {
        int64_t left = images.count - first, count = left < CHUNK ? left : CHUNK;
        for (int64_t i = 0; i < count; i++)
            pointers[i] = images.pixels + (size_t)(first + i) * size;
        dt_network_outputs(self->network, count, pointers, self->outputs);
        for (int64_t i = 0; i < count && !status; i++)
            status = print_answer(self, path, &images, first + i,
                                  self->outputs + (size_t)i * classes, error);
    }
    dt_images_release(&images);
    return status;
}

/* A file that cannot be used does not keep the others from their answers. */
dt_status command_predict(const dt_invocation *invocation, dt_error *error)
{
    predictor self;
    if (invocation->json && invocation->show)
        return dt_fail(error, DT_ERR_USAGE, "predict: expected --json or --show, found both");
    dt_status status = prepare(invocation, &self, error);
    if (!status) {
        for (int i = 0; i < invocation->file_count; i++) {
            dt_error own = {0};
            if (!predict_file(&self, invocation->files[i], &own))
                continue;
            if (status)
                dt_print(stderr, "dist-train: %s\n", own.message);
            else
                *error = own;
            status = status ? status : own.status;
        }
    }
    release(&self);
    return status;
}
