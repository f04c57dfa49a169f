// SPDX-License-Identifier: MIT
import type {
  RegisteredFamily,
  RegisteredLinkKind,
  RegisteredProtocol,
  Registration,
} from '../../../guest/testing/registration.ts'

/** A part of a suite, and the names that it uses, by the package that has them. */
interface Part {
  readonly text: string
  readonly imports: Readonly<Record<string, readonly string[]>>
}

const netlink = 'netlink-vmtest/netlink'
const testing = 'netlink-vmtest/testing'
const files = 'node:fs'

/** The name of its suite, without folder and extension. */
export function suiteName({ module }: Pick<Registration, 'module'>): string {
  return module.replaceAll('_', '-')
}

/** The source of a first suite for a module, which passes: what it registers is there, and gone with it. */
export function firstSuite(registration: Registration): string {
  const parts = registration.refused ? [refusedLoading(registration)] : partsOf(registration)
  const { unknown } = registration
  const head = unknown === undefined ? '' : `// Nothing is known of ${registration.module}: ${unknown}.\n`
  const imports = new Map([['vitest', new Set<string>()]])
  for (const [from, names] of parts.flatMap(part => Object.entries(part.imports)))
    imports.set(from, new Set([...(imports.get(from) ?? []), ...names]))
  const order = [files, netlink, testing, 'vitest'].filter(from => imports.has(from))
  const lines = order.map(from => importLine([...(imports.get(from) ?? [])].sort(ignoringCase), from))
  return `${head}${lines.join('\n')}\n\n${parts.map(({ text }) => text).join('\n\n')}\n`
}

function partsOf(registration: Registration): Part[] {
  const { families, protocols, devices, linkKinds, parameters, staysLoaded, leftovers } = registration
  return [
    loading(registration),
    ...families.map(familyPart),
    ...protocols.map(protocolPart),
    ...(devices.length > 0 ? [devicesPart(devices)] : []),
    ...linkKinds.map(linkPart),
    ...(parameters.length > 0 ? [parametersPart(registration)] : []),
    ...(staysLoaded === undefined && leftovers.length === 0 ? [unloading(registration)] : []),
  ]
}

function loading({ module, releases, references, staysLoaded }: Registration): Part {
  const name = quoted(module)
  const load = `beforeAll(() => loadModule(${name}))`
  // The module under test is unloaded before those that it needs.
  const unloads = [module, ...releases].map(each => `unloadModule(${quoted(each)})`)
  const unload =
    unloads.length === 1
      ? `afterAll(() => ${unloads[0]})`
      : `afterAll(() => {\n${unloads.map(call => `  ${call}\n`).join('')}})`
  if (staysLoaded !== undefined)
    return {
      text: `// It cannot be unloaded (${staysLoaded}).\n${load}\n\n${isLoadedTest(module, references)}`,
      imports: { vitest: ['beforeAll', 'expect', 'test'], [testing]: ['loadModule', 'moduleReferences'] },
    }
  return {
    text: `${load}\n${unload}\n\n${isLoadedTest(module, references)}`,
    imports: {
      vitest: ['afterAll', 'beforeAll', 'expect', 'test'],
      [testing]: ['loadModule', 'moduleReferences', 'unloadModule'],
    },
  }
}

function isLoadedTest(module: string, references: number): string {
  if (references > 0)
    return `test('it is loaded', () => {
  expect(moduleReferences(${quoted(module)})).toBeGreaterThan(0)
})`
  return `test('it is loaded, and nobody uses it yet', () => {
  expect(moduleReferences(${quoted(module)})).toBe(0)
})`
}

/** A module that refuses to be loaded: with parameters or a device it may accept. */
function refusedLoading({ module, refused }: Registration): Part {
  const { code = '', by } = refused ?? {}
  const who = by ?? 'it'
  return {
    text: `// Give ${who} what it needs: a parameter, loadModule(${quoted(by ?? module)}, 'name=value'), another module, a device.
test('without more ${who} refuses to be loaded', () => {
  expect(() => loadModule(${quoted(module)})).toThrow(${by === undefined ? quoted(code) : `/^${by}, .*${code}/`})
})`,
    imports: { vitest: ['expect', 'test'], [testing]: ['loadModule'] },
  }
}

