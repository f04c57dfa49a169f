// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { conversationDifferences } from './behaviour.ts'
import type { NormalConversation, NormalMessage } from './recorded.ts'

type Said = NormalConversation['exchanges'][number]

const message = (what: string, parts: Record<string, string> = {}): NormalMessage => ({
  what,
  parts: Object.entries(parts),
})
const exchange = (answers: readonly NormalMessage[], more: Partial<Said> = {}): Said => ({
  ...{ socket: 'socket 1', key: 'GET 7', operation: 'nlex get', request: 'nlex get: key 7', answers },
  ...{ datagrams: answers.length, told: [] },
  ...more,
})
const differences = (base: readonly Said[], head: readonly Said[]) =>
  conversationDifferences({ exchanges: base, missed: 0 }, { exchanges: head, missed: 0 }, 'a.test.ts > x')
const texts = (base: Said, head: Said) => differences([base], [head]).map(({ finding }) => finding.text)
const answered = (...whats: string[]) => exchange(whats.map(what => message(what)))
const group = (whom: string, ...whats: string[]) =>
  exchange([], { told: [{ whom, messages: whats.map(what => message(what)) }] })

test.each([
  ['an error', answered('ENOENT'), answered('EINVAL'), 'nlex get: ENOENT became EINVAL'],
  ['silence', answered('ENOENT'), answered(), 'nlex get: no answer, was ENOENT'],
  ['an answer', answered(), answered('EPERM'), 'nlex get: is answered by EPERM, was not answered'],
  [
    'a shorter dump',
    answered(...Array(12).fill('nlex get'), 'end of dump'),
    answered(...Array(11).fill('nlex get'), 'end of dump'),
    'nlex get: 11 entries, was 12',
  ],
  [
    'a dump that is empty',
    answered('nlex get', 'end of dump'),
    answered('end of dump'),
    'nlex get: no entries, was 1 entry',
  ],
  [
    'a dump in another order',
    exchange([message('nlex get', { id: '1' }), message('nlex get', { id: '2' }), message('end of dump')]),
    exchange([message('nlex get', { id: '2' }), message('nlex get', { id: '1' }), message('end of dump')]),
    'nlex get: the same entries in another order',
  ],
  [
    'a dump that ends in another way',
    answered('nlex get', 'nlex get', 'end of dump'),
    answered('nlex get', 'end of dump: EINVAL'),
    'nlex get: 2 x nlex get, end of dump became nlex get, end of dump: EINVAL',
  ],
  [
    'an order',
    answered('acknowledgement', 'nlex get'),
    answered('nlex get', 'acknowledgement'),
    'nlex get: acknowledgement, nlex get became nlex get, acknowledgement (another order)',
  ],
  [
    'a notification that is gone',
    group('socket 2 in group events', 'nlex set'),
    exchange([]),
    'nlex get: is no longer told to group events (nlex set)',
  ],
  [
    'one that is new',
    exchange([]),
    group('socket 2 in group 3', 'nlex set'),
    'nlex get: is now told to group 3 (nlex set)',
  ],
  [
    'an echo that is gone',
    group('the requester in group 1', 'nlex set'),
    exchange([]),
    'nlex get: is no longer told to the requester, as in group 1 (nlex set)',
  ],
  [
    'one that comes twice',
    group('socket 2 in group events', 'nlex set'),
    group('socket 2 in group events', 'nlex set', 'nlex set'),
    'nlex get: told to group events of nlex set twice, was once',
  ],
  [
    'an extended ack',
    exchange([message('EINVAL', { message: '"no key"' })]),
    exchange([message('EINVAL', { message: '"no such key"' })]),
    'nlex get: the text of the extended ack of EINVAL: "no key" became "no such key"',
  ],
  [
    'the policy that an extended ack tells',
    exchange([message('EINVAL', { policy: 'maximum 10' })]),
    exchange([message('EINVAL', { policy: 'maximum 100' })]),
    'nlex get: the policy in the extended ack of EINVAL: maximum 10 became maximum 100',
  ],
  [
    'a sequence number',
    exchange([message('nlex get', { 'sequence number': 'of the request' })]),
    exchange([message('nlex get', { 'sequence number': '0' })]),
    'nlex get: sequence number of nlex get: of the request became 0',
  ],
  [
    'an attribute',
    exchange([message('nlex get', { 'attribute 1': '05' })]),
    exchange([message('nlex get', { 'attribute 2': '05' })]),
    'nlex get: attribute 1 of nlex get is now attribute 2',
  ],
  [
    'the order of attributes',
    exchange([
      message('nlex get', { flags: '0', 'attribute 1': '05', 'attribute 2': '06', length: '28 bytes' }),
    ]),
    exchange([
      message('nlex get', { flags: '0', 'attribute 2': '06', 'attribute 1': '05', length: '28 bytes' }),
    ]),
    'nlex get: the order of parts of nlex get: attribute 1, attribute 2 became attribute 2, attribute 1',
  ],
  [
    'datagrams',
    exchange([message('a'), message('b')], { datagrams: 1 }),
    exchange([message('a'), message('b')], { datagrams: 2 }),
    'nlex get: 2 messages came in one datagram, now in 2 datagrams',
  ],
  [
    'what nobody asked for',
    exchange([message('recvmsg: ENOBUFS')], { key: '', operation: 'protocol 21' }),
    exchange([], { key: '', operation: 'protocol 21' }),
    'protocol 21: no recvmsg: ENOBUFS any more',
  ],
  [
    'a call that fails',
    exchange([], { key: '', operation: 'protocol 21' }),
    exchange([message('bind: EPERM')], { key: '', operation: 'protocol 21' }),
    'protocol 21: now bind: EPERM',
  ],
  [
    'datagrams that nobody asked for',
    exchange([message('NLMSG_DONE')], { key: '', operation: 'protocol 21' }),
    exchange([], { key: '', operation: 'protocol 21' }),
    'protocol 21, unasked: nothing comes any more, was NLMSG_DONE',
  ],
])('%s is told as behaviour', (_, base, head, text) => {
  expect(texts(base, head)[0]).toBe(text)
  expect(texts(base, base)).toEqual([])
})

