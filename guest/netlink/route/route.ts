// SPDX-License-Identifier: MIT
/**
 * Routes: struct rtmsg and RTA_* of include/uapi/linux/rtnetlink.h;
 * Documentation/netlink/specs/rt-route.yaml. Attributes have the kernel's names without their prefix.
 */
import { attr } from '../codec/attribute.ts'
import { NLM_F_CREATE, NLM_F_EXCL } from '../codec/constants.ts'
import { MalformedError } from '../codec/errors.ts'
import { align } from '../codec/integers.ts'
import { ipAddress, parseIPAddress } from '../codec/ip-address.ts'
import { attributes, nested, type PayloadInput, payload, struct } from '../codec/schema.ts'
import { be16, binary, named, padding, s32, type TypeOf, u8, u16, u32, type Value } from '../codec/value.ts'
import type { DumpOptions } from '../socket/dump.ts'
import type { Socket } from '../socket/socket.ts'
import type { WaitOptions } from '../socket/wait.ts'

/**
 * nlmsg_type: creates or changes a route; also the notification of that, and the answer to a request for one.
 */
export const RTM_NEWROUTE = 24
/** nlmsg_type: deletes a route; also the notification of that. */
export const RTM_DELROUTE = 25
/** nlmsg_type: asks for a route, or with NLM_F_DUMP for all. */
export const RTM_GETROUTE = 26

const RT_TABLE_MAIN = 254
const RTPROT_BOOT = 3
const RT_SCOPE_UNIVERSE = 0
const RT_SCOPE_LINK = 253

/**
 * struct rtmsg: `table` is the attribute's if that is under 256, `scope` an RT_SCOPE_*, `protocol` an
 * RTPROT_*.
 */
export const rtmsg = struct({
  family: u8,
  dstLen: u8,
  srcLen: u8,
  tos: u8,
  table: u8,
  protocol: u8,
  scope: u8,
  type: named(u8, {
    0: 'unspec',
    1: 'unicast',
    2: 'local',
    3: 'broadcast',
    4: 'anycast',
    5: 'multicast',
    6: 'blackhole',
    7: 'unreachable',
    8: 'prohibit',
    9: 'throw',
    10: 'nat',
    11: 'xresolve',
  }),
  flags: u32,
})

/** One next hop of a multipath route. */
export interface NextHop {
  /** RTNH_F_* */
  readonly flags: number
  /** Its weight minus one. */
  readonly hops: number
  /** The index of the link. */
  readonly index: number
  /** RTA_* of this next hop: `gateway`, `via`, `encap` ... */
  readonly attributes: ReturnType<typeof hop.decode>
}
const hop = attributes({
  gateway: [5, ipAddress],
  flow: [11, u32],
  via: [18, binary],
  encapType: [21, u16],
  encap: [22, binary],
})
const rtnexthop = struct({ length: u16, flags: u8, hops: u8, index: s32 })

/** RTA_MULTIPATH: a sequence of struct rtnexthop, each with its attributes. */
const nextHops: Value<NextHop[]> = {
  kind: 'next hops',
  read(buffer, start, end) {
    const hops: NextHop[] = []
    for (let offset = start; offset < end; ) {
      if (end - offset < rtnexthop.size) throw new MalformedError('a next hop cut short', offset)
      const { length, ...header } = rtnexthop.get(buffer, offset)
      if (length < rtnexthop.size || length > end - offset)
        throw new MalformedError(`a next hop of ${length} bytes where ${end - offset} are left`, offset)
      hops.push({ ...header, attributes: hop.decode(buffer, offset + rtnexthop.size, offset + length) })
      offset += align(length)
    }
    return hops
  },
  write(type, hops) {
    const parts = hops.flatMap(({ attributes, ...header }) => {
      const encoded = hop.encode(attributes)
      const fixedPart = Buffer.alloc(rtnexthop.size)
      rtnexthop.put(fixedPart, { length: rtnexthop.size + encoded.length, ...header }, 0)
      return [fixedPart, encoded]
    })
    return attr.binary(type, Buffer.concat(parts))
  },
}

