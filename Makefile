# dist-train: `make help` says what there is.

CC      ?= cc
CFLAGS  ?= -O3 -g
ARCH    ?= native        # -march=; x86-64-v3 for a binary that runs on any recent x86-64
BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
bindir  ?= $(PREFIX)/bin
datadir ?= $(PREFIX)/share
mandir  ?= $(datadir)/man
docdir  ?= $(datadir)/doc/dist-train
owndir   = $(datadir)/dist-train
completionsdir ?= $(datadir)/bash-completion/completions
NP      ?= 2
V       ?= 0             # V=1 shows the commands

ARCH  := $(strip $(ARCH))
V     := $(strip $(V))
QUIET := $(if $(filter 1,$(V)),,@)

# The program of a BUILD of its own lies in it.
PROGRAM := $(if $(filter-out build,$(BUILD)),$(BUILD)/)dist-train

VERSION  := 0.2.0
PKGCONF  ?= pkg-config
# A package that pkg-config knows (ompi-c: Open MPI; mpich; impi: Intel MPI), or a compiler wrapper
# that is asked what it adds (mpicc, mpicc.mpich, mpiicc).
MPI      ?= $(firstword $(foreach name,ompi-c mpich impi,$(shell $(PKGCONF) --exists $(name) && echo $(name))) mpicc)
MPI_SAYS := $(shell { $(PKGCONF) --cflags --libs $(MPI) || $(MPI) -show; } 2>/dev/null)
HDF5     := $(shell $(PKGCONF) --exists hdf5-serial && echo hdf5-serial || echo hdf5)
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
            -Wdouble-promotion -Wwrite-strings -Wformat=2 $(if $(WERROR),-Werror)
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(if $(ARCH),-march=$(ARCH)) -fno-fast-math -fno-math-errno \
             -fno-trapping-math -ffp-contract=off \
             $(WARNINGS) $(SANITIZE) -Iinclude -MMD -MP

# The rooms of src, each of which sees those before it (scripts/lint.sh says which), the headers of
# the libraries that it may use, and of no other. A room may have folders.
ROOMS      := base chart nn data dist file run model config train bench report cli
FLAGS_dist  = $(patsubst -I%,-isystem %,$(filter -I% -D%,$(MPI_SAYS)))
FLAGS_file  = $(call system_flags,$(HDF5) lept libexif libzip jansson libseccomp)
FLAGS_run   = $(call system_flags,libprotobuf-c) -isystem $(BUILD)/run
FLAGS_model = $(call system_flags,libprotobuf-c) -isystem $(BUILD)/model/onnx
FLAGS_train = -DDT_BUILD_FLAGS='"$(subst ",,$(subst ',,$(CFLAGS) $(if $(ARCH),-march=$(ARCH))))"'
FLAGS_cli   = -DDT_VERSION='"$(VERSION)"'
LDLIBS      = -pthread $(shell $(PKGCONF) --libs $(HDF5) libxxhash libisal lept libexif libzip jansson libprotobuf-c libseccomp) -lm -ldl \
              $(filter -L% -l% -Wl%,$(MPI_SAYS))

system_flags = $(shell $(PKGCONF) --cflags $(1) | sed 's/-I/-isystem /g')

# Formats that others have defined, NAME.proto, become C: "NAME.pb-c.h".
PROTOS   := $(wildcard src/*/*.proto src/*/*/*.proto)
MESSAGES := $(PROTOS:src/%.proto=$(BUILD)/%.pb-c.o)
PROTOC   ?= protoc

SOURCES := $(foreach room,$(ROOMS),$(sort $(wildcard src/$(room)/*.c src/$(room)/*/*.c)))
OBJECTS := $(SOURCES:src/%.c=$(BUILD)/%.o) $(MESSAGES)
LIBRARY := $(filter-out $(BUILD)/cli/main.o,$(OBJECTS))

# Recipes. An object of the first prerequisite: $(call compile,FLAGS). A program of the objects among
# the prerequisites, and a library to preload of the C files: $(call link,LIBRARIES).
define compile
@mkdir -p $(@D)
@echo "  CC    $<"
$(QUIET)$(CC) $(ALL_CFLAGS) $(1) -c -o $@ $<
endef
define link
@mkdir -p $(@D)
@echo "  LINK  $@"
$(QUIET)$(CC) $(if $(filter %.so,$@),$(filter-out $(SANITIZE) -MMD -MP,$(ALL_CFLAGS)) -fPIC -shared,\
    $(ALL_CFLAGS) $(LDFLAGS)) -o $@ $(filter %.o %.c,$^) $(1)
endef

.PHONY: all
all: $(PROGRAM)  ## the program (default)

$(PROGRAM): $(OBJECTS) $(BUILD)/mpi
	$(call link,$(LDLIBS))

$(filter $(BUILD)/run/% $(BUILD)/model/%,$(OBJECTS)): | $(MESSAGES:.o=.h)

