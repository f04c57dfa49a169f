// SPDX-License-Identifier: MIT
/** Which requests a notification that names none may follow from: those since its listener has read before. */

/** Of a list of requests: the first one, and the one after the last. */
interface Window {
  readonly from: number
  readonly to: number
}

export class ReadWindows<Socket> {
  readonly #windows = new Map<Socket, Window>()

  /** A socket reads, or begins to listen, when so many requests were sent. */
  read(socket: Socket, sent: number): Window {
    const known = this.#windows.get(socket) ?? { from: 0, to: 0 }
    const window = sent > known.to ? { from: known.to, to: sent } : known
    this.#windows.set(socket, window)
    return window
  }
}

/** A request, by what it asks for, and its content. */
interface Asked {
  readonly operation: string
  readonly request: string
}

/** The only one of these that an event may follow from: of several that of the event's own name. */
export function onlyCause<T>(all: readonly T[], name: string, askedBy: (each: T) => Asked): T | undefined {
  if (all.length < 2) return all[0]
  const own = all.filter(each => askedBy(each).operation === name)
  const some = own.length > 0 ? own : all
  const isSame = new Set(some.map(each => askedBy(each).request)).size === 1
  return isSame ? some.at(-1) : undefined
}
