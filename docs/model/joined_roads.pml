/* joined_roads: the modes around `merged` in which N decides (M2, M5): a record is deleted in
 * `live`, its mark still rests when the way leads over `new` back to `merged` and on to
 * `legacy`.  One key, moved or made anew; a push takes one step (live_sync.pml).
 *
 * Sound:  (no flag)       a DELETE leaves a tombstone wherever N decides
 * Broken: LIVE_NO_TOMB    only where marks rest (M2)
 */
#define MER 0
#define NEW 1
#define LIVE 2
#define LEG 3
byte mode, back, marks, row, writes;
bool L, N, there = 1, returning;
#define PARTIAL (mode == MER)
#define SHOWN (mode == LEG -> L : (mode == MER -> (N || (row == 0 && L)) : N))

proctype Monitor() {
end: do :: atomic { SHOWN != there -> assert(SHOWN == there) } od        /* VIEW: P2, P4 */
}
proctype Client() {
end:
  do
  :: atomic { mode != LEG && N && writes < 3 -> N = 0; there = 0; marks++; writes++;
#ifdef LIVE_NO_TOMB
       if :: mode != LIVE -> row = 2 :: else fi }
#else
       row = 2 }
#endif
  :: atomic { mode != LEG && !N && !there && writes < 3 -> N = 1; there = 1; marks++; writes++;
       if :: row == 2 -> row = 1 :: else fi }
  od
}
proctype Push() {
  byte S; bool v, gone;
end:
  do
  :: atomic { (mode == LIVE || returning) && mode != LEG && marks ->
       S = marks; v = N; gone = (!N && (!PARTIAL || row == 2));
       if :: v && PARTIAL && row == 0 -> row = 1 :: else fi;
       if :: v -> L = 1 :: gone -> L = 0 :: else fi;
       marks = marks - S; S = 0; v = 0; gone = 0 }
  od
}
proctype Roads() {
end:
  do
  :: atomic { mode == MER && !back && !returning -> mode = NEW }
  :: atomic { mode == NEW && !back -> mode = LIVE }
  :: atomic { mode == LIVE -> back = 1; mode = NEW }
  :: atomic { mode == NEW && back -> mode = MER }
  :: atomic { mode == MER && back && !returning -> returning = 1 }
  :: atomic { returning && mode == MER && !marks -> mode = LEG }
  od
}
init {
  atomic { run Monitor(); run Client(); run Push(); run Roads(); if :: L = 1; N = 1; row = 1 :: there = 0 fi };
  timeout -> assert(mode == LEG && L == there)             /* VIEW */
}
