// SPDX-License-Identifier: MIT
import type { WindowSize } from './pipes.ts'

/**
 * The messages between host and guest. Each virtio-serial port has its own pair:
 * - `agent`: the host and the guest's agent: life signs, files, programs, the worker's end
 * - `worker`: Vitest's pool and the test worker, which opens the port itself
 * - `kmsg`: the kernel log, one way, so that a flood of log lines cannot delay a result
 * - `stdout`, `stderr`: the output of the test worker and programs, unchanged, with marks at the end
 */
export const ports = {
  agent: 'agent',
  worker: 'worker',
  kmsg: 'kmsg',
  stdout: 'stdout',
  stderr: 'stderr',
} as const

/** The name of the symbol under which the package that tests import offers a {@link ConversationHook}. */
export const conversationHook = 'netlink-vmtest.conversation'

/** The conversation of the running test. */
export interface ConversationHook {
  /** A test begins. */
  begin(): void
  /** A comparison has failed. @param negated whether it was expected not to be so */
  compared(thrown: unknown, negated?: boolean): void
  /**
   * The conversation since then as a diagram; undefined if there was none.
   * @param errors of the test, which say by their stacks what was expected: that is marked
   * @param tests names of the tests whose conversation it is, if there are several
   */
  describe(
    errors: readonly { readonly stack?: unknown }[],
    tests: readonly string[],
  ): DescribedConversation | undefined
  /** The conversation since then for a capture file. */
  capture(): CapturedConversation
  /** All of the conversation since then, for comparing it with another one. */
  record(): RecordedConversation
  /** What was said since then, or since it was last told, for another thread: of much the beginning and the end. */
  tell(): ToldConversation
  /** The number of the conversation since then. */
  readonly current: number
  /** Adds what the sockets of another thread have said to this conversation: if it has ended, nowhere. */
  hear(told: ToldConversation, conversation: number | undefined): void
  /** Says in this conversation that nobody knows what a thread has said. */
  unheard(thread: number, conversation: number | undefined): void
  /** Asks the threads that work for the conversation what they have said; undefined if there are none. */
  askThreads(): Promise<unknown> | undefined
  /** Open sockets of other network namespaces, as "protocol 21, port id 114, in the network namespace blue". */
  elsewhere(): readonly string[]
}

/** What the sockets of a thread have said. */
export interface ToldConversation {
  /** worker_threads.threadId */
  readonly thread: number
  /** The time of process.hrtime(), in nanoseconds, at which the events' time is 0. */
  readonly zero: bigint
  readonly first: readonly ToldEvent[]
  /** How many events between them are not told. */
  readonly missed: number
  readonly last: readonly ToldEvent[]
}

/** A conversation, as text and as what that was made of. */
export interface DescribedConversation {
  readonly text: string
  readonly sequence: SequenceDiagram
}

/** A sequence diagram, time downwards. */
export interface SequenceDiagram {
  /** What stands above each lane, line by line. The requester is the first, if there is one; the kernel the next. */
  readonly lanes: readonly (readonly string[])[]
  readonly rows: readonly SequenceRow[]
}

/** Something that happened; with neither time nor verdict a remark about what is not shown. */
export interface SequenceRow {
  /** Milliseconds since the conversation's first event. */
  readonly time?: number
  /** A datagram's way, by the lanes' indexes; without one if a socket has no lane. */
  readonly arrow?: { readonly from: number; readonly to: number; readonly label: string }
  /** Something that happened to one lane: groups that it joins or leaves, calls that fail. */
  readonly mark?: { readonly lane: number; readonly sign: '●' | '✗' }
  /** What came and was not expected, and what was expected and did not come. */
  readonly verdict?: 'unexpected' | 'missing'
  /** Lines. */
  readonly text: readonly string[]
}

/** The note of tests that never ran, which tells them from skipped ones; the first of several says why, too. */
export const notRunNote = 'not run'

/** What stands before a conversation's text in a failure. */
export const conversationHeading = 'the conversation:\n\n'

/** The type of the artifacts of failed tests that are conversations. */
export const conversationArtifact = 'netlink-vmtest:conversation'

/** The name of the symbol under which the test worker takes what the sockets of tests do, as it happens. */
export const talkHook = 'netlink-vmtest.talk'

