import type { Guest } from '../guest/guest.ts'
import type { Loss } from '../guest/loss.ts'
import type { Decoder } from '../verdict/decode.ts'

/** A moment by which something has to be done. */
export interface Deadline {
  /** As performance.now() counts. */
  readonly at: number
  /** What is too late then: "the file took longer than 600 s (fileTimeout)". */
  readonly message: string
}

/** Where the pool gets its machines from, and what it puts into them: all that it knows of a kernel. */
export interface GuestSource {
  /** A guest of one's own, with modules, client library and programs in it, until it is released. */
  acquire(): Promise<Guest>
  /**
   * Takes a guest back whose worker has stopped.
   * @param reusable its files passed, and the kernel said nothing: another one may have it, where files share guests
   */
  release(guest: Guest, reusable?: boolean): Promise<void>
  /** Where this project's own package lies in its guests. */
  readonly packageFolder: string
  /** Whether differences and the like come in colour. A worker can only be told to leave colours out, once for ever. */
  readonly colours: boolean
  /** Turns what the kernel says into places in the sources, where there are symbols. */
  readonly decoder?: Decoder
  /** When what a guest is acquired for has to be done, and why, where there is a limit. */
  readonly deadline?: Deadline | undefined
  /** What kernel, image and modules its guests have, for the evidence of files that fail; none is kept where undefined. */
  readonly identity?: Readonly<Record<string, unknown>>
  /** Told of every guest that was lost while it was in use. */
  onLoss(loss: Loss): void
}
