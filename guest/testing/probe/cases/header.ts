// SPDX-License-Identifier: MIT
/** Headers: commands, flags, versions, lengths, sequence numbers. */

import { expect, it } from 'vitest'
import { encodeMessage, GENL_HDRLEN, NLM_F_ACK, NLM_F_REQUEST, NLMSG_HDRLEN } from '../../../netlink/index.ts'
import { exchange } from '../../exchange.ts'
import { acknowledgement, refusal } from '../../wire.ts'
import type { Outcome } from '../core-rules.ts'
import { type Operation, unknownCommand } from '../family.ts'
import { Shape } from '../shape.ts'
import type { Subject } from '../subject.ts'
import { tryAll } from '../trial.ts'

const unsupported: Outcome = [{ code: 'EOPNOTSUPP' }]
const none = Buffer.alloc(0)
/** Numbers and indices that a header may have: small ones, and those that are far out. */
const WORDS = [1, 2, 255, 0x1000_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]

/** Of the family as a whole. */
export function headersOfFamily(subject: Subject): void {
  it('an unknown command: EOPNOTSUPP', async () => {
    const command = unknownCommand(subject.family)
    if (command === undefined) return
    for (const kind of ['do', 'dump'] as const) {
      const operation: Operation = { command, kind, privilege: 'none', policy: undefined }
      const trial = { what: `command ${command} (${kind})`, attributes: none, outcome: unsupported }
      await tryAll(subject, operation, [trial])
    }
  })
}

/** Of one operation. */
export function headers(subject: Subject, operation: Operation): void {
  const { command, kind } = operation
  const other = kind === 'do' ? 'dump' : 'do'

  it('a message too short for its headers: EINVAL', async () => {
    const { id, headerSize } = subject.family
    const flags = subject.encode(operation).readUInt16LE(6)
    using requester = subject.open({ extendedAck: false })
    const lengths = new Set([0, GENL_HDRLEN - 1, GENL_HDRLEN + headerSize - 1])
    for (const length of lengths) {
      const request = encodeMessage({ type: id, flags, sequence: 1 }, Buffer.alloc(length, command))
      expect(await exchange(requester.socket, request), `${length} bytes`).toEqual([
        refusal(request, requester.socket, 'EINVAL'),
      ])
    }
  })

  it('without NLM_F_REQUEST: ignored, and acknowledged if that is asked for', async () => {
    using requester = subject.open()
    const request = subject.encode(operation)
    const bare = Buffer.from(request)
    request.writeUInt16LE(request.readUInt16LE(6) & ~NLM_F_REQUEST, 6)
    bare.writeUInt16LE(bare.readUInt16LE(6) & ~(NLM_F_REQUEST | NLM_F_ACK), 6)
    expect(await exchange(requester.socket, bare, request)).toEqual([
      acknowledgement(request, requester.socket),
    ])
  })

  it(`as a ${other}${has(subject, command, other) ? '' : ', which it is not: EOPNOTSUPP'}`, async () => {
    if (has(subject, command, other)) return
    const trial = { what: other, attributes: none, outcome: unsupported }
    await tryAll(subject, { ...operation, kind: other }, [trial])
  })

  it('other versions, flags and reserved bytes: answered, or refused by the kernel', async () => {
    const trials = [
      { what: 'version 0', options: { version: 0 } },
      { what: 'version 255', options: { version: 255 } },
      { what: 'reserved bytes', options: { reserved: 0xffff } },
      { what: 'all flags', options: { flags: 0xfff0 & ~0x0300 } },
    ].map(trial => ({ ...trial, attributes: none }))
    await tryAll(subject, operation, trials)
  })

  it('the sequence numbers 0 and 4294967295 are mirrored; no acknowledgement unless asked for', async () => {
    const trials = [0, 0xffffffff].flatMap(sequence => [
      { what: `sequence number ${sequence}`, attributes: none, options: { sequence } },
      { what: `${sequence} without NLM_F_ACK`, attributes: none, options: { sequence, flags: 0 } },
    ])
    await tryAll(subject, operation, trials)
  })

  const { headerSize } = subject.family
  if (headerSize > 0)
    it("other values in the family's own header", async () => {
      const [whole] = Shape.all(subject, operation)
      const good = kind === 'do' ? (whole?.attributes(0) ?? none) : none
      const trials = WORDS.map(word => {
        const header = Buffer.alloc(headerSize, Buffer.from(new Uint32Array([word]).buffer))
        return { what: `each word ${word}`, attributes: good, options: { header } }
      })
      await tryAll(subject, operation, trials)
    })

  it('the header alone, and a few bytes after it', async () => {
    const strays = [1, 2, 3].map(length => ({
      what: `${length} stray bytes`,
      attributes: Buffer.alloc(length, 0xa5),
    }))
    expect(NLMSG_HDRLEN + GENL_HDRLEN).toBeLessThanOrEqual(subject.start)
    await tryAll(subject, operation, [{ what: 'no attributes', attributes: none }, ...strays])
  })
}

function has({ family }: Subject, command: number, kind: Operation['kind']): boolean {
  return family.all.some(each => each.command === command && each.kind === kind)
}
