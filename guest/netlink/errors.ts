import type { AttributePaths } from './attribute-path.ts'
import { errnoName } from './errno.ts'
import type { KernelAnswer } from './error-message.ts'

/** Every error this library throws for what happened outside of the caller's own code. */
export class NetlinkError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
  }
}

/**
 * The kernel refused a request: an NLMSG_ERROR message with a non-zero error. Its text is the errno's name and, where the
 * socket has NETLINK_EXT_ACK, what the kernel says about the reason.
 */
export class KernelError extends NetlinkError {
  /** The errno's name, 'EINVAL' for instance. */
  readonly code: string
  /** The errno, a positive number. */
  readonly errno: number
  /** All of the answer: extended acknowledgement, the request as the kernel echoes it, raw bytes. */
  readonly answer: KernelAnswer
  /** Names of what the extended acknowledgement points to; empty for requests without a schema. */
  readonly paths: AttributePaths

  constructor(answer: KernelAnswer, paths: AttributePaths = {}) {
    const { extendedAck } = answer
    const code = errnoName(answer.errno)
    const details = [
      extendedAck.message,
      extendedAck.offset === undefined
        ? undefined
        : `attribute ${paths.attribute === undefined ? '' : `${paths.attribute} `}at offset ${extendedAck.offset}`,
      extendedAck.missingType === undefined
        ? undefined
        : `missing attribute ${paths.missing ?? extendedAck.missingType}`,
    ].filter(detail => detail !== undefined)
    super(details.length === 0 ? `the kernel answered ${code}` : `${code}: ${details.join(', ')}`)
    this.code = code
    this.errno = answer.errno
    this.answer = answer
    this.paths = paths
  }
}

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

/** Bytes that are not what netlink's format says. */
export class MalformedError extends NetlinkError {
  /** Where in the parsed bytes. */
  readonly offset: number
  /** The attribute, by its name in the schema: `linkinfo.kind`. Empty where there is none. */
  readonly path: string
  readonly #reason: string

  constructor(message: string, offset: number, path = '') {
    super(`${path === '' ? '' : `${path}: `}${message} (at byte ${offset})`)
    this.offset = offset
    this.path = path
    this.#reason = message
  }

  /** The same error, of something inside the attribute `name`. */
  within(name: string): MalformedError {
    const dot = this.path === '' || this.path.startsWith('[') ? '' : '.'
    return new MalformedError(this.#reason, this.offset, `${name}${dot}${this.path}`)
  }
}

/** The socket was closed, before the call or while it waited. */
export class ClosedError extends NetlinkError {
  constructor() {
    super('the socket is closed')
  }
}
