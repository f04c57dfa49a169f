import type { WindowSize } from './pipes.ts'

/**
 * What host and guest say to each other. Each virtio-serial port has one pair of parties:
 * - `agent`: the host and the guest's agent: life signs, files, programs, the worker's end
 * - `worker`: Vitest's pool and the test worker, which opens the port itself: no relay, no copy in between
 * - `kmsg`: the kernel log, one way, so that a flood of log lines cannot hide a result
 * - `stdout`, `stderr`: what the test worker and programs write to theirs, as it is, with marks at their ends
 */
export const ports = {
  agent: 'agent',
  worker: 'worker',
  kmsg: 'kmsg',
  stdout: 'stdout',
  stderr: 'stderr',
} as const

/** Stands in stdout and stderr where a program has ended, and the test worker. */
export const endOfOutput = '\0netlink-vmtest: end of output 9f3b6d2e58c14a07\x01'

/** Where things lie in the guest. */
export const guestPaths = {
  /** Agent, worker, vitest and koffi: part of the image. */
  root: '/guest',
  packages: '/guest/node_modules',
  /** The kernel modules under test, delivered at run time; tests see it as NETLINK_VMTEST_MODULES. */
  modules: '/run/netlink-vmtest/modules',
  /** The programs, on everybody's PATH. */
  programs: '/usr/local/bin',
  /** Where commands are started, and where what is copied without a place of its own lies. */
  home: '/root',
} as const

/**
 * The variable with V8's flags for the agent and the test worker, separated by commas; the kernel hands it from its command line to
 * init.
 */
export const nodeFlags = 'NETLINK_VMTEST_NODE_FLAGS'

/** Those that the test worker has beside them, each as encodeURIComponent makes it. */
export const workerFlags = 'NETLINK_VMTEST_WORKER_FLAGS'

/** A file to be put into the guest. */
export interface DeliveredFile {
  readonly path: string
  readonly content: Uint8Array
  /** Permission bits; 0o644 where not given. */
  readonly mode?: number
  /** Whether it is to stand before what the file has, instead of taking its place. */
  readonly prepend?: boolean
}

/** What is copied into the guest, or a part of it. Names are bytes, which need not be UTF-8. */
export type CopiedEntry = { readonly place: Uint8Array } & (
  | { readonly type: 'folder'; readonly mode: number }
  | { readonly type: 'link'; readonly target: Uint8Array }
  /** `append`: a further part of the file that came before. */
  | {
      readonly type: 'file'
      readonly mode: number
      readonly content: Uint8Array
      readonly append: boolean
    }
)

/** A program for the agent to run. */
export interface StartRequest {
  readonly type: 'start'
  /** The host's number for it, in all messages about it. */
  readonly program: number
  readonly command: readonly string[]
  readonly folder: string
  /** Variables beside the agent's own. */
  readonly environment: Readonly<Record<string, string>>
  /** Whether stdout and stderr are one pipe, all of it `stdout`: what is written to both keeps its order. */
  readonly combined?: boolean | undefined
  /** Given for a program that is to have a terminal, in place of pipes. */
  readonly terminal?: WindowSize
}

/** What the host asks of the agent; each is answered by a `done` with the same id. */
export type AgentRequest =
  | { readonly type: 'ping' }
  | { readonly type: 'deliver'; readonly files: readonly DeliveredFile[] }
  | { readonly type: 'copy'; readonly entries: readonly CopiedEntry[] }
  /** Writes a line into the kernel log: what was logged before it has a lower sequence number. */
  | { readonly type: 'mark-log'; readonly text: string }
  /** Makes a restored guest one of its own: its clock (milliseconds since 1970), its random pool, its files. */
  | {
      readonly type: 'renew'
      readonly time: number
      readonly entropy: Uint8Array
      readonly files: readonly DeliveredFile[]
    }
  /** A test file begins, and has ended: answered by {@link FileBegun} and {@link FileEnded}. */
  | { readonly type: 'file-begins' }
  | { readonly type: 'file-ends' }
  /** What the test worker does: answered by a {@link WorkerState}. */
  | { readonly type: 'worker-state' }
  | StartRequest
  /** Bytes for a program's stdin, or its end. */
  | { readonly type: 'input'; readonly program: number; readonly data?: Uint8Array }
  /** So much of what a program wrote to its terminal has gone where it belongs: as much again may come. */
  | { readonly type: 'output-taken'; readonly program: number; readonly bytes: number }
  | { readonly type: 'resize'; readonly program: number; readonly size: WindowSize }

/** The number of the next kernel log record, and /proc/sys/kernel/tainted. */
export interface FileBegun {
  readonly sequence: number
  readonly taint: number
}

/**
 * `leaks`: what the file left behind, a line each; `loaded`: modules under test that it loaded and did not unload, which is no fault
 * where a guest is its own; `memory`: what kmemleak says.
 */
export interface FileEnded extends FileBegun {
  readonly leaks: readonly string[]
  readonly loaded: readonly string[]
  readonly memory: string
  /** The test worker, or the machine's clock, is not as it was: nobody else should have this guest. */
  readonly changed: boolean
}

