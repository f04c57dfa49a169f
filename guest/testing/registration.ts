// SPDX-License-Identifier: MIT
/** What `init` learns of a module in a guest: the program that looks is registers.ts. */

/** What a module registers while it is loaded. */
export interface Registration {
  readonly module: string
  /** Why it could not be loaded: the errno, and in words with the kernel's log. */
  readonly refused?: { readonly code: string; readonly message: string }
  /** Modules under test that were loaded before it, because it needs them. */
  readonly needs: readonly string[]
  /** Those of them that can be unloaded after it, in this order. */
  readonly releases: readonly string[]
  /** References to it when it has been loaded. */
  readonly references: number
  readonly families: readonly RegisteredFamily[]
  readonly protocols: readonly RegisteredProtocol[]
  /** Devices, links included, as `class/name`: `misc/mine`, `net/mine0`. */
  readonly devices: readonly string[]
  /** Kinds of links that can be made by name alone: `ip link add type KIND`. */
  readonly linkKinds: readonly string[]
  /** Names of its parameters that can be read. */
  readonly parameters: readonly string[]
  /** The errno with which it refuses to be unloaded. */
  readonly staysLoaded?: string
  /** What is still there after it was unloaded. */
  readonly leftovers: readonly string[]
}

/** A family of generic netlink. */
export interface RegisteredFamily {
  readonly name: string
  readonly version: number
  readonly headerSize: number
  /** The numbers of its commands, in order. */
  readonly operations: readonly number[]
  /** The names of its groups, in order. */
  readonly groups: readonly string[]
  readonly unknown: UnknownRequest
}

/** A protocol of netlink, by its number. */
export interface RegisteredProtocol {
  readonly number: number
  readonly unknown: UnknownRequest
}

/** A command or message type that it does not know, and the errno of the refusal, if it just refuses it. */
export interface UnknownRequest {
  readonly number: number
  readonly refusal?: string
}

/** A module of which nothing is known. */
export function nothingRegistered(module: string): Registration {
  return {
    module,
    needs: [],
    releases: [],
    references: 0,
    families: [],
    protocols: [],
    devices: [],
    linkKinds: [],
    parameters: [],
    leftovers: [],
  }
}
