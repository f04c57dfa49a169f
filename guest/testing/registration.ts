// SPDX-License-Identifier: MIT
/** What `init`, `probe` and `compare` learn of a module in a guest: the program that looks is registers.ts. */
import type { FamilyFacts } from '../ynl/facts.ts'

/** The program's first argument, if a module's {@link Appearance} is wanted. */
export const closely = '--closely'

/** What a module registers while it is loaded. */
export interface Registration {
  readonly module: string
  /** Why nothing is known of it; undefined for a module that was loaded, or refused to be. */
  readonly unknown?: string
  /**
   * Why it could not be loaded: the errno, and in words with the kernel's log; `by` names a module that it needs,
   * where that one refuses.
   */
  readonly refused?: { readonly code: string; readonly message: string; readonly by?: string }
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
  readonly linkKinds: readonly RegisteredLinkKind[]
  /** Names of its parameters that can be read. */
  readonly parameters: readonly string[]
  /** The errno with which it refuses to be unloaded. */
  readonly staysLoaded?: string
  /** What is still there after it was unloaded. */
  readonly leftovers: readonly string[]
  /** All else that can be seen of it, if that is asked for. */
  readonly appearance?: Appearance
}

/** What can be seen of a loaded module, without what differs between two loads in one guest. */
export interface Appearance {
  /** Its families, by name. */
  readonly families: readonly VisibleFamily[]
  /** Its parameters, by name. */
  readonly parameters: readonly VisibleFile[]
  /** Files in /dev, /proc, /sys/class, /sys/kernel that are there while it is loaded, by path. */
  readonly files: readonly VisibleFile[]
  /** Its protocols of netlink, by number. */
  readonly buses: readonly VisibleBus[]
  /** Names in /proc/net/protocols. */
  readonly protocols: readonly string[]
  /** What the kernel logs while it is loaded, and unloaded. What varies is "…". */
  readonly loading: readonly VisibleRecord[]
  readonly unloading: readonly VisibleRecord[]
  /** The errno with which it refuses to be loaded again after it was unloaded. */
  readonly refusedAgain?: string
}

/** A family as nlctrl tells it. */
export interface VisibleFamily extends FamilyFacts {
  /** The highest type of its attributes; 0 if each command has a policy of its own. */
  readonly maximumAttribute: number
}

/** What anybody can find out of a netlink protocol: struct netlink_kernel_cfg. */
export interface VisibleBus {
  readonly protocol: number
  /** The highest group that can be joined: at least 32. */
  readonly groups: number
  /** Whether users without CAP_NET_ADMIN may join groups, and send to others than the kernel. */
  readonly nonrootReceive: boolean
  readonly nonrootSend: boolean
}

/** A file, or a parameter. */
export interface VisibleFile {
  /** Its path, or its name. */
  readonly name: string
  /** Permissions, as chmod(1) takes them: "644"; empty for what is no file. */
  readonly mode: string
  /** What is in it, of parameters and sysctl; undefined where nobody can read it, or it varies. */
  readonly value?: string
}

/** A record of the kernel's log. */
export interface VisibleRecord {
  /** 0 (emergency) to 7 (debug). */
  readonly level: number
  readonly text: string
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

/** A kind of links: `ip link add [link OTHER] type KIND`. */
export interface RegisteredLinkKind {
  readonly kind: string
  /** Whether a link is made over another one only, as macvlan: IFLA_LINK. */
  readonly isUpper: boolean
  /** The errno of a link that is given neither options nor anything else, where none can be made without. */
  readonly refusal?: string
}

/** A command or message type that it does not know, and what comes of it. */
export interface UnknownRequest {
  readonly number: number
  /** The errno of the refusal, if it just refuses it. */
  readonly refusal?: string
  /** If not: 'acknowledged', 'not answered', 'answered by 2 datagrams'. */
  readonly otherwise?: string
}

/** A module of which nothing has been found yet. */
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
