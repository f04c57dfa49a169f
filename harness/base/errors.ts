// SPDX-License-Identifier: MIT
/**
 * The exit statuses of the command line, which scripts depend on (design: "The command line").
 * - 0: everything passed
 * - 1: a test failed, or the kernel or a module (does not compile, does not load, crashed)
 * - 2: the command or the configuration is wrong
 * - 3: the machinery failed: no QEMU, no kernel available, the VM lost through no fault of the module
 */
export const ExitStatus = { passed: 0, failed: 1, usage: 2, machinery: 3 } as const
export type ExitStatus = (typeof ExitStatus)[keyof typeof ExitStatus]

/**
 * A failure with a known cause: one or two lines that name the thing and what to do. The command line prints
 * `message` and `details` and exits with `status`. Errors of other classes are bugs of this project and are
 * printed with a stack trace.
 */
export class HarnessError extends Error {
  readonly status: ExitStatus
  /** Evidence, printed below the message: a compiler's output, the end of a console. */
  readonly details: string | undefined

  constructor(status: ExitStatus, message: string, options: { details?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.name = new.target.name
    this.status = status
    this.details = options.details
  }
}

/** The command line or the configuration is wrong (exit status 2). */
export class UsageError extends HarnessError {
  constructor(message: string, options: { details?: string; cause?: unknown } = {}) {
    super(ExitStatus.usage, message, options)
  }
}

/** A module does not compile or does not load (exit status 1). */
export class ModuleError extends HarnessError {
  constructor(message: string, options: { details?: string; cause?: unknown } = {}) {
    super(ExitStatus.failed, message, options)
  }
}

/** The machinery failed (exit status 3). */
export class MachineryError extends HarnessError {
  constructor(message: string, options: { details?: string; cause?: unknown } = {}) {
    super(ExitStatus.machinery, message, options)
  }
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Whether `error` is a system call's error with this name. */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

/** The first line of an error's text; if that only announces the reason, as that of a compiler, with the next one. */
export function firstWords(text: string): string {
  const [first = '', second = ''] = text.split('\n').filter(line => line.trim() !== '')
  return first.endsWith(':') ? `${first} ${second.trim()}` : first
}
