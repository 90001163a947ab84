PYTHON ?= python3
BIN = .venv/bin
SUDO = $(if $(filter 0,$(shell id -u)),,sudo)
export PATH := $(PATH):/usr/sbin

.PHONY: demo test quick soak check format bench interop lock audit image-test package

demo: .venv/demo
	@$(BIN)/fluvius2mqtt demo

test: .venv/installed mosquitto postgresql
	$(BIN)/pytest -n auto --dist worksteal

# Without what is left to chance: years, kills, odd answers.
quick: .venv/installed mosquitto postgresql
	$(BIN)/pytest -n auto --dist worksteal -m 'not chance'

# With what is left to chance tried far more often.
soak: .venv/installed mosquitto postgresql
	SOAK=1 $(BIN)/pytest -n auto --dist worksteal --timeout 1200

check: .venv/installed
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/installed
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

# With `make build/peers` before it, beside the published client. CUSTOMERS="1000 10000" measures nothing but so many.
bench: .venv/browser mosquitto postgresql chromium
	$(BIN)/python -m tests.bench $(if $(CUSTOMERS),--customers $(CUSTOMERS))

# Debian and Ubuntu ship Python without ensurepip; python3-venv brings it.
.venv/bin/pip:
	@echo 'Making a place for it in this folder: .venv'
	@$(PYTHON) -m venv .venv || { $(SUDO) apt-get update && $(SUDO) apt-get install -y python3-venv && $(PYTHON) -m venv --clear .venv; }

.venv/demo: pyproject.toml | .venv/bin/pip
	@echo 'Downloading what the demo needs into it: some 8 MB, about a quarter of a minute'
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[demo]'
	@touch $@

.venv/installed: pyproject.toml | .venv/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[demo,test]'
	touch $@

# With all that the tests need too, so that nothing is worked out twice where both are wanted.
.venv/browser: pyproject.toml | .venv/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[browser]'
	touch .venv/installed $@

.PHONY: mosquitto
mosquitto:
	@command -v mosquitto >/dev/null || { $(SUDO) apt-get update && $(SUDO) apt-get install -y mosquitto; }

# Debian's, with what it is started by; no server of the machine's own has to run.
.PHONY: postgresql
postgresql:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || { $(SUDO) apt-get update && $(SUDO) apt-get install -y postgresql; }

# The database's tests with TimescaleDB. Debian has it since PostgreSQL 18 (postgresql-18-timescaledb); where that is not the
# newest that is installed, POSTGRESQL_BIN is the folder of its programs.
.PHONY: timescaledb
timescaledb: .venv/installed
	TIMESCALEDB=1 $(BIN)/pytest -n auto --dist worksteal tests/postgresql

# HASS="command of an installed Home Assistant" or PYTHON_FOR_HASS=python3.14 choose another one.
interop: .venv/installed mosquitto chromium
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[interop]'
	$(BIN)/python -m tests.interop $(if $(HASS),--hass "$(HASS)") $(if $(PYTHON_FOR_HASS),--python $(PYTHON_FOR_HASS))
	$(BIN)/python -m tests.nodered

# The published client of the Energy API, every call of it, against the simulator. It wants Python 3.12 or newer.
PYTHON_FOR_PEERS ?= python3
.PHONY: peers
peers: build/peers
	PYTHONPATH=. build/peers/bin/python -m tests.peers

# The examples for Prometheus, in a real one.
.PHONY: prometheus
prometheus: .venv/browser mosquitto
	@command -v promtool >/dev/null || { $(SUDO) apt-get update && $(SUDO) apt-get install -y --no-install-recommends prometheus; }
	$(BIN)/python -m tests.prometheus

# An export to Parquet, read by engines of the field; SPARK=1 for Spark too, which is 450 MB and wants a Java.
.PHONY: readers
readers: .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check duckdb polars $(if $(SPARK),pyspark)
	$(BIN)/python -m tests.readers
build/peers:
	$(PYTHON_FOR_PEERS) -m venv $@
	$@/bin/pip install --quiet --disable-pip-version-check fluvius-energy-api polars-fluvius tzdata

# The drawing of rooms and arrows in docs/architecture.md, from the imports.
.PHONY: rooms
rooms: .venv/installed
	$(BIN)/python -m tests.rooms

# Every page in the system's Chromium.
.PHONY: browser
browser: .venv/browser mosquitto chromium
	$(BIN)/pytest -n 2 tests/browser.py

