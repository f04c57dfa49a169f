// SPDX-License-Identifier: MIT
/**
 * Network devices, which rtnetlink calls links: struct ifinfomsg and IFLA_* of include/uapi/linux/if_link.h;
 * Documentation/netlink/specs/rt-link.yaml. Attributes have the kernel's names without their prefix.
 */
import { NLM_F_CREATE, NLM_F_EXCL } from '../codec/constants.ts'
import { MalformedError } from '../codec/errors.ts'
import {
  attributes,
  headed,
  nested,
  type PayloadContent,
  payload,
  selected,
  struct,
} from '../codec/schema.ts'
import {
  arrayView,
  be16,
  binary,
  hardwareAddress,
  named,
  padding,
  repeated,
  s32,
  string,
  type TypeOf,
  u8,
  u16,
  u32,
  u64,
  type Value,
} from '../codec/value.ts'
import type { DumpOptions } from '../socket/dump.ts'
import type { Socket } from '../socket/socket.ts'
import type { WaitOptions } from '../socket/wait.ts'

/**
 * nlmsg_type: creates or changes a link; also the notification of that, and the answer to a request for one.
 */
export const RTM_NEWLINK = 16
/** nlmsg_type: deletes a link; also the notification of that. */
export const RTM_DELLINK = 17
/** nlmsg_type: asks for a link, or with NLM_F_DUMP for all. */
export const RTM_GETLINK = 18

/** ifi_flags (include/uapi/linux/if.h): it is up. */
export const IFF_UP = 0x1
/** ifi_flags: a loopback device. */
export const IFF_LOOPBACK = 0x8
/** ifi_flags: operational. */
export const IFF_RUNNING = 0x40

/** struct ifinfomsg: `type` is an ARPHRD_*, `flags` are IFF_*, `change` is the mask of those that count. */
export const ifinfomsg = struct({ family: u8, type: u16, index: s32, flags: u32, change: u32 })

/** struct rtnl_link_stats64. */
export const linkStatistics = struct({
  rxPackets: u64,
  txPackets: u64,
  rxBytes: u64,
  txBytes: u64,
  rxErrors: u64,
  txErrors: u64,
  rxDropped: u64,
  txDropped: u64,
  multicast: u64,
  collisions: u64,
  rxLengthErrors: u64,
  rxOverErrors: u64,
  rxCrcErrors: u64,
  rxFrameErrors: u64,
  rxFifoErrors: u64,
  rxMissedErrors: u64,
  txAbortedErrors: u64,
  txCarrierErrors: u64,
  txFifoErrors: u64,
  txHeartbeatErrors: u64,
  txWindowErrors: u64,
  rxCompressed: u64,
  txCompressed: u64,
  rxNohandler: u64,
  rxOtherhostDropped: u64,
})

const operationalState = named(u8, {
  0: 'UNKNOWN',
  1: 'NOTPRESENT',
  2: 'DOWN',
  3: 'LOWERLAYERDOWN',
  4: 'TESTING',
  5: 'DORMANT',
  6: 'UP',
})

/** The attributes of a veth's other end at creation. */
const peer = payload(
  ifinfomsg,
  attributes({
    address: [1, hardwareAddress],
    ifname: [3, string],
    mtu: [4, u32],
    netNsPid: [19, u32],
    netNsFd: [28, u32],
  }),
)

/** IFLA_INFO_DATA by IFLA_INFO_KIND; bytes for other kinds. */
const linkData = {
  veth: nested(attributes({ peer: [1, headed(peer)] })),
  vlan: nested(attributes({ id: [1, u16], flags: [2, binary], protocol: [5, be16] })),
}

const AF_INET = 2
const AF_INET6 = 10

/**
 * The schema of RTM_NEWLINK, RTM_DELLINK and RTM_GETLINK with further kinds of links: their IFLA_INFO_DATA.
 *
 *     const mine = linkWith({ mine: nested(attributes({ limit: [1, u32] })) })
 *     const parts = mine.encode({ attributes: { linkinfo: { kind: 'mine', data: { limit: 7 } } } })
 *     await socket.request({ type: RTM_NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL }, parts)
 */
