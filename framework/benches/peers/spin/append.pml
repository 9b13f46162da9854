/*
 * The at-most-once protocol by hand, for SPIN: N clients append T values each to one key.
 *
 * An abstraction with the same states as the real nodes have. The order of execution (the log) says
 * what the server holds and what every answer was; for each client there are its answers and its
 * pending timers, which all have one length and so fire in order. A command has been executed once
 * more than it was answered, or as often. Messages follow from these numbers.
 *
 *   spin -a -o1 -o2 -o3 append.pml     (else the log, which nothing reads, is dropped)
 *   cc -O2 -DNOREDUCE -DSAFETY -DMEMLIM=8192 -o pan pan.c          depth-first
 *   cc -O2 -DNOREDUCE -DSAFETY -DMEMLIM=8192 -DBFS -o pan pan.c    breadth-first
 *   ./pan -m100000 -w24
 */
#ifndef N
#define N 3
#endif
#ifndef T
#define T 3
#endif

byte log[N * T];
byte executed_all;
byte executed[N];
byte answered[N];
byte timers[N];
byte done;

active proctype system() {
    byte i;
    d_step {
        i = 0;
        do
        :: i < N -> timers[i] = 1; i++
        :: else -> break
        od;
        i = 0
    }
end:
    do
#define CLIENT(c) \
    :: d_step { done < N && executed[c] == answered[c] && answered[c] < T -> \
           log[executed_all] = c + 1; executed_all++; executed[c]++ } \
    :: d_step { done < N && executed[c] > answered[c] -> \
           answered[c]++; \
           if :: answered[c] < T -> timers[c]++ :: else -> done++ fi } \
    :: d_step { done < N && (timers[c] > 1 || answered[c] == T && timers[c] > 0) -> \
           timers[c]-- }
    CLIENT(0)
#if N > 1
    CLIENT(1)
#endif
#if N > 2
    CLIENT(2)
#endif
    od
}
