// SPDX-License-Identifier: MIT
/** Who asks, from where, and who listens: privileges, network namespaces, groups. */
import { expect, it } from 'vitest'
import { KernelError, NLM_F_ACK, SystemCallError } from '../../../netlink/index.ts'
import { drain, exchange, heard } from '../../exchange.ts'
import { hasUserNamespaces, NetworkNamespace, sendFromUserNamespace } from '../../namespaces.ts'
import { asUser, nobody } from '../../user.ts'
import { refusal } from '../../wire.ts'
import { askFamily, type Operation } from '../family.ts'
import { Faults } from '../faults.ts'
import { Shape } from '../shape.ts'
import type { Subject } from '../subject.ts'

export function surroundings(subject: Subject): void {
  it('commands that need CAP_NET_ADMIN: EPERM without it, and in a user namespace', async () => {
    using requester = subject.open({ extendedAck: false })
    const { socket } = requester
    const privileged = subject.family.all.filter(({ privilege }) => privilege !== 'none')
    const requests = privileged.map(operation => subject.encode(operation, wholeOf(subject, operation)))
    for (const request of requests) {
      asUser(nobody, () => socket.send(request))
      expect(await heard(socket)).toEqual([refusal(request, socket, 'EPERM')])
    }
    if (!hasUserNamespaces || requests.length === 0) return
    sendFromUserNamespace(socket, Buffer.concat(requests))
    expect(await heard(socket)).toEqual(requests.map(request => refusal(request, socket, 'EPERM')))
  })

  it('commands that need no privilege: answered to anybody', async () => {
    const faults = new Faults('unprivileged', subject.told)
    for (const operation of subject.family.all.filter(
      ({ privilege, kind }) => privilege === 'none' && kind === 'do',
    )) {
      using requester = subject.open()
      const request = subject.encode(operation, wholeOf(subject, operation))
      const { faults: wrong } = await requester.send(request, bytes =>
        asUser(nobody, () => requester.socket.send(bytes)),
      )
      faults.add(`command ${operation.command} of an unprivileged user`, wrong)
    }
    faults.end()
  })

  it('in another network namespace: no such family, or one that answers', async () => {
    using elsewhere = new NetworkNamespace()
    const isThere = await askFamily(subject.name, { namespace: elsewhere.fd }).then(
      () => true,
      error => {
        if (error instanceof KernelError && error.code === 'ENOENT') return false
        throw error
      },
    )
    const faults = new Faults('elsewhere', subject.told)
    for (const operation of subject.family.all) {
      using requester = subject.open({ namespace: elsewhere.fd, extendedAck: isThere })
      const attributes = wholeOf(subject, operation)
      if (isThere) {
        const { faults: wrong } = await requester.ask(operation, attributes)
        faults.add(`command ${operation.command} (${operation.kind}) in another namespace`, wrong)
        continue
      }
      const request = subject.encode(operation, attributes)
      expect(await exchange(requester.socket, request)).toEqual([
        refusal(request, requester.socket, 'ENOENT'),
      ])
    }
    faults.end()
  })

  it('groups: joined by name, and left', async () => {
    const { groups } = subject.family
    for (const [name, number] of groups) {
      using requester = subject.open()
      requester.socket.join(number)
      expect(requester.socket.memberships(), name).toEqual([number])
      requester.socket.leave(number)
      expect(requester.socket.memberships(), name).toEqual([])
      using other = subject.open()
      try {
        asUser(nobody, () => other.socket.join(number))
      } catch (error) {
        // GENL_MCAST_CAP_NET_ADMIN and the like, from 6.7 on
        if (!(error instanceof SystemCallError && error.code === 'EPERM')) throw error
      }
    }
  })

  it('all commands in one datagram: an answer to each, in order', async () => {
    using requester = subject.open().withRoom()
    const operations = subject.family.all.filter(({ kind }) => kind === 'do')
    const requests = operations.map((operation, index) =>
      subject.encode(operation, Buffer.alloc(0), { sequence: 1000 + index }),
    )
    if (requests.length === 0) return
    const came = await exchange(requester.socket, Buffer.concat(requests))
    const ends = came.flatMap(({ messages }) => messages).filter(({ error }) => error !== undefined)
    expect(ends.map(({ sequence }) => sequence)).toEqual(requests.map((_, index) => 1000 + index))
  })

  it('a full receive buffer stops nobody else', async () => {
    using slow = subject.open({ receiveBuffer: 2304 })
    const faults = new Faults('full', subject.told)
    for (const operation of subject.family.all.filter(({ kind }) => kind === 'do')) {
      const request = subject.encode(operation, wholeOf(subject, operation), { flags: NLM_F_ACK })
      for (let count = 0; count < 50; count++) slow.socket.send(request)
      drain(slow.socket)
      using other = subject.open()
      faults.add(`command ${operation.command} after it`, (await other.ask(operation)).faults)
    }
    faults.end()
  })
}

function wholeOf(subject: Subject, operation: Operation): Buffer {
  return Shape.all(subject, operation)[0]?.attributes(0) ?? Buffer.alloc(0)
}
