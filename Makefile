# dist-train: `make help` says what there is.

CC      ?= cc
CFLAGS  ?= -O3 -g
ARCH    ?= native        # -march=; x86-64-v3 for a binary that runs on any recent x86-64
BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
NP      ?= 2
V       ?= 0             # V=1 shows the commands

ARCH  := $(strip $(ARCH))
V     := $(strip $(V))
QUIET := $(if $(filter 1,$(V)),,@)

VERSION  := 0.1.0
PKGCONF  ?= pkg-config
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
            -Wdouble-promotion -Wwrite-strings -Wformat=2 $(if $(WERROR),-Werror)
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(if $(ARCH),-march=$(ARCH)) -fno-math-errno -fno-trapping-math \
             $(WARNINGS) $(SANITIZE) -Iinclude -MMD -MP

# A room sees the headers of the libraries that it may use, and of no other.
ROOMS      := base nn data dist io train cli
FLAGS_nn    = $(shell $(PKGCONF) --cflags openblas)
FLAGS_dist  = $(shell $(PKGCONF) --cflags ompi-c | sed 's/-I/-isystem /g')
FLAGS_io    = $(shell $(PKGCONF) --cflags hdf5-serial spng | sed 's/-I/-isystem /g')
FLAGS_cli   = -DDT_VERSION='"$(VERSION)"'
LDLIBS      = $(shell $(PKGCONF) --libs hdf5-serial openblas ompi-c inih libxxhash zlib) -lm

SOURCES := $(foreach room,$(ROOMS),$(sort $(wildcard src/$(room)/*.c)))
OBJECTS := $(SOURCES:src/%.c=$(BUILD)/%.o)
LIBRARY := $(filter-out $(BUILD)/cli/main.o,$(OBJECTS))

.PHONY: all
all: dist-train

dist-train: $(OBJECTS)
	@echo "  LINK  $@"
	$(QUIET)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

define room_rule
$(BUILD)/$(1)/%.o: src/$(1)/%.c $(BUILD)/flags
	@mkdir -p $$(@D)
	@echo "  CC    $$<"
	$(QUIET)$(CC) $(ALL_CFLAGS) $(FLAGS_$(1)) -c -o $$@ $$<
endef
$(foreach room,$(ROOMS),$(eval $(call room_rule,$(room))))

# Rebuilds everything when the flags change.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CFLAGS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS)' > $@
FORCE:

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