/** A socket, as it is told to another thread or to the host. */
export interface ToldSocket {
  /** Unique in its guest. */
  readonly identity: number
  /** NETLINK_ROUTE, NETLINK_GENERIC ... */
  readonly protocol: number
  readonly portId: number
  /** A path or descriptor of the namespace that it was opened in; not there for the test's own. */
  readonly namespace?: string | number
  /** The groups that it has joined, by now. */
  readonly groups: readonly number[]
  /** The thread that it belongs to, if that is not the test worker's own. */
  readonly thread?: number
}

/** What a socket has done or is about to do, as it is told to another thread or to the host. */
export type ToldEvent = {
  readonly socket: ToldSocket
  /** Milliseconds, as performance.now(). */
  readonly time: number
  /** In base64; the beginning of a long message. */
  readonly bytes?: string
} & (
  | { readonly kind: 'sent'; readonly to?: { readonly portId?: number; readonly groups?: number } }
  | {
      readonly kind: 'received'
      readonly length: number
      readonly from: number
      readonly groups: number
      readonly group?: number
    }
  | { readonly kind: 'failed'; readonly call: string; readonly code: string; readonly about: string }
  | { readonly kind: 'waited'; readonly limit: number }
  | { readonly kind: 'joined' | 'left'; readonly group: number }
)

/** What the sockets of the running test do, as it happens: all that is left of it when the guest is lost. */
export interface Talk {
  /** Whether these are the first events of a conversation. */
  readonly begins: boolean
  /** Milliseconds since 1970 at which the events' time is 0. */
  readonly epoch: number
  /** How many events before these are not told. */
  readonly missed: number
  readonly events: readonly ToldEvent[]
}

/** A socket in a capture file. */
export interface CapturedSocket {
  /** Unique in its guest. */
  readonly identity: number
  /** NETLINK_ROUTE, NETLINK_GENERIC ... */
  readonly protocol: number
  readonly name: string
  /** The groups that it has joined; '' for none. */
  readonly description: string
}

/** A datagram in a capture file. */
export interface CapturedPacket {
  /** The socket's identity. */
  readonly socket: number
  /** Microseconds since 1970. */
  readonly time: number
  /** 'none': something else that happened, without bytes. */
  readonly direction: 'in' | 'out' | 'none'
  readonly bytes: Uint8Array
  /** Bytes of the whole datagram: more than there are, if it was cut short. */
  readonly length: number
  /** What it means, on one line. */
  readonly comment: string
}

/** What sockets have said. */
export interface CapturedConversation {
  /** Those that said something, in the order of opening. */
  readonly sockets: readonly CapturedSocket[]
  readonly packets: readonly CapturedPacket[]
}

/** The conversation of a test, of tests that ran at the same time, or of the time between tests. */
export interface TestConversation extends CapturedConversation {
  /** Full names; none between tests. */
  readonly tests: readonly string[]
  /** Whether one of them failed, or a hook between them. */
  readonly failed: boolean
}

/** All that sockets have said, for comparing it with what they say elsewhere. */
export interface RecordedConversation {
  /** All that were open in its time, in the order of opening. */
  readonly sockets: readonly ToldSocket[]
  readonly first: readonly ToldEvent[]
  /** How many events between them were not kept. */
  readonly missed: number
  readonly last: readonly ToldEvent[]
  /** Names of generic netlink families and, as FAMILY/GROUP, of their groups, by number. */
  readonly families: ReadonlyMap<number, string>
  readonly groups: ReadonlyMap<number, string>
}

/** The conversation of a test, of tests that ran at the same time, or of the time between tests. */
export interface TestRecord extends RecordedConversation {
  /** Full names; none between tests. */
  readonly tests: readonly string[]
}

/** The name of the symbol of the function that counts Vitest's own timers (counted-timers.ts). */
export const timerCounter = 'netlink-vmtest.count-timers'

/** The records by which the harness and its agent find their places in the kernel log. */
export const ownMark =
  /^netlink-vmtest: (?:the log up to here|the test worker ended: \S+|(?:end of|ready,|time,) [\da-f-]{36})$/

/** The mark in stdout and stderr at the end of a program or the test worker. */
export const endOfOutput = '\0netlink-vmtest: end of output 9f3b6d2e58c14a07\x01'

/** The module that knows where the modules under test count what runs (kernel/coverage). */
export const countingModule = 'netlink_vmtest_coverage'

