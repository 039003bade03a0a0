#!/bin/sh
# Makes the report of the month that has ended; the systemd timer, the cron line and the workflow all run this.
#
#   DATA=/srv/exports OUT=/srv/reports deploy/monthly.sh [options of cs-research run]
#
# MONTH names another month, such as 2026-10; MONTH= (empty) the last complete month of the data.
set -eu
cd "$(dirname "$0")/.."
cs=${CS_RESEARCH:-.venv/bin/cs-research}
if [ "${MONTH-last}" = last ]; then
  before=$(($(date +%Y) * 12 + $(date +%-m) - 2)) # months since the year 0
  MONTH=$(printf %d-%02d $((before / 12)) $((before % 12 + 1)))
fi
exec "$cs" run "${DATA:-data/sample}" --out "${OUT:-reports}" ${MONTH:+--month "$MONTH"} --doctor "$@"
