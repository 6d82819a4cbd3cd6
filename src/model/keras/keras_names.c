#include "keras_names.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

/* source: Keras, naming.py, to_snake_case */
void keras_snake_case(const char *class, char *name, size_t size)
{
    dt_text text = {.text = name, .size = size};
    for (size_t i = 0; class[i]; i++) {
        bool upper = isupper((unsigned char)class[i]);
        bool before =
            i > 0 &&
            (islower((unsigned char)class[i - 1]) ||
             (isdigit((unsigned char)class[i - 1]) && islower((unsigned char)class[i + 1])));
        bool last = i > 0 && upper && islower((unsigned char)class[i + 1]);
        dt_text_add(&text, "%s%c", upper && (before || last) ? "_" : "",
                    tolower((unsigned char)class[i]));
    }
}

/* The package or module that a name begins with. */
static bool is_keras(const char *name)
{
    static const char *const own[] = {"keras", "tf_keras", "tensorflow"};
    size_t length = strcspn(name, ".>");
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strlen(own[i]) == length && strncasecmp(name, own[i], length) == 0)
            return true;
    return false;
}

/* source: Keras, serialization_lib.py and object_registration.py: "PACKAGE>NAME" */
const char *keras_class_of(const dt_json *layer)
{
    const char *class = dt_json_text(dt_json_member(layer, "class_name"));
    const char *registered = dt_json_text(dt_json_member(layer, "registered_name"));
    const char *module = dt_json_text(dt_json_member(layer, "module"));
    if (registered && strchr(registered, '>') && !is_keras(registered))
        return registered;
    if (module && !is_keras(module))
        return module;
    return class ? class : "?";
}

const char *keras_name_of(const dt_json *layer)
{
    const char *name = dt_json_text(dt_json_member(dt_json_member(layer, "config"), "name"));
    if (!name)
        name = dt_json_text(dt_json_member(layer, "name"));
    return name ? name : "?";
}

bool keras_not_negative(const char *item, bool before)
{
    static const char *const rising[] = {"relu", "sigmoid", "softmax"};
    static const char *const keeping[] = {"maxpool", "avgpool", "flatten", "dropout"};
    size_t length = strcspn(item, " ");
    for (size_t i = 0; i < sizeof rising / sizeof *rising; i++)
        if (strlen(rising[i]) == length && strncmp(item, rising[i], length) == 0)
            return true;
    for (size_t i = 0; i < sizeof keeping / sizeof *keeping; i++)
        if (strlen(keeping[i]) == length && strncmp(item, keeping[i], length) == 0)
            return before;
    return false;
}