test('the finding has both answers and the request', () => {
  const [base, head] = [answered('ENOENT'), answered('EINVAL')]
  const [difference] = differences([base], [head])
  expect(difference?.finding).toEqual({
    sides: { test: 'a.test.ts > x', base: [base], head: [head] },
    ...{ kind: 'behaviour', where: 'nlex get', was: 'ENOENT', is: 'EINVAL', matters: true },
    text: 'nlex get: ENOENT became EINVAL',
    request: 'nlex get: key 7',
    show: 'in a.test.ts > x\nBASE: ENOENT\nHEAD: EINVAL',
  })
})

test('dumps that tell more are one change, and those that tell less another one', () => {
  const dump = (count: number) => answered(...Array(count).fill('nlex get'), 'end of dump')
  const fold = (was: number, is: number) => differences([dump(was)], [dump(is)])[0]?.fold
  expect(fold(8, 9)).toBe(fold(0, 2))
  expect(fold(8, 7)).not.toBe(fold(8, 9))
})

test('values fold, errors do not', () => {
  const value = (text: string) => exchange([message('nlex get', { 'attribute 1': text })])
  const fold = (base: Said, head: Said) => differences([base], [head])[0]?.fold
  expect(fold(value('1'), value('2'))).toBe(fold(value('8'), value('9')))
  expect(fold(answered('ENOENT'), answered('EINVAL'))).not.toBe(fold(answered('ENOENT'), answered('EPERM')))
})

