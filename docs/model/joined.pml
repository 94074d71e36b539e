/* joined: the modes in which both sides hold records of their own (M1-M3, M5-M7): ways into
 * `split` and `merged` and back to `legacy`, mover, changer, deleter, creator, the pushes
 * of the way back, an unmarked write that lands late.  One key, one replica (what runs under an
 * old view of it stands for another), writers of which each may be overtaken at each step.
 *
 * L and N hold a version (0: no record), row[g] what banyan.moved knows in generation g.
 * The invariant VIEW, checked in every state: what the mode in force shows is the newest
 * write.  It is P2 and P4 at once, and at the end of a way back it says that L is what clients
 * were told.  An answer "found", "not found" or "taken" must have been true at some moment of
 * the request (ANSWER, P3).
 *
 * A transaction on N is one step; so is what a store does with one statement.  The lease of a push:
 * live_sync.pml; stages, acknowledgements and takeover in general: flip.pml.
 *
 * Sound:  (no flag)     legacy -> merged -> legacy, two writes, a mover, a push
 *         AGAIN         and -> merged once more
 *         SPLIT         legacy -> split -> merged -> legacy
 *         SPLITBACK     legacy -> split -> legacy -> merged
 *         READ          with a read of the record, which may take any time
 *         CREATE        the writes may be creates, all under one id
 *         CRASH         an unmarked request's process may crash instead of giving it up
 *         STRAGGLER     a sync or backfill of an earlier dual-write commits late
 *         WALKERS       two processes walk the resource at the same time
 *         PUSHES        two processes push; REPAIR: also a key without a mark
 *         TOMB_STAYS    an INSERT does not end a tombstone: nothing here needs it to
 * Broken, by the rule whose clause is taken out:
 *  M1     NO_ACK        DRAIN does not wait for the acknowledgement of its own epoch
 *         ACK_BUSY      a replica acknowledges with an unmarked write under way
 *         NO_QUIET      DRAIN does not wait for what a stopped replica has sent
 *  M2     NO_ROW        who comes late looks for the record in N, not for the row
 *         LOOK_APART    the row is looked for before the transaction of the move
 *         TWO_STEPS     row and record are inserted in two transactions
 *         MOVE_UNMARKED the client's change is not marked, as the move is not
 *         NO_TOMB_MOVED a DELETE in N leaves no tombstone
 *         NO_TOMB_OLD   a delete of what was not moved leaves none
 *         NO_MARK       it leaves no mark
 *         NO_SECOND     what was moved between two looks at N is not looked for again
 *         READ_NO_ROW   a read does not ask for the row
 *  M3     NO_GEN        the generation is not checked
 *         NO_MODE       neither mode nor stage are checked
 *         NO_SHARE      all is checked, but before the transaction of the move
 *  M4     NO_LOOK       a create does not look at L
 *         NO_HOLD       a create is not held to the generation of its look
 *  M5     LACK_IS_DELETE  a push deletes what N lacks
 *         NO_LEASE      there is no lease
 *  M6     NO_VOID       no new generation: what was moved before counts
 *         NO_EMPTY      what N holds of an earlier stay is left there
 *         FILLED        the step begins although something came to N since
 *         LATE_SYNC     a sync writes N while the step is under way
 *         DROP_OTHERS   rows of other generations are dropped, not of earlier ones
 *         NO_RECHECK    an answer does not look whether its mode has ended
 *  M7     NO_MARKS_WAIT DRAIN waits for no marks
 *         NO_LEASE_WAIT DRAIN waits for no lease
 *         NOTE_UNLEASED a twin is noted by a push whose lease is over
 */
#define LEG 0
#define SPL 1
#define MER 2
#define OPEN 0
#define DRAIN 1
#define SWITCH 2
#define C_ 0      /* create */
#define U_ 1      /* change */
#define D_ 2      /* delete */
#define LEGACYS 9

