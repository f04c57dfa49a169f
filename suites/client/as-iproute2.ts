// SPDX-License-Identifier: MIT
/** The client's links, addresses and routes as `ip -j -d` prints them: the fields of iproute2's ip/*.c. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { isDeepStrictEqual } from 'node:util'
import type { rtnetlink } from 'netlink-vmtest/netlink'

export type Told = Readonly<Record<string, unknown>>

/** The output of `ip -j ARGS` in the namespace of the calling thread. */
export function ip(...args: string[]): Told[] {
  return JSON.parse(checked(spawnSync('ip', ['-j', ...args], { encoding: 'utf8' })) || '[]')
}

/** Runs several commands of `ip`, one on each line, with one start. */
export function ipBatch(...lines: string[]): void {
  checked(spawnSync('ip', ['-batch', '-'], { encoding: 'utf8', input: `${lines.join('\n')}\n` }))
}

function checked({ status, stdout, stderr, error }: SpawnSyncReturns<string>): string {
  if (error) throw error
  if (status !== 0) throw new Error(`ip ended with status ${status}: ${stderr}`)
  return stdout
}

/**
 * The answers of the client and `ip`, repeated until nothing changed meanwhile: counters and the operational
 * state change on their own.
 */
export async function sideBySide<T>(client: () => Promise<T>, told: () => Told[]): Promise<[T, Told[]]> {
  for (let tries = 0; tries < 20; tries++) {
    const before = await client()
    const answer = told()
    if (isDeepStrictEqual(before, await client())) return [before, answer]
  }
  throw new Error('what is to be compared never stayed the same while ip looked at it')
}

/** Without fields that a newer iproute2 may add. */
export function known(told: readonly Told[], own: readonly object[]): Told[] {
  const names = new Set(own.flatMap(each => Object.keys(each)))
  return told.map(each => Object.fromEntries(Object.entries(each).filter(([name]) => names.has(name))))
}

const linkFlags = {
  LOOPBACK: 0x8,
  BROADCAST: 0x2,
  POINTOPOINT: 0x10,
  MULTICAST: 0x1000,
  NOARP: 0x80,
  ALLMULTI: 0x200,
  PROMISC: 0x100,
  UP: 0x1,
  LOWER_UP: 0x10000,
}
const RUNNING = 0x40
const linkTypes: Readonly<Record<number, string>> = { 1: 'ether', 772: 'loopback' }

/** Names of links by index. */
export type LinkNames = ReadonlyMap<number | undefined, string | undefined>

export function namesOf(links: readonly rtnetlink.Link[]): LinkNames {
  return new Map(links.map(({ header, attributes }) => [header.index, attributes.ifname]))
}

