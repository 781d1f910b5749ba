/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CAUSALITY_STORIES_H
#define TESTS_CAUSALITY_STORIES_H

/*
 * causality_stories.h - what strands do, and the parents that are claimed of what they ask for, in the
 * language of causality_test.c.
 */

struct tale {
	const char *what, *steps, *claims;
};

static const struct tale stories[] = {
	/* R1 */
	{"reads, then asks", "a< 1>", "a"},
	{"reads in two, then asks", "a< a< 1>", "a"},
	{"nothing was read", "1>", "-"},
	{"the newest request is current", "D W3 a< b< 1>", "b"},
	{"two threads, two requests", "a< s1 b< 1> s0 2>", "ba"},
	{"a second request on the same connection", "a< 1> a> a< 2>", "aa"},
	/* R2 */
	{"blocked in its own call", "a< 1> 1< 1>", "aa"},
	{"an answer shows a loop whose turn it is", "D w a< 1> w b< 2> w 1< 3>", "aba"},
	{"so does each read of it", "D w a< 1> w b< 2> w 1< w 1< 3>", "aba"},
	{"an answer to nobody", "D 1> w a< 1< 2>", "--"},
	{"an answer for what is over", "D w a< 1> w a> w b< w 1< 2>", "a-"},
	{"two parents in one answer", "D w a< 1> w b< 1> w 1< 2>", "ab-"},
	{"a pool's thread that reads it is no better known", "D a< k1 s1 1> 1< s2 b< s1 2>", "a-"},
	/* R3 */
	{"answered", "a< a> 1>", "-"},
	/* R4 */
	{"born for another turn", "D w a< 1c w b< w 1>", "a"},
	{"born for nobody", "D w 1c w a< 1>", "-"},
	{"born for who is gone", "D w a< 1c w a> w b< 1>", "-"},
	{"born once", "D w a< 1c w b< w 1> w 1< w b< 1>", "ab"},
	{"born in doubt", "w a< 1c w b< w 1>", "-"},
	{"freed and taken while another starves", "D w a< 1> w b< w 1< 1>", "a-"},
	{"freed and taken, nobody starves", "D w a< 1> w b< 2> w 1< 1>", "aba"},
	{"freed and taken, who starves is served by an orphan", "D 3> w a< 1> w b< w 1< 1>", "-aa"},
	{"an orphan is answered once for all that it sent", "D 3> 3> 3< w a< 1> w b< w 1< 1>",
	 "--a-"},
	{"an orphan on a closed connection serves nobody", "D 3> 3x w a< 1> w b< w 1< 1>", "-a-"},
	{"nor does what was asked on one", "D w a< 1> 1x w b< 2> w 2< 2>", "ab-"},
	{"nor what one was born for", "D w a< 1c 1x w b< 2> w 2< 2>", "b-"},
	{"another connection than the one freed", "D w a< 1> w b< w 1< 2>", "aa"},
	{"taken in a later turn", "D w a< 1> w b< w 1< w a< 1>", "aa"},
	{"waits are not probed yet", "N a< 1>", "-"},
	{"nor were they when it asked", "D N a< 1> w 1< 2>", "--"},
	{"waits are probed", "N p a< 1>", "a"},
	{"a claim needs no waits", "a< 1? N s1 1>", "a"},
	{"born when waits were not probed", "D N a< 1c w 1>", "-"},
	{"nor is a look then one of a blocking strand", "D N a< 1? w 1>", "-"},
	{"born for who reads a socket that blocks", "D a< N 1c s1 1>", "a"},
	/* doubt at the start, and after an error */
	{"in doubt, alone", "w a< 1>", "a"},
	{"in doubt, two", "w a< w b< 1>", "-"},
	{"a blocking thread is no loop", "a< s1 b< 1>", "b"},
	{"disgraced", "D w a< w b< a> w c< 1>", "-"},
	/* timers */
	{"before a timer is due", "D w a< 1> w b< 2> w9 1< 3>", "aba"},
	{"a timer may be what runs", "D w a< 1> w b< 2> w9 1< +9 3>", "ab-"},
	{"a timer of 7.1 ms, for which CPython waits 9 ms", "D w a< 1> w b< 2> w9 1< +7 3>", "ab-"},
	{"but not while an event waits", "D w a< w b< 2> w9 +9 3>", "b-"},
	{"a wait ran out", "D w a< 1> w b< 2> wx 1< 3>", "ab-"},
	{"a timeout counts from the loop's clock, which is read before timers",
	 "D w a< 1> wx +9 2> w9 b< 3>", "a--"},
	{"no wait has said yet when a timer is due", "D w0 a< 1>", "-"},
	{"but after what was handled", "D w a< +9 1> w9 b< 2>", "ab"},
	{"a read that failed was of a descriptor, too: so many are left",
	 "D W3 a< 1> b< 2> e c< 3>", "abc"},
	/* work that is deferred to the end of the turn */
	{"each asks when it is read", "D W3 a< 1> b< 2> c< 3>", "abc"},
	{"one does not: descriptors are left", "D W3 a< b< 1>", "b"},
	{"one does not: none is left", "D W2 a< b< 1>", "-"},
	{"one does not, and another twice", "D W2 a< b< 1> 2>", "--"},
	{"what was put off, with the last one's request gone", "D W2 a< b< b> 1>", "-"},
	{"nobody else was handled", "D w a< 1> w b< 2>", "ab"},
	{"one does not, but is alone", "D W2 a< a< 1>", "a"},
	{"nor what connects then", "D W2 a< b< 1c w 1>", "-"},
	{"two at once", "D W2 a< 1> b< 2> 3>", "abb"},
	{"two at once, or what another put off", "D A W2 a< 1> b< 2> 3>", "ab-"},
	{"not while descriptors are left", "D A W3 a< 1> b< 2> 3>", "abb"},
	{"nor when it is alone", "D A w a< 1> 2> w b< 3> 4>", "aabb"},
	{"nor what connects so", "D A W2 a< 1> b< 2> 3c w 3>", "ab-"},
	{"nor what its answer brings", "D A W2 a< 1> b< 2> 3> w 3< 4>", "ab--"},
	{"until an answer was right",
	 "D A W2 a< 1> b< 2> 3> w 2< w 3< b> w 1< a> W2 a< 1> b< 2> 3>", "ab-abb"},
	{"one that was wrong is held against such alone",
	 "D A W2 a< 1> b< 2> 3> w 1< w 3< a> w c< 4>", "ab-c"},
	{"until one was seen that put it off", "D W2 a< 1> b< b> 2> W2 c< 3> a< 4>", "a-c-"},
	{"or goes with a request in flight", "D w a< 1> a> W2 b< 2> c< 3>", "ab-"},
	{"waits for another answer", "D w a< 1> 2> W2 1< b< 3>", "aab"},
	{"waits for nothing", "D w a< 1> W2 1< b< 3>", "a-"},
	{"freed in this turn, taken at its end while another starves",
	 "D w a< 1> w b< W2 1< a> c< 1>", "a-"},
	/* R5 */
	{"a wait for one keeps", "a< p 1>", "a"},
	{"a wait for many forgets", "a< w 1>", "-"},
	{"timeout 0: the same turn", "D w b< w a< w0 1>", "a"},
	{"timeout 0: a mixed turn", "D w a< b< w0 1>", "-"},
	{"mixed till the next real wait", "D w a< b< w0 w0 1> w a< 1>", "-a"},
	{"timeout 0: one of the turn is over", "D w a< a> w0 1>", "-"},
	{"timeout 0: what was left runs among what comes", "D w a< w0 a> w b< w0 c< 1>", "-"},
	{"timeout 0: but not where callbacks run at once", "D w a< 1> w0 b< 2>", "ab"},
	{"timeout 0: but what was left may run after what came", "D w a< w0 b< 1>", "-"},
	{"timeout 0: more of the same", "D w b< w a< w0 a< 1>", "a"},
	{"timeout 0: what a timer left runs first", "D w c< w0 c> b< w9 a< +9 w0 1>", "-"},
	/* R6c */
	{"who woke it did its work", "D a< s1 b< s2 f0 f1", "ab"},
	{"but not who reads requests", "D a< s1 b< b> f0", "-"},
	{"nor who waits for an answer", "D a< s1 F0", "-"},
	{"nor anybody soon after", "D a< s1 b< s2 F0 f0 f1", "---"},
	{"at first alone", "a< s2 f0 s1 b< s2 f0", "a-"},
	{"nor where a thread runs many tasks", "D a< b< s2 f0", "-"},
	{"nor where tasks move between threads", "D a< s1 b< s2 f0 s1 a> s2 f1", "a-"},
	/* R7 */
	{"a thread made for a request", "a< k1 s1 1>", "a"},
	{"weak, and not alone", "a< k1 s2 b< s1 1>", "-"},
	{"weak is not inherited", "a< k1 s1 k2 s2 1>", "-"},
	/* R8 */
	{"closed", "a< ax 1>", "-"},
	{"closed behind its thread", "a< k1 ax s1 1>", "-"},
	{"a closed connection forgets", "D w a< 1c 1x w b< 1>", "b"},
	/* R9, by a notify token */
	{"a notify token", "a< L> s1 L< 1>", "a"},
	{"letters of two", "a< L> s1 b< L> s2 L< 1>", "-"},
	{"a notify token of nobody", "s1 L> s0 a< L> s2 L< 1>", "-"},
	{"a notify token while two are open", "a< L> s1 b< s2 L< 1>", "-"},
	{"a notify token is read once", "a< L> s1 L< s2 L< 1>", "-"},
	/* R10 */
	{"who looks at a connection is about to use it", "a< 1? s1 1>", "a"},
	{"a claim is used once", "a< 1? s1 1> 1< s2 1>", "a-"},
	{"a claim of what is over", "a< 1? a> s1 1>", "-"},
	{"a loop looks at many", "w a< 1? s1 1>", "-"},
	{"not idle", "a< 1> 1? s1 1>", "a-"},
	{"a claim in doubt", "a< 1? s2 b< s3 w 1>", "a"},
	{"polled, and used", "a< 1! s1 1>", "a"},
	{"polled for its answer, then used by another", "a< 1> 1! 1< s1 b< 2> s2 1>", "ab-"},
	{"polled, used, and used again", "a< 1! s1 1> 1< s2 1>", "a-"},
	{"polled for what is over", "a< 1! a> s1 1>", "-"},
	/* goroutines */
	{"a goroutine of a goroutine, among others", "G a< k1 s2 b< s1 1> s2 2>", "ab"},
	{"a goroutine reads for many", "G a< 1> s1 1< 2>", "a-"},
	{"born says nothing", "G a< 1c s1 b< 1>", "b"},
};

#endif /* TESTS_CAUSALITY_STORIES_H */
