// SPDX-License-Identifier: MIT
/** Each rule of lib/nlattr.c, with the answers that the suites see in real kernels. */
import { expect, test } from 'vitest'
import { type AttributePolicy, attr, NLA_F_NESTED } from '../../netlink/index.ts'
import { deepest, outcomeOf } from './core-rules.ts'

const policies = new Map<number, ReadonlyMap<number, AttributePolicy>>([
  [
    0,
    new Map<number, AttributePolicy>([
      [1, { type: 'U32', minimum: 0n, maximum: 0xffffffffn }],
      [2, { type: 'U8', minimum: 3n, maximum: 9n }],
      [3, { type: 'S16', minimum: -2n, maximum: 5n }],
      [4, { type: 'NUL_STRING', maximumLength: 4 }],
      [5, { type: 'STRING', maximumLength: 4 }],
      [6, { type: 'BINARY', maximumLength: 4 }],
      [7, { type: 'BINARY', minimumLength: 2, maximumLength: 4 }],
      [8, { type: 'FLAG' }],
      [9, { type: 'NESTED', policyIndex: 0, maximumType: 15 }],
      [10, { type: 'NESTED_ARRAY', policyIndex: 0, maximumType: 15 }],
      [11, { type: 'BITFIELD32', bitfieldMask: 6 }],
      [12, { type: 'U16', mask: 0xf0n }],
      [13, { type: 'UINT', minimum: 0n, maximum: 100n }],
      [14, { type: 'U64', minimum: 0n, maximum: 0xffffffffffffffffn }],
    ]),
  ],
])
const start = 20

function outcome(
  attributes: Uint8Array,
  { strict = true, ...rest }: { strict?: boolean; maximum?: undefined } = {},
) {
  const message = Buffer.concat([Buffer.alloc(start), attributes])
  return outcomeOf(message, start, policies.get(0) ?? new Map(), {
    policies,
    strict,
    maximum: 'maximum' in rest ? undefined : 15,
  })
}
const bytes = (type: number, length: number, fill = 1) => attr.binary(type, Buffer.alloc(length, fill))
const refused = (code: string, message: string, offset = start) =>
  expect.objectContaining({ code, message, offset })
const failed = 'Attribute failed policy validation'
const length = 'invalid attribute length'

test.each([
  ['U32 of 3 bytes', bytes(1, 3), [refused('EINVAL', length)]],
  ['U32 of 5 bytes', bytes(1, 5), [refused('EINVAL', length)]],
  ['U8 below', attr.u8(2, 2), [refused('ERANGE', 'integer out of range')]],
  ['U8 above', attr.u8(2, 10), [refused('ERANGE', 'integer out of range')]],
  ['S16 below', attr.s16(3, -3), [refused('ERANGE', 'integer out of range')]],
  ['NUL_STRING without NUL', bytes(4, 4), [refused('EINVAL', failed)]],
  ['NUL_STRING whose NUL is too late', attr.string(4, 'xxxxx'), [refused('EINVAL', failed)]],
  ['an empty STRING', bytes(5, 0), [refused('ERANGE', failed)]],
  ['a STRING too long', bytes(5, 5), [refused('ERANGE', failed)]],
  [
    'BINARY too long',
    bytes(6, 5),
    [refused('ERANGE', failed), refused('ERANGE', 'binary attribute size out of range')],
  ],
  ['BINARY too short', bytes(7, 1), [refused('ERANGE', 'binary attribute size out of range')]],
  ['a FLAG with content', bytes(8, 1), [refused('ERANGE', failed)]],
  ['a nest without the flag', attr.binary(9, attr.u32(1, 1)), [refused('EINVAL', 'NLA_F_NESTED is missing')]],
  ['the flag on another', bytes(1 | NLA_F_NESTED, 4), [refused('EINVAL', 'NLA_F_NESTED not expected')]],
  ['a nest of 3 bytes', attr.binary(9 | NLA_F_NESTED, Buffer.alloc(3)), [refused('ERANGE', failed)]],
  ['inside a nest', attr.nested(9, bytes(1, 3)), [refused('EINVAL', length, start + 4)]],
  ['inside an array', attr.nested(10, attr.nested(1, bytes(1, 3))), [refused('EINVAL', length, start + 8)]],
  [
    'an element too short',
    attr.nested(10, bytes(1, 3)),
    [refused('ERANGE', 'Array element too short', start + 4)],
  ],
  ['BITFIELD32 of 4 bytes', bytes(11, 4), [refused('ERANGE', failed)]],
  ['an unselected bit', attr.u64(11, 2n), [refused('EINVAL', failed)]],
  [
    'a bit outside of the mask',
    attr.u16(12, 0x1f),
    [{ code: 'EINVAL', message: 'reserved bit set', offset: start }],
  ],
  ['UINT of 3 bytes, or NLA_MSECS', bytes(13, 3), [refused('EINVAL', length), refused('ERANGE', failed)]],
  ['UINT above', bytes(13, 4), [refused('ERANGE', 'integer out of range')]],
  ['U64 of 4 bytes, or NLA_MSECS', bytes(14, 4), [refused('EINVAL', length), refused('ERANGE', failed)]],
  ['an unknown type', attr.u32(16, 1), [refused('EINVAL', 'Unknown attribute type')]],
  ['the type 0', attr.u32(0, 1), [refused('EINVAL', 'Unknown attribute type')]],
  ['stray bytes', Buffer.alloc(3), [{ code: 'EINVAL', message: 'bytes leftover after parsing attributes' }]],
])('%s is refused', (_what, attributes, expected) => {
  expect(outcome(attributes)).toEqual(expected)
})

test('too many nests are refused, one less is not', () => {
  const nests = (depth: number) => {
    let content: Buffer = Buffer.alloc(0)
    for (let level = 0; level < depth; level++) content = attr.nested(9, content)
    return outcome(content)
  }
  expect(nests(deepest + 1)).toEqual([{ code: 'EINVAL', message: 'allowed policy recursion depth exceeded' }])
  expect(nests(deepest)).toBe('open')
})

test.each([
  ['a good one', attr.u32(1, 1)],
  ['nothing', Buffer.alloc(0)],
  ['one that the kernel does not describe', attr.u32(15, 1)],
  ['what follows one that a function may refuse', Buffer.concat([attr.u32(1, 1), bytes(1, 3)])],
  ['U64 of 9 bytes, which may be NLA_MSECS', bytes(14, 9)],
])('%s is up to the module', (_what, attributes) => {
  expect(outcome(attributes)).toBe('open')
})

test('where checks are liberal, only what is too short or out of range is certain', () => {
  const liberal = { strict: false }
  expect(outcome(bytes(1, 3), liberal)).toEqual([refused('EINVAL', length), refused('ERANGE', failed)])
  expect(outcome(attr.u8(2, 10), liberal)).toEqual([refused('ERANGE', 'integer out of range')])
  for (const open of [bytes(1, 5), attr.u32(16, 1), Buffer.alloc(3), attr.binary(9, attr.u32(1, 1))])
    expect(outcome(open, liberal)).toBe('open')
})

test('without a known highest type, undescribed ones are up to the module', () => {
  expect(outcome(attr.u32(16, 1), { maximum: undefined })).toBe('open')
})