# Files that are texts of the program (base/embed.h): by assembly, of which -flto knows nothing.
$(BUILD)/model/demo.o: $(wildcard src/model/demo/*)
$(BUILD)/model/demo.o: ALL_CFLAGS += -fno-lto

define room_rule
$(BUILD)/$(1)/%.o: src/$(1)/%.c $(BUILD)/flags
	$$(call compile,$$(FLAGS_$(1)))
endef
$(foreach room,$(ROOMS),$(eval $(call room_rule,$(room))))

$(BUILD)/%.pb-c.c $(BUILD)/%.pb-c.h &: src/%.proto
	@mkdir -p $(@D)
	@echo "  PROTO $<"
	$(QUIET)$(PROTOC) --proto_path=$(<D) --c_out=$(@D) $<

$(MESSAGES): %.o: %.c
	$(QUIET)$(CC) -std=gnu11 $(CFLAGS) $(SANITIZE) $(call system_flags,libprotobuf-c) -c -o $@ $<

# Rebuilds everything when the flags change.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CFLAGS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS)' > $@

# What knows MPI is built again, and all is linked again, when the MPI changes.
$(filter $(BUILD)/dist/%,$(OBJECTS)): $(BUILD)/mpi
$(BUILD)/mpi: FORCE
	@mkdir -p $(@D)
	@[ -n "$(strip $(MPI_SAYS))" ] || { echo "MPI=$(MPI): expected a package that pkg-config knows \
	(ompi-c, mpich), or an mpicc; found neither (scripts/install-deps.sh)" >&2; exit 1; }
	@echo '$(MPI) $(MPI_SAYS)' | cmp -s - $@ || echo '$(MPI) $(MPI_SAYS)' > $@
FORCE:

include tests/Makefile

.PHONY: run bench cost-model lint format clean help install uninstall dist
run: $(PROGRAM)  ## train with the quick start's settings on NP ranks
	$$(scripts/ranks.sh $(abspath $(PROGRAM))) -np $(NP) $(PROGRAM) --config configs/quickstart.ini

bench: $(PROGRAM)  ## measure: raw ceiling, 1 and 2 ranks, PyTorch; BENCH_QUICK=1 in a minute
	@scripts/bench.sh $(BUILD)/bench.csv

cost-model: $(PROGRAM) $(BUILD)/mpi-tests/measure  ## what ranks and hosts cost: predicted and measured
	@PYTHON=$(PYTHON) MEASURE=$(BUILD)/mpi-tests/measure scripts/cost_model.sh $(BUILD)/cost_model.csv

lint:  ## the rules of the house: rooms, guards, line lengths, shell scripts
	@scripts/lint.sh

format:  ## clang-format on all C files
	@clang-format -i $(SOURCES) $(wildcard include/*/*.h src/*/*.h src/*/*/*.h tests/*/*.[ch] tests/unit/*/*.[ch])

clean:  ## remove what was built
	rm -rf $(BUILD) $(BUILD)-sanitize $(BUILD)-mpich $(PROGRAM)

# What install puts where: 'MODE|FILE|DIRECTORY'. uninstall takes the same list.
INSTALLED = '755|$(PROGRAM)|$(bindir)' \
            '644|$(MANUAL)|$(mandir)/man1' \
            '644|$(COMPLETION)|$(completionsdir)' \
            $(foreach config,$(sort $(wildcard configs/*.ini)),'644|$(config)|$(owndir)/configs') \
            '755|scripts/get-mnist.sh|$(owndir)' \
            '755|scripts/run-resilient.sh|$(owndir)' \
            '755|scripts/ranks.sh|$(owndir)' \
            '755|scripts/slurm/train.sbatch|$(owndir)' \
            '644|README.md|$(docdir)' \
            '644|LICENSE|$(docdir)'

MANUAL     := $(BUILD)/dist-train.1
COMPLETION := $(BUILD)/completions/dist-train

# The program writes them from its tables: no other tool is needed.
$(MANUAL) $(COMPLETION): $(PROGRAM)
	@mkdir -p $(@D)
	@echo "  GEN   $@"
	$(QUIET)$(abspath $(PROGRAM)) --generate $(if $(filter %.1,$@),man,bash) > $@.new && mv $@.new $@

install: $(PROGRAM) $(MANUAL) $(COMPLETION)  ## program, manual page, completion, configs, scripts under DESTDIR PREFIX
	@umask 022; IFS='|'; for entry in $(INSTALLED); do \
	    set -- $$entry; \
	    echo "  INST  $(DESTDIR)$$3/$${2##*/}"; \
	    install -D -m $$1 "$$2" "$(DESTDIR)$$3/$${2##*/}" || exit; \
	done

uninstall:  ## remove what install put there, and nothing else
	@IFS='|'; for entry in $(INSTALLED); do \
	    set -- $$entry; \
	    rm -f "$(DESTDIR)$$3/$${2##*/}" || exit; \
	done
	@for directory in '$(owndir)/configs' '$(owndir)' '$(docdir)'; do \
	    [ ! -d "$(DESTDIR)$$directory" ] || \
	        rmdir --ignore-fail-on-non-empty "$(DESTDIR)$$directory" || exit; \
	done

DIST := dist-train-$(VERSION)
dist:  ## dist-train-VERSION.tar.gz of the last commit, the same bytes whenever it is made
	@[ -e .git ] || { echo "make dist: expected a git checkout, found none" >&2; exit 1; }
	@git diff --quiet HEAD || echo "  (changes that are not committed are left out)"
	@echo "  DIST  $(DIST).tar.gz"
	$(QUIET)git -c tar.umask=0022 archive --format=tar --prefix=$(DIST)/ -o $(DIST).tar HEAD
	$(QUIET)gzip -n9f $(DIST).tar

help:  ## this text
	@echo "make targets:"
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/  \1|\2/p' Makefile tests/Makefile | awk -F'|' '{printf "  %-17s %s\n", substr($$1, 3), $$2}'
	@echo "variables: CC CFLAGS ARCH=$(ARCH) MPI=$(MPI) BUILD=$(BUILD) PREFIX=$(PREFIX) DESTDIR NP=$(NP) V=1 WERROR=1"
	@echo "           bindir datadir mandir docdir completionsdir"

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
