// SPDX-License-Identifier: MIT
/*
 * Makes a program forkable with all its threads: an unmodified QEMU under
 * software emulation (LD_PRELOAD; x86-64, Linux 5.10 or later, glibc).
 *
 * FORKABLE_FD in the environment is the descriptor of a connected stream
 * socket, the control connection, and the last that the program inherits.
 * Lines on it:
 *	<- hello VERSION
 *	-> fork TOKEN ADDRESS FD...
 *	<- forked TOKEN PID
 *	<- refused TOKEN REASON
 * ADDRESS is an abstract UNIX socket that listens, without its NUL. A fork
 * connects to it for each FD, says "TOKEN FD PID\n", and has that connection
 * as FD from then on. It is a child of the program's own parent and ends with
 * that, so that it outlives the program, and its parent waits for it.
 *
 * How: the control thread sends a signal to all others, which wait in its
 * handler. The main thread forks there. In the fork it renews the descriptors
 * that a fork would share, and clones each thread, which leaves its copied
 * handler by rt_sigreturn: the kernel restores its registers from the stack.
 * No lock is lost, because each thread that holds one exists again.
 */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/rseq.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define VERSION "1"
/* A real-time signal that neither QEMU nor its libraries use. */
#define PARK 60
#define RT_SIGRETURN "15"
/* RSEQ_SIG of x86, which glibc registers its areas with */
#define RSEQ_SIGNATURE 0x53053053
/* Seconds for all threads to park: a busy machine may run none for long. */
#define PARK_LIMIT 10
#define MAX_THREADS 128
#define MAX_DESCRIPTORS 512
#define MAX_INTERESTS 512
#define MAX_CHANNELS 32

struct thread {
	int tid;
	int parked;
	/* its signal frame; NULL for a thread that has ended instead of parking */
	void *frame;
	/* what the kernel knows of a thread, and a clone must be told */
	unsigned long tls;
	int *clear_tid;
	void *robust;
	size_t robust_length;
	char name[16];
};

enum kind { EVENTFD, SIGNALFD, EPOLL, CLOSED };

/* A descriptor that a fork cannot go on using. */
struct descriptor {
	int fd;
	enum kind kind;
	int flags;
	/* the count of an eventfd, the mask of a signalfd */
	uint64_t value;
};

/* An entry of an epoll set. */
struct interest {
	int epoll;
	int fd;
	uint32_t events;
	uint64_t data;
};

static int control = -1;
static int control_tid;
static int parent;

/* The state of one fork, in the order of its stages. */
static struct thread threads[MAX_THREADS];
static int thread_count;
static int parked;	/* futex: changes with each that parks */
static struct descriptor descriptors[MAX_DESCRIPTORS];
static int descriptor_count;
static struct interest interests[MAX_INTERESTS];
static int interest_count;
static char token[64];
static struct sockaddr_un address;
static socklen_t address_length;
static int channels[MAX_CHANNELS];
static int channel_count;
/*
 * futex: what the main thread is to do, in numbers that do not come again, for
 * a slow one may look when the next fork has begun
 */
static int order;
enum { WAIT, FORK, FORKED, ORDERS };
#define ORDER(round, what) ((round) * ORDERS + (what))
static long fork_pid;
static int revived;	/* futex */
static int released;	/* futex: counts the forks */
static char refusal[256];
/* A thread has not parked, and may at any time: no list of threads is right. */
static int stuck;

/*
 * System calls without libc: the threads are stopped anywhere in it, and its
 * errno is theirs.
 */
