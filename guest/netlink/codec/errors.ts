/** Every error this library throws for what happened outside of the caller's own code. */
export class NetlinkError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
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

/** Of RangeErrors and TypeErrors that say of what they are. */
const described = new WeakMap<Error, { readonly path: string; readonly reason: string }>()

/**
 * The same RangeError or TypeError, of something inside `name` (a field, an attribute, `[0]`) that is called `what`; other errors as
 * they are. Of several one inside the other it makes one path: `linkinfo.kind: attribute 1 (string): ...`.
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

/** The same RangeError or TypeError, which says of what it is; other errors as they are. */
export function named(error: unknown, what: string): unknown {
  return error instanceof RangeError || error instanceof TypeError
    ? sameKind(error, `${what}: ${error.message}`)
    : error
}

function sameKind(error: RangeError | TypeError, message: string): RangeError | TypeError {
  const options = { cause: error.cause ?? error }
  return error instanceof RangeError ? new RangeError(message, options) : new TypeError(message, options)
}