export function linkWith<K extends Readonly<Record<string, Value<unknown>>>>(kinds: K) {
  return payload(ifinfomsg, attributesWith(kinds))
}

function attributesWith<K extends Readonly<Record<string, Value<unknown>>>>(kinds: K) {
  return attributes({
    address: [1, hardwareAddress],
    broadcast: [2, hardwareAddress],
    ifname: [3, string],
    mtu: [4, u32],
    link: [5, s32],
    qdisc: [6, string],
    stats: [7, binary],
    master: [10, u32],
    txqlen: [13, u32],
    map: [14, struct({ memStart: u64, memEnd: u64, baseAddr: u64, irq: u16, dma: u8, port: u8 })],
    operstate: [16, operationalState],
    linkmode: [17, u8],
    linkinfo: [
      18,
      nested(
        attributes({
          kind: [1, string],
          data: [2, selected('kind', { ...linkData, ...kinds })],
          xstats: [3, binary],
          slaveKind: [4, string],
          slaveData: [5, binary],
        }),
      ),
    ],
    netNsPid: [19, u32],
    ifalias: [20, string],
    numVf: [21, u32],
    stats64: [23, linkStatistics],
    afSpec: [
      26,
      nested(
        attributes({
          inet: [AF_INET, nested(attributes({ conf: [1, arrayView(u32)] }))],
          inet6: [
            AF_INET6,
            nested(
              attributes({
                flags: [1, u32],
                conf: [2, arrayView(s32)],
                stats: [3, arrayView(u64)],
                cacheinfo: [
                  5,
                  struct({ maxReasmLen: u32, tstamp: u32, reachableTime: u32, retransTime: u32 }),
                ],
                icmp6stats: [6, arrayView(u64)],
                token: [7, binary],
                addrGenMode: [8, u8],
                raMtu: [9, u32],
              }),
            ),
          ],
        }),
      ),
    ],
    group: [27, u32],
    netNsFd: [28, u32],
    extMask: [29, u32],
    promiscuity: [30, u32],
    numTxQueues: [31, u32],
    numRxQueues: [32, u32],
    carrier: [33, u8],
    physPortId: [34, binary],
    carrierChanges: [35, u32],
    physSwitchId: [36, binary],
    linkNetnsid: [37, s32],
    physPortName: [38, string],
    protoDown: [39, u8],
    gsoMaxSegs: [40, u32],
    gsoMaxSize: [41, u32],
    pad: [42, padding],
    xdp: [43, nested(attributes({ fd: [1, s32], attached: [2, u8], flags: [3, u32], progId: [4, u32] }))],
    event: [44, u32],
    newNetnsid: [45, s32],
    targetNetnsid: [46, s32],
    carrierUpCount: [47, u32],
    carrierDownCount: [48, u32],
    newIfindex: [49, s32],
    minMtu: [50, u32],
    maxMtu: [51, u32],
    propList: [52, nested(attributes({ altIfname: [53, repeated(string)] }))],
    altIfname: [53, string],
    permAddress: [54, hardwareAddress],
    protoDownReason: [55, binary],
    parentDevName: [56, string],
    parentDevBusName: [57, string],
    groMaxSize: [58, u32],
    tsoMaxSize: [59, u32],
    tsoMaxSegs: [60, u32],
    allmulti: [61, u32],
    devlinkPort: [62, binary],
    gsoIpv4MaxSize: [63, u32],
    groIpv4MaxSize: [64, u32],
    dpllPin: [65, binary],
    maxPacingOffloadHorizon: [66, u32],
    netnsImmutable: [67, u8],
    headroom: [68, u16],
    tailroom: [69, u16],
  })
}

/** The schema of RTM_NEWLINK, RTM_DELLINK and RTM_GETLINK. */
export const link = linkWith({})

/** A link as the kernel describes it. */
export type Link = ReturnType<typeof link.decode>
type LinkAttributes = Link['attributes']

/** A link, by index or by name. */
export type LinkSelector = number | string