static long sys6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 asm("r10") = d;
	register long r8 asm("r8") = e;
	register long r9 asm("r9") = f;
	long result;

	asm volatile("syscall" : "=a"(result)
		     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
		     : "rcx", "r11", "memory");
	return result;
}
#define SYS(...) SYS_(__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define SYS_(nr, a, b, c, d, e, f, ...)                                        \
	sys6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static int load(const int *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void store_and_wake(int *word, int value)
{
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
	SYS(SYS_futex, word, FUTEX_WAKE_PRIVATE, MAX_THREADS);
}

static void count_and_wake(int *word)
{
	__atomic_add_fetch(word, 1, __ATOMIC_SEQ_CST);
	SYS(SYS_futex, word, FUTEX_WAKE_PRIVATE, MAX_THREADS);
}

static void wait_while(const int *word, int value)
{
	while (load(word) == value)
		SYS(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL);
}

/* Text without libc's stdio, which takes locks. */

static char *put(char *at, const char *end, const char *text)
{
	while (*text && at < end - 1)
		*at++ = *text++;
	*at = '\0';
	return at;
}

static char *put_number(char *at, const char *end, unsigned long number)
{
	char digits[24];
	char *first = digits + sizeof(digits) - 1;

	*first = '\0';
	do
		*--first = '0' + number % 10;
	while (number /= 10);
	return put(at, end, first);
}

/* The number after a key in the text of an fdinfo; 0 if it is not there. */
static uint64_t number_after(const char *text, const char *key, unsigned int base)
{
	const char *at = strstr(text, key);
	uint64_t number = 0;

	if (!at)
		return 0;
	for (at += strlen(key); *at == ' ' || *at == '\t'; at++)
		;
	for (;; at++) {
		static const char digits[] = "0123456789abcdef";
		const char *digit = *at ? memchr(digits, *at, base) : NULL;

		if (!digit)
			return number;
		number = number * base + (digit - digits);
	}
}

/* Refuses to fork; the first reason counts. */
static void refuse(const char *reason, unsigned long number, const char *more)
{
	const char *end = refusal + sizeof(refusal);
	char *at = refusal;

	if (refusal[0])
		return;
	at = put(at, end, reason);
	if (number)
		at = put_number(put(at, end, " "), end, number);
	if (more)
		put(put(at, end, " "), end, more);
}

static void say(const char *what, const char *more)
{
	char line[sizeof(refusal) + 128];
	const char *end = line + sizeof(line);
	char *at = put(line, end, what);

	if (token[0])
		at = put(put(at, end, " "), end, token);
	at = put(put(put(at, end, " "), end, more), end, "\n");
	SYS(SYS_sendto, control, line, at - line, MSG_NOSIGNAL);
}

/* Ends a fork that cannot become one; its stderr is the program's, or its own. */
static void give_up(const char *step, long result)
{
	char line[128];
	const char *end = line + sizeof(line);
	char *at = put(put(line, end, "forkable: a fork fails at "), end, step);

	if (result < 0)
		at = put_number(put(at, end, ": error "), end, -result);
	at = put(at, end, "\n");
	SYS(SYS_write, 2, line, at - line);
	SYS(SYS_exit_group, 97);
}

static long check(const char *step, long result)
{
	if (result < 0)
		give_up(step, result);
	return result;
}

/* ---- in the fork: descriptors ---- */

static void renew_descriptor(const struct descriptor *d)
{
	int nonblock = d->flags & O_NONBLOCK;
	long fresh = -1;

	switch (d->kind) {
	case CLOSED:
		SYS(SYS_close, d->fd);
		return;
	case EVENTFD:
		fresh = SYS(SYS_eventfd2, d->value, nonblock ? EFD_NONBLOCK : 0);
		break;
	case SIGNALFD:
		fresh = SYS(SYS_signalfd4, -1, &d->value, sizeof(d->value),
			    nonblock ? SFD_NONBLOCK : 0);
		break;
	case EPOLL:
		fresh = SYS(SYS_epoll_create1, 0);
		break;
	}
	check("a descriptor", fresh);
	check("dup3", SYS(SYS_dup3, fresh, d->fd, d->flags & O_CLOEXEC));
	SYS(SYS_close, fresh);
}

static void connect_channel(int fd)
{
	long flags = check("F_GETFL", SYS(SYS_fcntl, fd, F_GETFL));
	long close_on_exec = SYS(SYS_fcntl, fd, F_GETFD) & FD_CLOEXEC;
	long fresh = check("socket", SYS(SYS_socket, AF_UNIX, SOCK_STREAM, 0));
	char hello[128];
	const char *end = hello + sizeof(hello);
	char *at;

	check("connect", SYS(SYS_connect, fresh, &address, address_length));
	at = put(put(hello, end, token), end, " ");
	at = put(put_number(at, end, fd), end, " ");
	at = put(put_number(at, end, SYS(SYS_getpid)), end, "\n");
	check("send", SYS(SYS_sendto, fresh, hello, at - hello, MSG_NOSIGNAL));
	SYS(SYS_fcntl, fresh, F_SETFL, flags);
	check("dup3", SYS(SYS_dup3, fresh, fd, close_on_exec ? O_CLOEXEC : 0));
	SYS(SYS_close, fresh);
}

static void renew_descriptors(void)
{
	for (int i = 0; i < descriptor_count; i++)
		renew_descriptor(&descriptors[i]);
	for (int i = 0; i < channel_count; i++)
		connect_channel(channels[i]);
	/* Last: epoll looks at what a number stands for now. */
	for (int i = 0; i < interest_count; i++) {
		struct interest *each = &interests[i];
		struct epoll_event event = { .events = each->events,
					     .data.u64 = each->data };

		check("epoll_ctl", SYS(SYS_epoll_ctl, each->epoll, EPOLL_CTL_ADD,
				       each->fd, &event));
	}
}

/* ---- in the fork: threads ---- */

/* glibc 2.35 publishes where its area for restartable sequences is. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));

/* The first code of a cloned thread: it becomes what it was. */
__attribute__((noreturn, used)) static void resume(struct thread *self)
{
	int round = load(&released);

	SYS(SYS_prctl, PR_SET_NAME, self->name);
	if (self->robust)
		SYS(SYS_set_robust_list, self->robust, self->robust_length);
	/* A clone with CLONE_VM has none registered (rseq_fork). */
	if (&__rseq_size && __rseq_size > 0) {
		struct rseq *area = (struct rseq *)(self->tls + __rseq_offset);

		area->cpu_id_start = 0;
		area->cpu_id = RSEQ_CPU_ID_UNINITIALIZED;
		area->rseq_cs = 0;
		area->flags = 0;
		SYS(SYS_rseq, area, sizeof(*area), 0, RSEQ_SIGNATURE);
	}
	/* Nobody goes on before all are there. */
	count_and_wake(&revived);
	wait_while(&released, round);
	/* As the end of a handler: the stack pointer is at the ucontext. */
	asm volatile("mov %0, %%rsp\n\t"
		     "mov $" RT_SIGRETURN ", %%eax\n\t"
		     "syscall" : : "r"(self->frame) : "memory");
	__builtin_unreachable();
}

static long clone_thread(struct thread *thread)
{
	long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
		     CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |
		     CLONE_CHILD_CLEARTID;
	/* Below its signal frame, which also is what rt_sigreturn needs. */
	unsigned long stack = ((unsigned long)thread->frame - 256) & ~15UL;
	/*
	 * Its tid in libc stays the old one, which mutexes that it holds have,
	 * too. The program still has that tid: no new thread gets it.
	 */
	register int *clear_tid asm("r10") = thread->clear_tid;
	register unsigned long tls asm("r8") = thread->tls;
	register struct thread *self asm("r9") = thread;
	long result;

	asm volatile("syscall\n\t"
		     "test %%rax, %%rax\n\t"
		     "jnz 1f\n\t"
		     "xor %%ebp, %%ebp\n\t"
		     "mov %%r9, %%rdi\n\t"
		     "call resume\n"
		     "1:"
		     : "=a"(result)
		     : "a"((long)SYS_clone), "D"(flags), "S"(stack), "d"(0L),
		       "r"(clear_tid), "r"(tls), "r"(self)
		     : "rcx", "r11", "memory");
	return result;
}

static void become_fork(struct thread *self)
{
	int cloned = 0;

	/* The parent may have ended before it was asked to take this one along. */
	SYS(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
	if (SYS(SYS_getppid) != parent)
		SYS(SYS_exit_group, 97);
	if (self->robust)
		SYS(SYS_set_robust_list, self->robust, self->robust_length);
	renew_descriptors();
	store_and_wake(&revived, 0);
	for (int i = 0; i < thread_count; i++) {
		if (&threads[i] == self || !threads[i].frame)
			continue;
		check("a thread", clone_thread(&threads[i]));
		cloned++;
	}
	for (int seen; (seen = load(&revived)) < cloned;)
		wait_while(&revived, seen);
	control = -1;
	count_and_wake(&released);
}

/* ---- in the program: the handler in which its threads wait ---- */

static struct thread *find_thread(int tid)
{
	for (int i = 0; i < load(&thread_count); i++)
		if (threads[i].tid == tid)
			return &threads[i];
	return NULL;
}

static void park(int signal, siginfo_t *info, void *context)
{
	int round = load(&released);
	int tid = SYS(SYS_gettid);
	struct thread *self = find_thread(tid);

	(void)signal;
	/* A late one, of a fork that was refused meanwhile; or another process's. */
	if (!self || info->si_code != SI_TKILL || info->si_pid != SYS(SYS_getpid))
		return;
	self->frame = context;
	SYS(SYS_arch_prctl, ARCH_GET_FS, &self->tls);
	SYS(SYS_get_robust_list, 0, &self->robust, &self->robust_length);
	SYS(SYS_prctl, PR_GET_NAME, self->name);
	/* Needs CONFIG_CHECKPOINT_RESTORE. */
	if (SYS(SYS_prctl, PR_GET_TID_ADDRESS, &self->clear_tid) < 0)
		refuse("the host's kernel does not tell threads' tid addresses", 0, NULL);
	store_and_wake(&self->parked, 1);
	count_and_wake(&parked);
	if (tid == SYS(SYS_getpid)) {
		wait_while(&order, ORDER(round, WAIT));
		if (load(&order) == ORDER(round, FORK)) {
			fork_pid = SYS(SYS_clone, CLONE_PARENT | CLONE_CHILD_CLEARTID,
				       0, NULL, self->clear_tid, 0);
			if (fork_pid == 0) {
				become_fork(self);
				return;
			}
			store_and_wake(&order, ORDER(round, FORKED));
		}
	}
	wait_while(&released, round);
}

/* ---- in the control thread ---- */

struct entry {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

/* Calls a function for each number in a folder of /proc. */
static void each_number(const char *folder, void (*call)(int number))
{
	static char entries[16384] __attribute__((aligned(8)));
	long dir = SYS(SYS_openat, AT_FDCWD, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	long size;

	if (dir < 0) {
		refuse("cannot read", 0, folder);
		return;
	}
	while ((size = SYS(SYS_getdents64, dir, entries, sizeof(entries))) > 0)
		for (long at = 0; at < size;) {
			struct entry *entry = (struct entry *)(entries + at);
			int number = number_after(entry->name, "", 10);

			if (entry->name[0] != '.' && number != dir)
				call(number);
			at += entry->length;
		}
	SYS(SYS_close, dir);
}

static void signal_thread(int tid)
{
	struct thread *thread = &threads[thread_count];

	if (tid == control_tid || find_thread(tid))
		return;
	if (thread_count == MAX_THREADS) {
		refuse("more threads than", MAX_THREADS, NULL);
		return;
	}
	memset(thread, 0, sizeof(*thread));
	thread->tid = tid;
	/* Before it may look for itself. */
	__atomic_add_fetch(&thread_count, 1, __ATOMIC_SEQ_CST);
	if (SYS(SYS_tgkill, SYS(SYS_getpid), tid, PARK) < 0)
		__atomic_sub_fetch(&thread_count, 1, __ATOMIC_SEQ_CST);
}

static long seconds(void)
{
	struct timespec now;

	SYS(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Waits until each thread of the list waits, or has ended instead. */
static void wait_for_threads(void)
{
	struct timespec moment = { .tv_nsec = 100000000 };
	long limit = seconds() + PARK_LIMIT;

	for (int i = 0; i < thread_count; i++) {
		struct thread *each = &threads[i];

		while (!load(&each->parked)) {
			int seen = load(&parked);

			if (load(&each->parked))
				break;
			if (SYS(SYS_tgkill, SYS(SYS_getpid), each->tid, 0) == -ESRCH)
				break;
			if (seconds() > limit) {
				refuse("seconds that a thread has not taken the signal:",
				       PARK_LIMIT, NULL);
				stuck = 1;
				return;
			}
			SYS(SYS_futex, &parked, FUTEX_WAIT_PRIVATE, seen, &moment);
		}
	}
}

static void park_threads(void)
{
	int before;

	/* A thread may have started another one before it took the signal. */
	do {
		before = thread_count;
		each_number("/proc/self/task", signal_thread);
		wait_for_threads();
	} while (thread_count > before && !refusal[0]);
}

static int is_channel(int fd)
{
	for (int i = 0; i < channel_count; i++)
		if (channels[i] == fd)
			return 1;
	return 0;
}

/* What two processes can share: files that nobody reads on, as QEMU maps them. */
static int may_be_shared(const char *target)
{
	static const char *const devices[] = { "/dev/null", "/dev/zero", "/dev/random",
					       "/dev/urandom" };

	for (unsigned int i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		if (!strcmp(target, devices[i]))
			return 1;
	return target[0] == '/' && strncmp(target, "/dev/", 5) &&
	       strncmp(target, "/memfd:", 7);
}

static void add_interests(int epoll, const char *info)
{
	const char *line = info;

	for (; (line = strstr(line, "tfd:")); line++) {
		if (interest_count == MAX_INTERESTS) {
			refuse("more epoll entries than", MAX_INTERESTS, NULL);
			return;
		}
		interests[interest_count++] = (struct interest){
			.epoll = epoll,
			.fd = number_after(line, "tfd:", 10),
			.events = number_after(line, "events:", 16),
			.data = number_after(line, "data:", 16),
		};
	}
}

static void examine_descriptor(int fd)
{
	static char info[65536];
	struct descriptor d = { .fd = fd };
	char path[64], target[128];
	const char *end = path + sizeof(path);
	long size, file;

	put_number(put(path, end, "/proc/self/fd/"), end, fd);
	size = SYS(SYS_readlinkat, AT_FDCWD, path, target, sizeof(target) - 1);
	if (size < 0)
		return;
	target[size] = '\0';
	if (is_channel(fd) && !strncmp(target, "socket:", 7))
		return;

	put_number(put(path, end, "/proc/self/fdinfo/"), end, fd);
	file = SYS(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	size = file < 0 ? file : SYS(SYS_read, file, info, sizeof(info) - 1);
	SYS(SYS_close, file);
	/* A read of a /proc file ends early where its next line does not fit. */
	if (size < 0 || size > (long)sizeof(info) - 256) {
		refuse("cannot read all of fdinfo of descriptor", fd, target);
		return;
	}
	info[size] = '\0';
	d.flags = number_after(info, "flags:", 8);

	if (fd == control) {
		d.kind = CLOSED;
	} else if (!strcmp(target, "anon_inode:[eventfd]")) {
		d.kind = EVENTFD;
		d.value = number_after(info, "eventfd-count:", 16);
		/* eventfd2 takes 32 bits, and would lose EFD_SEMAPHORE. */
		if (d.value > UINT32_MAX || number_after(info, "eventfd-semaphore:", 10))
			refuse("cannot renew the eventfd", fd, NULL);
	} else if (!strcmp(target, "anon_inode:[signalfd]")) {
		d.kind = SIGNALFD;
		d.value = number_after(info, "sigmask:", 16);
	} else if (!strcmp(target, "anon_inode:[eventpoll]")) {
		d.kind = EPOLL;
		add_interests(fd, info);
	} else if (may_be_shared(target)) {
		return;
	} else {
		refuse("cannot renew descriptor", fd, target);
		return;
	}
	if (descriptor_count == MAX_DESCRIPTORS)
		refuse("more descriptors than", MAX_DESCRIPTORS, NULL);
	else
		descriptors[descriptor_count++] = d;
}

/* A fork would write into the memory of the program, and of other forks. */
static void examine_mappings(void)
{
	static char text[65536];
	long file = SYS(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t kept = 0;
	long size;

	if (file < 0)
		refuse("cannot read", 0, "/proc/self/maps");
	while (file >= 0 &&
	       (size = SYS(SYS_read, file, text + kept, sizeof(text) - 1 - kept)) > 0) {
		char *line = text, *next;

		text[kept + size] = '\0';
		/* "7f00-7f01 rw-s 00000000 00:01 4 /name" */
		for (; (next = strchr(line, '\n')); line = next + 1) {
			char *rights = strchr(line, ' ');

			*next = '\0';
			if (rights && rights[2] == 'w' && rights[4] == 's')
				refuse("there is a shared mapping:", 0, line);
		}
		kept = strlen(line);
		memmove(text, line, kept);
	}
	SYS(SYS_close, file);
}

static void fork_program(void)
{
	int round = load(&released);
	char pid[24];

	refusal[0] = '\0';
	descriptor_count = interest_count = 0;
	__atomic_store_n(&order, ORDER(round, WAIT), __ATOMIC_SEQ_CST);
	if (stuck)
		refuse("a thread has not taken the signal before", 0, NULL);
	else
		park_threads();
	if (!refusal[0]) {
		each_number("/proc/self/fd", examine_descriptor);
		examine_mappings();
	}
	if (!refusal[0]) {
		store_and_wake(&order, ORDER(round, FORK));
		wait_while(&order, ORDER(round, FORK));
		if (fork_pid < 0)
			refuse("the host's kernel does not fork it: error", -fork_pid, NULL);
	} else {
		store_and_wake(&order, ORDER(round, FORKED));
	}
	/* Whoever comes late finds that nobody is asked for. */
	__atomic_store_n(&thread_count, 0, __ATOMIC_SEQ_CST);
	count_and_wake(&released);
	if (refusal[0]) {
		say("refused", refusal);
	} else {
		put_number(pid, pid + sizeof(pid), fork_pid);
		say("forked", pid);
	}
}

/* Takes a word from a line; the rest of the line begins after it. */
static char *next_word(char **line)
{
	char *word = *line + strspn(*line, " ");

	*line = word + strcspn(word, " ");
	if (**line)
		*(*line)++ = '\0';
	return word;
}

static void obey(char *line)
{
	char *word;

	if (strcmp(next_word(&line), "fork"))
		return;
	put(token, token + sizeof(token), next_word(&line));
	word = next_word(&line);
	memset(&address, 0, sizeof(address));
	address.sun_family = AF_UNIX;
	put(address.sun_path + 1, address.sun_path + sizeof(address.sun_path), word);
	address_length = offsetof(struct sockaddr_un, sun_path) + 1 +
			 strlen(address.sun_path + 1);
	for (channel_count = 0; channel_count < MAX_CHANNELS; channel_count++) {
		word = next_word(&line);
		if (!*word)
			break;
		channels[channel_count] = number_after(word, "", 10);
	}
	fork_program();
}

static void *control_thread(void *unused)
{
	static char text[4096];
	size_t length = 0;
	sigset_t all;
	long size;

	(void)unused;
	control_tid = SYS(SYS_gettid);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	SYS(SYS_prctl, PR_SET_NAME, "forkable");
	while ((size = SYS(SYS_read, control, text + length, sizeof(text) - 1 - length)) > 0 ||
	       size == -EINTR) {
		char *line = text, *end;

		if (size < 0)
			continue;
		text[length + size] = '\0';
		for (; (end = strchr(line, '\n')); line = end + 1) {
			*end = '\0';
			obey(line);
		}
		length = strlen(line);
		memmove(text, line, length);
	}
	/* Nobody is there to fork for. */
	SYS(SYS_exit_group, 97);
	return NULL;
}

/* ---- what QEMU does, and a forkable one must not ---- */

/* QEMU keeps the guest's memory out of forks (MADV_DONTFORK, softmmu/physmem.c). */
int madvise(void *start, size_t size, int advice)
{
	long result;

	if (control >= 0 && advice == MADV_DONTFORK)
		return 0;
	result = SYS(SYS_madvise, start, size, advice);
	if (result >= 0)
		return 0;
	errno = -result;
	return -1;
}

/* A ring belongs to one process; QEMU uses epoll and poll without it. */
int io_uring_queue_init(unsigned int entries, void *ring, unsigned int flags)
{
	int (*libs)(unsigned int, void *, unsigned int) =
		dlsym(RTLD_NEXT, "io_uring_queue_init");

	return control >= 0 || !libs ? -ENOSYS : libs(entries, ring, flags);
}

/* QEMU blocks all signals in its threads (util/qemu-thread-posix.c). */
static const sigset_t *without_park(int how, const sigset_t *set, sigset_t *copy)
{
	if (control < 0 || !set || how == SIG_UNBLOCK)
		return set;
	*copy = *set;
	sigdelset(copy, PARK);
	return copy;
}

int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	int (*libs)(int, const sigset_t *, sigset_t *) = dlsym(RTLD_NEXT, "pthread_sigmask");
	sigset_t copy;

	/* the control thread's own, which must not park */
	if (control_tid && SYS(SYS_gettid) == control_tid)
		return libs(how, set, old);
	return libs(how, without_park(how, set, &copy), old);
}

int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	int (*libs)(int, const sigset_t *, sigset_t *) = dlsym(RTLD_NEXT, "sigprocmask");
	sigset_t copy;

	return libs(how, without_park(how, set, &copy), old);
}

/*
 * RDRAND and RDSEED of emulated processors come from it (QEMU's
 * qcrypto_random_bytes): its generator is copied by a fork, which it notices
 * by fork() of libc only. The host's kernel gives no bytes twice.
 */
int gnutls_rnd(int level, void *data, size_t size)
{
	(void)level;
	while (size > 0) {
		long given = SYS(SYS_getrandom, data, size, 0);

		if (given == -EINTR)
			continue;
		if (given < 0)
			return -1;
		data = (char *)data + given;
		size -= given;
	}
	return 0;
}

__attribute__((constructor)) static void begin(void)
{
	struct sigaction action = { .sa_sigaction = park, .sa_flags = SA_SIGINFO | SA_RESTART };
	const char *given = getenv("FORKABLE_FD");
	pthread_t thread;

	if (!given)
		return;
	control = atoi(given);
	parent = getppid();
	/* What is above was inherited from strangers: a job server's pipes, say. */
	SYS(SYS_close_range, control + 1, ~0U, 0);
	fcntl(control, F_SETFD, FD_CLOEXEC);
	/* Programs that it starts are not to be forked. */
	unsetenv("FORKABLE_FD");
	unsetenv("LD_PRELOAD");
	/* No handler of the program's may run while it waits. */
	sigfillset(&action.sa_mask);
	sigaction(PARK, &action, NULL);
	/* Before the program does anything that tells that it runs without. */
	if (pthread_create(&thread, NULL, control_thread, NULL))
		control = -1;
	else
		say("hello", VERSION);
}