/** The schema of RTM_NEWROUTE, RTM_DELROUTE and RTM_GETROUTE. */
export const route = payload(
  rtmsg,
  attributes({
    dst: [1, ipAddress],
    src: [2, ipAddress],
    iif: [3, u32],
    oif: [4, u32],
    gateway: [5, ipAddress],
    priority: [6, u32],
    prefsrc: [7, ipAddress],
    metrics: [
      8,
      nested(
        attributes({
          lock: [1, u32],
          mtu: [2, u32],
          window: [3, u32],
          rtt: [4, u32],
          rttvar: [5, u32],
          ssthresh: [6, u32],
          cwnd: [7, u32],
          advmss: [8, u32],
          reordering: [9, u32],
          hoplimit: [10, u32],
          initcwnd: [11, u32],
          features: [12, u32],
          rtoMin: [13, u32],
          initrwnd: [14, u32],
          quickack: [15, u32],
        }),
      ),
    ],
    multipath: [9, nextHops],
    flow: [11, u32],
    cacheinfo: [
      12,
      struct({
        clntref: u32,
        lastuse: u32,
        expires: s32,
        error: u32,
        used: u32,
        id: u32,
        ts: u32,
        tsage: u32,
      }),
    ],
    table: [15, u32],
    mark: [16, u32],
    mfcStats: [17, binary],
    via: [18, binary],
    newdst: [19, binary],
    pref: [20, u8],
    encapType: [21, u16],
    encap: [22, binary],
    expires: [23, u32],
    pad: [24, padding],
    uid: [25, u32],
    ttlPropagate: [26, u8],
    ipProto: [27, u8],
    sport: [28, be16],
    dport: [29, be16],
    nhId: [30, u32],
  }),
)

/** A route as the kernel describes it. */
export type Route = ReturnType<typeof route.decode>

/** All routes of all tables, of one family (AF_INET, AF_INET6) or of both. */
export async function getRoutes(
  socket: Socket,
  { family = 0, ...options }: DumpOptions & { readonly family?: number } = {},
): Promise<Route[]> {
  const dump = socket.dump({ type: RTM_GETROUTE }, route.encode({ header: { family } }), {
    ...options,
    schema: route,
  })
  const routes: Route[] = []
  for await (const message of dump) routes.push(route.decode(message))
  return routes
}

/** A route to add or to delete. */
export interface NewRoute {
  /** '192.0.2.0/24', '2001:db8::/32'; '0.0.0.0/0' and '::/0' are default routes. */
  readonly dst: string
  /** The address of the next router; if not given, the destination is on the link itself. */
  readonly gateway?: string
  /** The index of the link. */
  readonly oif?: number
  /** Further fields of the header: table, protocol, scope, type ... */
  readonly header?: Partial<TypeOf<typeof rtmsg>>
  /** Further attributes RTA_*. */
  readonly attributes?: Route['attributes']
}

/** Adds a route, to the main table by default. Needs CAP_NET_ADMIN. @throws KernelError EEXIST */
export async function addRoute(socket: Socket, added: NewRoute, options: WaitOptions = {}): Promise<void> {
  const header = { type: RTM_NEWROUTE, flags: NLM_F_CREATE | NLM_F_EXCL }
  const defaults = {
    table: RT_TABLE_MAIN,
    protocol: RTPROT_BOOT,
    scope: added.gateway === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
    type: 'unicast',
  } as const
  await socket.request(header, route.encode(contentOf(added, defaults)), { ...options, schema: route })
}

/** Deletes the first route that matches. Needs CAP_NET_ADMIN. @throws KernelError ESRCH if there is none */
export async function deleteRoute(
  socket: Socket,
  deleted: NewRoute,
  options: WaitOptions = {},
): Promise<void> {
  const RT_SCOPE_NOWHERE = 255
  const parts = route.encode(contentOf(deleted, { table: RT_TABLE_MAIN, scope: RT_SCOPE_NOWHERE }))
  await socket.request({ type: RTM_DELROUTE }, parts, { ...options, schema: route })
}

function contentOf(
  { dst, gateway, oif, header, attributes }: NewRoute,
  defaults: Partial<TypeOf<typeof rtmsg>>,
): PayloadInput<TypeOf<typeof rtmsg>, Route['attributes']> {
  const [prefix = '', length] = dst.split('/')
  const bytes = parseIPAddress(prefix).length
  const dstLen = length === undefined ? bytes * 8 : Number(length)
  return {
    header: { ...defaults, family: bytes === 4 ? 2 : 10, dstLen, ...header },
    attributes: {
      ...(dstLen > 0 && { dst: prefix }),
      ...(gateway !== undefined && { gateway }),
      ...(oif !== undefined && { oif }),
      ...attributes,
    },
  }
}
