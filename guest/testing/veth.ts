// SPDX-License-Identifier: MIT
import { NETLINK_ROUTE, rtnetlink, Socket } from '../netlink/index.ts'
import type { NetworkNamespace } from './namespaces.ts'

/** One end of a veth. */
export interface VethEnd {
  /** The name of the device. */
  readonly name: string
  /** Where it is. Default: the caller's own network namespace. */
  readonly namespace?: NetworkNamespace
  /** Addresses with the length of their prefix: '192.0.2.1/24'. */
  readonly addresses?: readonly string[]
}

/**
 * Creates a veth, two devices of which each receives what the other sends, and sets both ends up. It goes with
 * either of its namespaces.
 *
 *     using left = new NetworkNamespace()
 *     using right = new NetworkNamespace()
 *     await vethBetween(
 *       { name: 'v0', namespace: left, addresses: ['192.0.2.1/24'] },
 *       { name: 'v0', namespace: right, addresses: ['192.0.2.2/24'] },
 *     )
 *
 * @throws KernelError EEXIST for a name that is taken there, TypeError for an address without a prefix
 */
export async function vethBetween(one: VethEnd, other: VethEnd): Promise<void> {
  using socket = Socket.open(NETLINK_ROUTE)
  const peer = { attributes: placeOf(other) }
  await rtnetlink.createLink(socket, { ...placeOf(one), linkinfo: { kind: 'veth', data: { peer } } })
  for (const end of [one, other]) await setUp(end)
}

function placeOf({ name, namespace }: VethEnd): { ifname: string; netNsFd?: number } {
  return { ifname: name, ...(namespace && { netNsFd: namespace.fd }) }
}

async function setUp({ name, namespace, addresses = [] }: VethEnd): Promise<void> {
  using socket = Socket.open(NETLINK_ROUTE, namespace ? { namespace: namespace.fd } : {})
  const { header } = await rtnetlink.getLink(socket, name)
  for (const address of addresses) {
    const [local = '', prefixlen] = address.split('/')
    if (prefixlen === undefined) throw new TypeError(`${address} has no prefix: ${address}/24`)
    await rtnetlink.addAddress(socket, { index: header.index, local, prefixlen: Number(prefixlen) })
  }
  await rtnetlink.changeLink(socket, header.index, { up: true })
}
