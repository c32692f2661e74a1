#!/usr/bin/env bash
# Licences, banned crates, sources and, where their database can be reached, known vulnerabilities.
# Installs cargo-deny into target/tools once, which takes some minutes. REQUIRE_ADVISORIES=1 makes an unreachable
# database a failure. Not here: the rules (deny.toml).
set -euo pipefail
cd "$(dirname "$0")/.."

VERSION=0.20.2
tools=target/tools
deny=$tools/bin/cargo-deny
if [ "$("$deny" --version 2>/dev/null)" != "cargo-deny $VERSION" ]; then
  echo "deny: installing cargo-deny $VERSION into $tools (once; some minutes)" >&2
  CARGO_TARGET_DIR=$tools/build cargo install --quiet --locked --root "$tools" --version "$VERSION" cargo-deny
  rm -rf "$tools/build"
fi

"$deny" --all-features --locked check --hide-inclusion-graph licenses bans sources

# The database is fetched first, so that a machine without a network is told from a vulnerable dependency.
if fetched=$("$deny" --locked fetch db 2>&1); then
  "$deny" --locked check --disable-fetch --hide-inclusion-graph advisories
else
  echo "deny: ADVISORIES WERE NOT CHECKED: their database could not be reached" >&2
  printf '%s\n' "$fetched" | sed 's/^/deny: /' | tail -n 3 >&2
  [ -z "${REQUIRE_ADVISORIES:-}" ]
fi