test('values say nothing once the sides have asked differently; errors still do', () => {
  const set = (key: string) => ({ ...answered('acknowledgement'), key })
  const value = (text: string) => ({
    ...exchange([message('nlex get', { 'attribute 1': text })]),
    key: 'get',
  })
  expect(differences([set('SET 7'), value('7')], [set('SET 8'), value('8')])).toEqual([])
  expect(differences([set('SET 7'), value('7')], [set('SET 7'), value('8')])).toHaveLength(1)
  const refused = { ...answered('EINVAL'), key: 'get' }
  // How much a dump tells depends on what was asked before, also where it is nothing.
  const [empty, full] = [answered('end of dump'), answered('nlex get', 'nlex get', 'end of dump')]
  expect(differences([set('SET 7'), empty], [set('SET 8'), full])).toEqual([])
  expect(differences([set('SET 7'), empty], [set('SET 7'), full])).toHaveLength(1)
  expect(differences([set('SET 7'), value('7')], [set('SET 8'), refused])).toHaveLength(1)
})

test('sockets are compared each by itself, however their requests are interleaved', () => {
  const of = (socket: string, key: string) => exchange([message('EPERM')], { socket, key })
  const base = [of('socket 1', 'a'), of('socket 2', 'b')]
  expect(differences(base, base.toReversed())).toEqual([])
})

test('sockets of threads that end in another order are the same ones', () => {
  const socket = (name: string, key: string, answer: string) =>
    exchange([message(answer)], { socket: `socket ${name}`, key })
  const base = [socket('1', 'GET 7', 'ENOENT'), socket('2', 'SET 7', 'EPERM')]
  expect(differences(base, [socket('1', 'SET 7', 'EPERM'), socket('2', 'GET 7', 'ENOENT')])).toEqual([])
  expect(
    differences(base, [socket('1', 'SET 7', 'EINVAL'), socket('2', 'GET 7', 'ENOENT')]).map(
      ({ finding }) => finding.text,
    ),
  ).toEqual(['nlex get: EPERM became EINVAL'])
})

test('a dump in more datagrams is one finding, however many they are', () => {
  const folds = [
    [5, 61],
    [6, 70],
  ].map(([base, head]) => {
    const cut = (datagrams = 0) => exchange(Array(80).fill(message('nlex get')), { datagrams })
    return differences([cut(base)], [cut(head)])[0]?.fold
  })
  expect(folds[0]).toBe(folds[1])
})

test('notifications that name no request come and go', () => {
  const telling = (...whats: string[]) =>
    exchange([], {
      ...{ socket: 'socket 2', key: '', operation: 'protocol 16', request: '' },
      told: [{ whom: 'socket 2 in group shop/stock', messages: whats.map(what => message(what)) }],
    })
  const asking = answered('acknowledgement')
  const told = (base: readonly Said[], head: readonly Said[]) =>
    differences(base, head).map(({ finding }) => finding.text)
  const all = [asking, telling('shop set')]
  expect(told(all, all)).toEqual([])
  expect(told(all, [asking])).toEqual(['group shop/stock is no longer told shop set'])
  expect(told([asking], all)).toEqual(['group shop/stock is now told shop set'])
  expect(told(all, [asking, telling('shop set', 'shop set')])).toEqual([
    'shop set: group shop/stock is told of it twice, was told once',
  ])
  // Where less is asked, less may be told.
  expect(told([...all, exchange([], { key: 'SET 8' })], [asking])).toEqual([])
  // Where not all is kept, it may be an answer.
  const missed = (exchanges: readonly Said[]) => ({ exchanges, missed: 1 })
  expect(conversationDifferences(missed([asking]), missed(all), 'x')).toEqual([])
})

test('the length is told where nothing else is', () => {
  const get = (parts: Record<string, string>) => exchange([message('nlex get', parts)])
  expect(texts(get({ name: 'x', length: '28 bytes' }), get({ name: 'x', length: '29 bytes' }))).toEqual([
    'nlex get: length of nlex get: 28 bytes became 29 bytes',
  ])
  expect(texts(get({ name: 'x', length: '28 bytes' }), get({ name: 'xy', length: '29 bytes' }))).toEqual([
    'nlex get: name of nlex get: x became xy',
  ])
})

