#!/usr/bin/env bash
# What holds the dashboard together: its client is that of the API's document, types, lints, tests, dist/ is what the
# sources build to, and what a browser loads first is small.
# Installs node_modules when the lock file has changed. REQUIRE_DASHBOARD=1 makes a missing Node, or a registry that
# cannot be reached, a failure. Not here: the pages in a browser (tests/dashboard).
set -euo pipefail
cd "$(dirname "$0")"

CHECKS=6

skip() {
  echo "dashboard: $CHECKS CHECKS WERE SKIPPED: $1" >&2
  [ -z "${REQUIRE_DASHBOARD:-}" ]
  exit 0
}
fail() {
  echo "dashboard: $1" >&2
  exit 1
}

command -v npm >/dev/null || skip "Node is missing; install Node 20 or newer with npm"
node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' || skip "this Node is older than 20"

if ! cmp -s package-lock.json node_modules/.installed; then
  if ! said=$(npm ci --no-audit --no-fund 2>&1); then
    if grep -qE 'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH' <<<"$said"; then
      skip "npm's registry could not be reached"
    fi
    printf '%s\n' "$said" | grep -v '^$' | tail -n 20 >&2
    fail "npm ci failed"
  fi
  cp package-lock.json node_modules/.installed
fi

built=$(mktemp -d)
trap 'rm -rf "$built"' EXIT

npm run --silent api:to -- "$built/schema.ts" >/dev/null
cmp -s "$built/schema.ts" src/api/schema.ts || fail "src/api/schema.ts is not that of docs/openapi.json: run npm run api in dashboard/"
npx tsc --noEmit
npx biome check --error-on-warnings --log-level=warn . || fail "npm run fmt in dashboard/ mends what can be mended"
npx vitest run --reporter=dot --silent
npx vite build --logLevel warn --emptyOutDir --outDir "$built/dist"
differing=$(diff -rq "$built/dist" dist) || fail "dist/ is not what the sources build to ($(wc -l <<<"$differing") files differ): run npm run build in dashboard/ and commit dist/"
node budget.mjs "$built/dist"
