import type { Decoder } from '../verdict/decode.ts'
import type { Guest } from './guest.ts'
import type { Loss } from './loss.ts'

/** Where the pool gets its machines from, and what it puts into them: all that it knows of a kernel. */
export interface GuestSource {
  /** A guest of one's own, with modules, client library and programs in it, until it is released. */
  acquire(): Promise<Guest>
  /** Takes a guest back whose worker has stopped. */
  release(guest: Guest): Promise<void>
  /** Where this project's own package lies in its guests. */
  readonly packageFolder: string
  /** Whether differences and the like come in colour. A worker can only be told to leave colours out, once for ever. */
  readonly colours: boolean
  /** Turns what the kernel says into places in the sources, where there are symbols. */
  readonly decoder?: Decoder
  /** Told of every guest that was lost while it was in use. */
  onLoss(loss: Loss): void
}
