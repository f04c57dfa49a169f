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