/** Paths in the guest. */
export const guestPaths = {
  /** Agent, worker, vitest and koffi, which are in the image. */
  root: '/guest',
  packages: '/guest/node_modules',
  /** The kernel modules under test, delivered at run time; tests see it as NETLINK_VMTEST_MODULES. */
  modules: '/run/netlink-vmtest/modules',
  /** Parameters of modules, for modprobe: "options NAME PARAMETERS". */
  parameters: '/etc/modprobe.d/netlink-vmtest.conf',
  /** The programs; it is on the PATH. */
  programs: '/usr/local/bin',
  /** Programs of the kernel's own tests: COLLECTION/PROGRAM. */
  kselftests: '/run/netlink-vmtest/kselftests',
  /** The working directory of commands, and the place of copies without a destination. */
  home: '/root',
  /** A file that is there when a debugger has let the machine go on. */
  released: '/run/netlink-vmtest/released',
  kmemleak: '/sys/kernel/debug/kmemleak',
  /** Where the code of modules that tests have loaded was, on kernels with kmemleak. */
  sections: '/run/netlink-vmtest/sections',
} as const

/**
 * The variable with V8's flags for the agent and the test worker, separated by commas. The kernel passes it
 * from its command line to init.
 */
export const nodeFlags = 'NETLINK_VMTEST_NODE_FLAGS'

/** The variable with further flags for the test worker, each encoded by encodeURIComponent. */
export const workerFlags = 'NETLINK_VMTEST_WORKER_FLAGS'

/** A file to be put into the guest. */
export interface DeliveredFile {
  readonly path: string
  readonly content: Uint8Array
  /** Permission bits; 0o644 where not given. */
  readonly mode?: number
  /** Puts the data before the file's content instead of replacing it. */
  readonly prepend?: boolean
}

/**
 * A file, folder or link to copy into the guest, or a part of a file. Names are bytes, which need not be
 * UTF-8.
 */
export type CopiedEntry = { readonly place: Uint8Array } & (
  | { readonly type: 'folder'; readonly mode: number }
  | { readonly type: 'link'; readonly target: Uint8Array }
  /** `append`: a further part of the previous file. */
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
  /** Variables besides the agent's own. */
  readonly environment: Readonly<Record<string, string>>
  /** stdout and stderr are one pipe, reported as `stdout`, so that the order of writes is kept. */
  readonly combined?: boolean | undefined
  /** Gives the program a terminal of this size in place of pipes. */
  readonly terminal?: WindowSize
}

/** The host's requests to the agent; each is answered by a `done` with the same id. */
export type AgentRequest =
  /** Answered by the milliseconds in which the guest was idle; only differences mean something. */
  | { readonly type: 'ping' }
  | { readonly type: 'deliver'; readonly files: readonly DeliveredFile[] }
  | { readonly type: 'copy'; readonly entries: readonly CopiedEntry[] }
  /** Writes a line into the kernel log: earlier records have lower sequence numbers. */
  | { readonly type: 'mark-log'; readonly text: string }
  /** Gives a restored guest its own clock (milliseconds since 1970), random pool and files. */
  | {
      readonly type: 'renew'
      readonly time: number
      readonly entropy: Uint8Array
      readonly files: readonly DeliveredFile[]
    }
  /**
   * A test file begins, and has ended: answered by {@link FileBegun} and {@link FileEnded}. `isSame`: nothing
   * has happened since the last file's end. `isLast`: no other file will use the guest. `name`: the file's, for
   * what is found after it. `folder`: its own, which is made, if it is to be there. `watchesModules`: whether the
   * end tells which modules were read. `findsLostMemory`: whether it says what {@link FileEnded.memory} has, which
   * takes long.
   */
  | {
      readonly type: 'file-begins'
      readonly isSame: boolean
      readonly isLast: boolean
      readonly name: string
      readonly folder: string | undefined
      readonly watchesModules: boolean
    }
  | { readonly type: 'file-ends'; readonly findsLostMemory: boolean }
  /** Asks for the report of kmemleak on all files since it was last asked for. */
  | { readonly type: 'find-lost-memory' }
  /** Asks for the state of the test worker: answered by a {@link WorkerState}. */
  | { readonly type: 'worker-state' }
  /** Asks the same of a program. */
  | { readonly type: 'program-state'; readonly program: number }
  | StartRequest
  /** Bytes for a program's stdin, or its end. */
  | { readonly type: 'input'; readonly program: number; readonly data?: Uint8Array }
  /** The host has taken that many bytes of a terminal's output: as many more may come. */
  | { readonly type: 'output-taken'; readonly program: number; readonly bytes: number }
  | { readonly type: 'resize'; readonly program: number; readonly size: WindowSize }

/** The number of the next kernel log record, and /proc/sys/kernel/tainted. */
export interface FileBegun {
  readonly sequence: number
  readonly taint: number
}

