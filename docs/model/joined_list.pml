/* joined_list: a page of a list and a total while records of both sides are moved, changed, deleted
 * and created, and the way back copies records to L (M2-M4, M7).  Three keys, which are also
 * the order of the list; sort values stay.
 *
 * The page: N's page and L's page at once; then what N knows of the keys on the latter; N's page
 * once more where it hid what N's page lacks; more of L until the page is full (merged-list.ts).
 * The total: N's records, the mover's checkpoint and the rows ahead of it in one snapshot, then
 * L beyond the checkpoint, less those rows (legacy-share.ts).
 *
 * LIST: a record that is there from the beginning of a list to its end is on the page, once, or
 * beyond a full page's end; none is on it that was not there at some moment of it.
 * TOTAL: the number of records at the moment of the snapshot.
 *
 * Sound:  (no flag)     a page of two from any place; mover, changer, deleter, creator
 *         RETURN        the same while the way back pushes
 *         COUNT         totals; a process that takes the mover's job over
 *         COUNT RETURN  totals after a way back that turned round
 *         SPLITLIST     a page of split: L's own records, while the way back pushes
 *         KNOWN_FIRST   what N knows of the keys is asked before L's page is read: the order does not matter
 * Broken:
 *  M2     L_LOSES       a move takes the record out of L
 *  M3     COUNT APART   the checkpoint is saved after the chunk's transaction
 *         COUNT KEEPS   a mover that has lost its job keeps the chunk without a checkpoint
 *         COUNT TWO_LOOKS  N's records and the checkpoint are read one after the other
 *  M4     NO_AGAIN      N's page is not read again
 *         TWICE         records are not told apart by their keys
 *         NO_TOMBS      tombstones hide nothing
 *  M7     COUNT RETURN NO_NOTE    a record that is pushed is not noted
 *         COUNT RETURN NOTE_LATE  it is noted after it was sent
 *         COUNT RETURN WHILE      totals while the way back pushes (a known limit)
 *         SPLITLIST FAST          whether anything hides is asked before L's page only
 */
#define K 3
#define ALL 7
#ifndef LIM
#define LIM 2
#endif
#ifndef STEPS
#define STEPS 2                   /* client writes */
#endif
byte L, N, rows, tombs, passed, own;   /* sets of keys */
byte check; bool finished;             /* the mover's checkpoint */
byte holder = 1;                       /* who has the mover's job */
byte sent, writes; bool pushing, listing, counted;
byte always, ever;                     /* ghosts: there throughout the list; at some moment of it */

#define BIT(k) (1 << ((k) - 1))
#define HAS(s, k) ((s) & BIT(k))
#ifdef SPLITLIST
#define THERE own
#else
#define THERE (N | (L & ~rows))
#endif
#define SIZE(s) (((s) & 1) + (((s) >> 1) & 1) + (((s) >> 2) & 1))
#define TOP(s) ((s) & 4 -> 3 : ((s) & 2 -> 2 : ((s) & 1 -> 1 : 0)))
#define BEYOND(k) (ALL & ~((1 << (k)) - 1))
#define NEXT(s) ((s) & 1 -> 1 : ((s) & 2 -> 2 : ((s) & 4 -> 3 : 0)))
/* the first `n` of a set, n <= 2 */
#define LOW(s) ((s) & (~(s) + 1) & ALL)
#define FIRST(s, n) (n == 1 -> LOW(s) : (LOW(s) | LOW((s) & ~LOW(s))))
inline noted() { always = always & THERE; ever = ever | THERE }

/* ---- M3: the mover, in chunks of one record ---------------------------------------------------- */
#ifndef SPLITLIST
proctype Mover(byte me) {
  byte k, at; bool mine;
end_wait:
  holder == me;
  at = check;
  do
  :: k = NEXT(L & BEYOND(at));
     if
     :: k == 0 -> atomic { if :: holder == me -> finished = 1 :: else fi; break }
     :: else
     fi;
     atomic {
       mine = (holder == me);
       if
#ifdef KEEPS
       :: 1 ->
#else
       :: mine ->
#endif
          if :: !HAS(rows, k) -> N = N | BIT(k) :: else fi;
          rows = rows | BIT(k); passed = passed | BIT(k);
#ifdef L_LOSES
          L = L & ~BIT(k);
#endif
#ifndef APART
          if :: mine -> check = k :: else fi;
#endif
          noted()
#ifndef KEEPS
       :: else
#endif
       fi };
#ifdef APART
     atomic { if :: holder == me -> check = k :: else fi };
#endif
     if :: !mine -> break :: else fi;
     atomic { at = k; k = 0 }
  od
}
#endif

