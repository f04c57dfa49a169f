// SPDX-License-Identifier: MIT
/** Errors of sockets; those of bytes are in codec/errors.ts. */
import { errnoName } from '../codec/errno.ts'
import { NetlinkError } from '../codec/errors.ts'
import type { Message } from '../codec/message.ts'

/** A system call failed. */
export class SystemCallError extends NetlinkError {
  /** The errno's name, 'EPERM' for instance. */
  readonly code: string
  /** The errno, a positive number. */
  readonly errno: number
  /** The call: 'bind', 'sendto' ... */
  readonly syscall: string
  /** What it was called with: 'port 123', 'protocol 21', 'to group 3' ...; '' where that does not matter. */
  readonly about: string

  constructor(syscall: string, errno: number, about = '') {
    super(`${syscall}: ${errnoName(errno)}${about === '' ? '' : ` (${about})`}`)
    this.about = about
    this.code = errnoName(errno)
    this.errno = errno
    this.syscall = syscall
  }
}

/**
 * ENOBUFS on receiving: the socket's receive buffer was full, and messages were lost. The socket remains
 * usable and still has the messages that came before the loss. The kernel reports any number of lost messages
 * once.
 */
export class OverflowError extends NetlinkError {
  /** The errno's name. */
  readonly code = 'ENOBUFS'

  constructor() {
    super('ENOBUFS: the receive buffer was full, messages were lost')
  }
}

/**
 * The table changed during the dump, at each attempt: messages may be missing or doubled. Only dumps with
 * `retries` fail in this way.
 */
export class DumpInterruptedError extends NetlinkError {
  /** How many attempts were made. */
  readonly attempts: number

  constructor(attempts: number) {
    super(`the dump was interrupted by changes, ${attempts} times of ${attempts} (NLM_F_DUMP_INTR)`)
    this.attempts = attempts
  }
}

/** Nothing came within the time given. */
export class TimeoutError extends NetlinkError {
  /** Milliseconds that the call waited. */
  readonly timeout: number

  /** @param besides what came instead, if anything did */
  constructor(awaited: string, timeout: number, besides = '') {
    super(`no ${awaited} within ${timeout} ms${besides === '' ? '' : `: ${besides}`}`)
    this.timeout = timeout
  }
}

/** The socket was closed, before the call or while it waited. */
export class ClosedError extends NetlinkError {
  constructor() {
    super('the socket is closed')
  }
}

/**
 * A request was acknowledged, but the kernel sent messages that answer no request of the socket: with another
 * sequence number or port id. Thrown only on sockets that were never used to receive, subscribe or send by
 * hand; on the others such messages go to the receiver.
 */
export class UnmatchedError extends NetlinkError {
  /** How many came. */
  readonly count: number
  /** The first of them. */
  readonly messages: readonly Message[]

  /** @param wanted the sequence number, or numbers, that an answer would have had */
  constructor(messages: readonly Message[], count: number, wanted: string) {
    const sequences = messages.slice(0, 3).map(({ sequence }) => sequence)
    const seen = `seq ${sequences.join(', ')}${count > sequences.length ? ' ...' : ''}, wanted ${wanted}`
    super(`${count} message${count === 1 ? '' : 's'} matched no request (${seen})`)
    this.count = count
    this.messages = messages
  }
}

/**
 * Gives an error that came while its caller waited the caller's lines: V8 knows who waits only when it goes on.
 * @returns the error
 */
export function withCaller(error: unknown): unknown {
  if (error instanceof NetlinkError) Error.captureStackTrace(error, withCaller)
  return error
}
