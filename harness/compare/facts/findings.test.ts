// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest'
import {
  type Appearance,
  nothingRegistered,
  type Registration,
  type VisibleFamily,
} from '../../../guest/testing/registration.ts'
import type { KernelFacts, ModuleFacts } from './facts.ts'
import { differInFaults, factFindings, notLoaded, withFewerFaults } from './findings.ts'

const family: VisibleFamily = {
  name: 'box',
  version: 1,
  headerSize: 0,
  maximumAttribute: 3,
  operations: [
    { number: 1, privilege: 'none', do: { policy: 0 }, dump: { policy: 0 } },
    { number: 2, privilege: 'none', do: { policy: 0 } },
    { number: 3, privilege: 'admin', do: {} },
  ],
  policies: [
    {
      number: 0,
      attributes: [
        { value: 1, type: 'U32', minimum: '0', maximum: '10' },
        { value: 2, type: 'NESTED', policy: 1 },
      ],
    },
    {
      number: 1,
      attributes: [
        { value: 1, type: 'NUL_STRING', maximumLength: 16 },
        // A tree.
        { value: 2, type: 'NESTED', policy: 1 },
      ],
    },
  ],
  groups: ['events', 'config'],
}

const appearance: Appearance = {
  families: [family],
  parameters: [
    { name: 'depth', mode: '644', value: '4' },
    { name: 'name', mode: '444', value: '' },
  ],
  files: [{ name: '/proc/sys/net/box', mode: '644', value: '1' }],
  buses: [{ protocol: 30, groups: 32, nonrootReceive: false, nonrootSend: false }],
  protocols: ['BOX'],
  loading: [
    { level: 6, text: 'box: ready' },
    { level: 6, text: 'box: at 00000000deadbeef' },
    { level: 6, text: 'box: 4 rooms' },
  ],
  unloading: [],
}

const registration: Registration = { ...nothingRegistered('box'), appearance, devices: ['misc/box'] }

const module: ModuleFacts = {
  identity: 'one',
  info: {
    license: ['GPL'],
    depends: ['base'],
    parm: ['depth:How deep'],
    parmtype: ['depth:int'],
    alias: ['a', 'b'],
  },
  imports: ['kfree', 'kmalloc'],
  exports: [{ name: 'box_open', module: 'box', crc: '0x1', gplOnly: true }],
  sizes: { text: 4198, rodata: 0, data: 0, bss: 100 },
  init: true,
  exit: true,
  registration,
}

const facts: KernelFacts = {
  kernel: 'debian-6.1',
  modules: { box: module },
  messages: [
    { place: 'box.c: open()', text: "unused variable 'a'" },
    { place: 'box.c: open()', text: "unused variable 'a'" },
  ],
  checks: [{ tool: 'sparse', messages: [] }],
  notes: [],
  faults: ['the kernel reports oops: at address ffff888012345678'],
  details: '',
}

/** What is said of a version in which this is otherwise; in brackets what does not matter. */
function told(head: KernelFacts, base = facts): string[] {
  return factFindings(base, head).map(({ text, where, was, is, matters }) => {
    const line = text ?? `${where}: ${was ?? 'nothing'} became ${is ?? 'nothing'}`
    return matters ? line : `(${line})`
  })
}

const withModule = (more: Partial<ModuleFacts>): KernelFacts => ({
  ...facts,
  modules: { box: { ...module, ...more } },
})
const withRegistration = (more: Partial<Registration>) =>
  withModule({ registration: { ...registration, ...more } })
const withAppearance = (more: Partial<Appearance>) =>
  withRegistration({ appearance: { ...appearance, ...more } })
const withFamily = (more: Partial<VisibleFamily>) => withAppearance({ families: [{ ...family, ...more }] })

test('the same facts say nothing, also when they come from a file, with other addresses and numbers of policies', () => {
  expect(factFindings(facts, facts)).toEqual([])
  expect(factFindings(facts, JSON.parse(JSON.stringify(facts)))).toEqual([])
  const renumbered = withFamily({
    operations: family.operations.map(({ number, privilege, ...kinds }) => ({
      number,
      privilege,
      ...(kinds.do && { do: kinds.do.policy === undefined ? {} : { policy: 8 } }),
      ...(kinds.dump && { dump: { policy: 8 } }),
    })),
    policies: family.policies.map(({ number, attributes }) => ({
      number: number + 8,
      attributes: attributes.map(each => ({ ...each, ...(each.policy !== undefined && { policy: 9 }) })),
    })),
    groups: ['config', 'events'],
  })
  const moved = { ...renumbered, faults: ['the kernel reports oops: at address ffff888000000000'] }
  expect(factFindings(facts, moved)).toEqual([])
  const elsewhere = appearance.loading.with(1, { level: 6, text: 'box: at 00000000cafecafe' })
  expect(told(withAppearance({ loading: elsewhere }))).toEqual([])
})

