#!/usr/bin/env bash
# Checks the models of this directory with Spin: a sound variant has no error in an exhaustive search, a variant that
# lacks a clause of a rule fails with the expected assertion. Needs spin 6.5 or later and gcc.
#   ./run-all.sh                            all variants, one after another
#   ./run-all.sh joined                     those of one model
#   ./run-all.sh -t joined -DNO_ACK         how a variant comes to fail
set -u
here=$(cd "$(dirname "$0")" && pwd)

for tool in spin gcc; do
  if ! command -v "$tool" >/dev/null; then
    echo "The models cannot be checked: $tool is not on the PATH." >&2
    echo "Debian, Ubuntu: apt-get install spin gcc. macOS: brew install spin. Others: https://spinroot.com/spin/Man/README.html" >&2
    exit 2
  fi
done

# rule | model | flags | "sound", or the property that must fail
cases() {
  cat <<'CASES'
M1-7|joined||sound
M1-7|joined|-DAGAIN -DWB=0|sound
M1-7|joined|-DSPLIT -DWB=0 -DLOST=1|sound
M1-7|joined|-DSPLITBACK -DWB=0|sound
M1-7|joined|-DREAD -DAGAIN -DWB=0 -DMOVES=0|sound
M1-7|joined|-DREAD -DSPLIT -DWB=0 -DMOVES=0|sound
M1-7|joined|-DREAD -DWA=0 -DWB=0|sound
M1-7|joined|-DCREATE -DAGAIN -DWB=0|sound
M1-7|joined|-DCRASH -DLOST=1 -DWB=0|sound
M1-7|joined|-DTURNS=1 -DWB=0|sound
M1-7|joined|-DSTRAGGLER -DWB=0|sound
M1-7|joined|-DWALKERS -DAGAIN -DWB=0 -DMOVES=0|sound
M1-7|joined|-DPUSHES -DREPAIR -DGRABS=1 -DWB=0 -DMOVES=0|sound
M1-7|joined|-DPUSHES -DAGAIN -DGRABS=1 -DWB=0 -DMOVES=0|sound
M1|joined|-DNO_ACK|VIEW
M1|joined|-DSPLIT -DNO_ACK|VIEW
M1|joined|-DACK_BUSY|VIEW
M1|joined|-DCRASH -DLOST=1 -DNO_QUIET|VIEW
M2|joined|-DTOMB_STAYS -DCREATE -DWB=0|sound
M2|joined|-DNO_ROW|VIEW
M2|joined|-DLOOK_APART|VIEW
M2|joined|-DTWO_STEPS|VIEW
M2|joined|-DMOVE_UNMARKED|VIEW
M2|joined|-DNO_TOMB_MOVED|VIEW
M2|joined|-DNO_TOMB_OLD|VIEW
M2|joined|-DNO_MARK|VIEW
M2|joined|-DNO_SECOND|ANSWER
M2|joined|-DREAD -DWB=0 -DREAD_NO_ROW|ANSWER
M3|joined|-DAGAIN -DNO_GEN|VIEW
M3|joined|-DNO_MODE|VIEW
M3|joined|-DAGAIN -DNO_SHARE|VIEW
M4|joined|-DCREATE -DNO_LOOK|VIEW
M4|joined|-DCREATE -DAGAIN -DNO_HOLD|VIEW
M5|joined|-DPUSHES -DREPAIR -DLACK_IS_DELETE|VIEW
M5|joined|-DPUSHES -DNO_LEASE|VIEW
M6|joined|-DAGAIN -DNO_VOID|VIEW
M6|joined|-DAGAIN -DNO_EMPTY|VIEW
M6|joined|-DSTRAGGLER -DWB=0 -DFILLED|VIEW
M6|joined|-DSTRAGGLER -DWB=0 -DLATE_SYNC|VIEW
M6|joined|-DWALKERS -DAGAIN -DWB=0 -DDROP_OTHERS|VIEW
M6|joined|-DREAD -DAGAIN -DWB=0 -DNO_RECHECK|ANSWER
M7|joined|-DNO_MARKS_WAIT|VIEW
M7|joined|-DPUSHES -DREPAIR -DGRABS=1 -DNO_LEASE_WAIT|VIEW
M7|joined|-DPUSHES -DAGAIN -DGRABS=1 -DWB=0 -DNOTE_UNLEASED|VIEW
M2|joined_roads||sound
M2|joined_roads|-DLIVE_NO_TOMB|VIEW
M2-4|joined_list||sound
M2-7|joined_list|-DRETURN -DSTEPS=1|sound
M3|joined_list|-DCOUNT|sound
M7|joined_list|-DCOUNT -DRETURN -DSTEPS=1|sound
M7|joined_list|-DSPLITLIST -DRETURN|sound
M2|joined_list|-DL_LOSES|LIST
M3|joined_list|-DCOUNT -DAPART|TOTAL
M3|joined_list|-DCOUNT -DKEEPS|TOTAL
M3|joined_list|-DCOUNT -DTWO_LOOKS|TOTAL
M4|joined_list|-DNO_AGAIN|LIST
M4|joined_list|-DKNOWN_FIRST -DSTEPS=1|sound
M4|joined_list|-DTWICE|LIST
M4|joined_list|-DNO_TOMBS|LIST
M7|joined_list|-DCOUNT -DRETURN -DNO_NOTE|TOTAL
M7|joined_list|-DCOUNT -DRETURN -DNOTE_LATE|TOTAL
M7|joined_list|-DCOUNT -DRETURN -DWHILE|TOTAL
M7|joined_list|-DSPLITLIST -DRETURN -DFAST|LIST
CASES
}

