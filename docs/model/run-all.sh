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

# rule | model | flags | "sound", or a part of the assertion that must fail
cases() {
  cat <<'CASES'
M1-7|joined||sound
M1-7|joined|-DSPLIT|sound
M1-7|joined|-DSPLITBACK|sound
M1-7|joined|-DREAD -DWA=1|sound
M1-7|joined|-DSPLIT -DREAD -DWA=1|sound
M1-7|joined|-DCREATE|sound
M1-7|joined|-DCRASH|sound
M1-7|joined|-DSTRAGGLER|sound
M1-7|joined|-DWALKERS|sound
M1-7|joined|-DPUSHES -DREPAIR|sound
M2|joined|-DTOMB_STAYS -DCREATE|sound
M1|joined|-DNO_ACK|(SHOWN==NOW)
M1|joined|-DSPLIT -DNO_ACK|(SHOWN==NOW)
M1|joined|-DACK_BUSY|(SHOWN==NOW)
M1|joined|-DCRASH -DNO_QUIET|(SHOWN==NOW)
M2|joined|-DNO_ROW|(SHOWN==NOW)
M2|joined|-DLOOK_APART|(SHOWN==NOW)
M2|joined|-DTWO_STEPS|(SHOWN==NOW)
M2|joined|-DMOVE_UNMARKED|(SHOWN==NOW)
M2|joined|-DNO_TOMB_MOVED|(SHOWN==NOW)
M2|joined|-DNO_TOMB_OLD|(SHOWN==NOW)
M2|joined|-DNO_MARK|(SHOWN==NOW)
M2|joined|-DNO_SECOND|ONCE
M2|joined|-DREAD -DREAD_NO_ROW|ONCE
M2|joined_roads||sound
M2|joined_roads|-DLIVE_NO_TOMB|(SHOWN==there)
M3|joined|-DNO_GEN|(SHOWN==NOW)
M3|joined|-DNO_MODE|(SHOWN==NOW)
M3|joined|-DNO_SHARE|(SHOWN==NOW)
M4|joined|-DCREATE -DNO_LOOK|(SHOWN==NOW)
M4|joined|-DCREATE -DNO_HOLD|(SHOWN==NOW)
M5|joined|-DPUSHES -DREPAIR -DLACK_IS_DELETE|(SHOWN==NOW)
M5|joined|-DPUSHES -DNO_LEASE|(SHOWN==NOW)
M6|joined|-DNO_VOID|(SHOWN==NOW)
M6|joined|-DNO_EMPTY|(SHOWN==NOW)
M6|joined|-DSTRAGGLER -DEMPTY_BEFORE|(SHOWN==NOW)
M6|joined|-DWALKERS -DDROP_OTHERS|(SHOWN==NOW)
M6|joined|-DREAD -DNO_RECHECK|ONCE
M7|joined|-DNO_MARKS_WAIT|(SHOWN==NOW)
M7|joined|-DPUSHES -DREPAIR -DNO_LEASE_WAIT|(SHOWN==NOW)
M7|joined|-DPUSHES -DNOTE_UNLEASED|(SHOWN==NOW)
M2-4|joined_list||sound
M2-7|joined_list|-DRETURN|sound
M3|joined_list|-DCOUNT|sound
M7|joined_list|-DCOUNT -DRETURN|sound
M7|joined_list|-DSPLITLIST -DRETURN|sound
M2|joined_list|-DL_LOSES|always
M3|joined_list|-DCOUNT -DAPART|(total==truth)
M3|joined_list|-DCOUNT -DKEEPS|(total==truth)
M3|joined_list|-DCOUNT -DTWO_LOOKS|(total==truth)
M4|joined_list|-DNO_AGAIN|always
M4|joined_list|-DKNOWN_FIRST|result
M4|joined_list|-DTWICE|visible
M4|joined_list|-DNO_TOMBS|ever
M7|joined_list|-DCOUNT -DRETURN -DNO_NOTE|(total==truth)
M7|joined_list|-DCOUNT -DRETURN -DNOTE_LATE|(total==truth)
M7|joined_list|-DCOUNT -DRETURN -DWHILE|(total==truth)
M7|joined_list|-DSPLITLIST -DRETURN -DFAST|ever
CASES
}

# Exhaustive, without partial order reduction; a broken variant ends at its first error.
search() { gcc -O2 -w -DSAFETY -DNOREDUCE -DMEMLIM=3000 -o pan pan.c && ./pan -m200000 -w24; }

check() {
  IFS='|' read -r rule model flags want <<<"$1"
  local dir out actual start=$SECONDS
  dir=$(mktemp -d) && cp "$here/$model.pml" "$dir" && cd "$dir" || exit 1
  # shellcheck disable=SC2086
  out=$({ spin -a $flags "$model.pml" && search; } 2>&1 </dev/null)
  cd "$here" && rm -rf "$dir"
  actual=$(sed -n 's/^pan:1: \(.*\) (at depth.*/\1/p' <<<"$out" | head -1)
  if [ -z "$actual" ]; then
    actual='not completed'
    grep -q 'errors: 0' <<<"$out" && ! grep -qE 'too small|not completed|memory limit' <<<"$out" && actual=sound
  fi
  local verdict=FAIL
  [[ "$actual" == *"$want"* ]] && verdict=ok
  printf '%-4s %-3s %-12s %-34s expected %-16s found %-46s %9s states %3ss\n' "$verdict" "$rule" "$model" "$flags" \
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
