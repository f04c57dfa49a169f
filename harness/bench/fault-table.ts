// SPDX-License-Identifier: MIT
/**
 * What each kind of fault is reported as; harness/fixtures/verdicts makes them happen.
 * `npm run faults [-- KERNEL [DEBUG-KERNEL]] [--write FILE]` writes docs/faults.md; fault-table.e2e.test.ts
 * checks the same rows.
 */
import { writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { HarnessError } from '../base/errors.ts'
import { type CliResult, startCli } from '../fixtures/cli.ts'
import { npmCommand } from './npm-command.ts'

/** A fault and its expected verdict. */
export interface Row {
  /** The fixture's file, without its extension; a file's faults happen one after another in one guest. */
  readonly file: string
  /** The test in which it happens. */
  readonly fault: string
  /** A description for people. */
  readonly what: string
  /** What the failure must say; undefined if nothing may fail. */
  readonly verdict: RegExp | undefined
  /** Whether it ends the guest, so that later tests are not run. */
  readonly lost?: true
}

/** A row's result. */
export interface Outcome {
  readonly row: Row
  /** The first line of the failure, or why it is wrong. */
  readonly said: string
  readonly ok: boolean
  /** Milliseconds from the test's beginning to its verdict. */
  readonly time: number | undefined
}

const survived = (fault: string, what: string, verdict: RegExp | undefined): Row => ({
  file: 'survived',
  fault,
  what,
  verdict,
})
const oops = (fault: string, what: string, verdict: RegExp): Row => ({
  file: 'oopses',
  fault,
  what,
  verdict,
})
const judged = (fault: string, what: string, verdict: RegExp | undefined): Row => ({
  file: 'splats',
  fault,
  what,
  verdict,
})
const lost = (file: string, fault: string, what: string, verdict: RegExp): Row => ({
  file: `lost-${file}`,
  fault,
  what,
  verdict,
  lost: true,
})

export const rows: readonly Row[] = [
  survived('warn', 'WARN()', /WARN: faults: a warning.*\n {2}at fault_warn \[faults\] faults\.c:\d+/),
  survived('warn_bare', 'WARN_ON()', /WARN: faults\.c:\d+ .*fault_warn_bare/),
  survived('warn_thrice', 'the same WARN() three times', /WARN: faults: three of a kind .*\(3 times\)/),
  survived('refcount', 'refcount_inc() of 0', /refcount: refcount_t: addition on 0; use-after-free/),
  survived('refcount_underflow', 'one refcount_dec() too many', /refcount: refcount_t: underflow/),
  survived('refcount_saturated', 'a refcount that overflows', /refcount: refcount_t: saturated/),
  oops('fortify', 'memset() beyond an array', /overflow: .*buffer overflow/),
  survived('kobject', 'kobject_put() of what was never made', /kobject: .*is not initialized/),
  survived(
    'proc_twice',
    'a file in /proc made twice',
    /kobject: proc_dir_entry '\/proc\/faults' already registered/,
  ),
  survived('sock_leak', 'a socket that ends with memory charged', /WARN: .*inet_sock_destruct/),
  survived('vmalloc', 'vmalloc() of more than there is', /page allocation: .*vmalloc/),
  oops('no_page', 'alloc_pages() until there are none', /page allocation: .*order:9/),
  survived('dump_stack', 'a stack trace without a word', /stack trace: /),
  survived(
    'slab_leak',
    'a slab cache destroyed with an object in it',
    /slab: BUG faults_cache .*Objects remaining/,
  ),
  oops('list_add', 'list_add() to a broken list', /list corruption: list_add corruption/),
  oops('list_del', 'list_del() twice', /list corruption: list_del corruption/),
  oops('bug', 'BUG()', /BUG: at faults\.c:\d+!\n {2}at fault_bug \[faults\]/),
  oops('null', 'a write to NULL, in a program', /oops: BUG: kernel NULL pointer dereference/),
  oops('page_fault', 'a read of an unmapped address', /oops: BUG: unable to handle page fault/),
  oops('gp', 'a read of a poisoned pointer', /general protection: /),
  oops('call_null', 'a call of NULL', /oops: BUG: kernel NULL pointer dereference/),
  oops('exec_data', 'a call into data', /oops: BUG: unable to handle page fault/),
  oops('divide', 'a division by zero', /oops: divide error/),
  oops('opcode', 'an invalid instruction', /oops: invalid opcode/),
  oops('usercopy', 'copy_to_user() of more than the object', /overflow: usercopy: Kernel memory exposure/),
  survived('atomic', 'msleep() with preemption off', /atomic: BUG: scheduling while atomic/),
  survived('busy', '4 s with preemption off', /soft lockup: BUG: soft lockup .*\n {2}at busy \[faults\]/),
  survived('hung_task', 'a task that sleeps for ever', /hung task: INFO: task faults-sleeper/),
  survived('rcu_stall', '6 s in an RCU reader', /RCU stall: .*stall/),
  survived('child out of memory', 'a program that takes all memory', /out of memory: .*oom-killer/),
  survived(
    'netdev',
    'a net device with a reference too many',
    /netdev: unregister_netdevice: waiting for faults0/,
  ),
  judged('what looks like a report and is none', 'a module that logs "WARNING: ..."', undefined),
  judged('expects a warning, by its words', 'a WARN() that the test expects', undefined),
  judged(
    'expects what does not come',
    'a report that is expected and does not come',
    /ExpectedSplat: .*never said/,
  ),
  judged(
    'expects one and gets another too',
    'another report than the expected one',
    /KernelSplat: refcount: /,
  ),
  judged('fails as it should, and warns', 'a WARN() in a test.fails', /KernelSplat: WARN: /),
  judged('skips itself after a warning', 'a WARN() in a test that then skips itself', /KernelSplat: WARN: /),
  judged('is not tried again', 'a WARN() in a test with retries', /KernelSplat: WARN: /),
  judged('an after hook > warns', 'a WARN() in an afterEach', /KernelSplat: WARN: /),
  judged('floods the log', '200,000 lines of log at once', /lost log: \d+ records/),
  { file: 'between', fault: '', what: 'a WARN() in an afterAll', verdict: /KernelSplat: WARN: / },
  { file: 'late', fault: '', what: 'a WARN() after the last hook', verdict: /KernelSplat: WARN: / },
  { file: 'taint', fault: '', what: 'a taint without a word', verdict: /KernelTaint: .*U \(64\)/ },
  {
    file: 'leaves',
    fault: '',
    what: 'a reference to the module that is kept',
    verdict: /Leak: [\s\S]*1 reference to the module faults/,
  },
  {
    file: 'leaves',
    fault: '',
    what: 'a socket that is left open',
    verdict: /Leak: [\s\S]*a netlink socket: protocol 0[\s\S]*in the network namespace fd/,
  },
  {
    file: 'leaves',
    fault: '',
    what: 'a process that is left running',
    verdict: /Leak: [\s\S]*a process: sleep/,
  },
  {
    file: 'leaves',
    fault: '',
    what: 'a file that is left in /tmp',
    verdict: /Leak: [\s\S]*a file: \/tmp\/left/,
  },
  lost(
    'oops',
    'null',
    'a write to NULL, by the test itself',
    /GuestLost: the test worker was killed by SIGKILL\n\noops: /,
  ),
  lost(
    'panic',
    'panic',
    'panic()',
    /GuestLost: kernel panic: faults: a panic .*\n\npanic: .*\n {2}at fault_panic/,
  ),
  lost('sysrq', 'sysrq', 'a crash by sysrq', /GuestLost: kernel panic: sysrq triggered crash/),
  lost('kill-init', 'kill_init', 'the end of init', /GuestLost: kernel panic: Attempted to kill init!/),
  // Sometimes the machine survives it.
  {
    file: 'lost-atomic-timer',
    fault: 'atomic_timer',
    what: 'msleep() in a timer',
    verdict:
      /KernelSplat: atomic: BUG: scheduling while atomic|GuestLost: (kernel panic|the guest froze|the guest reset itself)/,
  },
  lost(
    'stack-overflow',
    'stack_overflow',
    'recursion without end',
    /GuestLost: kernel panic: [\s\S]*stack overflow: /,
  ),
  lost(
    'stack-smash',
    'stack_smash',
    'a write beyond a local array',
    /GuestLost: kernel panic: stack-protector/,
  ),
  lost(
    'double-fault',
    'double_fault',
    'a stack pointer of 0',
    /GuestLost: kernel panic: [\s\S]*double fault: /,
  ),
  lost(
    'triple-fault',
    'triple_fault',
    'an interrupt without a table',
    /GuestLost: the guest reset itself \(a triple fault or an emergency restart\)/,
  ),
  lost(
    'emergency-restart',
    'emergency_restart',
    'emergency_restart()',
    /GuestLost: the guest reset itself \(a triple fault or an emergency restart\)/,
  ),
  lost(
    'soft-lockup',
    'soft_lockup',
    'a loop with preemption off',
    /the guest froze: [\s\S]*at fault_soft_lockup \[faults\]/,
  ),
  lost(
    'hard-lockup',
    'hard_lockup',
    'a loop with interrupts off',
    /the guest froze: [\s\S]*at fault_hard_lockup \[faults\]/,
  ),
  lost('stopped', 'every process stopped', 'SIGSTOP to every process', /GuestLost: the guest froze: /),
  lost(
    'loop',
    'never gives control back',
    'a test of 0.1 s that loops',
    /did not give control back within 10\.1 s/,
  ),
  lost('memory', 'out of memory', 'a test that takes all memory', /GuestLost: the guest ran out of memory: /),
  lost(
    'worker',
    'worker killed',
    'SIGKILL to the test worker',
    /GuestLost: the test worker was killed by SIGKILL/,
  ),
  lost(
    'exit',
    'worker aborts',
    'abort() in the test worker',
    /GuestLost: the test worker was killed by SIGABRT/,
  ),
  lost(
    'agent',
    'agent killed',
    "SIGKILL to the guest's agent",
    /GuestLost: the guest's agent ended with status 137/,
  ),
  lost('reboot', 'reboot', 'reboot -f', /GuestLost: the guest rebooted/),
  lost('power-off', 'power off', 'power-off by sysrq', /GuestLost: the guest powered off/),
  lost('halt', 'halt', 'halt -f', /GuestLost: (the guest was halted|the guest powered off|the guest froze)/),
  { file: 'long', fault: '', what: 'a test that is busy for 20 s, and may be', verdict: undefined },
]

const debug = (file: string, fault: string, what: string, verdict: RegExp): Row => ({
  file,
  fault,
  what,
  verdict,
})

/** Faults that only debug kernels report (debug-6.12). */
export const debugRows: readonly Row[] = [
  debug(
    'debug',
    'use_after_free',
    'a read after kfree()',
    /KASAN: slab-use-after-free in fault_use_after_free/,
  ),
  debug(
    'debug',
    'out_of_bounds',
    'a write beyond an object',
    /KASAN: slab-out-of-bounds in fault_out_of_bounds/,
  ),
  debug('debug', 'double_free', 'kfree() twice', /KASAN: double-free in /),
  debug('debug', 'shift', 'a shift by 64 of an int', /UBSAN: shift-out-of-bounds in faults\.c/),
  debug('debug', 'bounds', 'an index beyond an array', /UBSAN: array-index-out-of-bounds in faults\.c/),
  debug(
    'debug',
    'sleep_locked',
    'mutex_lock() in a spinlock',
    /atomic: BUG: sleeping function called from invalid context/,
  ),
  debug(
    'debug-lock-twice',
    'lock_twice',
    'a mutex taken twice',
    /lockdep: possible recursive locking detected/,
  ),
  debug(
    'debug',
    '',
    'memory that nothing points to',
    /Leak: memory that nothing points to[\s\S]*fault_leak \[faults\]/,
  ),
  debug(
    'debug-lock-order',
    'lock_order',
    'two locks in both orders',
    /lockdep: possible circular locking dependency/,
  ),
  debug('debug-lock-irq', 'lock_irq', 'a lock that a timer takes too', /lockdep: inconsistent lock state/),
  debug('debug-unlock', 'unlock', 'unlocking what is not locked', /lockdep: bad unlock balance detected/),
  debug('debug-lock-freed', 'lock_freed', 'a held lock freed', /lockdep: held lock freed/),
  debug(
    'debug-lock-kept',
    'lock_kept',
    'a lock kept after the system call',
    /lockdep: lock held when returning to user space/,
  ),
  debug(
    'debug-rcu-usage',
    'rcu_usage',
    'rcu_dereference() outside of a reader',
    /lockdep: suspicious RCU usage/,
  ),
]

const folder = path.resolve(import.meta.dirname, '../fixtures/verdicts')

/** Runs the fixtures of these rows on a kernel. */
export async function runFaults(
  label: string,
  wanted: readonly Row[] = rows,
): Promise<{ outcomes: Outcome[]; result: CliResult }> {
  const files = [...new Set(wanted.map(({ file }) => `${file}.fixture`))]
  const { exitCode, stdout, stderr } = await startCli(
    ['--kernel', label, '--reporter=verbose', '--max-workers=1', ...files],
    {
      cwd: folder,
      timeout: 1_500_000,
    },
  )
  if (!/[✓×↓] /.test(stdout))
    throw new HarnessError(exitCode === 2 ? 2 : 3, `nothing ran on ${label}`, { details: stderr.trim() })
  const outcomes = wanted.map(row => outcomeOf(row, stdout))
  return { outcomes, result: { status: exitCode, stdout, stderr } }
}

function outcomeOf(row: Row, stdout: string): Outcome {
  const file = `${row.file}.fixture.ts`
  const told = stdout
    .split('\n')
    .find(line => /^ *[✓×↓] /.test(line) && line.includes(` ${file} > ${row.fault}`))
  const [, duration] = /(\d+)ms$/.exec(told ?? '') ?? []
  const time = row.fault && duration !== undefined ? Number(duration) : undefined
  const failures = stdout
    .split(/^(?= FAIL )/m)
    .slice(1)
    .map(block => block.split(/^⎯{10}/m)[0] ?? '')
    .filter(block => block.includes(row.fault ? `${file} > ${row.fault}\n` : `${file} [`))
  const text = failures.join('\n')
  const notRun = new RegExp(`↓ .*${file.replaceAll('.', '\\.')} > after \\[not run: `).test(stdout)
  const ok =
    row.verdict === undefined
      ? text === '' && told?.includes('✓') === true
      : row.verdict.test(text) && (!row.lost || notRun || row.file === 'lost-loop')
  const from = text.slice(0, row.verdict?.exec(text)?.index ?? 0).lastIndexOf('\n') + 1
  const said = /^(?:KernelSplat|KernelTaint|ExpectedSplat|GuestLost|Leak|\w*Error): .*$/m.exec(
    text.slice(from),
  )?.[0]
  return {
    row,
    ok,
    time,
    said: said ?? (text || !told?.includes('✓') ? `${told} ${text.slice(0, 300)}` : 'passed'),
  }
}

/** The table for the docs. */
export function faultTable(outcomes: readonly Outcome[]): string {
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll(/\b[\da-f]{16}\b/g, '...')
  const lines = outcomes.map(({ row, said, time, ok }) =>
    [
      '',
      row.what,
      cell(said.length > 130 ? `${said.slice(0, 127)}...` : said) + (ok ? '' : ' **(not as wanted)**'),
      row.verdict === undefined ? '0' : '1',
      time === undefined ? '-' : `${(time / 1000).toFixed(1)} s`,
      '',
    ].join(' | '),
  )
  return [
    '| fault | verdict | exit status | time |',
    '|---|---|---|---|',
    ...lines.map(line => line.trim()),
  ].join('\n')
}

if (import.meta.main) {
  const command = npmCommand('faults', 'Makes each fault happen, and says what became of it.')
    .argument('[kernel]', 'the kernel', 'debian-6.1')
    .argument('[debug-kernel]', 'a debug kernel, for what only such kernels see')
    .option('--write <file>', 'write the page there')
    .parse()
  const [label, debugLabel] = command.processedArgs as [string, string | undefined]
  const values = command.opts<{ write?: string }>()
  const run = (label: string, wanted?: readonly Row[]) =>
    runFaults(label, wanted).catch(error => {
      if (!(error instanceof HarnessError)) throw error
      process.stderr.write(`${error.details}\nerror: ${error.message}\n`)
      return process.exit(error.status)
    })
  const { outcomes, result } = await run(label)
  const debugged = debugLabel === undefined ? undefined : await run(debugLabel, debugRows)
  const all = [...outcomes, ...(debugged?.outcomes ?? [])]
  const bad = all.filter(({ ok }) => !ok)
  const page = `# What becomes of what goes wrong

Each row was really made to happen on ${label}, by \`npm run faults\`, which makes this page; the same rows are a test
(harness/bench/fault-table.e2e.test.ts). The exit status is that of a run with this fault alone. The time is what the test took from
its beginning to its verdict, where the fault is a test's. Measured on ${os.cpus().length} cores (${os.cpus()[0]?.model.trim()}), load
${os.loadavg()[0]?.toFixed(1)}. What freezes is known to after 10 to 13 s: nothing may take longer to answer.

${faultTable(outcomes)}

${debugged ? `What only debug kernels see, on ${debugLabel}:\n\n${faultTable(debugged.outcomes)}\n\n` : ''}What goes wrong outside of guests is the machinery's fault: exit status 3.

| fault | verdict | exit status |
|---|---|---|
| QEMU is killed | GuestLost: QEMU was killed by SIGKILL | 3 |
| QEMU is stopped | GuestLost: QEMU answers neither for the guest nor for itself | 3 |
| the file system of the templates is full | the guest is booted instead of restored; \`no space left\` where that fails too | 0 or 3 |
| no memory for a guest | \`a guest needs ... MiB of memory\` | 3 |
| no QEMU | \`qemu-system-x86_64 is not on the PATH\` | 3 |
`
  if (values.write === undefined) process.stdout.write(page)
  else writeFileSync(values.write, page)
  for (const { row, said } of bad) process.stderr.write(`not as wanted: ${row.file} ${row.fault}: ${said}\n`)
  process.stderr.write(`${all.length - bad.length} of ${all.length} as wanted\n`)
  const statuses = [result, ...(debugged ? [debugged.result] : [])].map(({ status }) => status)
  process.exitCode = bad.length === 0 && statuses.every(status => status === 1) ? 0 : 1
}
