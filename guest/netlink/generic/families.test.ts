// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import {
  attributes,
  ClosedError,
  encodeGenericHeader,
  GENL_ID_CTRL,
  GenericFamilies,
  genlmsghdr,
  KernelError,
  NETLINK_GENERIC,
  NetlinkError,
  nlctrl,
  payload,
  Socket,
  u32,
} from '../index.ts'

it('the version is 1 wherever none is given, in schemas too', () => {
  const mine = payload(genlmsghdr, attributes({ value: [1, u32] }))
  const [header = Buffer.of()] = mine.encode({ header: { command: 3 }, attributes: { value: 1 } })
  expect(header).toEqual(encodeGenericHeader({ command: 3 }))
  expect(header).toEqual(Buffer.of(3, 1, 0, 0))
  expect(mine.encode({ header: { command: 3, version: 0 } })[0]).toEqual(Buffer.of(3, 0, 0, 0))
})

describe('generic netlink families', () => {
  it('nlctrl, which is always there', async () => {
    using families = GenericFamilies.open()
    const family = await families.resolve('nlctrl')
    expect(family).toMatchObject({ id: GENL_ID_CTRL, name: 'nlctrl', version: 2, headerSize: 0 })
    expect(family.operations.map(operation => operation.id)).toContain(3)
    expect(family.groups).toEqual(new Map([['notify', 16]]))
    expect(await families.group('nlctrl', 'notify')).toBe(16)
    // from what is kept
    expect(await families.resolve('nlctrl')).toBe(family)
  })

  it('those that are not there', async () => {
    using families = GenericFamilies.open()
    await expect(families.resolve('nosuch')).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(families.resolve('nosuch')).rejects.toThrow(KernelError)
    await expect(families.group('nlctrl', 'nosuch')).rejects.toThrow(
      new NetlinkError('nlctrl has no group nosuch, only notify'),
    )
  })

  it('all there are, which are then known', async () => {
    using families = GenericFamilies.open()
    const all = await families.list()
    expect(all.map(family => family.name)).toContain('nlctrl')
    expect(new Set(all.map(family => family.id)).size).toBe(all.length)
    for (const family of all) expect(await families.resolve(family.name)).toBe(family)
  })

  it('policies: what nlctrl itself accepts', async () => {
    using families = GenericFamilies.open()
    const { policies, operations } = await families.policies('nlctrl')
    const getFamily = policies.get(operations.get(3)?.do ?? -1)
    expect(getFamily?.get(1)).toMatchObject({ type: 'U16' })
    expect(getFamily?.get(2)).toEqual({ type: 'NUL_STRING', maximumLength: 15 })
    for (const operation of [3, 10])
      expect([...(await families.policies('nlctrl', { operation })).operations.keys()]).toEqual([operation])
    await expect(families.policies('nosuch')).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('a refusal names the family', async () => {
    using families = GenericFamilies.open()
    const message = 'the generic netlink family nosuch: the kernel answered ENOENT'
    for (const call of [
      () => families.resolve('nosuch'),
      () => families.group('nosuch', 'x'),
      () => families.policies('nosuch'),
    ])
      await expect(call()).rejects.toMatchObject({ name: 'KernelError', code: 'ENOENT', message })
    await expect(families.resolve('much too long a name')).rejects.toThrow(
      /^the generic netlink family much too long a name: EINVAL: .*attribute familyName at offset 20/,
    )
  })

  it('a refused request names the attribute', async () => {
    using socket = Socket.open(NETLINK_GENERIC)
    const error = await socket
      .request(
        { type: GENL_ID_CTRL },
        nlctrl.encode({
          header: { command: 3, version: 2 },
          attributes: { familyName: 'much too long a name' },
        }),
        { schema: nlctrl },
      )
      .catch(reason => reason)
    expect(error).toMatchObject({ name: 'KernelError', paths: { attribute: 'familyName' } })
    expect(error.message).toContain('attribute familyName at offset 20')
    const dump = socket.dump(
      { type: GENL_ID_CTRL },
      nlctrl.encode({
        header: { command: 10, version: 2 },
        attributes: { familyName: 'much too long a name' },
      }),
      { schema: nlctrl },
    )
    await expect(dump.collect()).rejects.toMatchObject({ paths: { attribute: 'familyName' } })
    const [result] = await socket.batch([
      {
        type: GENL_ID_CTRL,
        parts: nlctrl.encode({
          header: { command: 3, version: 2 },
          attributes: { familyName: 'much too long a name' },
        }),
        schema: nlctrl,
      },
    ])
    expect(result).toMatchObject({ reason: { paths: { attribute: 'familyName' } } })
  })

  it('its socket is closed with it', async () => {
    const families = GenericFamilies.open()
    families.close()
    await expect(families.resolve('nlctrl')).rejects.toThrow(ClosedError)
  })
})
