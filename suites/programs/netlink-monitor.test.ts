// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { NETLINK_ROUTE, NLMSG_ERROR, parseMessages, rtnetlink, Socket } from 'netlink-vmtest/netlink'
import { NetlinkMonitor, NetworkNamespace, runProgram } from 'netlink-vmtest/testing'
import { expect, it } from 'vitest'

/** As the kernel's own tools see it. */
const hasNlmon = spawnSync('modprobe', ['nlmon']).status === 0

const messagesOf = (monitor: NetlinkMonitor) =>
  monitor
    .read()
    .flatMap(({ protocol, bytes }) =>
      [...parseMessages(bytes)].map(({ type, payload }) => ({ protocol, type, payload })),
    )

it('what a program asks the kernel, and what it answers; or that this kernel has no nlmon', async () => {
  if (!hasNlmon) {
    await expect(NetlinkMonitor.open()).rejects.toThrow('this kernel has no nlmon (CONFIG_NLMON)')
    return
  }
  {
    await using monitor = await NetlinkMonitor.open()
    expect(monitor.read()).toEqual([])
    expect(await runProgram(['ip', 'link', 'add', 'seen0', 'type', 'dummy'])).toMatchObject({ status: 0 })
    const said = messagesOf(monitor)
    const isRequest = ({ type, payload }: (typeof said)[number]) =>
      type === rtnetlink.RTM_NEWLINK && payload.includes('seen0\0')
    expect(said.filter(isRequest)).toHaveLength(1)
    expect(said.slice(said.findIndex(isRequest)).map(({ type }) => type)).toContain(NLMSG_ERROR)
    expect(new Set(said.map(({ protocol }) => protocol))).toEqual(new Set([NETLINK_ROUTE]))
    expect(await runProgram(['ip', 'link', 'del', 'seen0'])).toMatchObject({ status: 0 })
    expect(messagesOf(monitor).some(({ type }) => type === rtnetlink.RTM_DELLINK)).toBe(true)

    // Of another namespace nothing is heard.
    using elsewhere = new NetworkNamespace()
    using there = Socket.open(NETLINK_ROUTE, { namespace: elsewhere.fd })
    await rtnetlink.getLink(there, 'lo')
    expect(monitor.read()).toEqual([])
    using here = Socket.open(NETLINK_ROUTE)
    await rtnetlink.getLink(here, 'lo')
    expect(messagesOf(monitor).map(({ type }) => type)).toEqual([
      rtnetlink.RTM_GETLINK,
      rtnetlink.RTM_NEWLINK,
      NLMSG_ERROR,
    ])
    expect(monitor.lost).toBe(0)
  }
  expect(existsSync('/sys/class/net/nlmon0')).toBe(false)
})
