#include <string.h>

#include "generate.h"

static const char head[] =
    "# Completion of dist-train in bash, made by dist-train --generate bash.\n"
    "_dist_train() {\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    local command=train option='' joined='' prefix='' takes='' values='' options='' files=''\n"
    "    local i used=' ' name\n"
    "    if [[ $COMP_CWORD -eq 1 && $word != -* ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W '";

static const char command_end[] = "' -- \"$word\")\n"
                                  "        return 0\n"
                                  "    fi\n"
                                  "    case ${COMP_WORDS[1]} in\n"
                                  "        ";

/* What is on the line: the command, and the option whose value is being typed. */
static const char look[] =
    ") command=${COMP_WORDS[1]} ;;\n"
    "    esac\n"
    "    # bash takes --name=value apart, unless COMP_WORDBREAKS has no \"=\".\n"
    "    if [ \"$word\" = = ]; then\n"
    "        option=$before joined=1 word=''\n"
    "    elif [ \"$before\" = = ]; then\n"
    "        option=${COMP_WORDS[COMP_CWORD - 2]} joined=1\n"
    "    elif [[ $word == --*=* ]]; then\n"
    "        option=${word%%=*} joined=1 prefix=${word%%=*}= word=${word#*=}\n"
    "    elif [[ $before == -* ]]; then\n"
    "        option=$before\n"
    "    fi\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        [ \"${COMP_WORDS[i]}\" != -- ] || option=--\n"
    "        name=${COMP_WORDS[i]//_/-}\n"
    "        name=${name#--no-} name=${name#--} used+=${name%%=*}' '\n"
    "    done\n";

static const char tail[] =
    "    [ \"$takes\" != switch ] || [ -n \"$joined\" ] || takes='' values=''\n"
    "    if [ -z \"$takes$joined\" ]; then\n"
    "        if [ \"$option\" != -- ] && [[ -z $files && $COMP_CWORD -gt 1 || $word == -* ]]; "
    "then\n"
    "            for name in $options; do\n"
    "                i=${name#--no-} i=${i#--}\n"
    "                [[ $used == *\" $i \"* ]] || values+=\" $name\"\n"
    "            done\n"
    "        elif [ -n \"$files\" ]; then\n"
    "            takes='file'\n"
    "        fi\n"
    "    fi\n"
    "    mapfile -t COMPREPLY < <(\n"
    "        compgen -P \"$prefix\" -W \"$values\" -- \"$word\" || :\n"
    "        case $takes in\n"
    "            file) compgen -P \"$prefix\" -f -- \"$word\" ;;\n"
    "            directory) compgen -P \"$prefix\" -d -- \"$word\" ;;\n"
    "        esac\n"
    "    )\n"
    "    case $takes in file | directory) compopt -o filenames 2>/dev/null || : ;; esac\n"
    "    return 0\n"
    "}\n"
    "complete -F _dist_train dist-train\n";

static void put_commands(FILE *out, const char *between)
{
    for (int i = 0; i < DT_COMMANDS; i++)
        fprintf(out, "%s%s", i ? between : "", dt_command_infos[i].name);
}

/* "file", "directory" or "value": what is typed behind an option that --help shows with `word`. */
static const char *kind_of(const char *word)
{
    if (strcmp(word, "FILE") == 0 || strcmp(word, "file") == 0)
        return "file";
    return strcmp(word, "directory") == 0 || strcmp(word, "DIR") == 0 || strcmp(word, "RUN") == 0
               ? "directory"
               : "value";
}

static void put_names(FILE *out, const char *const *names)
{
    for (; names && *names; names++)
        fprintf(out, "%s ", *names);
}

/* A line of the case of options that take values, for each command that knows the flag. */
static void put_flag(FILE *out, const dt_flag *flag)
{
    if (!flag->value)
        return;
    const char *between = "        ";
    for (int i = 0; i < DT_COMMANDS; i++) {
        if (!(flag->commands & 1U << i))
            continue;
        fprintf(out, "%s%s:--%s", between, dt_command_infos[i].name, flag->name);
        if (flag->letter)
            fprintf(out, " | %s:-%c", dt_command_infos[i].name, flag->letter);
        between = " | ";
    }
    fprintf(out, ") takes=%s values='", kind_of(flag->value));
    put_names(out, flag->names);
    fprintf(out, "' ;;\n");
}

static void put_setting(FILE *out, const dt_setting *setting)
{
    char name[DT_VARIABLE_MAX];
    bool is_switch = setting->type == DT_SETTING_BOOL;
    fprintf(out, "        *:--%s) takes=%s values='", dt_options_name(setting, name),
            is_switch ? "switch" : kind_of(setting->unit ? setting->unit : ""));
    if (is_switch)
        fputs("true false", out);
    else if (setting->names)
        put_names(out, setting->names);
    else
        for (const char *c = setting->default_value; *c; c++)
            if (*c != ' ')
                fputc(*c, out);
    fprintf(out, "' ;;\n");
}

static bool is_flag(const char *name, dt_command command)
{
    size_t count;
    const dt_flag *flags = dt_flags(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(flags[i].name, name) == 0 && flags[i].commands & 1U << command)
            return true;
    return false;
}

static void put_options(FILE *out, dt_command command)
{
    size_t flag_count, count;
    const dt_flag *flags = dt_flags(&flag_count);
    const dt_setting *settings = dt_settings(&count);
    char name[DT_VARIABLE_MAX];
    fprintf(out, "        %s)\n            options='", dt_command_infos[command].name);
    for (size_t i = 0; i < flag_count; i++)
        if (flags[i].commands & 1U << command)
            fprintf(out, "--%s ", flags[i].name);
    for (size_t i = 0; i < count; i++) {
        dt_options_name(&settings[i], name);
        if (!dt_command_takes(command, &settings[i]) || is_flag(name, command))
            continue;
        fprintf(out, "--%s ", name);
        if (settings[i].type == DT_SETTING_BOOL)
            fprintf(out, "--no-%s ", name);
    }
    fprintf(out, "' files='%s'\n            ;;\n",
            dt_command_infos[command].files ? dt_command_infos[command].files : "");
}

void generate_bash(FILE *out)
{
    size_t flag_count, count;
    const dt_flag *flags = dt_flags(&flag_count);
    const dt_setting *settings = dt_settings(&count);
    fputs(head, out);
    put_commands(out, " ");
    fputs(command_end, out);
    put_commands(out, " | ");
    fputs(look, out);
    fputs("    case $command:${option//_/-} in\n", out);
    for (size_t i = 0; i < flag_count; i++)
        put_flag(out, &flags[i]);
    for (size_t i = 0; i < count; i++)
        put_setting(out, &settings[i]);
    fputs("    esac\n    case $command in\n", out);
    for (int i = 0; i < DT_COMMANDS; i++)
        put_options(out, (dt_command)i);
    fputs("    esac\n", out);
    fputs(tail, out);
}
