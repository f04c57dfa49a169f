// SPDX-License-Identifier: MIT
/** Modules that go, and sockets that close. */
import { beforeAll, expect, it } from 'vitest'
import { drain } from '../../exchange.ts'
import { tryCreation } from '../creation.ts'
import type { Operation } from '../family.ts'
import { Faults } from '../faults.ts'
import { tryFitting } from '../fitting.ts'
import { tryLearned } from '../learning.ts'
import { variations } from '../nests.ts'
import { Shape } from '../shape.ts'
import type { Requester, Subject } from '../subject.ts'
import { askUntold } from '../untold.ts'
import { memory } from './memory.ts'

/** Milliseconds to learn with which values commands succeed. */
const LONG = 60_000
/** Milliseconds after which no more commands are tried with values that were told. */
const LEARNING = 8000

export function lifetime(subject: Subject): void {
  beforeAll(() => learnValues(subject), LONG)

  it('sockets that close in the midst of a dump', async () => {
    for (const operation of subject.dumps)
      for (let count = 0; count < 3; count++) {
        using requester = subject.open()
        requester.socket.send(subject.encode(operation))
      }
    expect(subject.references()).toEqual([])
  })

  if (subject.modules.length === 0) return

  it('unloading while a dump is underway is refused, and works afterwards', async () => {
    await subject.reload()
    const faults = new Faults('unloading', subject.told)
    for (const operation of subject.dumps) {
      using requester = subject.open()
      requester.socket.send(subject.encode(operation))
      const isHeld = subject.references().length > 0
      // The kernel goes on with a dump as it is read: it was underway if more than one datagram comes.
      const came = requester.socket.receiveReady().length
      // A dump holds the module of its family (netlink_dump_start() of net/netlink/af_netlink.c).
      if (!isHeld && came > 1)
        faults.add(`command ${operation.command} (dump)`, [
          'the module can be unloaded while it dumps: its family lacks .module = THIS_MODULE',
        ])
    }
    faults.end()
    await subject.reload()
  })

  it('unloading with sockets in its groups, and right after each command', async () => {
    using listener = subject.open({ memberships: [...subject.family.groups.values()] })
    for (const operation of subject.commands) {
      const [shape] = Shape.all(subject, operation)
      for (const request of extremes(subject, shape)) {
        using requester = subject.open()
        await requester.ask(operation, request)
        drain(listener.socket)
        await subject.reload()
      }
    }
    expect(subject.references()).toEqual([])
  })

  memory(subject)
}

/** Finds out with which values commands succeed, as far as there is time for it. */
async function learnValues(subject: Subject): Promise<void> {
  const { commands, family } = subject
  subject.tryAnew()
  for (const operation of family.all) subject.noteUntold(operation, await askUntold(subject, operation))
  using requester = subject.open().withRoom()
  const end = performance.now() + LEARNING
  for (const operation of commands) {
    await tryCreation(subject, requester, operation)
    const [whole] = Shape.all(subject, operation)
    if (whole && (await requester.ask(operation, whole.attributes(0))).code === 'EINVAL')
      await tryFitting(subject, requester, operation)
  }
  for (const operation of commands) {
    if (performance.now() > end) break
    if (await succeeds(subject, requester, operation)) continue
    // What was asked so far may be why it is refused.
    await subject.reload()
    for (const other of [...commands, ...commands])
      if (other !== operation) await succeeds(subject, requester, other)
    if (!(await succeeds(subject, requester, operation))) await tryLearned(subject, requester, operation)
  }
  await subject.reload()
}

/** Whether a command takes one of its good requests. */
async function succeeds(subject: Subject, requester: Requester, operation: Operation): Promise<boolean> {
  for (const shape of Shape.all(subject, operation))
    if ((await requester.ask(operation, shape.attributes(0))).code === undefined) return true
  return false
}

/** Complete requests with one attribute at its greatest value, and with none. */
function extremes(subject: Subject, shape: Shape | undefined): Buffer[] {
  if (shape === undefined) return []
  const making = subject.making(0)
  return [
    shape.attributes(0),
    ...shape.types.flatMap(type => {
      const { maximum } = shape.policyOf(type) ?? {}
      if (maximum === undefined) return []
      const payloads = variations(type, shape.policyOf(type), making)
      const greatest = payloads.find(({ what }) => what === `the value ${maximum}`)
      return greatest ? [shape.attributes(0, new Map([[type, greatest.payload]]))] : []
    }),
  ]
}