/**
 * `leaks`: what the file left behind, a line each; `loaded`: modules under test that are still loaded, which
 * is no fault in a guest of its own; `memory`: the report of kmemleak, if that was asked for.
 */
export interface FileEnded extends FileBegun {
  readonly leaks: readonly string[]
  readonly loaded: readonly string[]
  readonly memory: string
  /** The test worker or the machine's clock has changed: no other file may run in this guest. */
  readonly changed: boolean
  /** What modules have counted (kernel/coverage), if any does. */
  readonly coverage?: Uint8Array
  /** Modules under test whose files were read, if that was asked for: all that it can have loaded. */
  readonly read: readonly string[]
}

/** The line above the stack of a thread that is not the main one. */
export const otherThread = 'another thread'

/** The state of the test worker, or of a program. */
export interface WorkerState {
  /** The state of its main thread, as ps shows it: R, S, D, T, Z. */
  readonly state: string
  /**
   * The kernel stacks of its waiting threads, as in /proc/PID/stack, with an empty line between them and {@link
   * otherThread} above those that are not the main thread's.
   */
  readonly stack: string
}

export interface ToAgent {
  readonly id: number
  readonly request: AgentRequest
}

export type FromAgent =
  | { readonly type: 'hello'; readonly release: string; readonly node: string }
  /** `code`: the errno's name, if a system call failed. */
  | {
      readonly type: 'done'
      readonly id: number
      readonly value?: unknown
      readonly error?: string
      readonly code?: string
    }
  | FromProgram
  /** `mark`: a line in the kernel log, written after its end. Its output ends with a mark too. */
  | {
      readonly type: 'worker-exit'
      readonly code: number | null
      readonly signal: string | null
      readonly mark: string
    }

/** The agent's messages about a program. */
export type FromProgram =
  /** Output on a terminal; output on pipes comes by the ports `stdout` and `stderr`. */
  | { readonly type: 'program-output'; readonly program: number; readonly data: Uint8Array }
  /** The program's stdin has room for that many more bytes. */
  | { readonly type: 'program-input-taken'; readonly program: number; readonly bytes: number }
  /** The program has ended, after all its output on a terminal; output on pipes ends with marks. */
  | {
      readonly type: 'program-exit'
      readonly program: number
      readonly code: number | null
      /** The number of the signal that ended it. */
      readonly signal: number | null
    }

/** Messages to the worker: Vitest's own, and others. */
export type ToWorker =
  | { readonly type: 'vitest'; readonly message: unknown }
  /**
   * Sent before Vitest's `start`. `folder`: the working directory. `guest`: a unique name of the guest. The process renews its random state
   * when the name changes. `reportsBegin`: the source of a regular expression for the lines that begin
   * reports of the kernel. `slowness`: the factor by which the default limits were made longer.
   * `trace`: whether passed tests show their conversations, too. `isShared`: whether other files may use the
   * guest. `capture`: whether the host wants all conversations, not only those of failed tests. `record`:
   * whether it wants all of them to compare. `details`: whether failed tests get their conversations as
   * artifacts, too. `debug`: whether it waits for a debugger when a module has been loaded, and at the first
   * test. `stays`: whether the host wants to be asked after each test, to look around where one has failed.
   */
  | {
      readonly type: 'prepare'
      readonly variables: Readonly<Record<string, string>>
      readonly folder?: string
      readonly guest: string
      readonly reportsBegin: string
      readonly slowness: number
      readonly trace: boolean
      readonly isShared: boolean
      readonly capture: boolean
      readonly record: boolean
      readonly details: boolean
      readonly debug: boolean
      readonly stays: boolean
    }
  /** Answered by a `pong`, unless a test blocks the event loop. */
  | { readonly type: 'ping' }
  | { readonly type: 'answer'; readonly id: number; readonly value?: unknown; readonly error?: string }

/** What a test prints by the console, which the host has when the call returns. */
export type ConsoleOutput =
  | {
      readonly type: 'console'
      readonly stream: 'stdout' | 'stderr'
      readonly content: string
      /** The running test or suite, else the file's name. */
      readonly task: string
      /** Milliseconds since 1970. */
      readonly time: number
      /** The place of the call, with printConsoleTrace. */
      readonly origin?: string
    }
  /** The end of a block of output. */
  | { readonly type: 'console-pause' }

/** A module that is loaded, and where: /sys/module/NAME/sections. */
export interface LoadedModule {
  readonly name: string
  readonly sections: readonly { readonly name: string; readonly address: string }[]
}