test('an attribute that has another number is one change', () => {
  const get = (parts: Record<string, string>) => exchange([message('nlex get', parts)])
  expect(texts(get({ 'attribute 1': '7', flags: '0' }), get({ 'attribute 2': '7', flags: '0' }))).toEqual([
    'nlex get: attribute 1 of nlex get is now attribute 2',
  ])
  expect(texts(get({ 'attribute 1': '7' }), get({ 'attribute 2': '8' }))).toEqual([
    'nlex get: attribute 1 of nlex get is gone, was 7',
    'nlex get: attribute 2 of nlex get is new: 8',
  ])
})

test('a notification that comes before the answer now, unless nobody knows', () => {
  const set = (order?: string) =>
    exchange([message('acknowledgement')], {
      told: [{ whom: 'the requester in group 1', messages: [message('nlex set', order ? { order } : {})] }],
    })
  expect(texts(set('after an answer'), set('before any answer'))).toEqual([
    'nlex get: the place of nlex set, as told to the requester, as in group 1: after an answer became before any answer',
  ])
  expect(texts(set('after an answer'), set())).toEqual([])
})

test('what comes after another socket has asked something else may follow from that', () => {
  const asks = (socket: string, key: string, answer: string) =>
    exchange([message(answer)], { socket, key, operation: `nlex ${key}` })
  const laters = (base: readonly Said[], head: readonly Said[]) =>
    differences(base, head).map(({ finding, isLater }) => [finding.text, isLater])
  const [begin, end] = [asks('socket 1', 'set', 'EBUSY'), asks('socket 1', 'get', 'ENOENT')]
  const [begun, ended] = [asks('socket 1', 'set', 'EACCES'), asks('socket 1', 'get', 'nlex get')]
  const other = asks('socket 2', 'reset', 'acknowledgement')
  const changes = ['nlex set: EBUSY became EACCES', 'nlex get: ENOENT became nlex get'] as const
  expect(laters([begin, end], [begun, ended])).toEqual([
    [changes[0], false],
    [changes[1], false],
  ])
  for (const [base, head] of [
    [[], [other]],
    [[other], []],
    [[other], [asks('socket 2', 'renew', 'acknowledgement')]],
  ] as const)
    expect(laters([begin, ...base, end], [begun, ...head, ended])).toEqual([
      [changes[0], false],
      [changes[1], true],
    ])
})

test('of many messages that take turns, one kind that does not come each time is told without numbers', () => {
  const heard = (...whats: string[]) =>
    exchange([], {
      ...{ key: '', operation: 'protocol 16', request: '' },
      told: [{ whom: 'socket 2 in group events', messages: whats.map(what => message(what)) }],
    })
  const turns = Array.from({ length: 9 }, () => ['set', 'del']).flat()
  const fewer = turns.toSpliced(3, 1).toSpliced(8, 1)
  expect(texts(heard(...turns), heard(...fewer))).toEqual(['group events is no longer told del each time'])
  expect(texts(heard(...fewer), heard(...turns))).toEqual(['group events is now told del more often'])
  // Another order, too.
  expect(texts(heard(...turns), heard('del', ...turns.toSpliced(3, 1), 'set'))).toEqual([
    'group events is told 9 x del, 10 x set in turns, was 9 x set, 9 x del in turns',
  ])
})

test('many messages that take turns are counted, where that says what has changed', () => {
  const turns = (count: number) => Array.from({ length: count }, () => ['nlex add', 'nlex del']).flat()
  const heard = (...whats: string[]) =>
    exchange([], {
      ...{ key: '', operation: 'protocol 16', request: '' },
      told: [{ whom: 'socket 2 in group events', messages: whats.map(what => message(what)) }],
    })
  expect(texts(heard(...turns(9), 'nlex set'), heard('nlex del', 'nlex set'))).toEqual([
    'group events is told nlex del, nlex set, was 9 x nlex add, 9 x nlex del, 1 x nlex set in turns',
  ])
  // Where it is one kind of them, that one alone.
  const [more, less] = [
    heard(...turns(9), 'nlex set'),
    heard(...Array<string>(9).fill('nlex add'), 'nlex set'),
  ]
  expect(texts(more, less)).toEqual(['group events is no longer told 9 x nlex del'])
  expect(texts(less, more)).toEqual(['group events is now told 9 x nlex del'])
  expect(texts(heard('nlex set', ...turns(4)), heard(...turns(4), 'nlex set'))[0]).toContain(
    ' (another order)',
  )
  expect(texts(heard(...turns(2)), heard(...turns(3)))).toEqual([
    'group events is told nlex add, nlex del, nlex add, nlex del, nlex add, nlex del, was nlex add, nlex del, nlex add, nlex del',
  ])
})