proctype Takeover() {
end:
#ifdef COUNT
  atomic { holder == 1 && !finished -> holder = 2 }
#else
  skip
#endif
}

/* ---- clients: each write is one transaction, see joined.pml --------------------------------------- */
proctype Clients() {
  byte k;
end:
  do
  :: atomic { writes < STEPS ->
       if :: k = 1 :: k = 2 :: k = 3 fi;
       if
#ifdef SPLITLIST
       :: HAS(own, k) -> L = L & ~BIT(k); own = own & ~BIT(k); writes++            /* delete in L */
       :: HAS(N, k) -> N = N & ~BIT(k); rows = rows | BIT(k); tombs = tombs | BIT(k); writes++
       :: !HAS(N, k) && (HAS(rows, k) || !HAS(L, k)) -> N = N | BIT(k); tombs = tombs & ~BIT(k); writes++
#else
       :: !HAS(N, k) && HAS(L, k) && !HAS(rows, k) -> N = N | BIT(k); rows = rows | BIT(k); writes++;  /* change */
#ifdef L_LOSES
          L = L & ~BIT(k)
#endif
       :: HAS(N, k) || (HAS(L, k) && !HAS(rows, k)) -> N = N & ~BIT(k); writes++;                      /* delete */
          rows = rows | BIT(k); tombs = tombs | BIT(k)
       :: !HAS(N, k) && (HAS(rows, k) || !HAS(L, k)) -> N = N | BIT(k); tombs = tombs & ~BIT(k); writes++ /* create */
#endif
       :: else
       fi;
       noted(); k = 0 }
  od
}

/* ---- M5, M7: the way back --------------------------------------------------------------------------- */
#ifdef RETURN
proctype Push() {
  byte k; bool has;
  pushing = 1;
  do
  :: sent < 2 -> sent++;
     if :: k = 1 :: k = 2 :: k = 3 fi;
     has = (HAS(N, k) != 0);
#ifndef NO_NOTE
#ifndef NOTE_LATE
     atomic { if :: has -> rows = rows | BIT(k) :: else fi };
#endif
#endif
     if
     :: atomic { has -> L = L | BIT(k); noted() }
     :: atomic { !has && HAS(tombs, k) && !HAS(N, k) -> L = L & ~BIT(k); noted() }
     :: else
     fi;
#ifdef NOTE_LATE
     if
     :: atomic { has -> rows = rows | BIT(k); noted() }
     :: skip                                                   /* a crash */
     fi;
#endif
     atomic { k = 0; has = 0 }
  :: break
  od;
  pushing = 0
}
#endif

/* ---- M4: a page -------------------------------------------------------------------------------------- */
#ifndef COUNT
inline knows(page) {
  /* N's records of these keys, and the rows: at once, in any order */
  if
  :: there = N & page; taken = rows & page; buried = tombs & page
  :: atomic { taken = rows & page; buried = tombs & page }; there = N & page
  fi;
#ifdef NO_TOMBS
  taken = taken & ~buried; buried = 0;
#endif
}
inline sort_out(page) {
  visible = visible | (page & ~there & ~taken);
  hid = hid | (page & (there | (taken & ~buried)));
  known = (known | there) & ALL;
  page = 0; there = 0; taken = 0; buried = 0
}
#define REACHES(f) (SIZE(f) < LIM -> ALL : ALL & ~BEYOND(TOP(f)))
#define BOUND (ALL & (ended -> ALL : ALL & ~BEYOND(last)) & REACHES(fresh))