# Exhaustive, without partial order reduction; a broken variant ends at its first error.
search() { gcc -O2 -w -DSAFETY -DNOREDUCE -DCOLLAPSE -DMEMLIM=6000 -o pan pan.c && ./pan -m200000 -w24; }

# The property that the failed assertion is about: the word behind it in the model.
property() {
  local line
  # shellcheck disable=SC2086
  line=$(spin -t $3 "$1" 2>/dev/null </dev/null | sed -n 's/^spin: .*pml:\([0-9]*\), Error: assertion violated/\1/p' | head -1)
  sed -n "${line:-0}s/.*assert.*\/\* \([A-Z0-9]*\).*/\1/p" "$1" | grep . || echo 'another error'
}

check() {
  IFS='|' read -r rule model flags want <<<"$1"
  local dir out actual start=$SECONDS
  dir=$(mktemp -d) && cp "$here/$model.pml" "$dir" && cd "$dir" || exit 1
  # shellcheck disable=SC2086
  out=$({ spin -a $flags "$model.pml" && search; } 2>&1 </dev/null)
  actual='not completed'
  grep -q 'errors: 0' <<<"$out" && ! grep -qE 'too small|not completed|memory limit' <<<"$out" && actual=sound
  [[ "$out" == *'pan:1: '* ]] && actual=$(property "$model.pml" "" "$flags")
  cd "$here" && rm -rf "$dir"
  local verdict=FAIL
  [ "$actual" = "$want" ] && verdict=ok
  printf '%-4s %-3s %-12s %-34s expected %-6s found %-13s %9s states %3ss\n' "$verdict" "$rule" "$model" "$flags" \
    "$want" "$actual" "$(awk '/states, stored/ {print $1}' <<<"$out")" $((SECONDS - start))
  [ "$verdict" = ok ]
}

if [ "${1:-}" = -t ]; then
  shift
  model=$1
  shift
  dir=$(mktemp -d) && cp "$here/$model.pml" "$dir" && cd "$dir" || exit 1
  spin -a "$@" "$model.pml" && gcc -O2 -w -DSAFETY -DNOREDUCE -DREACH -o pan pan.c && ./pan -m400 -i -w24 >/dev/null
  spin -t -p -g "$@" "$model.pml" | grep -vE '\[(else|IF|DO|.*goto|break)'
  rm -rf "$dir"
  exit
fi

passed=0 failed=0
while read -r line; do
  if check "$line"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done < <(cases | { if [ $# -gt 0 ]; then grep "|$1|"; else cat; fi; })
echo "$passed as expected, $failed not"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