test('who is told of everything twice is told that once for each event, however many there are', () => {
  const heard = (...whats: string[]) =>
    exchange([], {
      ...{ key: '', operation: 'protocol 16', request: '' },
      told: [{ whom: 'socket 2 in group events', messages: whats.map(what => message(what)) }],
    })
  const some = differences([heard('set', 'del', 'set')], [heard('set', 'set', 'del', 'set', 'set')])
  expect(some.map(({ finding }) => finding.text)).toEqual([
    'set: group events is told of it twice, was told once',
  ])
  const [more] = differences([heard('set', 'set', 'set')], [heard(...Array(6).fill('set'))])
  expect(more?.fold).toBe(some[0]?.fold)
  // Where BASE varies otherwise, it varies in the same place.
  expect(more?.point).toBe(differences([heard('set')], [heard('del', 'set', 'add')])[0]?.point)
  expect(texts(heard('set', 'set', 'del', 'del', 'del'), heard('set', 'del'))).toEqual([
    'set: group events is told of it once, was told twice',
    'del: group events is told of it once, was told 3 times',
  ])
  // Not each of them.
  expect(texts(heard('set', 'set'), heard('set', 'set', 'set'))).toEqual([
    'group events is told 3 x set, was 2 x set',
  ])
})

test('a requester that no longer hears its own events is told as that, where others of the group do', () => {
  const heard = (socket: number, ...whats: string[]) =>
    exchange([], {
      ...{ socket: `socket ${socket}`, key: '', operation: 'protocol 16', request: '' },
      told: [
        {
          whom: `socket ${socket} in group events`,
          messages: whats.map(what =>
            what.startsWith('own ') ? message(what.slice(4), { order: 'before any answer' }) : message(what),
          ),
        },
      ],
    })
  const told = (base: readonly Said[], head: readonly Said[]) =>
    differences(base, head).map(({ finding }) => finding.text)
  const other = heard(3, 'set', 'del', 'set')
  const [all, left] = [heard(2, 'set', 'own set', 'set', 'own del'), heard(2, 'set', 'set')]
  const lost = (what: string) =>
    `group events: the requester is no longer told of its own ${what}, though others are`
  expect(told([all, other], [left, other])).toEqual([lost('set'), lost('del')])
  expect(told([left, other], [all, other])).toEqual([
    'group events: the requester is now told of its own set, as others are',
    'group events: the requester is now told of its own del, as others are',
  ])
  expect(told([heard(2, 'own set'), other], [other])).toEqual([lost('set')])
  // Others hear of more, too: the group does.
  expect(told([left, other], [all, heard(3, 'set', 'set', 'set', 'set', 'del', 'del')])).toEqual([
    'group events is told 3 x set, del, was 2 x set',
    'group events is told 4 x set, 2 x del, was set, del, set',
  ])
  expect(told([heard(2), other], [heard(2, 'own set'), heard(3, 'set', 'del', 'set', 'set')])).toContain(
    'group events is now told set',
  )
  // Nobody else is there, or is told.
  expect(told([all], [left])[0]).toMatch(/^group events is told 2 x set, was /)
  expect(told([heard(2, 'own del'), other], [heard(3, 'set')])).toContain(
    'group events is no longer told del',
  )
})

