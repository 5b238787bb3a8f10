# docker-jackin: build, install, and prove it. `make help` lists the targets.

PREFIX ?= /usr/local
DESTDIR ?=
CARGO ?= cargo
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
# Under sudo there may be no rustc; then it is whatever has been built.
HOST = $(or $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p'),*)

# What `install` takes. The tests install the plugin's debug build.
CLI_DIR ?= $(TARGET_DIR)/release
ENGINE_DIR ?= $(TARGET_DIR)/$(HOST)/engine

plugins = $(DESTDIR)$(PREFIX)/libexec/docker/cli-plugins
libexec = $(DESTDIR)$(PREFIX)/libexec/docker-jackin
man = $(DESTDIR)$(PREFIX)/share/man/man1
examples = $(DESTDIR)$(PREFIX)/share/docker-jackin
units = $(DESTDIR)$(PREFIX)/share/systemd/user

# Files with a path of this installation in them, for those who configure
# engines by other means than `docker jackin install`.
templates = $(shell cd share && find cdi compose containerd crio devcontainer docker kubernetes podman policy -type f)
fill = sed -e 's|/usr/local/libexec|$(PREFIX)/libexec|g' -e 's|@LIBEXEC@|$(PREFIX)/libexec/docker-jackin|g' -e 's|@PLUGINS@|$(PREFIX)/libexec/docker/cli-plugins|g'

# What `docker jackin install` writes for the whole machine.
registrations = $(addprefix $(DESTDIR),/etc/docker/daemon.json \
	/etc/containers/containers.conf.d/50-docker-jackin.conf \
	/usr/share/containers/oci/hooks.d/50-docker-jackin.json \
	/etc/containerd/config.toml /etc/containerd/conf.d/50-docker-jackin.toml \
	/etc/crio/crio.conf.d/50-docker-jackin.conf /etc/cdi/docker-jackin.json)

.PHONY: help build build-engine install uninstall test lint soak bench demo clean

help:
	@echo 'make build      release binaries of both sides'
	@echo 'make install    install them below PREFIX (default /usr/local)'
	@echo 'make uninstall  remove them again'
	@echo 'make demo       the real claude, logged in, in a container'
	@echo 'make test       all tests; as root, and engines included'
	@echo 'make lint       format, clippy, dependencies of the root side'
	@echo 'make soak       one login through 50 rotations in eight containers'
	@echo 'make bench      what the wrapper and the plugin cost'

build: build-engine
	$(CARGO) build --release -p docker-jackin

# Static, so that neither an image nor the host's libraries reach into it.
build-engine:
	RUSTFLAGS='-C target-feature=+crt-static' $(CARGO) build --profile engine --target $(HOST) -p jackin-oci-hook

install:
	install -d $(plugins) $(libexec) $(man) $(units)
	install -m 0755 $(CLI_DIR)/docker-jackin $(plugins)/docker-jackin
	install -m 0755 $(ENGINE_DIR)/docker-jackin-runtime $(ENGINE_DIR)/docker-jackin-hook $(libexec)/
	ln -sf docker-jackin-runtime $(libexec)/docker-jackin-runtime-runc
	ln -sf docker-jackin-runtime $(libexec)/docker-jackin-runtime-crun
	install -m 0644 share/man/man1/*.1 $(man)/
	install -m 0644 share/systemd/user/docker-jackin-sync.service $(units)/
	$(fill) share/systemd/user/docker-jackin-sync.service > $(units)/docker-jackin-sync.service
	set -e; for file in $(templates); do \
		install -D -m 0644 share/$$file $(examples)/$$file; \
		$(fill) share/$$file > $(examples)/$$file; \
	done

# An engine that names a program which is gone starts no container with it, or
# skips it without a word.
uninstall:
	@named=$$(grep -lFs '$(PREFIX)/libexec/docker-jackin/' $(registrations)); \
	[ -z "$$named" ] || { \
		echo "still named in" $$named >&2; \
		echo 'first run: docker jackin uninstall --engine ENGINE' >&2; exit 1; }
	rm -f $(plugins)/docker-jackin $(man)/docker-jackin.1 $(man)/docker-jackin-*.1
	rm -f $(units)/docker-jackin-sync.service
	rm -f $(libexec)/docker-jackin-runtime $(libexec)/docker-jackin-hook
	rm -f $(libexec)/docker-jackin-runtime-runc $(libexec)/docker-jackin-runtime-crun
	cd $(examples) 2>/dev/null && rm -f $(templates) && find . -depth -type d -empty -delete || true
	[ ! -d $(libexec) ] || rmdir --ignore-fail-on-non-empty $(libexec)

# A suite that was started with nohup, or behind an &, ignores signals that the
# tests send to see what comes of them.
heeding := env --default-signal=HUP,INT,QUIT,TERM

test: build-engine
	scripts/setup build engine engine26 rootless podman podman5 agents helpers shells devcontainers compose
	$(CARGO) build -p docker-jackin
	# Most of the command line's tests wait for a program or a terminal.
	$(heeding) RUST_TEST_THREADS=6 $(CARGO) test --workspace --exclude jackin-tests
	$(heeding) $(CARGO) test -p jackin-tests

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	scripts/check-dependencies
	scripts/check-unsafe
	if command -v cargo-deny >/dev/null; then $(CARGO) deny check licenses bans sources; fi

# At a low load: a machine that is too busy to renew a token within seconds fails it.
soak: build-engine
	scripts/setup build engine engine26 agents
	$(CARGO) build -p docker-jackin
	DOCKER_JACKIN_SOAK=50 $(CARGO) test -p jackin-tests --test e2e -- live::e41
	DOCKER_JACKIN_SOAK=50 $(CARGO) test -p jackin-tests --test e2e -- live::cost

bench: build
	scripts/setup build engine
	$(CARGO) bench -p jackin-tests

demo:
	scripts/demo

clean:
	$(CARGO) clean