#ifdef SPLIT
#define GOALS 3
#define GOAL(i) (i == 0 -> SPL : (i == 1 -> MER : LEG))
#else
#ifdef SPLITBACK
#define GOALS 3
#define GOAL(i) (i == 0 -> SPL : (i == 1 -> LEG : MER))
#else
#ifdef AGAIN
#define GOALS 3
#else
#define GOALS 2
#endif
#define GOAL(i) (i == 1 -> LEG : MER)
#endif
#endif
#ifndef WA
#define WA 1      /* writes of the first client, and of the second */
#endif
#ifndef WB
#define WB 1
#endif
#ifndef MOVES
#define MOVES 1
#endif
#ifndef TURNS
#define TURNS 0   /* switches that turn round */
#endif
#ifndef LOST
#define LOST 0    /* unmarked requests without an answer */
#endif
#ifndef GRABS
#define GRABS 0   /* leases that run out */
#endif
#define G 6       /* generations */
#define V 6       /* versions */

/* C */
byte stage, mode, nextmode, prev, gen, epoch = 1, goal, turns;
bool returning;
byte ack = 1, route; bool reg = 1;
byte row[G];                      /* 0 none, 1 moved or N's own, 2 tombstone */
byte marks, lease;                /* 0 free, else the push that has it */
/* stores, ghosts */
byte L, N, g; bool kind[V];
byte seen;                        /* newest version acknowledged or read */
bool late; byte lateop;           /* an unmarked request without an answer */
bool lateown;                     /* its replica counts it */
/* the replica (lost in a crash) */
byte be = 1, bstage, bmode, bgen, broute, unmarked;
byte life, lost, grabs, repairs, done;

#define NOW (kind[g] -> g : 0)
#define SHOWN (mode == LEG -> L : (N -> N : (row[gen] -> 0 : L)))
#define BOTHSIDES(m) (m != LEG)
#define UNMARKED(m) (m != MER)
#define TAKESWRITES (bstage == OPEN && broute == bmode)
#define N_WRITABLE (stage == OPEN && mode != LEG)

/* was there a moment since version `from` at which the key was there (1) or not (0)? */
#define ONCE(from, k) ((g >= from && kind[g] == k) || (g >= 1 && g-1 >= from && kind[g-1] == k) || \
    (g >= 2 && g-2 >= from && kind[g-2] == k) || (g >= 3 && g-3 >= from && kind[g-3] == k) || \
    (g >= 4 && g-4 >= from && kind[g-4] == k))

inline newer(k) { g++; kind[g] = k }
inline told(v) { if :: v > seen -> seen = v :: else fi }

/* ---- VIEW: what the mode in force shows is the newest write -------------------------- */
proctype Monitor() {
end: do :: atomic { SHOWN != NOW -> assert(SHOWN == NOW) } od       /* VIEW: P2, P4 */
}

/* ---- the replica's control loop --------------------------------------------------------- */
proctype Control() {
end:
  do
  :: atomic { reg && be != epoch -> be = epoch; bstage = stage; bmode = mode; bgen = gen }
#ifdef ACK_BUSY
#define IDLE 1
#else
#define IDLE (unmarked == 0)
#endif
  :: atomic { reg && be == epoch && bstage == DRAIN && UNMARKED(bmode) && ack != epoch && IDLE ->
       ack = epoch }
  :: atomic { reg && be == epoch && broute != bmode -> ack = epoch; route = bmode; broute = bmode }
  :: atomic { !reg -> reg = 1;                                       /* R17: a restart */
       be = epoch; bstage = stage; bmode = mode; bgen = gen; broute = mode; ack = epoch; route = mode }
  od
}

/* ---- an unmarked request to L -------------------------------------------------------------- */
inline at_L(o, v, hit) {
  hit = 0;
  if
  :: o == C_ && !L -> newer(1); L = g; v = g; hit = 1
  :: o == U_ && L -> newer(1); L = g; v = g; hit = 1
  :: o == D_ && L -> newer(0); L = 0; v = g; hit = 1
  :: else
  fi
}

