// SPDX-License-Identifier: MIT
/** Requests and modules whose allocations fail, one after the other. */
import {
  attr,
  encodeGenericHeader,
  KernelError,
  OverflowError,
  type Socket,
  SystemCallError,
} from 'netlink-vmtest/netlink'
import {
  AllocationError,
  failAllocations,
  heard,
  kernel,
  loadModule,
  moduleReferences,
  openGeneric,
  unloadModule,
} from 'netlink-vmtest/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GenericExample, NLEX_CMD_GET, NLEX_CMD_UPD, NLEX_FAMILY_VERSION } from '../support/genlexample.ts'
import { NLE_MYVAR } from '../support/nlexample.ts'

describe.runIf(!kernel.has('failslab'))('a kernel without failslab', () => {
  it('an error that names those that have it', async () => {
    await expect(failAllocations(() => {})).rejects.toThrow(
      /^allocations cannot be made to fail on \S+: it takes CONFIG_FAILSLAB, .* as --kernel debug-6\.12 and debug-7\.3 have$/,
    )
  })
})

describe.runIf(kernel.has('failslab'))('a kernel with failslab', () => {
  let type: number
  let socket: Socket
  beforeAll(async () => {
    loadModule('genlexample')
    type = (await GenericExample.resolve()).family
    socket = openGeneric()
  })
  afterAll(() => {
    socket.close()
    if (moduleReferences('genlexample') !== undefined) unloadModule('genlexample')
  })

  const ask = (command: number, ...attributes: Uint8Array[]) =>
    socket.request({ type }, [encodeGenericHeader({ command, version: NLEX_FAMILY_VERSION }), ...attributes])
  /** Leaves nothing of a failed request in the receive buffer, an ENOBUFS included. */
  const emptied = async () => void (await heard(socket).catch(() => heard(socket)))
  const errorOf = (outcome: object) => ('error' in outcome ? outcome.error : undefined)

  it('each allocation of an UPD and a GET fails once, and their errors say so', async () => {
    let value = 0
    const failed = await failAllocations(
      async () => {
        await ask(NLEX_CMD_UPD, attr.u32(NLE_MYVAR, ++value))
        const [reply] = await ask(NLEX_CMD_GET)
        return reply?.attributes(4)[0]?.u32() === value
      },
      { after: emptied },
    )
    expect(failed.map(({ nth }) => nth)).toEqual(failed.map((_, index) => index + 1))
    const functions = new Set(failed.flatMap(({ stack }) => stack))
    expect([...functions]).toEqual(
      expect.arrayContaining(['netlink_sendmsg', 'netlink_ack', 'genl_upd_myvar', 'genl_get_myvar']),
    )
    for (const { outcome, stack } of failed) {
      // Also of those that may fail in silence.
      expect(stack).toContain('netlink_sendmsg')
      const error = errorOf(outcome)
      if (error === undefined) continue
      expect(error, stack.join(' < ')).toSatisfy(
        (each: unknown) =>
          each instanceof OverflowError ||
          (each instanceof KernelError && each.code === 'ENOMEM') ||
          (each instanceof SystemCallError && each.code === 'ENOBUFS'),
      )
    }
  })

  it('whole pages fail as well: those of a request that is too long for an object', async () => {
    const failed = await failAllocations(
      async () => {
        const long = attr.binary(NLE_MYVAR, Buffer.alloc(40_000))
        return await ask(NLEX_CMD_UPD, long).catch((error: unknown) => {
          if (error instanceof KernelError && error.code === 'EINVAL') return 'refused'
          throw error
        })
      },
      { after: emptied },
    )
    // It is then made of single pages.
    expect(failed.find(({ stack }) => stack.includes('__kvmalloc_node'))).toMatchObject({
      outcome: { value: 'refused' },
    })
  })

  it('a work that hides the failure is told where it was', async () => {
    const hiding = failAllocations(async () => {
      try {
        await ask(NLEX_CMD_GET)
        return 'answered'
      } catch {
        await emptied()
        return 'not answered'
      }
    })
    await expect(hiding).rejects.toThrow(AllocationError)
    await expect(hiding).rejects.toThrow(
      /^allocation 1 has failed, and the work returns "not answered" without an error, not "answered"(\n {2}in .*)*\n {2}in netlink_sendmsg/,
    )
  })

  it('a work that is not the same again', async () => {
    let count = 0
    await expect(failAllocations(() => ++count)).rejects.toThrow(
      'after 0 failed allocations the work returns 2, and not 1 as before',
    )
  })

  it('a work that makes no allocation', async () => {
    await expect(failAllocations(() => {})).rejects.toThrow(
      'the work makes no allocation in calls of netlink sockets: nothing has failed, and nothing is tested',
    )
  })

  it('a test that ends before its work has come back', async () => {
    await new Promise<void>(begun => {
      failAllocations(() => {
        begun()
        return new Promise<never>(() => {})
      }).catch(() => {})
    })
  })

  it('the test after it has failing allocations of its own', async () => {
    const failed = await failAllocations(() => ask(NLEX_CMD_GET).then(() => 'answered'), { after: emptied })
    expect(failed.length).toBeGreaterThan(0)
    for (const { stack } of failed) expect(stack).toContain('netlink_sendmsg')
  })

  it('an object that the work changes itself does not hide a failure', async () => {
    const answers: string[] = []
    const hiding = failAllocations(async () => {
      answers.length = 0
      answers.push(
        await ask(NLEX_CMD_GET).then(
          () => 'answered',
          () => 'not answered',
        ),
      )
      await emptied()
      return answers
    })
    await expect(hiding).rejects.toThrow('the work returns ["not answered"] without an error')
    const one = new (class Own {})()
    await expect(failAllocations(() => one)).rejects.toThrow(
      'the work returns the same object each time: let it return a new one, of plain values',
    )
  })

  it('what fails without failures has its own error, and two do not run at once', async () => {
    await expect(
      failAllocations(async () => {
        await expect(failAllocations(() => {})).rejects.toThrow('failAllocations() runs once at a time')
        throw new Error('of the work')
      }),
    ).rejects.toThrow('of the work')
  })

  it.each([
    ['init', 'genl_register_family'],
    ['exit', 'genl_unregister_family'],
  ] as const)('the %s function of a module', async (of, registering) => {
    if (moduleReferences('genlexample') !== undefined) unloadModule('genlexample')
    const failed = await failAllocations(
      () => {
        loadModule('genlexample')
        unloadModule('genlexample')
      },
      {
        of,
        after: () => {
          if (moduleReferences('genlexample') !== undefined) unloadModule('genlexample')
        },
      },
    )
    expect(failed.flatMap(({ stack }) => stack)).toContain(registering)
    for (const { outcome } of failed) {
      const error = errorOf(outcome)
      if (error !== undefined) expect(error).toMatchObject({ name: 'ModuleError', code: 'ENOMEM' })
    }
  })
})
