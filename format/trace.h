/* SPDX-License-Identifier: MIT */
/*
 * The recording: what the library writes of each call and the shim command
 * reads, through memory that both have mapped.  It is all that the two know of
 * each other besides the environment variables and the counters file.
 *
 * Whoever starts a trace makes the file, fills the header, and names it in
 * SHIM_TRACE; a memfd will do (/proc/PID/fd/N).  All numbers are in the byte
 * order of the machine.  The file is
 *
 *      page 0                  struct shim_trace_header
 *      page 1                  the words for routes, written by the library
 *      from SHIM_TRACE_LANES   @lanes lanes of @lane_size bytes each
 *
 * A lane belongs to one thread at a time.  Its first page is struct
 * shim_trace_lane, the rest is a ring of records: the thread alone advances
 * @head, the reader alone @tail.  What the reader has consumed it zeroes before
 * it advances @tail, so that free space is always zero: a record whose @mark is
 * 0 has not been written yet, and all after it has to wait.
 *
 * A signal handler may interrupt its thread in the middle of a record, write
 * records of its own behind it, and never return.  The next record that begins
 * on the same stack and not deeper marks the one that was left SHIM_TRACE_SKIP.
 * Of a thread that has died the reader passes over what is SHIM_TRACE_HELD, and
 * over zeros up to the next word that is none.
 *
 * Order: every record has a number from one sequence, @seq of the header.  Each
 * number is taken before the record is written, so the reader merges the lanes
 * by number and waits at a gap, but not for ever: a thread may have died, or a
 * handler have jumped, between the two.
 *
 * A full lane: as long as @beat moves its thread waits for the reader.  When it
 * stands still for some seconds there is no reader any more, SHIM_TRACE_GONE is
 * set, and records are lost and counted.  Without SHIM_TRACE_WAIT nobody reads
 * until all is over: then the oldest records of the lane give way, and are
 * counted as lost.
 */
#ifndef SHIM_FORMAT_TRACE_H
#define SHIM_FORMAT_TRACE_H

#include <stdint.h>

#define SHIM_TRACE_MAGIC "shimtrc"
#define SHIM_TRACE_VERSION 1
#define SHIM_TRACE_PAGE 4096UL
#define SHIM_TRACE_LANES (2 * SHIM_TRACE_PAGE)

/* Flags of the header; set by who makes the file, unless said otherwise. */
#define SHIM_TRACE_FOLLOW 1U /* all threads and children, not only @root */
#define SHIM_TRACE_TIMES 2U  /* records have times */
#define SHIM_TRACE_FDS 4U    /* records have the paths of descriptors */
#define SHIM_TRACE_WAIT 8U   /* there is a reader */
#define SHIM_TRACE_GONE 16U  /* there was: set by the library, or by itself */

#define SHIM_TRACE_NUMBERS 512 /* of system calls, x86-64 */
#define SHIM_TRACE_WORDS 64UL  /* routes */
#define SHIM_TRACE_WORD 32UL   /* bytes of one, with its terminating 0 */

struct shim_trace_header {
	char magic[8];
	uint32_t version;
	uint32_t flags;
	uint32_t lanes;         /* how many there are */
	uint32_t lane_size;     /* bytes of one: a page, then a power of two */
	uint32_t string_max;    /* bytes recorded of a string, a buffer (-s) */
	uint32_t root;          /* without FOLLOW: the only thread to record */
	uint64_t numbers[SHIM_TRACE_NUMBERS / 64]; /* calls to record, by bit */
	int64_t realtime;       /* what CLOCK_REALTIME is ahead of MONOTONIC, ns */
	/* From here on changed while the trace is going on. */
	uint64_t seq __attribute__((aligned(64)));  /* the next number; from 1 */
	uint32_t used __attribute__((aligned(64))); /* lanes ever claimed */
	uint32_t words;         /* page 1 has been written */
	uint64_t lost;          /* records lost for want of a lane */
	uint64_t beat __attribute__((aligned(64))); /* moved by the reader */
};

enum shim_trace_state {
	SHIM_TRACE_FREE,    /* all zero; the library may claim it */
	SHIM_TRACE_CLAIMED,
	SHIM_TRACE_ENDED,   /* its thread has gone, or has another lane now */
};

