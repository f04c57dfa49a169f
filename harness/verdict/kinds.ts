// SPDX-License-Identifier: MIT
/** The kinds of kernel reports, a row each: how a report begins and where it ends. */

/** A kind of report, by the line that identifies it. */
export interface Kind {
  /** The kind's name in failures and for `expectSplat()`. */
  readonly name: string
  /** The identifying line; its first group is the report's title. */
  readonly pattern: RegExp
  /**
   * Of two lines at the head of a report the higher rank names it: "refcount_t: underflow" (2, the default)
   * over the "WARNING: CPU: ..." (1) after it.
   */
  readonly rank?: 0 | 1
  /** The report is this line alone. */
  readonly line?: true
  /** The report continues after its first stack trace, up to this line. */
  readonly until?: RegExp
  /** If another report has just come, such a line is the last line of that one. */
  readonly follows?: RegExp
  /** Such a line is innocent shortly after a failure of an allocation that somebody has asked for. */
  readonly forced?: RegExp
  /** The taint flags (bits) that such a report explains. */
  readonly taint?: readonly number[]
}

/** Bits of /proc/sys/kernel/tainted (Documentation/admin-guide/tainted-kernels.rst). */
const BAD_PAGE = 5
const DIED = 7
const WARNED = 9
const SOFT_LOCKUP = 14