function familyPart({ name, version, headerSize, operations, groups, unknown }: RegisteredFamily): Part {
  const family = quoted(name)
  const members = groups.map(group => `${key(group)}: expect.any(Number)`)
  const expected = [
    `version: ${version}`,
    ...(operations.length > 0 ? [`operations: [${operations.map(id => `{ id: ${id} }`).join(', ')}]`] : []),
    ...(members.length > 0 ? [`groups: { ${members.join(', ')} }`] : []),
  ]
  const there = `test(${quoted(`the family ${name} has its operations and groups`)}, async () => {
  using socket = openGeneric()
  expect(await resolveFamily(socket, ${family})).toMatchObject({
${expected.map(line => `    ${line},\n`).join('')}  })
})`
  const imports = { vitest: ['expect', 'test'], [testing]: ['openGeneric', 'resolveFamily'] }
  if (unknown.refusal === undefined) return { text: there, imports }
  const own = headerSize > 0 ? `, Buffer.alloc(${headerSize})` : ''
  return {
    text: `${there}

test(${quoted(`${name} refuses an unknown command`)}, async () => {
  using socket = openGeneric()
  const { id } = await resolveFamily(socket, ${family})
  const header = encodeGenericHeader({ command: ${unknown.number}, version: ${version} })
  const request = encodeMessage({ type: id, flags: NLM_F_REQUEST | NLM_F_ACK, sequence: 1 }, header${own})
  expect(await exchange(socket, request)).toEqual([refusal(request, socket, ${quoted(unknown.refusal)})])
})`,
    imports: {
      ...imports,
      [netlink]: ['encodeGenericHeader', 'encodeMessage', 'NLM_F_ACK', 'NLM_F_REQUEST'],
      [testing]: ['exchange', 'openGeneric', 'refusal', 'resolveFamily'],
    },
  }
}

function protocolPart({ number, unknown }: RegisteredProtocol): Part {
  const there = `test('the netlink protocol ${number} has sockets', () => {
  using socket = Socket.open(${number})
  expect(socket.portId).toBeGreaterThan(0)
})`
  if (unknown.refusal === undefined)
    return { text: there, imports: { vitest: ['expect', 'test'], [netlink]: ['Socket'] } }
  return {
    text: `${there}

test('the netlink protocol ${number} refuses an unknown message', async () => {
  using socket = Socket.open(${number}, { extendedAck: false })
  const request = encodeMessage({ type: ${unknown.number}, flags: NLM_F_REQUEST | NLM_F_ACK, sequence: 1 })
  expect(await exchange(socket, request)).toEqual([refusal(request, socket, ${quoted(unknown.refusal)})])
})`,
    imports: {
      vitest: ['expect', 'test'],
      [netlink]: ['encodeMessage', 'NLM_F_ACK', 'NLM_F_REQUEST', 'Socket'],
      [testing]: ['exchange', 'refusal'],
    },
  }
}

function devicesPart(devices: readonly string[]): Part {
  const list = devices.map(device => quoted(`/sys/class/${device}`))
  return {
    text: `test.each([${list.join(', ')}])('the device %s is there', place => {
  expect(existsSync(place)).toBe(true)
})`,
    imports: { vitest: ['expect', 'test'], [files]: ['existsSync'] },
  }
}