proctype Landing() {
  byte v; bool hit;
end:
  do
  :: atomic { late -> if :: at_L(lateop, v, hit) :: skip fi;
       late = 0; lateop = 0; v = 0; hit = 0;
       if :: lateown -> unmarked--; lateown = 0 :: else fi }
  od
}

/* ---- M2: a write in N; its trigger checks stage and primary, marks, and keeps the tombstones ------ */
inline at_N(o, v, hit) {
  hit = 0;
  if
  :: o == C_ && !N -> newer(1); N = g; v = g; hit = 1; marks++;
#ifndef TOMB_STAYS
     if :: row[gen] == 2 -> row[gen] = 1 :: else fi
#endif
  :: o == U_ && N -> newer(1); N = g; v = g; hit = 1; marks++
  :: o == D_ && N -> newer(0); N = 0; v = g; hit = 1; marks++;
#ifndef NO_TOMB_MOVED
     row[gen] = 2
#endif
  :: else
  fi
}

/* M3 */
#ifdef NO_GEN
#define HELD(ge) (stage == OPEN && mode == MER)
#else
#ifdef NO_MODE
#define HELD(ge) (gen == ge)
#else
#define HELD(ge) (stage == OPEN && mode == MER && gen == ge)
#endif
#endif

#ifdef NO_SHARE
#define IFHELD(ge) 1
#else
#define IFHELD(ge) HELD(ge)
#endif

/* M2: takes the row and inserts the record unmarked */
inline move(lv) {
#ifdef NO_ROW
  if :: !N -> N = lv :: else fi; row[gen] = 1
#else
  if :: row[gen] == 0 -> row[gen] = 1; if :: !N -> N = lv :: else fi :: else fi
#endif
}

#ifdef NO_RECHECK
#define ENDED(m, ge) 0
#else
/* the replica has left the mode of the request: N may have been emptied meanwhile */
#define ENDED(m, ge) (bmode == LEG || bgen != ge)
#endif

