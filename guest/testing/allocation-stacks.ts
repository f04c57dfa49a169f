// SPDX-License-Identifier: MIT
/** Where an allocation has failed: in the kernel log, or among the events of one that may fail in silence. */
import { spawnSync } from 'node:child_process'
import { closeSync, constants, existsSync, openSync, readlinkSync, readSync, writeFileSync } from 'node:fs'
import { KernelLog } from './kernel-log.ts'

const tracefs = '/sys/kernel/tracing'
/** Events of allocations, also of those that have failed: mm/slub.c. */
const events = ['kmalloc', 'kmem_cache_alloc'].map(name => `${tracefs}/events/kmem/${name}/trigger`)

/** The stacks of allocations of the calling thread that are made to fail. */
export class FailureStacks implements Disposable {
  readonly #log = KernelLog.fromNow()
  /** Undefined on kernels without events, and at the end. */
  #events: number | undefined
  #isOver = false

  constructor() {
    this.#events = openEvents()
    this.take()
  }

  /**
   * Of the first failure since the last call, innermost first, without the functions that are in every one;
   * empty if there was none, or if it is told nowhere.
   */
  take(): string[] {
    if (this.#isOver) return []
    const lines = this.#log.read().map(record => record.text)
    // Read each time: they would be those of the next failure.
    const told = this.#events === undefined ? '' : readAll(this.#events)
    const logged = stackIn(lines)
    return logged.length > 0 ? logged : stackAmong(told, ownThread())
  }

  [Symbol.dispose](): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#log[Symbol.dispose]()
    if (this.#events === undefined) return
    closeSync(this.#events)
    for (const trigger of events) set(trigger, '!stacktrace')
  }
}

/** Has the kernel note the stack of each allocation that fails (Documentation/trace/events.rst, triggers). */
function openEvents(): number | undefined {
  if (!existsSync(tracefs)) return undefined
  if (!existsSync(`${tracefs}/events`)) spawnSync('mount', ['-t', 'tracefs', 'tracefs', tracefs])
  if (!events.every(trigger => existsSync(trigger))) return undefined
  for (const trigger of events) set(trigger, 'stacktrace if ptr == 0')
  // Then functions have the names of their modules, too.
  writeFileSync(`${tracefs}/options/sym-offset`, '1')
  return openSync(`${tracefs}/trace_pipe`, constants.O_RDONLY | constants.O_NONBLOCK)
}

/** A trigger may be there already, of a worker that was ended. */
function set(trigger: string, command: string): void {
  try {
    writeFileSync(trigger, command)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** What can be read without waiting. */
function readAll(fd: number): string {
  const buffer = Buffer.allocUnsafe(65_536)
  const parts: string[] = []
  try {
    for (let length = 1; length > 0; ) {
      length = readSync(fd, buffer)
      parts.push(buffer.toString('latin1', 0, length))
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
  }
  return parts.join('')
}

/** As the kernel counts threads. */
function ownThread(): string {
  return readlinkSync('/proc/thread-self').replace(/.*\//, '')
}

/**
 * Functions of every such stack: the allocator's, fault injection's and the events', and the way into the
 * kernel.
 */
const everywhere =
  /^(?:trace_|event_trigger|stacktrace_trigger|dump_stack|should_fail|_*kmalloc|kmem_cache_|__kmem_cache|_*alloc_skb$|slab_|(?:prepare_|_*)(?:alloc|get_free)_(?:frozen_)?pages|do_syscall_|entry_SYSCALL|x64_sys_call|__x64_sys_|__do_sys_)/

/** The functions in the first stack trace of fail_dump() (lib/fault-inject.c), innermost first. */
export function stackIn(lines: readonly string[]): string[] {
  const start = lines.findIndex(line => line.startsWith('FAULT_INJECTION: forcing a failure'))
  if (start < 0) return []
  const functions: string[] = []
  for (const line of lines.slice(start + 1)) {
    if (/^(?: <\/TASK>|FAULT_INJECTION:)/.test(line)) break
    functions.push(...named(line))
  }
  return functions
}

/**
 * The functions in the first stack trace of a thread, innermost first: trace_stack_print()
 * (kernel/trace/trace_output.c).
 * @param text of trace_pipe
 */
export function stackAmong(text: string, thread: string): string[] {
  const [, stack = ''] =
    new RegExp(`-${thread} +\\[\\d+\\].*: <stack trace>\n((?: => .*\n)*)`).exec(text) ?? []
  return stack.split('\n').flatMap(named)
}

/** The function of a line: ` name+0x1/0x2 [module]`. '?' before it marks what may be left from earlier calls. */
function named(line: string): string[] {
  // Unloaded before the stack is read.
  if (/^ => 0x/.test(line)) return ['(an unloaded module)']
  const [, name, module] = /^(?: =>)? ([\w.]+)\+0x[\da-f]+\/0x[\da-f]+( \[)?/.exec(line) ?? []
  if (name === undefined || (module === undefined && everywhere.test(name))) return []
  return [name.replace(/_noprof$|\.(?:isra|constprop|part)\.\d+/g, '')]
}