function linkPart({ kind, isUpper, refusal }: RegisteredLinkKind): Part {
  const imports = { vitest: ['expect', 'test'], [netlink]: ['NETLINK_ROUTE', 'rtnetlink', 'Socket'] }
  if (refusal !== undefined)
    return {
      text: `// Give it what it needs: linkinfo: { kind: ${quoted(kind)}, data: ... }, address ...
test(${quoted(`a link of the kind ${kind} needs more than a name`)}, async () => {
  using socket = Socket.open(NETLINK_ROUTE)
  const made = rtnetlink.createLink(socket, { ifname: 'mine0', linkinfo: { kind: ${quoted(kind)} } })
  await expect(made).rejects.toMatchObject({ code: ${quoted(refusal)} })
})`,
      imports,
    }
  const below = isUpper
    ? `  await rtnetlink.createLink(socket, { ifname: 'below0', linkinfo: { kind: 'veth' } })
  const { header: below } = await rtnetlink.getLink(socket, 'below0')
`
    : ''
  const over = isUpper ? 'link: below.index, ' : ''
  return {
    text: `test(${quoted(`links of the kind ${kind} are made${isUpper ? ' over another' : ''} and deleted`)}, async () => {
  using socket = Socket.open(NETLINK_ROUTE)
${below}  await rtnetlink.createLink(socket, { ifname: 'mine0', ${over}linkinfo: { kind: ${quoted(kind)} } })
  const { attributes } = await rtnetlink.getLink(socket, 'mine0')
  expect(attributes.linkinfo?.kind).toBe(${quoted(kind)})
  await rtnetlink.deleteLink(socket, 'mine0')
${isUpper ? "  await rtnetlink.deleteLink(socket, 'below0')\n" : ''}})`,
    imports,
  }
}

function parametersPart({ module, parameters }: Registration): Part {
  return {
    text: `// Loaded with other values: loadModule(${quoted(module)}, ${quoted(`${parameters[0]}=...`)})
test('it has its parameters', () => {
  expect(readdirSync(${quoted(`/sys/module/${module}/parameters`)}).sort()).toEqual([${parameters.map(quoted).join(', ')}])
})`,
    imports: { vitest: ['expect', 'test'], [files]: ['readdirSync'] },
  }
}

/** What is gone is looked up in lists: asked for a name, the kernel loads the module again by its alias. */
function unloading({ module, families, protocols, devices }: Registration): Part {
  const gone = [
    ...(families.length > 0
      ? [
          '  using families = GenericFamilies.open()\n',
          '  const names = (await families.list()).map(({ name }) => name)\n',
        ]
      : []),
    ...families.map(({ name }) => `  expect(names).not.toContain(${quoted(name)})\n`),
    ...(protocols.length > 0
      ? ["  const sockets = readFileSync('/proc/net/netlink', 'utf8') // protocol, port: the kernel's is 0\n"]
      : []),
    ...protocols.map(({ number }) => `  expect(sockets).not.toMatch(/^\\S+ +${number} +0 /m)\n`),
    ...devices.map(device => `  expect(existsSync(${quoted(`/sys/class/${device}`)})).toBe(false)\n`),
  ]
  const read = [
    ...(devices.length > 0 ? ['existsSync'] : []),
    ...(protocols.length > 0 ? ['readFileSync'] : []),
  ]
  const looks = families.length + protocols.length > 0
  return {
    text: `${looks ? '// By name the kernel would load it again, if it has an alias.\n' : ''}test('unloaded, it leaves nothing behind; it can be loaded again', ${families.length > 0 ? 'async ' : ''}() => {
  unloadModule(${quoted(module)})
  expect(moduleReferences(${quoted(module)})).toBeUndefined()
${gone.join('')}  loadModule(${quoted(module)})
})`,
    imports: {
      vitest: ['expect', 'test'],
      ...(families.length > 0 ? { [netlink]: ['GenericFamilies'] } : {}),
      ...(read.length > 0 ? { [files]: read } : {}),
    },
  }
}

/** What a line may have (biome.json). */
const WIDTH = 110

function importLine(names: readonly string[], from: string): string {
  const line = `import { ${names.join(', ')} } from '${from}'`
  return line.length <= WIDTH
    ? line
    : `import {\n${names.map(name => `  ${name},\n`).join('')}} from '${from}'`
}

function ignoringCase(a: string, b: string): number {
  return a.localeCompare(b, 'en', { sensitivity: 'base' })
}

/** A string literal: names of families and groups may be any bytes. */
export function quoted(text: string): string {
  return text.includes("'") || text.includes('\\') || /[^ -~]/.test(text) ? JSON.stringify(text) : `'${text}'`
}

function key(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : quoted(name)
}