proctype Lister() {
  byte from, fresh, visible, hid, known, last, page, there, taken, buried, result;
  bool ended, asked, slow;
  atomic {
    if :: from = 0 :: from = 1 fi;
    listing = 1; always = THERE; ever = THERE; last = from };
#ifdef SPLITLIST
  /* whether anything of L may be N's; if not, its page as it is */
  slow = (rows != 0);
  if
  :: !slow -> page = FIRST(L & BEYOND(from), LIM);
#ifndef FAST
     slow = (rows != 0);
#endif
     if :: slow -> page = 0 :: else -> result = page; goto check_it fi
  :: else
  fi;
#else
  /* N's page at the same time as L's: before it, after it, or after what N knows of L's keys */
  if
  :: fresh = FIRST(N & BEYOND(from), LIM); asked = 1
  :: skip
  fi;
#endif
more:
#ifdef KNOWN_FIRST
  page = ALL & BEYOND(last); knows(page);
  atomic { page = FIRST(L & BEYOND(last), LIM); there = there & page; taken = taken & page; buried = buried & page };
  atomic { ended = (SIZE(page) < LIM); last = (page -> TOP(page) : last) };
#else
  atomic { page = FIRST(L & BEYOND(last), LIM); ended = (SIZE(page) < LIM); last = (page -> TOP(page) : last) };
#ifndef SPLITLIST
  if :: !asked -> fresh = FIRST(N & BEYOND(from), LIM); asked = 1 :: skip fi;
#endif
  knows(page);
#endif
  atomic { sort_out(page) };
#ifdef SPLITLIST
  atomic { result = FIRST(visible, LIM);
    if :: SIZE(visible) < LIM && !ended -> result = 0; goto more :: else -> goto check_it fi };
#else
  if :: !asked -> fresh = FIRST(N & BEYOND(from), LIM); asked = 1 :: else fi;
#ifndef NO_AGAIN
  if
  :: hid & ~fresh & (REACHES(fresh) | ~known) -> fresh = FIRST(N & BEYOND(from), LIM); hid = 0
  :: else
  fi;
#endif
  atomic {
    result = FIRST((fresh | visible) & BOUND, LIM);
    if :: SIZE(result) < LIM && !ended -> result = 0; goto more :: else fi };
#ifdef TWICE
  assert(!(fresh & visible & result));                                   /* LIST: twice */
#endif
#endif
check_it:
  atomic {
    listing = 0;
    assert(!(result & ~ever));                                           /* LIST: was there */
    assert(!(always & BEYOND(from) & ~result & (SIZE(result) < LIM -> ALL : ALL & ~BEYOND(TOP(result)))));  /* LIST: lacks */
    from = 0; fresh = 0; visible = 0; hid = 0; known = 0; last = 0; result = 0 }
}
#else
/* ---- totals --------------------------------------------------------------------------------------------- */
proctype Counter() {
  byte n, c, ahead, total, truth; bool fin;
#ifdef RETURN
#ifndef WHILE
end_wait:
  sent && !pushing;                                                      /* it has turned round */
#endif
#endif
#ifdef TWO_LOOKS
  n = SIZE(N);
  atomic { truth = SIZE(THERE); c = check; fin = finished; ahead = rows & ~passed };
#else
  atomic { n = SIZE(N); truth = SIZE(THERE); c = check; fin = finished; ahead = rows & ~passed };
#endif
  if
  :: fin -> total = n
  :: else ->
     if
     :: total = n + SIZE(L & BEYOND(c)); total = total - SIZE(L & ahead & BEYOND(c))
     :: total = n + K - SIZE(L & ahead & BEYOND(c)); total = total - K + SIZE(L & BEYOND(c))
     fi
  fi;
  assert(total == truth);                                                /* TOTAL */
  counted = 1
}
#endif

init {
  atomic {
    if :: L = 3 :: L = 5 :: L = 7 fi;
    own = L;
    run Clients();
#ifdef RETURN
    run Push();
#endif
#ifdef COUNT
    run Counter();
#else
    run Lister();
#endif
#ifdef SPLITLIST
    if :: N = 0 :: N = ALL & ~L fi;
#else
    if :: N = 0 :: N = LOW(ALL & ~L) fi;
    run Mover(1); run Takeover();
#ifdef COUNT
    run Mover(2);
#endif
#endif
  }
}