/** IFLA_EXT_MASK: leaves out the counters of address families, a large part of a message. */
const RTEXT_FILTER_SKIP_STATS = 8

/** Options of a dump of links. */
export interface LinksOptions extends DumpOptions {
  /** False leaves out the counters of address families (`afSpec.inet6.stats`). True if not given. */
  readonly statistics?: boolean
}

/** All links, in the kernel's order. @throws KernelError, and what {@link Socket.dump} throws */
export async function getLinks(socket: Socket, options: LinksOptions = {}): Promise<Link[]> {
  const extMask = options.statistics === false ? { extMask: RTEXT_FILTER_SKIP_STATS } : {}
  const dump = socket.dump({ type: RTM_GETLINK }, link.encode({ attributes: extMask }), {
    ...options,
    schema: link,
  })
  const links: Link[] = []
  for await (const message of dump) links.push(link.decode(message))
  return links
}

/** One link. @throws KernelError ENODEV if there is none */
export async function getLink(socket: Socket, which: LinkSelector, options: WaitOptions = {}): Promise<Link> {
  const [reply] = await socket.request({ type: RTM_GETLINK }, link.encode(select(which)), {
    ...options,
    schema: link,
  })
  if (reply === undefined) throw new MalformedError('RTM_GETLINK was acknowledged without a link', 0)
  return link.decode(reply)
}

/** The attributes of a new link, and whether it is up. */
export type NewLink = LinkAttributes & { readonly up?: boolean }

/**
 * Creates a link. Needs CAP_NET_ADMIN.
 *
 *     await createLink(socket, { ifname: 'd0', linkinfo: { kind: 'dummy' } })
 *     await createLink(socket, {
 *       ifname: 'v0',
 *       linkinfo: { kind: 'veth', data: { peer: { attributes: { ifname: 'v1', netNsFd: elsewhere.fd } } } },
 *     })
 *
 * `netNsFd` is a network namespace's descriptor: the link, or the other end of the veth, is created there.
 *
 * @throws KernelError EEXIST for a name that is taken, EOPNOTSUPP for a kind that the kernel does not know
 */
export async function createLink(
  socket: Socket,
  { up, ...attributes }: NewLink,
  options: WaitOptions = {},
): Promise<void> {
  const parts = link.encode({ header: upDown(up), attributes })
  const header = { type: RTM_NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL }
  await socket.request(header, parts, { ...options, schema: link })
}

/**
 * Changes a link: only what is given. Needs CAP_NET_ADMIN.
 * @throws KernelError ENODEV if there is none
 */
export async function changeLink(
  socket: Socket,
  which: LinkSelector,
  { up, ...changes }: NewLink,
  options: WaitOptions = {},
): Promise<void> {
  // the new name takes the place of the old one in the request: only the index can then select the link
  const isRenamed = typeof which === 'string' && changes.ifname !== undefined
  const { header, attributes } = select(
    isRenamed ? (await getLink(socket, which, options)).header.index : which,
  )
  const parts = link.encode({
    header: { ...header, ...upDown(up) },
    attributes: { ...attributes, ...changes },
  })
  await socket.request({ type: RTM_NEWLINK }, parts, { ...options, schema: link })
}

/**
 * Deletes a link, and the other end of a veth. Needs CAP_NET_ADMIN. @throws KernelError ENODEV if there is
 * none
 */
export async function deleteLink(
  socket: Socket,
  which: LinkSelector,
  options: WaitOptions = {},
): Promise<void> {
  await socket.request({ type: RTM_DELLINK }, link.encode(select(which)), { ...options, schema: link })
}

function select(which: LinkSelector): PayloadContent<Partial<TypeOf<typeof ifinfomsg>>, LinkAttributes> {
  return typeof which === 'number'
    ? { header: { index: which }, attributes: {} }
    : { header: {}, attributes: { ifname: which } }
}

function upDown(up: boolean | undefined): Partial<TypeOf<typeof ifinfomsg>> {
  return up === undefined ? {} : { flags: up ? IFF_UP : 0, change: IFF_UP }
}