/** As `ip -j -d -s link` prints it. */
export function asIpLink({ header, attributes: a }: rtnetlink.Link, names: LinkNames): Told {
  const { stats64: s } = a
  const flags = Object.entries(linkFlags).filter(([, bit]) => (header.flags & bit) !== 0)
  const hasNoCarrier = (header.flags & linkFlags.UP) !== 0 && (header.flags & RUNNING) === 0
  const data = a.linkinfo?.data
  return {
    ifindex: header.index,
    link: a.link ? names.get(a.link) : undefined,
    ifname: a.ifname,
    flags: [...(hasNoCarrier ? ['NO-CARRIER'] : []), ...flags.map(([name]) => name)],
    mtu: a.mtu,
    qdisc: a.qdisc,
    master: names.get(a.master),
    operstate: a.operstate,
    linkmode: a.linkmode === 0 ? 'DEFAULT' : 'DORMANT',
    group: a.group === 0 ? 'default' : String(a.group),
    txqlen: a.txqlen,
    link_type: linkTypes[header.type],
    address: a.address,
    broadcast: a.broadcast,
    promiscuity: a.promiscuity,
    allmulti: a.allmulti,
    min_mtu: a.minMtu,
    max_mtu: a.maxMtu,
    linkinfo: a.linkinfo && {
      info_kind: a.linkinfo.kind,
      ...(data && 'id' in data && { info_data: { protocol: '802.1Q', id: data.id, flags: ['REORDER_HDR'] } }),
    },
    inet6_addr_gen_mode: ['eui64', 'none'][a.afSpec?.inet6?.addrGenMode ?? -1],
    num_tx_queues: a.numTxQueues,
    num_rx_queues: a.numRxQueues,
    gso_max_size: a.gsoMaxSize,
    gso_max_segs: a.gsoMaxSegs,
    tso_max_size: a.tsoMaxSize,
    tso_max_segs: a.tsoMaxSegs,
    gro_max_size: a.groMaxSize,
    ifalias: a.ifalias,
    altnames: a.propList?.altIfname,
    stats64: s && {
      rx: {
        bytes: Number(s.rxBytes),
        packets: Number(s.rxPackets),
        errors: Number(s.rxErrors),
        dropped: Number(s.rxDropped),
        over_errors: Number(s.rxOverErrors),
        multicast: Number(s.multicast),
      },
      tx: {
        bytes: Number(s.txBytes),
        packets: Number(s.txPackets),
        errors: Number(s.txErrors),
        dropped: Number(s.txDropped),
        carrier_errors: Number(s.txCarrierErrors),
        collisions: Number(s.collisions),
      },
    },
  }
}

const scopes: Readonly<Record<number, string>> = { 0: 'global', 253: 'link', 254: 'host' }
const IFA_F_SECONDARY = 0x01
const IFA_F_NODAD = 0x02
const IFA_F_PERMANENT = 0x80

/** As in `addr_info` of `ip -j addr`, without remaining lifetimes, which `ip` reads later. */
export function asIpAddress({ header, attributes: a }: rtnetlink.Address): Told {
  const flags = a.flags ?? header.flags
  const local = a.local ?? a.address
  return {
    family: header.family === 2 ? 'inet' : 'inet6',
    local,
    address: a.address === local ? undefined : a.address,
    prefixlen: header.prefixlen,
    broadcast: a.broadcast,
    scope: scopes[header.scope],
    secondary: (flags & IFA_F_SECONDARY) !== 0 && header.family === 2 ? true : undefined,
    nodad: (flags & IFA_F_NODAD) !== 0 ? true : undefined,
    dynamic: (flags & IFA_F_PERMANENT) === 0 ? true : undefined,
    label: a.label,
  }
}

const protocols: Readonly<Record<number, string>> = { 2: 'kernel', 3: 'boot', 4: 'static' }
const tables: Readonly<Record<number, string>> = { 254: 'main', 255: 'local' }
const preferences = ['medium', 'high', undefined, 'low']

/** As `ip -j -d route show table all` prints it. */
export function asIpRoute({ header, attributes: a }: rtnetlink.Route, names: LinkNames): Told {
  const whole = header.family === 2 ? 32 : 128
  const table = a.table ?? header.table
  return {
    type: header.type,
    dst: header.dstLen === 0 ? 'default' : header.dstLen === whole ? a.dst : `${a.dst}/${header.dstLen}`,
    gateway: a.gateway,
    dev: names.get(a.oif),
    table: tables[table] ?? String(table),
    protocol: protocols[header.protocol],
    scope: scopes[header.scope],
    prefsrc: a.prefsrc,
    metric: a.priority,
    // of IPv4's metrics only those of these routes
    metrics: a.metrics?.mtu === undefined ? undefined : [{ mtu: a.metrics.mtu }],
    nexthops: a.multipath?.map(hop => ({
      gateway: hop.attributes.gateway,
      dev: names.get(hop.index),
      weight: hop.hops + 1,
      flags: [],
    })),
    pref: a.pref === undefined ? undefined : preferences[a.pref],
    flags: [],
  }
}