/* ---- clients ---------------------------------------------------------------------------------- */
proctype Client(byte n) {
  byte i, o, m, ge, v, lv, t, s0, my; bool hit;
  do
  :: i < n ->
     atomic {
#ifdef CREATE
       if :: o = C_ :: o = U_ :: o = D_ fi;
#else
       if :: o = U_ :: o = D_ fi;
#endif
       s0 = seen }
again:
     atomic { reg && TAKESWRITES -> m = bmode; ge = bgen; v = 0; lv = 0; t = 0; hit = 0; my = life;
       if :: UNMARKED(m) -> unmarked++ :: else fi };
     if
     :: m == LEG -> t = LEGACYS
     :: m != LEG && o == C_ ->
        t = row[ge];
#ifndef NO_LOOK
        if :: t == 0 -> atomic { lv = L; hit = (lv != 0) } :: else fi;
#endif
        t = 0;
        if
        :: hit -> goto answer_taken
        :: else
        fi;
        atomic {
          if
#ifdef NO_HOLD
          :: !N_WRITABLE -> t = 1
#else
          :: !N_WRITABLE || gen != ge -> t = 1
#endif
          :: else -> at_N(o, v, hit)
          fi };
        if
        :: t == 1 -> goto retry
        :: t == 0 && hit -> goto answer_done
        :: else -> goto answer_taken
        fi
     :: m != LEG && o != C_ ->
        atomic { if :: !N_WRITABLE -> t = 3 :: else -> at_N(o, v, hit) fi };
        if :: t == 3 -> goto retry :: t != 3 && hit -> goto answer_done :: else fi;
        t = row[ge];
        if
        :: t == 0 -> t = LEGACYS
        :: t == 2 -> goto answer_missing
        :: t == 1 ->
#ifdef NO_SECOND
           goto answer_missing
#else
           atomic { if :: !N_WRITABLE -> t = 3 :: else -> at_N(o, v, hit) fi };
           if :: t == 3 -> goto retry :: t != 3 && hit -> goto answer_done :: else -> goto answer_missing fi
#endif
        fi
     fi;
     /* the record is legacy's, if anybody's */
     if
     :: UNMARKED(m) ->                                              /* LEGACY, SPLIT: sent unmarked */
        if
        :: atomic { life == my -> at_L(o, v, hit) }
        :: atomic { life == my && !late && lost < LOST -> lost++; late = 1; lateop = o;
             if
             :: lateown = 1                                          /* it waits no longer */
#ifdef CRASH
             :: life++; reg = 0; unmarked = 0; be = 0; bstage = SWITCH; bmode = 0; bgen = 0; broute = 9
#endif
             fi;
             goto after }
        :: atomic { life != my -> goto after }
        fi;
        if :: hit -> goto answer_done :: else fi;
        if :: o == C_ -> goto answer_taken :: else -> goto answer_missing fi
     :: else ->                                                     /* MERGED: moved first */
        lv = L;
        if :: lv == 0 -> goto answer_missing :: else fi;
#ifdef NO_SHARE
        t = 0; atomic { if :: HELD(ge) -> t = 1 :: else fi };
        if :: t == 0 -> goto retry :: else fi;
#endif
#ifdef LOOK_APART
        t = row[gen];
#endif
        if
        :: atomic { o == U_ && IFHELD(ge) && N_WRITABLE ->
#ifdef LOOK_APART
             if :: t == 0 -> row[gen] = 1; N = lv :: else fi;
#else
             move(lv);
#endif
#ifdef MOVE_UNMARKED
             if :: N -> newer(1); N = g; v = g; hit = 1 :: else fi
#else
             at_N(o, v, hit)
#endif
           }
        :: atomic { o == D_ && IFHELD(ge) ->
             if
             :: row[gen] == 0 -> newer(0); v = g; hit = 1;
#ifndef NO_TOMB_OLD
                row[gen] = 2;
#endif
#ifndef NO_MARK
                marks++
#endif
             :: row[gen] && N_WRITABLE -> at_N(o, v, hit)
             :: else -> goto retry
             fi }
        :: atomic { !(IFHELD(ge) && (o == D_ || N_WRITABLE)) -> goto retry }
        fi;
        if :: hit -> goto answer_done :: else -> goto answer_missing fi
     fi;
answer_done:
     atomic { told(v); goto over };
answer_missing:
     atomic {
       if
       :: m != LEG && ENDED(m, ge) -> goto retry
       :: else -> assert(ONCE(s0, 0)); goto over                     /* ANSWER: "not found" */
       fi };
answer_taken:
     atomic {
       if
       :: m != LEG && ENDED(m, ge) -> goto retry
       :: else -> assert(ONCE(s0, 1)); goto over                     /* ANSWER: "there is one" */
       fi };
retry:
     atomic { if :: UNMARKED(m) && life == my -> unmarked-- :: else fi; goto again };
over:
     atomic { if :: UNMARKED(m) && life == my -> unmarked-- :: else fi };
after:
     atomic { i++; o = 0; m = 0; ge = 0; v = 0; lv = 0; t = 0; s0 = 0; my = 0; hit = 0 }
  :: else -> break
  od;
  done++
}

#ifdef READ
proctype Reader() {
  byte m, ge, s0, t, v;
again:
  atomic { reg && broute == bmode -> m = bmode; ge = bgen; s0 = seen; t = 0; v = 0 };
  if
  :: m == LEG -> v = L
  :: else ->
     if                                                              /* both at once: in any order */
     :: t = row[ge]; v = N
     :: v = N; t = row[ge]
     fi;
#ifdef READ_NO_ROW
     t = 0;
#endif
     if
     :: v == 0 && t == 0 -> v = L
     :: v == 0 && t == 1 ->
#ifndef NO_SECOND
        v = N
#else
        skip
#endif
     :: else
     fi
  fi;
  atomic {
    if
    :: m != LEG && ENDED(m, ge) -> goto again
    :: else
    fi;
    if
    :: v -> assert(v >= s0); told(v)                                 /* ANSWER: P3 */
    :: else -> assert(ONCE(s0, 0))                                   /* ANSWER */
    fi;
    v = 0; t = 0 }
}
#endif