describe('families', () => {
  const policies = (type: object, nested: object) => [
    {
      number: 0,
      attributes: [
        { value: 1, type: 'U32', minimum: '0', ...type },
        { value: 2, type: 'NESTED', policy: 1 },
      ],
    },
    {
      number: 1,
      attributes: [
        { value: 1, type: 'NUL_STRING', ...nested },
        { value: 2, type: 'NESTED', policy: 1 },
      ],
    },
  ]
  test.each<[Partial<VisibleFamily>, string[]]>([
    [{ version: 2, headerSize: 4 }, ['box: version: 1 became 2', 'box: bytes of its own header: 0 became 4']],
    [{ maximumAttribute: 4 }, ['box: highest attribute (maxattr): 3 became 4']],
    [{ groups: ['config'] }, ['box: group events: there became nothing']],
    [
      { groups: ['config', 'other', 'more'] },
      [
        'box: group events: there became nothing',
        'box: group other: nothing became there',
        'box: group more: nothing became there',
      ],
    ],
    // The only one that is gone, and the only new one.
    [{ groups: ['config', 'other'] }, ['box: the name of a group: events became other']],
    [
      { policies: policies({ maximum: '100' }, { maximumLength: 16 }) },
      ['box: attribute 1: u32, to 10 became u32, to 100'],
    ],
    [
      { policies: policies({ maximum: '10' }, { maximumLength: 32 }) },
      ['box: attribute 2 > 1: nul-string, at most 16 bytes became nul-string, at most 32 bytes'],
    ],
    [
      {
        operations: [
          { number: 1, privilege: 'namespace admin', do: { policy: 0 } },
          { number: 3, privilege: 'none', do: {} },
        ],
      },
      [
        'box: operation 2: do, by anybody became nothing',
        "box: operation 1 now needs CAP_NET_ADMIN in the network namespace's user namespace",
        'box: operation 1 no longer answers dumps',
        'box: operation 3 no longer needs CAP_NET_ADMIN',
      ],
    ],
    [
      {
        operations: family.operations.map(each =>
          each.number === 2 ? { number: 2, privilege: 'none', do: { policy: 1 } } : each,
        ),
      },
      ['box: attribute 1 of operation 2: u32, to 10 became nul-string, at most 16 bytes'],
    ],
    [
      {
        operations: family.operations.map(each =>
          each.number === 3 ? { ...each, do: { policy: 7 } } : each,
        ),
      },
      ['box: attributes of operation 3: any became those of its policy'],
    ],
  ])('%j', (more, expected) => {
    expect(told(withFamily(more))).toEqual(expected)
  })

  test('names of a specification, a family that is gone, new, or of another module', () => {
    const [one, two] = [
      facts,
      withFamily({ operations: family.operations.slice(0, 2), policies: policies({}, {}) }),
    ]
    const named = factFindings(one, two, each => ({
      ...each,
      operations: each.operations.map(operation => ({
        ...operation,
        name: ['', 'get', 'set', 'clear'][operation.number] ?? '',
      })),
      policies: each.policies.map(policy => ({
        ...policy,
        attributes: policy.attributes.map(attribute => ({
          ...attribute,
          name: ['', 'value', 'inside'][attribute.value] ?? '',
        })),
      })),
    }))
    expect(named.map(({ where }) => where)).toEqual([
      'box: operation clear',
      'box: attribute value',
      'box: attribute inside > value',
    ])
    expect(told(withAppearance({ families: [] }))).toEqual(['box: registered by box became nothing'])
    // The only one of its module that is gone, and the only new one: what else differs in it is told, too.
    expect(told(withFamily({ name: 'crate', version: 2 }))).toEqual([
      'box: the name of a family: box became crate',
      'crate: version: 1 became 2',
    ])
    const crate = {
      ...facts,
      modules: { crate: { ...module, registration: { ...registration, module: 'crate' } } },
    }
    expect(told(crate)).toEqual([
      'box: built became nothing',
      'crate: nothing became built',
      'box: its module: box became crate',
    ])
  })
})

