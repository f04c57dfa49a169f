// SPDX-License-Identifier: MIT
/** The base of all errors that are not mistakes of the caller. */
export class NetlinkError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
  }
}

/** Bytes that do not follow netlink's format. */
export class MalformedError extends NetlinkError {
  /** The place in the parsed bytes. */
  readonly offset: number
  /** The attribute, by its name in the schema: `linkinfo.kind`. Empty if there is none. */
  readonly path: string
  readonly #reason: string

  constructor(message: string, offset: number, path = '') {
    super(`${path === '' ? '' : `${path}: `}${message} (at byte ${offset})`)
    this.offset = offset
    this.path = path
    this.#reason = message
  }

  /** The same error, for something inside the attribute `name`. */
  within(name: string): MalformedError {
    const dot = this.path === '' || this.path.startsWith('[') ? '' : '.'
    return new MalformedError(this.#reason, this.offset, `${name}${dot}${this.path}`)
  }

  /** The same error, for message `number` (from 1 on) of a datagram, which begins at `offset`. */
  inMessage(number: number, offset: number): MalformedError {
    return new MalformedError(`message ${number} of the datagram: ${this.#reason}`, offset + this.offset)
  }
}

/** RangeErrors and TypeErrors whose text names a value. */
const described = new WeakMap<Error, { readonly path: string; readonly reason: string }>()

/**
 * The same RangeError or TypeError, for something inside `name` (a field, an attribute, `[0]`), described by
 * `what`; other errors unchanged. Nested calls make one path: `linkinfo.kind: attribute 1 (string): ...`.
 */
export function inside(error: unknown, name: string, what: string): unknown {
  if (!(error instanceof RangeError || error instanceof TypeError)) return error
  const inner = described.get(error)
  const path = inner === undefined ? name : `${name}${inner.path.startsWith('[') ? '' : '.'}${inner.path}`
  const reason =
    inner?.reason ?? (error.message.startsWith('attribute ') ? error.message : `${what}: ${error.message}`)
  const named = sameKind(error, `${path}: ${reason}`)
  described.set(named, { path, reason })
  return named
}

/** The same RangeError or TypeError, described by `what`; other errors unchanged. */
export function named(error: unknown, what: string): unknown {
  return error instanceof RangeError || error instanceof TypeError
    ? sameKind(error, `${what}: ${error.message}`)
    : error
}

function sameKind(error: RangeError | TypeError, message: string): RangeError | TypeError {
  const options = { cause: error.cause ?? error }
  return error instanceof RangeError ? new RangeError(message, options) : new TypeError(message, options)
}