test('an event that names no request has the last one before it', () => {
  const asking = ['set 1', 'set 2', 'del 1'].map(request => ({ ...answered('ok'), key: request, request }))
  const heard = (whats: readonly string[], after: readonly number[], parts = {}) =>
    exchange([], {
      ...{ key: '', operation: 'protocol 16', request: '', socket: 'socket 2' },
      told: [{ whom: 'socket 2 in group events', messages: whats.map(what => message(what, parts)), after }],
    })
  const requests = (base: Said, head: Said) =>
    differences([...asking, base], [...asking, head]).map(({ finding }) => finding.request)
  const all = heard(['set', 'set', 'del'], [0, 1, 2])
  expect(requests(all, heard(['set', 'set', 'set', 'set', 'del', 'del'], [0, 0, 1, 1, 2, 2]))).toEqual([
    'set 1',
    'del 1',
  ])
  expect(requests(all, heard(['set', 'set'], [0, 1]))).toEqual(['del 1'])
  expect(requests(all, heard(['set', 'add', 'del'], [0, 1, 2]))).toEqual(['set 2'])
  expect(requests(all, heard(['set', 'set', 'del'], [0, 1, 2], { flags: 'MULTI' }))).toEqual([
    'set 1',
    'del 1',
  ])
  expect(requests(heard(['set'], [-1]), heard(['set', 'set'], [-1, -1]))).toEqual([undefined])
})

test('what all messages of a dump show is one difference', () => {
  const dump = (flags: string) => exchange(Array.from({ length: 2000 }, () => message('nlex get', { flags })))
  const [first, ...others] = differences([dump('MULTI')], [dump('0')])
  expect(first?.finding).toMatchObject({
    text: 'nlex get: flags of nlex get: MULTI became 0',
    show: expect.stringMatching(/\n {6}\.\.\. 1995 more$/),
  })
  expect(others).toEqual([])
})

test('what another refusal names besides its text is told with that, without values', () => {
  const unknown = { message: '"Unknown attribute type"', 'attribute at offset': '20' }
  const limited = { message: '"out of range"', 'attribute at offset': '20', policy: 'maximum 10' }
  const refused = (parts: Record<string, string>) => exchange([message('EINVAL', parts)])
  const begin = 'nlex get: the text of the extended ack of EINVAL'
  expect(texts(refused(unknown), refused({ message: '"which?"' }))).toEqual([
    `${begin}: "Unknown attribute type" became "which?", and the place of the attribute is gone`,
  ])
  expect(texts(refused({}), refused(limited))).toEqual([
    `${begin} is new: "out of range", and the place of the attribute, the policy are new`,
  ])
  expect(texts(refused(unknown), refused({ message: '"which?"', 'attribute at offset': '28' }))).toEqual([
    `${begin}: "Unknown attribute type" became "which?", and the place of the attribute is another one`,
  ])
  // Which attribute is missing is no place.
  const missing = { message: '"missing"', 'missing attribute': '1' }
  expect(texts(refused({}), refused(missing))).toHaveLength(2)
})

test('places that an extended ack names now, or no longer, are one change wherever they are', () => {
  const refused = (...places: readonly string[]) =>
    exchange(places.map(place => message('EINVAL', place === '' ? {} : { 'attribute at offset': place })))
  const come = differences([refused('', '')], [refused('20', '28')])
  expect(come.map(({ finding }) => finding.text)).toEqual([
    'nlex get: the place of the attribute in the extended ack of EINVAL is new: 20',
  ])
  expect(differences([refused('20', '')], [refused('', '28')])).toHaveLength(2)
  expect(differences([refused('20', '20')], [refused('24', '28')])).toHaveLength(2)
})