struct shim_trace_lane {
	uint32_t state;     /* FREE -> CLAIMED: library; -> FREE: reader */
	uint32_t pid, tid;  /* valid once @ready is set */
	uint32_t ready;
	uint64_t head;      /* bytes reserved by the thread, ever */
	uint64_t lost;      /* records lost because there was no space */
	uint64_t tail __attribute__((aligned(64))); /* consumed, ever */
};

/* @mark of a record: its size, all of it, in bytes, a multiple of 8; and */
#define SHIM_TRACE_DONE 0x80000000U
#define SHIM_TRACE_SKIP 0x40000000U /* nothing in it; also up to the end */
#define SHIM_TRACE_HELD 0x20000000U /* being written: wait */
#define SHIM_TRACE_SIZE 0x00ffffffU

enum shim_trace_kind {
	SHIM_TRACE_START = 1, /* a program begins: argv */
	SHIM_TRACE_FORKED,    /* a process begins, by fork: @data parent's pid */
	SHIM_TRACE_THREAD,    /* a thread is seen for the first time */
	SHIM_TRACE_ENTER,     /* a call begins: its arguments */
	SHIM_TRACE_LEAVE,     /* a call has returned */
	SHIM_TRACE_EXIT,      /* exit_group(@data) is about to be made */
	SHIM_TRACE_END,       /* the thread is about to end, nearly always */
};

/*
 * A record is never split at the end of the ring: what is left there is a record
 * of its own with SHIM_TRACE_SKIP.  Records begin with
 */
struct shim_trace_record {
	uint32_t mark;
	uint16_t kind;
	uint16_t nr;     /* of ENTER and LEAVE: number of the system call */
	uint32_t tid;    /* 0: the lane's; else a child that shares memory */
	uint32_t parts;  /* how many follow the fixed part */
	uint64_t seq;
	uint64_t time;   /* CLOCK_MONOTONIC, ns; 0 without TIMES, or not to be had */
	uint64_t data;   /* by kind; see there */
};

/* ENTER: the arguments as the system call has them, 0 where it has none. */
struct shim_trace_enter {
	struct shim_trace_record record;
	uint64_t args[6];
};

/* LEAVE: @data is the @seq of its ENTER. */
struct shim_trace_leave {
	struct shim_trace_record record;
	int64_t result;      /* >= 0, or -errno */
	uint64_t native;     /* when its native call began; 0: none, or no TIMES */
	uint16_t route;      /* index of a word in page 1 */
	uint16_t waits, cancels, abandoned;
};

/*
 * Parts: what arguments point at, each with @size bytes behind it, padded to a
 * multiple of 8.  Those that the kernel reads are in the ENTER record where it is
 * known then that they can be read, otherwise in the LEAVE record; those that it
 * writes are in the LEAVE record.  A part that is missing could not be read, and
 * its argument is an address.
 */
enum shim_trace_part_kind {
	SHIM_TRACE_STRING = 1, /* a path; without its 0 */
	SHIM_TRACE_BYTES,      /* a buffer; @total is what it holds */
	SHIM_TRACE_ADDRESS,    /* a socket address; @total its length as returned */
	SHIM_TRACE_IOVEC,      /* struct iovec[]; @total segments */
	SHIM_TRACE_SEGMENT,    /* bytes of the segment @index of an IOVEC */
	SHIM_TRACE_MSGHDR,     /* struct msghdr, or the mmsghdr @index; behind it */
	SHIM_TRACE_CONTROL,    /* its address, control data and segments */
	SHIM_TRACE_NUMBER,     /* of @size bytes: socklen_t, off_t, int[2], flock */
	SHIM_TRACE_FDPATH,     /* FDS: what /proc/self/fd says of a descriptor */
	SHIM_TRACE_WORD_OF_ARGV, /* START: one word each */
	SHIM_TRACE_TIMESPEC,
};

#define SHIM_TRACE_RESULT 7 /* @arg of a part that belongs to the result */

struct shim_trace_part {
	uint8_t kind;
	uint8_t arg;    /* which argument, from 0; or RESULT */
	uint16_t index; /* of a SEGMENT; of pipe2's FDPATH 0 or 1 */
	uint32_t size;  /* bytes that follow */
	uint64_t total; /* of which this is the beginning */
};

#endif
