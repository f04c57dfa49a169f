// SPDX-License-Identifier: MIT
/** What has been found out of a family's operations. */
import type { Operation } from './family.ts'
import type { Shape } from './shape.ts'

/** A request that writes its attributes into what can be read. */
export interface Writer {
  readonly shape: Shape
  /** The types that are read as they were written. */
  readonly stored: readonly number[]
  /** The attribute that says which entry is changed; undefined where it makes a new one, or there is one only. */
  readonly key?: number
  /** Whether each call makes an entry of a dump. */
  readonly adds: boolean
  /** That dump, if it is known: others may tell what the entry has, an entry each. */
  readonly dump?: Operation
  /** Whether each call makes more than one: how many is one of its values. */
  readonly addsSeveral: boolean
}

/** A request of which each call adds to a dump, which tells what was written by other attributes. */
export type Grower = Pick<Writer, 'shape' | 'key'>

/** A request that removes the entry that it names from a dump. */
export interface Remover {
  readonly shape: Shape
  /** What makes such entries. */
  readonly adder: Writer
  /** The types by which it names the entry that the kernel chose values of, as numbers are: the dump tells them. */
  readonly learned: readonly number[]
}

/** What is known of a family's operations. */
export interface Explored {
  /** A request that succeeds, by command. */
  readonly working: ReadonlyMap<number, Shape>
  /** The operations whose dump works without attributes, and tells not too much to look at often. */
  readonly dumps: readonly Operation[]
  /** Requests that answer with messages. */
  readonly readers: readonly Shape[]
  readonly writers: readonly Writer[]
  readonly removers: readonly Remover[]
  readonly growers: readonly Grower[]
}
