/* Files of the source tree as texts of the program.
 *
 * DT_EMBED(style, "model/demo/demo.css") at the top level of a source file makes
 * src/model/demo/demo.css the text `style` there, with a 0 at its end. The compiler does not see
 * the file: the Makefile says which objects depend on which. The compiler's working directory is
 * the top of the tree. */
#ifndef DT_BASE_EMBED_H
#define DT_BASE_EMBED_H

#define DT_EMBED(name, file)                                                                       \
    extern const char name[] __attribute__((visibility("hidden")));                                \
    __asm__(".pushsection .rodata\n" #name ":\n"                                                   \
            ".incbin \"src/" file "\"\n"                                                           \
            ".byte 0\n"                                                                            \
            ".popsection\n")

#endif