/** The worker waits for a debugger: what is loaded by then. */
export interface StoppedForDebugger {
  readonly modules: readonly LoadedModule[]
  /** The address of _text. */
  readonly kernel: string
}

/** The name of the symbol of the function that is called with a module's name when it has been loaded. */
export const loadedHook = 'netlink-vmtest.loaded'

export type FromWorker =
  | ConsoleOutput
  | ({ readonly type: 'stopped-for-debugger' } & StoppedForDebugger)
  /** Loaded, and listening for `start`. */
  | { readonly type: 'ready' }
  | { readonly type: 'pong' }
  | { readonly type: 'vitest'; readonly message: unknown }
  | ({ readonly type: 'conversation' } & TestConversation)
  | ({ readonly type: 'record' } & TestRecord)
  /** As JSON. */
  | ({ readonly type: 'talk' } & Talk)
  /** A call, which gets an `answer`. */
  | ({ readonly type: 'call'; readonly id: number } & WorkerCall)
  /** A note, which gets none; as JSON. */
  | ({ readonly type: 'note' } & WorkerNote)

/** The result of a test, for a guest that dies before Vitest's own, throttled report. */
export interface TestOutcome {
  readonly state: string
  readonly startTime?: number
  readonly duration?: number
  readonly retryCount?: number
  readonly errors?: readonly { name: string; message: string; stack: string; diff?: string }[]
}

/** A test begins. */
export interface TestStarted {
  readonly method: 'test-started'
  readonly test: string
  /** Milliseconds; 0 for no limit. */
  readonly timeout: number
  /** Milliseconds of an idle guest after which it ends, too; 0 if it does not. */
  readonly patience: number
  readonly sequence: number
}

/** A test has ended. */
export interface TestEnded {
  readonly method: 'test-ended'
  readonly test: string
  readonly outcome: TestOutcome | undefined
  readonly sequence: number
}

/** A test has failed, and its hooks are still to undo what it has done: told where somebody may look around. */
export interface TestFailed {
  readonly method: 'test-failed'
  readonly test: string
  readonly outcome: TestOutcome
}

/** Milliseconds after its own limit for which a test or hook may block the worker. */
export const mayBlockFor = 10_000

/** The limit of what runs now: of a hook, or of the running test again after one of its own. */
export interface LimitChanged {
  readonly method: 'limit-changed'
  /** Milliseconds; 0 for no limit. */
  readonly timeout: number
  /** Milliseconds of an idle guest after which it ends, too; 0 if it does not. */
  readonly patience: number
}

/** How long one request may take from now on. */
export interface RequestLimited {
  readonly method: 'request-limited'
  /** Milliseconds of an idle guest; 0 for as long as the limit of the test or hook allows. */
  readonly limit: number
}

/**
 * The name of the symbol of the function that limits, in milliseconds as in {@link RequestLimited}, for how long the
 * worker may stay in a system call.
 */
export const requestLimitHook = 'netlink-vmtest.request-limit'

/**
 * News that the worker needs no answer to: the start of a test, its end if the kernel logged nothing like
 * a report, the limits of hooks, and that of requests.
 */
export type WorkerNote = TestStarted | TestEnded | LimitChanged | RequestLimited

/** A report that a test expects of the kernel: by the name of its kind, or by its text. */
export interface ExpectedSplat {
  readonly kind?: string
  readonly pattern?: { readonly source: string; readonly flags: string }
}

/** A failure that the host found, of the test or the file. */
export interface FoundFailure {
  readonly name: string
  readonly message: string
}

/**
 * The worker's calls to the host: about tests and the kernel's reports, and snapshot files, which are on the
 * host. `sequence` is the number of the next kernel log record; the three ends are answered with {@link
 * FoundFailure}s.
 */
export type WorkerCall =
  | TestStarted
  | TestFailed
  /** Called only if the kernel may have reported something during the test, or a report is expected. */
  | {
      readonly method: 'attempt-ended'
      readonly test: string
      readonly sequence: number
      readonly expected: readonly ExpectedSplat[]
    }
  | TestEnded
  /** The host asks the agent about the kernel's log and leaks, but not of sockets in other network namespaces. */
  | {
      readonly method: 'file-ended'
      readonly replaced: readonly string[]
      readonly elsewhere: readonly string[]
    }
  | { readonly method: 'snapshot-raw-path'; readonly test: string; readonly raw: string }
  | { readonly method: 'snapshot-read'; readonly path: string }
  | { readonly method: 'snapshot-write'; readonly path: string; readonly content: string }
  | { readonly method: 'snapshot-remove'; readonly path: string }