# The page's translations, with a line for each new sentence and none for those that are gone.
.PHONY: languages
languages: .venv/installed
	$(BIN)/python -m tests.languages

.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || { $(SUDO) apt-get update && $(SUDO) apt-get install -y chromium; }

# What the image is made of: the newest versions that pyproject.toml allows, the same for every Python and processor.
lock: .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	echo setuptools | $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --only-binary :all: \
	  --generate-hashes --custom-compile-command 'make lock' --output-file requirements.lock \
	  --extra homeassistant --extra energy-api --extra demo --extra metrics --extra postgresql --extra web pyproject.toml -

# Known weaknesses of what the image is made of, as PyPI tells them, and of the workflows. Without PyPI it fails, for
# "not found" is no answer: that is what --strict is for.
audit: .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check pip-audit zizmor
	$(BIN)/zizmor --offline --no-progress .github
	$(BIN)/pip-audit --strict --progress-spinner off --require-hashes --disable-pip --requirement requirements.lock

# In a mount namespace, so that no mount outlives it, however it ends.
image-test: .venv/installed mosquitto
	@which buildah debootstrap runc >/dev/null || { $(SUDO) apt-get update && $(SUDO) apt-get install -y --no-install-recommends buildah debootstrap runc; }
	$(SUDO) unshare --mount $(abspath $(BIN))/python -m tests.image

# What PyPI gets. Its page shows README alone, so links and pictures lead into the repository, at this version.
REPOSITORY := $(shell sed -n 's/^URL = "\(.*\)"/\1/p' bridge/__init__.py)
TAG := v$(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' bridge/__init__.py)

package: package-folder .venv/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check build twine
	rm -rf dist
	cd build/package && $(abspath $(BIN))/python -m build --outdir ../../dist
	$(BIN)/twine check --strict dist/*

.PHONY: package-folder
package-folder:
	rm -rf build/package
	mkdir -p build/package
	cp -R bridge pyproject.toml README.md LICENSE build/package
	sed -E -i -e 's#(!\[[^]]*\]\()([A-Za-z][^):]*\))#\1$(REPOSITORY)/raw/$(TAG)/\2#g' \
	  -e 's#(<img src=")([A-Za-z][^":]*")#\1$(REPOSITORY)/raw/$(TAG)/\2#g' \
	  -e 's#(\]\()([A-Za-z][^):]*\))#\1$(REPOSITORY)/blob/$(TAG)/\2#g' build/package/README.md

# The app with the image's content in a folder of its own: copy it to /addons of a Home Assistant, which builds it, for
# its manifest names no image. The Supervisor's options are for root alone, and AppArmor leaves this root nothing but /data.
ADDON = build/addon/fluvius2mqtt

.PHONY: addon
addon:
	rm -rf build/addon
	mkdir -p $(ADDON)
	find bridge -name '*.py' -o -name py.typed -o -path 'bridge/web/languages/*.po' -o -path 'bridge/web/static/*' \
	  -o -path 'bridge/web/templates/*.html' | tar -cf - -T - | tar -xf - -C $(ADDON)
	cp pyproject.toml requirements.lock LICENSE .dockerignore $(ADDON)
	sed '/^image:/d' addon/config.yaml > $(ADDON)/config.yaml
	cp -R addon/apparmor.txt addon/*.md addon/*.png addon/translations $(ADDON)
	{ cat Dockerfile; echo USER root; } > $(ADDON)/Dockerfile
	cp repository.yaml build/addon
	@echo 'The app is in $(ADDON). Next:'
	@echo '  1. Copy this folder to /addons of your Home Assistant, with its app Samba share, say.'
	@echo '  2. There: Settings > Apps > Install app (before 2026.2: Add-ons > Add-on store), and in the menu'
	@echo '     at the top right: Check for updates.'
	@echo '  3. Choose "Fluvius to MQTT" among the local apps, install it (it is built: some minutes), and start it.'
	@echo '  4. Open its web UI: the page asks for the rest.'

.PHONY: pictures
pictures: addon/icon.png addon/logo.png

addon/icon.png: SIZE = 128,128
addon/logo.png: SIZE = 250,100
addon/%.png: docs/pictures/%.svg | chromium
	chromium --headless --no-sandbox --hide-scrollbars --default-background-color=00000000 --window-size=$(SIZE) --screenshot=$@ $<