/* ---- M3: the mover; the read-ahead is why its record may be old ------------------------------------ */
proctype Mover() {
  byte i, mg, lv, t;
  do
  :: i < MOVES && done < 2 ->
     if
     :: atomic { stage == OPEN && mode == MER -> mg = gen }
     :: atomic { done == 2 && goal == GOALS -> break }
     fi;
     lv = L;
#ifdef NO_SHARE
     t = 0; atomic { if :: HELD(mg) -> t = 1 :: else fi };
     if :: t == 0 -> goto after :: else fi;
#endif
#ifdef LOOK_APART
     t = row[gen];
#endif
     atomic {
       if
#ifdef LOOK_APART
       :: IFHELD(mg) && lv -> if :: t == 0 -> row[gen] = 1; N = lv :: else fi
#else
#ifdef TWO_STEPS
       :: IFHELD(mg) && lv && row[gen] == 0 -> row[gen] = 1; t = 1
#else
       :: IFHELD(mg) && lv -> move(lv)
#endif
#endif
       :: else
       fi };
#ifdef TWO_STEPS
     atomic { if :: t && IFHELD(mg) -> N = lv :: else fi };
#endif
after:
     atomic { i++; mg = 0; lv = 0; t = 0 }
  :: else -> break
  od
}

/* ---- M5, M7: the pushes of the way back; two, so that one may be late ------------------------------ */
#define SYNCSNOW (returning || (stage == DRAIN && mode != LEG && nextmode == LEG))
#ifdef REPAIR
#define MAYPUSH (marks || repairs < 1)
#define COUNT if :: !marks -> repairs++ :: else fi;
#else
#define MAYPUSH marks
#define COUNT
#endif
proctype Push(byte me) {
  byte S, v; bool gone;
end:
  do
  :: atomic { SYNCSNOW && mode != LEG && stage != SWITCH && lease == 0 && MAYPUSH ->
       COUNT
#ifndef NO_LEASE
       lease = me;
#endif
       S = marks };
     v = N;
     /* by C's word: tombstones; what legacy is about to have is noted first, under the lease */
     atomic {
#ifdef LACK_IS_DELETE
       gone = (v == 0);
#else
       gone = (v == 0 && (mode == LEG || row[gen] == 2));
#endif
#ifdef NOTE_UNLEASED
       if :: v && mode != LEG && row[gen] == 0 -> row[gen] = 1 :: else fi };
#else
       if :: lease == me && v && mode != LEG && row[gen] == 0 -> row[gen] = 1 :: else fi };
#endif
     if
#ifdef NO_LEASE
     :: atomic { if :: v -> L = v :: gone -> L = 0 :: else fi }
#else
     :: atomic { lease == me -> if :: v -> L = v :: gone -> L = 0 :: else fi }
     :: atomic { lease != me -> S = 0; v = 0; gone = 0; goto end }    /* its time is over: not sent */
#endif
     fi;
     atomic {
#ifdef NO_LEASE
       marks = (marks > S -> marks - S : 0);
#else
       if :: lease == me -> marks = marks - S; lease = 0 :: else fi;
#endif
       S = 0; v = 0; gone = 0 }
  od
}

proctype Expiry() {
end:
  do
  :: atomic { lease && grabs < GRABS -> grabs++; lease = 0 }
  od
}

#ifdef STRAGGLER
/* R6, R22 of an earlier dual-write: holds the primary and the way ahead, not the mode; unmarked writes count no slot up */
#ifdef LATE_SYNC
#define HELD (mode == LEG && stage != SWITCH)
#else
#define HELD (mode == LEG && stage == OPEN)
#endif
proctype Straggler() {
  byte v;
  atomic { mode == LEG -> v = L };
  if
  :: atomic { HELD -> N = v }
  :: atomic { !HELD }
  fi
}
#endif