test.each<[Partial<Appearance>, string[]]>([
  [
    {
      parameters: [
        { name: 'depth', mode: '444', value: '8' },
        { name: 'width', mode: '0' },
      ],
    },
    [
      'box: parameter name: default empty, mode 0444 became nothing',
      'box: parameter width: nothing became mode 00',
      'box: parameter depth, default: 4 became 8',
      'box: parameter depth, mode: 0644 became 0444',
    ],
  ],
  [
    { files: [{ name: '/proc/sys/net/box', mode: '600', value: '2' }] },
    ['box: /proc/sys/net/box, default: 1 became 2', 'box: /proc/sys/net/box, mode: 0644 became 0600'],
  ],
  [
    { files: [...appearance.files, { name: '/sys/kernel/debug/box', mode: '755' }] },
    ['(box: /sys/kernel/debug/box: nothing became mode 0755)'],
  ],
  [
    { protocols: [], refusedAgain: 'EEXIST' },
    [
      'box: it cannot be loaded again after it was unloaded: EEXIST',
      'box: protocol BOX: there became nothing',
    ],
  ],
  [
    {
      loading: [
        { level: 4, text: 'box: ready' },
        { level: 6, text: 'box: 5 rooms' },
        { level: 3, text: 'box: odd' },
      ],
    },
    [
      "box: log on load: 'box: at …': level info became nothing",
      "box: log on load: 'box: odd': nothing became level err",
      "box: log on load: 'box: 4 rooms' became 'box: 5 rooms'",
      "box: log on load: 'box: ready': level info became level warning",
    ],
  ],
  [
    { loading: [...appearance.loading.slice(0, -1), { level: 6, text: 'box: all is ready' }] },
    ["box: log on load: 'box: 4 rooms' became 'box: all is ready'"],
  ],
])('what appears: %j', (more, expected) => {
  expect(told(withAppearance(more))).toEqual(expected)
})

test.each<[Partial<Appearance>, string[]]>([
  [
    { buses: [{ protocol: 30, groups: 64, nonrootReceive: true, nonrootSend: false }] },
    [
      'box: netlink protocol 30, highest group: 32 became 64',
      'box: netlink protocol 30: anybody may now join its groups',
    ],
  ],
  [{ buses: [] }, []],
])('netlink protocols: %j', (more, expected) => {
  expect(told(withAppearance(more))).toEqual(expected)
  const { families } = appearance
  const named = (bus: Appearance['buses'][number]) => withAppearance({ families, buses: [bus] })
  const base = named({ protocol: 30, groups: 32, nonrootReceive: true, nonrootSend: true })
  expect(told(facts, base)).toEqual([
    'box: netlink protocol 30: joining its groups now needs CAP_NET_ADMIN',
    'box: netlink protocol 30: sending to other users now needs CAP_NET_ADMIN',
  ])
})

test('refusals of unknown requests', () => {
  const refusing = (refusal: string | undefined, otherwise?: string): Partial<Registration> => {
    const unknown = { number: 9, ...(refusal !== undefined && { refusal }), ...(otherwise && { otherwise }) }
    const { name, version, headerSize } = family
    return {
      families: [{ name, version, headerSize, operations: [1], groups: [], unknown }],
      protocols: [{ number: 30, unknown }],
    }
  }
  expect(told(withRegistration(refusing('EINVAL')), withRegistration(refusing('EOPNOTSUPP')))).toEqual([
    'box: netlink protocol 30, a request of an unknown type: refused by EOPNOTSUPP became refused by EINVAL',
    'box: an unknown operation: refused by EOPNOTSUPP became refused by EINVAL',
  ])
  expect(told(withRegistration(refusing(undefined)), withRegistration(refusing('EINVAL')))).toEqual([
    'box: netlink protocol 30, a request of an unknown type: refused by EINVAL became answered in another way',
    'box: an unknown operation: refused by EINVAL became answered in another way',
  ])
  expect(
    told(withRegistration(refusing(undefined, 'acknowledged')), withRegistration(refusing('EINVAL'))),
  ).toEqual([
    'box: netlink protocol 30, a request of an unknown type: refused by EINVAL became acknowledged',
    'box: an unknown operation: refused by EINVAL became acknowledged',
  ])
})

test.each<[Partial<Registration>, string[]]>([
  [{ refused: { code: 'EINVAL', message: 'box: no' } }, ['box does not load: EINVAL']],
  [
    { unknown: 'its init or exit function did not return' },
    ['box does not load: its init or exit function did not return'],
  ],
  [{ staysLoaded: 'EBUSY' }, ['box: it refuses to be unloaded: EBUSY']],
  [
    { leftovers: ['the file /proc/box'] },
    ['box: after it is unloaded there is still the file /proc/box: nothing became there'],
  ],
  [
    { devices: [], linkKinds: [{ kind: 'box', isUpper: true }] },
    [
      'box: device misc/box: there became nothing',
      'box: kind of link box over another: nothing became there',
    ],
  ],
  [
    { protocols: [{ number: 30, unknown: { number: 1 } }] },
    ['box: netlink protocol 30: nothing became there'],
  ],
])('loading: %j', (more, expected) => {
  expect(told(withRegistration(more))).toEqual(expected)
  if (more.refused) expect(told(facts, withRegistration(more))).toEqual(['box loads now; it did not: EINVAL'])
})