export interface WorkerState {
  /** Of its main thread, as ps shows it: R, S, D, T, Z. */
  readonly state: string
  /** Of its main thread in the kernel, as /proc/PID/stack has it. */
  readonly stack: string
  /** Milliseconds for which processors have worked since the guest was booted. */
  readonly busy: number
}

export interface ToAgent {
  readonly id: number
  readonly request: AgentRequest
}

export type FromAgent =
  | { readonly type: 'hello'; readonly release: string; readonly node: string }
  /** `code` is the errno's name, where a system call failed. */
  | {
      readonly type: 'done'
      readonly id: number
      readonly value?: unknown
      readonly error?: string
      readonly code?: string
    }
  | FromProgram
  /** `mark`: a line in the kernel log that was written after it. Its output ends with a mark, too. */
  | {
      readonly type: 'worker-exit'
      readonly code: number | null
      readonly signal: string | null
      readonly mark: string
    }

/** What the agent says of a program that it runs. */
export type FromProgram =
  /** What it writes to its terminal; what it writes to pipes comes by the ports for that. */
  | { readonly type: 'program-output'; readonly program: number; readonly data: Uint8Array }
  /** The program's stdin has room for as much again. */
  | { readonly type: 'program-input-taken'; readonly program: number; readonly bytes: number }
  /** After all of its output on a terminal; that on pipes ends with marks. */
  | {
      readonly type: 'program-exit'
      readonly program: number
      readonly code: number | null
      readonly signal: string | null
    }

/** What Vitest's messages travel in, and what the worker needs beside them. */
export type ToWorker =
  | { readonly type: 'vitest'; readonly message: unknown }
  /**
   * Before Vitest's `start`.
   * `guest`: a name that no other guest has. The process renews its own random state where it is another one.
   * `reportsBegin`: the source of a regular expression for any line that a report of the kernel's can begin with.
   */
  | {
      readonly type: 'prepare'
      readonly variables: Readonly<Record<string, string>>
      readonly guest: string
      readonly reportsBegin: string
    }
  | { readonly type: 'answer'; readonly id: number; readonly value?: unknown; readonly error?: string }

/** What a test prints by its console, which the host has when the call returns. */
export type ConsoleOutput =
  | {
      readonly type: 'console'
      readonly stream: 'stdout' | 'stderr'
      readonly content: string
      /** The test or suite that runs; the file's name where none does. */
      readonly task: string
      /** Milliseconds since 1970. */
      readonly time: number
      /** Where it was called, where that is wanted (printConsoleTrace). */
      readonly origin?: string
    }
  /** What was printed so far belongs together. */
  | { readonly type: 'console-pause' }

export type FromWorker =
  | ConsoleOutput
  /** Loaded, and listening for `start`. */
  | { readonly type: 'ready' }
  | { readonly type: 'vitest'; readonly message: unknown }
  /** A call that waits for an `answer`. */
  | ({ readonly type: 'call'; readonly id: number } & WorkerCall)
  /** One that does not; as JSON. */
  | ({ readonly type: 'note' } & WorkerNote)

/** The result of a test as it is kept for the case that the guest dies before Vitest's own, throttled report. */
export interface TestOutcome {
  readonly state: string
  readonly startTime?: number
  readonly duration?: number
  readonly retryCount?: number
  readonly errors?: readonly { name: string; message: string; stack: string; diff?: string }[]
}

/** That a test begins. */
export interface TestStarted {
  readonly method: 'test-started'
  readonly test: string
  /** Milliseconds; 0 for none. */
  readonly timeout: number
  readonly sequence: number
}

/** That a test has ended. */
export interface TestEnded {
  readonly method: 'test-ended'
  readonly test: string
  readonly outcome: TestOutcome | undefined
  readonly sequence: number
}

/** What the host has to know and nobody waits for: the end of a test in whose time the kernel logged nothing like a report. */
export type WorkerNote = TestStarted | TestEnded

/** What a test declares that the kernel will report: a kind by its name, or a report whose text matches. */
export interface ExpectedSplat {
  readonly kind?: string
  readonly pattern?: { readonly source: string; readonly flags: string }
}

/** A failure that the host found: of the test that asked, or of the file. */
export interface FoundFailure {
  readonly name: string
  readonly message: string
}

/**
 * What the worker asks of the host: to know which test runs and how the kernel took it, and snapshot files, which live on the
 * host. `sequence` is the number that the next kernel log record has; the answers to the three ends are {@link FoundFailure}s.
 */
export type WorkerCall =
  | TestStarted
  /** Asked only where the kernel may have reported something in the test's time, or should have. */
  | {
      readonly method: 'attempt-ended'
      readonly test: string
      readonly sequence: number
      readonly expected: readonly ExpectedSplat[]
    }
  | TestEnded
  /** What the kernel said meanwhile, and what is left behind, the host asks the agent. */
  | { readonly method: 'file-ended'; readonly replaced: readonly string[] }
  | { readonly method: 'snapshot-raw-path'; readonly test: string; readonly raw: string }
  | { readonly method: 'snapshot-read'; readonly path: string }
  | { readonly method: 'snapshot-write'; readonly path: string; readonly content: string }
  | { readonly method: 'snapshot-remove'; readonly path: string }
