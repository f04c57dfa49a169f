// SPDX-License-Identifier: MIT
/**
 * Changes of links, addresses and routes as they happen: the groups RTNLGRP_* of
 * include/uapi/linux/rtnetlink.h.
 */

import type { Message } from '../codec/message.ts'
import type { Datagram } from '../socket/datagram.ts'
import type { OverflowError } from '../socket/errors.ts'
import type { Socket } from '../socket/socket.ts'
import type { WaitOptions } from '../socket/wait.ts'
import { type Address, address, RTM_DELADDR, RTM_NEWADDR } from './address.ts'
import { type Link, link, RTM_DELLINK, RTM_NEWLINK } from './link.ts'
import { type Route, RTM_DELROUTE, RTM_NEWROUTE, route } from './route.ts'

/** The group of changes of links. */
export const RTNLGRP_LINK = 1
/** The group of changes of IPv4 addresses. */
export const RTNLGRP_IPV4_IFADDR = 5
/** The group of changes of IPv4 routes. */
export const RTNLGRP_IPV4_ROUTE = 7
/** The group of changes of IPv6 addresses. */
export const RTNLGRP_IPV6_IFADDR = 9
/** The group of changes of IPv6 routes. */
export const RTNLGRP_IPV6_ROUTE = 11

const groups = {
  links: [RTNLGRP_LINK],
  addresses: [RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR],
  routes: [RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE],
} as const

/** Options of {@link monitorRoutes}. */
export interface MonitorOptions extends WaitOptions {
  /** Kinds of changes; all three if not given. */
  readonly of?: readonly (keyof typeof groups)[]
}

/** A change, by `kind`. `isNew`: it was added or changed; else it was deleted. */
export type RouteEvent =
  | { readonly kind: 'link'; readonly isNew: boolean; readonly link: Link; readonly datagram: Datagram }
  | {
      readonly kind: 'address'
      readonly isNew: boolean
      readonly address: Address
      readonly datagram: Datagram
    }
  | { readonly kind: 'route'; readonly isNew: boolean; readonly route: Route; readonly datagram: Datagram }
  /** Changes were lost: dump the state again. */
  | { readonly kind: 'lost'; readonly error: OverflowError }

/**
 * Follows changes, from the call on. It reports lost changes and goes on. See {@link Socket.subscribe}.
 *
 *     for await (const event of monitorRoutes(socket, { of: ['links'], timeout: Infinity })) ...
 */
export function monitorRoutes(
  socket: Socket,
  { of = ['links', 'addresses', 'routes'], ...options }: MonitorOptions = {},
): AsyncGenerator<RouteEvent, void, void> {
  // joined now, not at the first iteration
  const subscription = socket.subscribe({ ...options, groups: of.flatMap(kind => groups[kind]) })
  return (async function* () {
    for await (const event of subscription) {
      if (event.kind === 'lost') yield event
      else if (event.kind === 'malformed') throw event.error
      else {
        const change = read(event.message, event.datagram)
        if (change !== undefined) yield change
      }
    }
  })()
}

function read(message: Message, datagram: Datagram): RouteEvent | undefined {
  switch (message.type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return { kind: 'link', isNew: message.type === RTM_NEWLINK, link: link.decode(message), datagram }
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return {
        kind: 'address',
        isNew: message.type === RTM_NEWADDR,
        address: address.decode(message),
        datagram,
      }
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return { kind: 'route', isNew: message.type === RTM_NEWROUTE, route: route.decode(message), datagram }
    default:
      return undefined
  }
}