test('that an extended ack comes or goes is told by what it says', () => {
  const plain = exchange([message('EINVAL', { flags: 'CAPPED' })])
  const extended = exchange([message('EINVAL', { flags: 'CAPPED|ACK_TLVS', message: '"why"' })])
  expect(texts(plain, extended)).toEqual(['nlex get: the text of the extended ack of EINVAL is new: "why"'])
  const [none, bare] = ['0', 'ACK_TLVS'].map(flags => exchange([message('EINVAL', { flags })]))
  if (none && bare) expect(texts(none, bare)).toEqual(['nlex get: flags of EINVAL: 0 became ACK_TLVS'])
  const other = exchange([message('EINVAL', { flags: 'ACK_TLVS', message: '"why"' })])
  expect(texts(plain, other)).toHaveLength(2)
})

test('a value in another byte order is told as that', () => {
  const valued = (value: string) => exchange([message('nlex get', { 'attribute 2': value })])
  const told = (was: string, is: string) => texts(valued(was), valued(is))
  expect(told('03 00 00 00 (3)', '00 00 00 03 (50331648)')).toEqual([
    'nlex get: attribute 2 of nlex get is in another byte order: 03 00 00 00 (3) became 00 00 00 03 (50331648)',
  ])
  expect(told('03 00 00 00 (3)', '00 00 03 00 (196608)')).toEqual([
    'nlex get: attribute 2 of nlex get: 03 00 00 00 (3) became 00 00 03 00 (196608)',
  ])
  // A text that is read from its end.
  expect(told('61 62 00 "ab"', '00 62 61 "ba"')[0]).toContain('attribute 2 of nlex get: 61')
})

test('of many messages those are shown that differ', () => {
  const heard = (value: string) =>
    exchange([], {
      told: [
        {
          whom: 'socket 2 in group events',
          messages: Array.from({ length: 20 }, (_, at) =>
            message('nlex set', { 'attribute 1': at === 12 ? value : `same ${at}` }),
          ),
        },
      ],
    })
  const [first] = differences([heard('old')], [heard('new')])
  const line = (text: string) => `to socket 2 in group events: nlex set; attribute 1: ${text}`
  const side = (value: string) =>
    [
      '... 11 before',
      line('same 11'),
      line(value),
      ...[13, 14, 15].map(at => line(`same ${at}`)),
      '... 4 more',
    ].join('\n      ')
  expect(first?.finding.show).toBe(`in a.test.ts > x\nBASE: ${side('old')}\nHEAD: ${side('new')}`)
})

test('a dump that a test has not read to its end is compared as far as that, unless it waited in vain', () => {
  const dump = (whats: string[], more: Partial<Said> = {}) =>
    exchange(
      whats.map((what, id) => message(what, { id: `${id}` })),
      { operation: 'nlex get dump', datagrams: 2, ...more },
    )
  const entries = (count: number) => Array<string>(count).fill('nlex get')
  const whole = dump([...entries(32), 'end of dump'])
  const some = dump(entries(12), { datagrams: 3 })
  expect(texts(whole, some)).toEqual([])
  expect(texts(some, whole)).toEqual([])
  expect(texts(some, dump(entries(8)))).toEqual([])
  const said = (each: Said, awaited?: string) => ({
    ...{ exchanges: [each], missed: 0 },
    ...(awaited === undefined ? {} : { awaited }),
  })
  const heard = (base: Said, head: Said, awaited: string) =>
    conversationDifferences(said(base), said(head, awaited), 'x').map(({ finding }) => finding.text)
  const cut = 'nlex get dump: 32 x nlex get, end of dump became 12 x nlex get'
  expect(heard(whole, some, 'socket 1')).toEqual([cut])
  expect(heard(whole, some, 'socket 2')).toEqual([])
  // What has come of it is another thing, and so is one that ends earlier, or says nothing.
  const other = dump(entries(12))
  const [first] = other.answers
  const changed = { ...other, answers: other.answers.with(0, message(first?.what ?? '', { id: 'x' })) }
  expect(texts(whole, changed)).toEqual(['nlex get dump: id of nlex get: 0 became x'])
  expect(texts(some, dump([...entries(3), 'end of dump']))).toHaveLength(1)
  expect(texts(whole, dump([]))).toHaveLength(1)
  expect(texts(whole, dump([...entries(12), 'end of dump: EINVAL']))).toHaveLength(1)
})
