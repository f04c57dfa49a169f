/** What goes wrong with a socket, rather than with bytes. */
import { errnoName } from '../codec/errno.ts'
import { NetlinkError } from '../codec/errors.ts'

/** A system call failed. */
export class SystemCallError extends NetlinkError {
  /** The errno's name, 'EPERM' for instance. */
  readonly code: string
  /** The errno, a positive number. */
  readonly errno: number
  /** What was called: 'bind', 'sendto' ... */
  readonly syscall: string

  constructor(syscall: string, errno: number) {
    super(`${syscall}: ${errnoName(errno)}`)
    this.code = errnoName(errno)
    this.errno = errno
    this.syscall = syscall
  }
}

/**
 * ENOBUFS on receiving: the socket's receive buffer was full, and messages were lost. The socket remains usable and has
 * the messages that came before the loss; the kernel says so once for any number of lost messages.
 */
export class OverflowError extends NetlinkError {
  /** The errno's name. */
  readonly code = 'ENOBUFS'

  constructor() {
    super('ENOBUFS: the receive buffer was full, messages were lost')
  }
}

/**
 * What was dumped changed while it was dumped, each time it was tried: messages may be missing or doubled. Only dumps with
 * `retries` fail so.
 */
export class DumpInterruptedError extends NetlinkError {
  /** How often it was tried. */
  readonly attempts: number

  constructor(attempts: number) {
    super(`the dump was interrupted by changes, ${attempts} times of ${attempts} (NLM_F_DUMP_INTR)`)
    this.attempts = attempts
  }
}

/** Nothing came within the time given. */
export class TimeoutError extends NetlinkError {
  /** Milliseconds that were waited. */
  readonly timeout: number

  constructor(awaited: string, timeout: number) {
    super(`no ${awaited} within ${timeout} ms`)
    this.timeout = timeout
  }
}

/** The socket was closed, before the call or while it waited. */
export class ClosedError extends NetlinkError {
  constructor() {
    super('the socket is closed')
  }
}