/** "====...": around reports of the sanitizers, above those of lockdep and SLUB. */
export const rule = /^={20,}$/
/** The first line of WARN and BUG. */
export const cut = /^-+\[ cut here \]-+$/
/** The last line of WARN, BUG and oopses. */
export const endOfTrace = /^---\[ end (?:trace|Kernel panic)/

/** Matches lines that begin with one of these. */
const begins = (...beginnings: string[]) => new RegExp(`^((?:${beginnings.join('|')}).*)`)
/** The same, after a prefix that not all kernel versions print. */
const after = (prefix: string, ...beginnings: string[]) =>
  new RegExp(`^(?:${prefix})?((?:${beginnings.join('|')}).*)`)

/** In the order in which they are tried. Source: the kernel's, 5.10 to 7.3, for x86-64. */
const table = [
  // mm/kasan/report.c, mm/kfence/report.c, kernel/kcsan/report.c, mm/kmsan/report.c
  { name: 'KASAN', pattern: /^BUG: KASAN: (.*)/, until: rule, taint: [BAD_PAGE, DIED, WARNED] },
  { name: 'KFENCE', pattern: /^BUG: KFENCE: (.*)/, until: rule, taint: [BAD_PAGE, DIED, WARNED] },
  { name: 'KCSAN', pattern: /^BUG: KCSAN: (.*)/, until: rule },
  { name: 'KMSAN', pattern: /^BUG: KMSAN: (.*)/, until: rule, taint: [BAD_PAGE] },
  // lib/ubsan.c: between rules up to 6.5, from "cut here" to "end trace" after that
  { name: 'UBSAN', pattern: /^UBSAN: (.*)/, taint: [WARNED] },
  // kernel/cfi.c, arch/x86/kernel/cet.c
  { name: 'CFI', pattern: after('traps: ', 'CFI failure ', 'Missing ENDBR: '), taint: [WARNED, DIED] },

  // kernel/locking/lockdep.c, include/linux/rcupdate.h
  {
    name: 'lockdep',
    pattern: after(
      'WARNING: |BUG: |INFO: |\\[ BUG: ',
      'possible circular locking dependency',
      'possible recursive locking',
      'possible irq lock inversion',
      'inconsistent lock state',
      '\\S+-(?:READ-)?safe -> \\S+-(?:READ-)?unsafe lock order',
      'Invalid wait context',
      'bad unlock balance',
      'bad contention detected',
      'held lock freed',
      'lock held when returning to user space',
      'lock held at task exit',
      '\\S+/\\d+ still has locks held',
      'Nested lock was not taken',
      'nested lock was not taken',
      'suspicious RCU usage',
      'trying to register non-static key',
      'chain_key collision',
    ),
    taint: [WARNED],
  },
  // lockdep turns itself off after that.
  {
    name: 'lockdep',
    pattern: begins('turning off the locking correctness validator', 'BUG: MAX_(?:LOCK|STACK)\\S* too low'),
    rank: 1,
  },
  { name: 'lockdep', pattern: begins('DEBUG_LOCKS_WARN_ON\\('), taint: [WARNED] },
  // kernel/locking/spinlock_debug.c
  { name: 'lock', pattern: begins('BUG: (?:spin|rw)lock ') },

  // kernel/sched/core.c, lib/smp_processor_id.c, kernel/workqueue.c
  {
    name: 'atomic',
    pattern: begins(
      'BUG: sleeping function called from invalid context',
      'BUG: scheduling while atomic',
      'BUG: using \\S+ in preemptible',
      'BUG: assuming (?:atomic|preemptible|non migratable) context',
      'BUG: workqueue leaked (?:lock|atomic)',
      'bad: scheduling from the idle thread!',
    ),
    taint: [WARNED],
  },
  // init/main.c, kernel/softirq.c, kernel/time/timer.c
  {
    name: 'atomic',
    pattern:
      /^(initcall .* returned with (?:preemption imbalance|disabled interrupts).*|(?:softirq: )?huh, entered .* with preempt_count .*|timer: \S+ preempt leak: .*|note: \S+\[\d+\] exited with preempt_count .*)/,
    line: true,
  },

  // kernel/watchdog.c, kernel/watchdog_perf.c
  { name: 'soft lockup', pattern: after('watchdog: ', 'BUG: soft lockup - '), taint: [SOFT_LOCKUP] },
  { name: 'hard lockup', pattern: /^(?:(?:NMI )?watchdog: )?((?:CPU\d+: )?Watchdog detected hard LOCKUP.*)/ },
  // kernel/rcu/tree_stall.h, tree_exp.h, tasks.h
  {
    name: 'RCU stall',
    pattern: after('rcu: ', 'INFO: \\S+ (?:self-)?detected (?:expedited )?stalls? on '),
  },
  {
    name: 'RCU stall',
    pattern: after('rcu: ', '\\S+ kthread starved for ', '\\S+ kthread timer wakeup didn.t happen for '),
    rank: 1,
  },
  // kernel/hung_task.c
  { name: 'hung task', pattern: begins('INFO: task \\S+ blocked ', 'INFO: task \\S+ is blocked on ') },
  // kernel/workqueue.c
  {
    name: 'workqueue',
    pattern: begins('BUG: workqueue lockup - '),
    until: /^Showing backtraces of running workers/,
  },
  { name: 'workqueue', pattern: begins('workqueue: \\S+ \\S+ is flushing ', 'destroy_workqueue: ') },

  // lib/refcount.c, lib/list_debug.c: a line of its own at a WARN or BUG
  { name: 'refcount', pattern: begins('refcount_t: '), taint: [WARNED] },
  {
    name: 'list corruption',
    pattern: begins('(?:hlist|list)_(?:add|del) corruption', 'list_add double add'),
    taint: [DIED, WARNED],
  },
  // lib/debugobjects.c
  { name: 'debug objects', pattern: /^ODEBUG: (.*)/, taint: [WARNED] },
  // lib/kobject.c, drivers/base/core.c, fs/sysfs, fs/kernfs, fs/proc/generic.c
  {
    name: 'kobject',
    pattern: begins(
      "kobject: '.*' \\(\\S+\\): (?:is not initialized, yet|tried to|attempted to)",
      'kobject: can not set name',
      'kobject_add_internal failed for ',
      'sysfs: cannot create duplicate filename ',
      "sysfs group '.*' not found for kobject",
      'kernfs: can not remove ',
      "Device '.*' does not have a release\\(\\) function",
      "proc_dir_entry '.*' already registered",
      "remove_proc_entry: removing non-empty directory '",
    ),
    forced: /^(?:kobject: can not set name|kobject_add_internal failed for .* \(error: -12 )/,
    taint: [WARNED],
  },

  // net/core/dev.c, lib/ref_tracker.c, net/sched/sch_generic.c, net/ipv4/af_inet.c, net/core/sock.c
  { name: 'netdev', pattern: begins('unregister_netdevice: waiting for '), line: true },
  { name: 'netdev', pattern: /^(?:\S+ \S+ \S+: |\S+: )?(NETDEV WATCHDOG: .*)/, taint: [WARNED] },
  {
    name: 'reference leak',
    pattern: after(
      'ref_tracker: ',
      'reference already released',
      '\\S+@[\\da-f]+ has \\d+/\\d+ users at',
      'leaked reference',
    ),
    taint: [WARNED],
  },
  {
    name: 'socket leak',
    pattern: begins(
      'Attempt to release (?:alive|TCP socket)',
      'IPv4: Attempt to release ',
      'Freeing alive netlink socket ',
    ),
  },

  // mm/slub.c, mm/slab_common.c: "BUG kmalloc-64 (Tainted: G    B      OE): Poison overwritten"
  { name: 'slab', pattern: /^(BUG \S+ \((?:Not tainted|Tainted: ).*\): .*)/, taint: [BAD_PAGE, WARNED] },
  {
    name: 'slab',
    pattern: begins(
      'kmem_cache_destroy \\S+: Slab cache still has objects',
      '(?:cache_from_obj|kmem_cache_free): Wrong slab cache',
      'virt_to_cache: ',
      'kmem_cache_free\\(.*\\) called for ',
      'slab error in ',
    ),
    taint: [BAD_PAGE, WARNED],
  },
  // mm/page_alloc.c, mm/memory.c, kernel/fork.c
  { name: 'bad page', pattern: begins('BUG: Bad ', 'BUG: non-zero pgtables_bytes'), taint: [BAD_PAGE] },
  // mm/page_alloc.c, mm/vmalloc.c
  {
    name: 'page allocation',
    pattern: /^(\S+: (?:page allocation failure|page allocation stalls|vmalloc error|vmalloc: ).*)/,
    forced: /^\S+: (?:page allocation failure|vmalloc error|vmalloc: )/,
    until: /^\d+ pages (?:reserved|hwpoisoned)$/,
  },
  {
    name: 'vmalloc',
    pattern: begins('Trying to vfree\\(\\) ', 'vmap allocation for size \\d+ failed'),
    taint: [WARNED],
  },
  // mm/oom_kill.c
  {
    name: 'out of memory',
    pattern: /^(\S+ invoked oom-killer: .*)/,
    until: /^(?:Memory cgroup out|Out) of memory: Killed process /,
  },
  {
    name: 'out of memory',
    pattern: begins('(?:Memory cgroup out|Out) of memory: Killed process '),
    line: true,
  },
  // mm/kmemleak.c, and its debugfs file, which is read at the end of each file. (The log only says that a
  // scan has found something.)
  {
    name: 'kmemleak',
    pattern: after('kmemleak: ', 'Kernel memory leak detector disabled', 'Freeing unknown object at'),
  },
  { name: 'kmemleak', pattern: /^(unreferenced object 0x[\da-f]+ \(size \d+\)):/ },
  // lib/string_helpers.c, mm/usercopy.c, mm/maccess.c
  {
    name: 'overflow',
    pattern: begins(
      'detected buffer overflow in ',
      '\\w+: detected buffer overflow',
      '\\w+: detected field-spanning ',
      'Buffer overflow detected \\(',
      'usercopy: Kernel memory (?:exposure|overwrite) attempt detected ',
      'Bad or missing usercopy whitelist',
    ),
    taint: [DIED, WARNED],
  },

  // arch/x86/kernel/traps.c, arch/x86/mm/fault.c, kernel/panic.c, kernel/sched/core.c
  { name: 'stack overflow', pattern: /^(?:BUG: )?((?:\S+ )?stack guard page was hit at .*)/, taint: [DIED] },
  {
    name: 'stack overflow',
    pattern:
      /^(?:Kernel panic - not syncing: )(stack-protector: .*|corrupted stack end .*|kernel stack overflow.*)/,
  },
  { name: 'double fault', pattern: after('traps: ', 'PANIC: double fault'), taint: [DIED] },
  { name: 'double fault', pattern: after('Oops: ', 'double fault: '), rank: 1, taint: [DIED] },
  {
    name: 'oops',
    pattern: begins('BUG: kernel NULL pointer dereference', 'BUG: unable to handle '),
    taint: [DIED],
  },
  { name: 'oops', pattern: begins('kernel tried to execute '), rank: 1, taint: [DIED] },
  { name: 'general protection', pattern: after('Oops: ', 'general protection fault\\b'), taint: [DIED] },
  // The line before its oops, "invalid opcode".
  { name: 'BUG', pattern: /^kernel BUG (at .*)/, taint: [DIED] },
  // "divide error: 0000 [#1] PREEMPT SMP", from 6.10 on with "Oops: " before it
  { name: 'oops', pattern: /^(?:Oops: )?((?:[\w -]+: )?[\da-f]{4} \[#\d+\].*)/, rank: 1, taint: [DIED] },
  { name: 'oops', pattern: begins('Oops: '), rank: 1, taint: [DIED] },
  { name: 'MSR', pattern: begins('unchecked MSR access error: ') },
  {
    name: 'machine check',
    pattern: /^(?:mce: )?(\[Hardware Error\]: (?:Machine check events logged|CPU \d+: Machine Check).*)/,
  },
  { name: 'NMI', pattern: after('Uhhuh\\. ', 'NMI received for unknown reason '), line: true },
  // kernel/irq/spurious.c, kernel/irq/manage.c
  { name: 'interrupt', pattern: /^((?:genirq: )?(?:irq \d+: nobody cared|Flags mismatch irq \d+).*)/ },
  { name: 'interrupt', pattern: begins('irq event \\d+: bogus return value ') },
  // fs/super.c, fs/dcache.c
  { name: 'VFS', pattern: begins('VFS: Busy inodes after unmount', 'BUG: Dentry ') },
  // kernel/module
  {
    name: 'module',
    pattern:
      /^(\S+: (?:disagrees about version of symbol|kernel tainted because of forced|module license '.*' taints kernel).*)/,
    line: true,
  },

  // kernel/exit.c, kernel/panic.c
  { name: 'init killed', pattern: /^Kernel panic - not syncing: (Attempted to kill init!.*)/ },
  {
    name: 'panic',
    pattern: /^Kernel panic - not syncing: (.*)/,
    follows:
      /: (?:Fatal exception|.*panic_on_warn|softlockup: hung tasks|hung_task: blocked tasks|RCU Stall|Hard LOCKUP|Machine halted|NMI: Not continuing|Attempted to kill init!|Aiee, )/,
  },
  // "WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2 [m]"; from 6.19 on "WARNING: a.c:1 at f+0x1/0x2 [m], CPU#0:
  // comm/1"
  {
    name: 'WARN',
    pattern: /^WARNING: (CPU: \d+ PID: \d+ at .*|\S+:\d+ at .*, CPU#\d+: .*)/,
    rank: 1,
    taint: [WARNED],
  },
  // Any other bug that the kernel reports. Messages of modules begin with their name and do not match.
  { name: 'BUG', pattern: begins('BUG: '), rank: 1, taint: [DIED, WARNED] },
] as const satisfies readonly Kind[]

export const kinds: readonly Kind[] = table

/** A report that begins with none of these lines, but has a "cut here" or a stack trace. */
export const unknownKind: Kind & { readonly name: 'stack trace' } = {
  name: 'stack trace',
  pattern: /^/,
  rank: 0,
  taint: [WARNED],
}

/** The kind of a report about records of the log that were lost. */
export const lostLog = 'lost log'

/** The name of a kind. */
export type KindName = (typeof table)[number]['name'] | typeof unknownKind.name | typeof lostLog

/** The names of all kinds. */
export const kindNames: readonly KindName[] = [
  ...new Set([...table, unknownKind].map(({ name }) => name)),
  lostLog,
]

/**
 * Lines before requested stack traces, which are no reports: sysrq's lists of tasks and CPUs, and failures that
 * somebody has asked for (fail_dump() of lib/fault-inject.c).
 */
export const asked =
  /^(?:FAULT_INJECTION: forcing a failure|name \S+, interval \d+, probability |sysrq: Show |task:\S+\s+state:|Showing (?:all locks|busy workqueues)|NMI backtrace for cpu)/

/** The first of them for an allocation that is made to fail. */
export const forcing = /^FAULT_INJECTION: forcing a failure/

/** The first line of a stack trace. */
export const traceHead = /^(?:Call Trace:|Backtrace:)/

/** Any line that a report can begin with: a log without such a line has no report. */
export const beginning = new RegExp(
  [...kinds.map(({ pattern }) => pattern), cut, rule, asked, traceHead].map(({ source }) => source).join('|'),
)

/** The lines of a report from its stack trace on. */
export const body = new RegExp(
  `^(?:${[
    '\\s',
    'CPU: \\d',
    'UID: \\d',
    'Hardware name: ',
    'Modules linked in: ',
    'Unloaded tainted modules: ',
    'Tainted: ',
    '\\[\\w+\\]=',
    traceHead.source.slice(1),
    'Code: ',
    'Workqueue: ',
    'RIP: ',
    'R[A-Z]{2}: ',
    'R\\d\\d: ',
    '[FCDE]S: ',
    '[CD]R\\d: ',
    'PKRU: ',
    'PGD ',
    'irq event stamp: ',
    '(?:hard|soft)irqs last ',
    'Last potentially related work creation',
    'Preemption disabled at',
    'Disabling lock debugging',
    'INFO: lockdep is turned off',
    'Kernel Offset: ',
    'note: \\S+ exited',
    'Sending NMI from',
    'NMI backtrace for',
    'rcu: ',
    'pool \\d+:',
    'workqueue \\S+: flags=',
    'Showing busy workqueues',
    'Showing backtraces of',
    'task:\\S+\\s+state:',
    'Future hung task reports are suppressed',
    '"echo 0 > ',
    'Object ',
    'Redzone ',
    'Padding ',
    'Bytes b4 ',
    'FIX \\S+: ',
    'Slab 0x',
    'handlers:',
    '\\[<[\\da-f]+>\\]',
    'page dumped because: ',
    'page: ?refcount:',
    'raw: ',
    'flags: ',
    '---\\[ end ',
  ].join('|')})`,
)