/* ---- coordinators: every step is one transaction on the state in C ----------------------------------- */
#ifdef NO_ACK
#define ACKED 1
#else
#define ACKED (!reg || ack == epoch)
#endif
#ifdef NO_QUIET
#define QUIET 1
#else
#define QUIET (!late || lateown)
#endif
#ifdef NO_MARKS_WAIT
#define NOMARKS 1
#else
#define NOMARKS (marks == 0)
#endif
#ifdef NO_LEASE_WAIT
#define NOLEASE 1
#else
#define NOLEASE (lease == 0)
#endif
#if defined(FILLED) || defined(NO_EMPTY)
#define EMPTIED 1
#else
#define EMPTIED (mode != LEG || gen == 0 || !N)
#endif
#define TO (GOAL(goal))

proctype Walker() {
  byte e, ge;
end:
  do
  :: atomic { stage == OPEN && goal < GOALS && mode != TO && mode != LEG && TO == LEG && !returning ->
       returning = 1; epoch++ }
  :: atomic { stage == OPEN && goal < GOALS && mode != TO && (mode == LEG || TO != LEG || returning) -> e = epoch };
#ifndef NO_EMPTY
     /* M6: only while nobody reads N; R20: not before Banyan led it */
     if
     :: mode == LEG && gen > 0 ->
        if
        :: atomic { N && mode == LEG && stage == OPEN -> N = 0 }
        :: atomic { !N }
        :: atomic { N && !(mode == LEG && stage == OPEN) -> e = 0; goto end }
        fi;
        ge = gen;
#ifdef DROP_OTHERS
#define VOID(i) ge != i
#else
#define VOID(i) ge > i
#endif
        atomic { if :: VOID(1) -> row[1] = 0 :: else fi; if :: VOID(2) -> row[2] = 0 :: else fi;
          if :: VOID(3) -> row[3] = 0 :: else fi; if :: VOID(4) -> row[4] = 0 :: else fi; ge = 0 }
     :: else
     fi;
#endif
     atomic {
       if
       :: epoch == e && stage == OPEN && EMPTIED ->
          epoch++; stage = DRAIN; nextmode = TO; prev = mode; returning = 0;
#ifndef NO_VOID
          if :: mode == LEG -> gen++ :: else fi
#else
          if :: mode == LEG && gen == 0 -> gen++ :: else fi
#endif
       :: else
       fi;
       e = 0 }
  :: atomic { stage == DRAIN && (!UNMARKED(mode) || (ACKED && QUIET)) &&
       (mode != LEG && nextmode != LEG || (NOMARKS && NOLEASE)) ->
       epoch++; mode = nextmode; stage = SWITCH }
  :: atomic { stage == DRAIN && turns < TURNS -> turns++; epoch++; stage = OPEN; mode = prev }
  :: atomic { stage == SWITCH && (!reg || route == mode) ->
       epoch++; stage = OPEN; if :: nextmode != prev -> goal++ :: else fi }
  :: atomic { stage == SWITCH && nextmode != prev && turns < TURNS -> turns++; epoch++; mode = prev; nextmode = prev }
  od
}

init {
  atomic {
    if :: g = 1; L = 1; kind[1] = 1; seen = 1 :: skip fi;
#ifdef STRAGGLER
    gen = 1; bgen = 1;
#endif
    run Monitor(); run Control(); run Landing(); run Expiry();
    run Client(WA); run Client(WB); run Mover(); run Push(1);
#ifdef PUSHES
    run Push(2);
#endif
    run Walker();
#ifdef WALKERS
    run Walker();
#endif
#ifdef READ
    run Reader();
#endif
#ifdef STRAGGLER
    run Straggler();
#endif
  };
  timeout ->
    assert(goal == GOALS && stage == OPEN);       /* P5: the switches end */
    assert(done == 2);                            /* P5: every held write went on */
    assert(mode != LEG || marks == 0);            /* MARKS */
    assert(SHOWN == NOW)                          /* VIEW: P1, P2 */
}
