// SPDX-License-Identifier: MIT
/**
 * IP addresses of links: struct ifaddrmsg and IFA_* of include/uapi/linux/if_addr.h;
 * Documentation/netlink/specs/rt-addr.yaml. Attributes have the kernel's names without their prefix.
 */
import { NLM_F_CREATE, NLM_F_EXCL } from '../codec/constants.ts'
import { ipAddress, parseIPAddress } from '../codec/ip-address.ts'
import { attributes, type PayloadInput, payload, struct } from '../codec/schema.ts'
import { s32, string, type TypeOf, u8, u32 } from '../codec/value.ts'
import type { DumpOptions } from '../socket/dump.ts'
import type { Socket } from '../socket/socket.ts'
import type { WaitOptions } from '../socket/wait.ts'

/**
 * nlmsg_type: creates or changes an address; also the notification of that, and the answer to a request for
 * one.
 */
export const RTM_NEWADDR = 20
/** nlmsg_type: deletes an address; also the notification of that. */
export const RTM_DELADDR = 21
/** nlmsg_type: asks for an address, or with NLM_F_DUMP for all. */
export const RTM_GETADDR = 22

/** struct ifaddrmsg: `family` is AF_INET (2) or AF_INET6 (10), `index` the link's. */
export const ifaddrmsg = struct({ family: u8, prefixlen: u8, flags: u8, scope: u8, index: u32 })

/** The schema of RTM_NEWADDR, RTM_DELADDR and RTM_GETADDR. */
export const address = payload(
  ifaddrmsg,
  attributes({
    /** The other end's on point-to-point links, else the same as `local`; with IPv6 the address itself. */
    address: [1, ipAddress],
    local: [2, ipAddress],
    label: [3, string],
    broadcast: [4, ipAddress],
    anycast: [5, ipAddress],
    /** Lifetimes in seconds; creation and change in hundredths of a second since boot. */
    cacheinfo: [6, struct({ prefered: u32, valid: u32, cstamp: u32, tstamp: u32 })],
    multicast: [7, ipAddress],
    /** All of IFA_F_*; the header's `flags` has the lower 8 bits only. */
    flags: [8, u32],
    rtPriority: [9, u32],
    targetNetnsid: [10, s32],
    proto: [11, u8],
  }),
)

/** An address as the kernel describes it. */
export type Address = ReturnType<typeof address.decode>

/** All addresses, of one family (AF_INET, AF_INET6) or of both. */
export async function getAddresses(
  socket: Socket,
  { family = 0, ...options }: DumpOptions & { readonly family?: number } = {},
): Promise<Address[]> {
  const dump = socket.dump({ type: RTM_GETADDR }, address.encode({ header: { family } }), {
    ...options,
    schema: address,
  })
  const addresses: Address[] = []
  for await (const message of dump) addresses.push(address.decode(message))
  return addresses
}

/** An address to add or to delete. */
export interface NewAddress {
  /** The index of the link. */
  readonly index: number
  /** '192.0.2.1', '2001:db8::1' */
  readonly local: string
  /** The length of the whole address, 32 or 128, if not given. */
  readonly prefixlen?: number
  /** Further attributes IFA_*. */
  readonly attributes?: Address['attributes']
}

/** Adds an address to a link. Needs CAP_NET_ADMIN. @throws KernelError EEXIST if it has it, ENODEV */
export async function addAddress(
  socket: Socket,
  added: NewAddress,
  options: WaitOptions = {},
): Promise<void> {
  const header = { type: RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_EXCL }
  await socket.request(header, address.encode(contentOf(added)), { ...options, schema: address })
}

/**
 * Deletes an address of a link. Needs CAP_NET_ADMIN. @throws KernelError EADDRNOTAVAIL if it does not have it
 */
export async function deleteAddress(
  socket: Socket,
  deleted: NewAddress,
  options: WaitOptions = {},
): Promise<void> {
  const parts = address.encode(contentOf(deleted))
  await socket.request({ type: RTM_DELADDR }, parts, { ...options, schema: address })
}

function contentOf({
  index,
  local,
  prefixlen,
  attributes,
}: NewAddress): PayloadInput<TypeOf<typeof ifaddrmsg>, Address['attributes']> {
  const { length } = parseIPAddress(local)
  return {
    header: { index, family: length === 4 ? 2 : 10, prefixlen: prefixlen ?? length * 8 },
    attributes: { local, address: local, ...attributes },
  }
}