test('families of a module that does not load are not told to be gone', () => {
  const refused = { ...nothingRegistered('box'), refused: { code: 'ENODEV', message: 'box: no' } }
  const failing = withModule({ registration: refused })
  expect(told(failing)).toEqual(['box does not load: ENODEV'])
  expect(told(facts, failing)).toEqual(['box loads now; it did not: ENODEV'])
})

test.each<[Partial<ModuleFacts>, string[]]>([
  [
    { info: { ...module.info, license: ['MIT'], depends: ['base,more'], description: ['Boxes'] } },
    [
      'box: needs the modules: base became base, more',
      '(box: description: nothing became Boxes)',
      'box: license: GPL became MIT',
    ],
  ],
  [
    { info: { ...module.info, depends: [''], alias: ['b', 'c'] } },
    [
      'box: alias a: there became nothing',
      'box: alias c: nothing became there',
      'box: needs the modules: base became nothing',
    ],
  ],
  [
    { info: { ...module.info, parm: ['depth:How low'], parmtype: ['depth:uint'] } },
    [
      '(box: description of a parameter depth: How deep became How low)',
      'box: type of the parameter depth: int became uint',
    ],
  ],
  [{ exit: false }, ['box can no longer be unloaded: it has no exit function']],
  [{ imports: ['kmalloc', 'vmalloc'] }, ['(box now uses vmalloc, and no longer uses kfree)']],
  [
    { exports: [{ name: 'box_open', module: 'box', crc: '0x2', gplOnly: false, namespace: 'BOX' }] },
    [
      'box: exported symbol box_open: for GPL modules only became for all modules',
      'box: exported symbol box_open, namespace: nothing became BOX',
      'box: exported symbol box_open: its CRC changed, modules built for the other version do not load',
    ],
  ],
  [{ exports: [] }, ['box: exported symbol box_open: for GPL modules only became nothing']],
  [
    { sizes: { text: 4403, rodata: 1, data: 0, bss: 40_000 } },
    ['(box: text: 4.1 KiB became 4.3 KiB)', 'box: bss: 0.1 KiB became 39.1 KiB'],
  ],
])('the file: %j', (more, expected) => {
  expect(told(withModule(more)).sort()).toEqual([...expected].sort())
})

test('warnings, of a compiler and of a tool that both sides have asked', () => {
  const [first] = facts.messages
  const messages = [...(first ? [first] : []), { place: 'box.c', text: 'odd' }]
  const checks = [{ tool: 'sparse', messages: [{ place: 'box.c', text: 'endian' }] }]
  expect(told({ ...facts, messages, checks })).toEqual([
    "(box.c: open(): compiler: unused variable 'a' became nothing)",
    'box.c: compiler: nothing became odd',
    'box.c: sparse: nothing became endian',
  ])
  expect(told({ ...facts, checks }, { ...facts, checks: [] })).toEqual([])
  expect(factFindings(facts, { ...facts, faults: [] })).toMatchObject([
    { kind: 'splat', is: undefined, matters: true },
  ])
})

test('what goes wrong by chance is looked at again, and numbers in it are no difference', () => {
  const stall = (jiffies: number) => `the kernel reports RCU stall: starved for ${jiffies} jiffies`
  const clean = { ...facts, faults: [] }
  const stalled = { ...clean, faults: [stall(6753)] }
  const lost = withRegistration({ unknown: 'its init or exit function did not return' })
  expect(differInFaults(clean, clean)).toBe(false)
  expect(differInFaults(clean, stalled)).toBe(true)
  expect(differInFaults(stalled, { ...clean, faults: [stall(71)] })).toBe(false)
  expect(told({ ...clean, faults: [stall(71)] }, stalled)).toEqual([])
  expect(differInFaults(facts, lost)).toBe(true)
  expect(differInFaults(lost, lost)).toBe(false)
  expect(withFewerFaults(stalled, clean)).toBe(clean)
  expect(withFewerFaults(facts, lost)).toBe(facts)
  expect(withFewerFaults(stalled, { ...clean, faults: [stall(71)] })).toBe(stalled)
})

test('a module that loads on neither side is named: nothing of it is compared', () => {
  const refused = withRegistration({ refused: { code: 'EEXIST', message: 'box: there' } })
  expect(notLoaded(refused, refused)).toEqual([
    'box loads on neither side (EEXIST): what it does is not compared',
  ])
  expect(notLoaded(facts, refused)).toEqual([])
  expect(notLoaded(facts, facts)).toEqual([])
})
